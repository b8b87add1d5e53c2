"""Typed settings: the only reader of the environment (rule 5).

Every field is an environment variable in upper case. In development `.env` is read too; a real
variable wins over it, and an empty one counts as not set. Import `settings`; a setting that is
wrong ends the process with one readable message.
"""

import json
import os
import tempfile
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from limits import parse as parse_rate
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEVELOPMENT_KEY = "not-a-secret-only-for-development-and-tests"
GOOGLE_ISSUER = "https://accounts.google.com"


def _split(value: object) -> object:
    """Read a list from text: items separated by commas."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _url(*schemes: str) -> AfterValidator:
    """Check for a URL of one of these schemes."""

    def check(value: str) -> str:
        parts = urlsplit(value)
        needs_host = parts.scheme.startswith(("http", "redis", "smtp"))
        if parts.scheme not in schemes or (needs_host and not parts.hostname):
            raise ValueError(f"must be a URL such as {schemes[-1]}://...")
        return value

    return AfterValidator(check)


def _base_url(value: str) -> str:
    """Check for a URL that paths can be appended to."""
    if urlsplit(value).query or urlsplit(value).fragment:
        raise ValueError("must be a URL without query and fragment")
    return value.rstrip("/")


def _origin(value: str) -> str:
    if urlsplit(value).path.strip("/"):
        raise ValueError("must be an origin, such as https://app.example.com, without a path")
    return value


def _oidc_providers(value: object) -> object:
    """Read a JSON object; Google's issuer need not be named."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("must be a JSON object") from None
    if isinstance(value, dict) and isinstance(google := value.get("google"), dict):
        return {**value, "google": {"issuer": GOOGLE_ISSUER, **google}}
    return value


def _rate(value: str) -> str:
    try:
        parse_rate(value)
    except ValueError:
        raise ValueError("must be a rate such as 600/minute") from None
    return value


def _ed25519_seed(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        seed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise ValueError("every key must be 32 random bytes in base64url")
    return value


def _mail_address(value: str) -> str:
    if "@" not in parseaddr(value)[1]:
        raise ValueError("must be an address, such as Acme <no-reply@example.com>")
    return value


HttpUrl = Annotated[str, _url("http", "https")]
BaseUrl = Annotated[HttpUrl, AfterValidator(_base_url)]
Origin = Annotated[BaseUrl, AfterValidator(_origin)]
Rate = Annotated[str, AfterValidator(_rate)]
# What may hold a password stays out of every repr, and so out of logs and tracebacks.
DatabaseUrl = Annotated[
    str, _url("postgres", "postgresql+psycopg", "postgresql"), Field(repr=False)
]


class OidcProvider(BaseModel):
    """An OpenID Connect provider that people may sign in with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: HttpUrl
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: SecretStr
    scopes: tuple[str, ...] = ("openid", "email", "profile")


class Settings(BaseSettings):
    """All settings, with their defaults for development."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Literal["development", "test", "production"] = "development"

    # Web server
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    public_url: Origin = Field(
        default_factory=lambda data: f"http://localhost:{data.get('port', 8000)}"
    )
    app_url: BaseUrl = Field(default_factory=lambda data: data["public_url"])
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)] = ()
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    docs_enabled: bool = Field(default_factory=lambda data: data["environment"] != "production")
    metrics_token: SecretStr | None = None
    drain_file: Path | None = None

    # Database: the service's role, and the owner's, which only migrations use
    database_url: DatabaseUrl = "postgresql://localhost/app"
    migration_database_url: DatabaseUrl = Field(default_factory=lambda data: data["database_url"])
    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 5

    # Redis or Valkey
    redis_url: Annotated[str, _url("unix", "rediss", "redis")] = Field(
        default="redis://localhost:6379/0", repr=False
    )

    # Secrets and tokens
    secret_key: SecretStr = SecretStr(DEVELOPMENT_KEY)
    jwt_keys: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_ed25519_seed)], ...],
        NoDecode,
        BeforeValidator(_split),
    ] = ()
    jwt_issuer: str = Field(default_factory=lambda data: data["public_url"])
    jwt_audience: str = Field(default_factory=lambda data: data["public_url"])
    oidc_providers: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")], OidcProvider],
        NoDecode,
        BeforeValidator(_oidc_providers),
    ] = {}

    # Rate limits, as <count>/<second|minute|hour|day>
    rate_limit_enabled: bool = True
    rate_limit_ip: Rate = "600/minute"
    rate_limit_principal: Rate = "1200/minute"
    rate_limit_sign_in: Rate = "10/minute"

    # Mail: sent by SMTP when smtp_url is set, else written to mail_dir
    mail_from: Annotated[str, AfterValidator(_mail_address)] = "no-reply@localhost"
    smtp_url: Annotated[str, _url("smtps", "smtp")] | None = Field(default=None, repr=False)
    mail_dir: Path = Path("var/mail")

    # Jobs: at once in a worker, seconds to end them at shutdown, seconds between two sweeps
    worker_concurrency: Annotated[int, Field(ge=1, le=100)] = 4
    worker_grace_seconds: Annotated[int, Field(ge=1)] = 25
    sweep_seconds: Annotated[int, Field(ge=1, le=30)] = 10
    # Worker and scheduler touch a file here, which tells that they are alive
    heartbeat_dir: Path = Path(tempfile.gettempdir())

    # Observability
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = Field(
        default_factory=lambda data: "console" if data["environment"] == "development" else "json"
    )
    sentry_dsn: HttpUrl | None = Field(default=None, repr=False)
    release: str | None = None
    # Metrics of worker and scheduler; a worker with several processes needs a directory as well
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    prometheus_multiproc_dir: Path | None = None

    @model_validator(mode="after")
    def _refuse_unsafe_production(self) -> Self:
        if self.environment != "production":
            return self
        key = self.secret_key.get_secret_value()
        wrong = {
            "SECRET_KEY must be set, at least 32 random characters": (
                key == DEVELOPMENT_KEY or len(key) < 32 or len(set(key)) < 10
            ),
            "DATABASE_URL must be set": "database_url" not in self.model_fields_set,
            "REDIS_URL must be set": "redis_url" not in self.model_fields_set,
            "PUBLIC_URL must be set and start with https://": (
                not self.public_url.startswith("https://")
            ),
            "APP_URL must start with https://": not self.app_url.startswith("https://"),
            "CORS_ORIGINS must start with https://": any(
                not origin.startswith("https://") for origin in self.cors_origins
            ),
            "OIDC_PROVIDERS must have issuers that start with https://": any(
                not provider.issuer.startswith("https://")
                for provider in self.oidc_providers.values()
            ),
            "SMTP_URL must be set (or MAIL_DIR, to write mails to files)": (
                self.smtp_url is None and "mail_dir" not in self.model_fields_set
            ),
            "MAIL_FROM must be set when SMTP_URL is": (
                self.smtp_url is not None and "mail_from" not in self.model_fields_set
            ),
        }
        if problems := [text for text, is_wrong in wrong.items() if is_wrong]:
            raise ValueError("; ".join(problems))
        return self

    @property
    def sqlalchemy_url(self) -> str:
        """The service's database, with the driver named for SQLAlchemy."""
        return _with_driver(self.database_url)

    @property
    def sqlalchemy_migration_url(self) -> str:
        """The database as its owner sees it, with the driver named for SQLAlchemy."""
        return _with_driver(self.migration_database_url)


def _with_driver(url: str) -> str:
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def load() -> Settings:
    """Read the settings, or end the process with the list of what is wrong."""
    # `.env` is for development: tests and production must not depend on a file that lies about.
    in_development = os.environ.get("ENVIRONMENT", "development") == "development"
    try:
        return Settings(_env_file=".env" if in_development else None)
    except ValidationError as error:
        raise SystemExit(
            "\n  ".join(["The settings are wrong (.env.example explains each):", *_explain(error)])
        ) from None


def _explain(error: ValidationError) -> Iterator[str]:
    """One line for each problem, without the values: they may be secrets."""
    for problem in error.errors(include_url=False, include_input=False):
        if problem["type"] == "default_factory_not_called":
            continue  # it depends on a setting that is wrong itself
        name = ".".join(str(part) for part in problem["loc"]).upper()
        for text in problem["msg"].removeprefix("Value error, ").split("; "):
            yield f"{name} {text}".strip()


settings = load()
