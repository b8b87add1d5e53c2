"""Settings: validation, error messages, and the completeness of .env.example."""

import re
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from app.settings import Settings, load

EXAMPLE = Path(__file__).parent.parent / ".env.example"
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "kR8vQ2mX7pL4tN9wZ3bY6cJ1fH5gD0sA",
    "DATABASE_URL": "postgresql://app_user:secret-of-the-database@db/app",
    "REDIS_URL": "redis://valkey:6379/0",
    "PUBLIC_URL": "https://api.example.com",
    "SMTP_URL": "smtp://mail.example.com:587",
    "MAIL_FROM": "Example <no-reply@example.com>",
}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def load_with(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ENVIRONMENT", variables.get("ENVIRONMENT", "test"))
    return load()


def test_example_contains_every_setting_with_its_default() -> None:
    described = dict(re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    assert set(described) == {name.upper() for name in Settings.model_fields}
    given = {name.lower(): value for name, value in described.items() if value}
    assert Settings(**given) == Settings()  # strings, as in the environment


def test_development_needs_no_settings() -> None:
    settings = Settings()
    assert settings.docs_enabled
    assert settings.app_url == settings.jwt_issuer == "http://localhost:8000"


@pytest.mark.parametrize(
    ("environment", "public_url", "is_local"),
    [
        ("development", "", True),
        ("development", "https://localhost:5173", True),
        ("development", "http://acme.localhost:8000", True),
        ("development", "http://127.0.0.1:8000", True),
        ("development", "http://[::1]:8000", True),
        ("development", "https://api.example.com", False),
        ("development", "https://localhost.example.com", False),
        ("development", "https://notlocalhost", False),
        ("test", "", False),
        ("production", "https://localhost:5173", False),
    ],
)
def test_only_development_on_localhost_is_local(
    monkeypatch: pytest.MonkeyPatch, environment: str, public_url: str, is_local: bool
) -> None:
    variables = {**PRODUCTION, "ENVIRONMENT": environment, "PUBLIC_URL": public_url}
    assert load_with(monkeypatch, variables).is_local == is_local


def test_production_accepts_safe_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_with(monkeypatch, PRODUCTION)
    assert not settings.docs_enabled
    assert settings.log_format == "json"
    assert settings.app_url == "https://api.example.com"


@pytest.mark.parametrize("missing", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "PUBLIC_URL"])
def test_production_requires_setting(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    with pytest.raises(SystemExit, match=missing):
        load_with(monkeypatch, {**PRODUCTION, missing: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "a" * 64),
        ("SECRET_KEY", "not-a-secret-only-for-development-and-tests"),
        ("PUBLIC_URL", "http://api.example.com"),
        ("APP_URL", "http://app.example.com"),
        ("CORS_ORIGINS", "https://a.example,http://b.example"),
        ("SMTP_URL", ""),
        ("MAIL_FROM", ""),
    ],
)
def test_production_rejects_unsafe_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(SystemExit, match=name):
        load_with(monkeypatch, {**PRODUCTION, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "prod"),
        ("PORT", "http"),
        ("PUBLIC_URL", "api.example.com"),
        ("PUBLIC_URL", "https://api.example.com/path"),
        ("CORS_ORIGINS", "*"),
        ("TRUSTED_PROXIES", "-1"),
        ("DATABASE_URL", "mysql://localhost/app"),
        ("REDIS_URL", "http://localhost"),
        ("JWT_KEYS", "AAAA"),
        ("RATE_LIMIT_IP", "many"),
        ("MAIL_FROM", "not-an-address"),
        ("OIDC_PROVIDERS", "google"),
        ("OIDC_PROVIDERS", '{"acme": {"client_id": "a", "client_secret": "b"}}'),
        ("OIDC_PROVIDERS", '{"A/../b": {"issuer": "https://a.b", "client_id": "a"}}'),
    ],
)
def test_invalid_setting_is_named_in_the_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(SystemExit, match=f"(?m)^  {name}"):
        load_with(monkeypatch, {name: value})


def test_error_names_all_invalid_settings_without_their_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SystemExit) as error:
        load_with(
            monkeypatch,
            {**PRODUCTION, "DATABASE_URL": "hunter2://x:hunter2@db", "LOG_LEVEL": "hunter2"},
        )
    message = str(error.value)
    assert "DATABASE_URL" in message
    assert "LOG_LEVEL" in message
    assert "hunter2" not in message


def test_secrets_are_not_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = repr(load_with(monkeypatch, PRODUCTION))
    assert PRODUCTION["SECRET_KEY"] not in shown
    assert "secret-of-the-database" not in shown


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = [urlsafe_b64encode(bytes([n]) * 32).decode().rstrip("=") for n in (1, 2)]
    settings = load_with(
        monkeypatch,
        {"JWT_KEYS": ", ".join(seeds), "CORS_ORIGINS": "https://a.example/,https://b.example"},
    )
    assert [key.get_secret_value() for key in settings.jwt_keys] == seeds
    assert settings.cors_origins == ("https://a.example", "https://b.example")


def test_google_needs_no_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    providers = '{"google": {"client_id": "id", "client_secret": "secret"}}'
    settings = load_with(monkeypatch, {"OIDC_PROVIDERS": providers})
    assert settings.oidc_providers["google"].issuer == "https://accounts.google.com"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_sqlalchemy_url_names_the_psycopg_driver(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    settings = load_with(monkeypatch, {"DATABASE_URL": f"{scheme}://user:pass@host/app"})
    assert settings.sqlalchemy_url == "postgresql+psycopg://user:pass@host/app"
    assert settings.sqlalchemy_migration_url == settings.sqlalchemy_url


def test_dotenv_file_is_read_in_development_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=9999\n")
    monkeypatch.chdir(tmp_path)
    assert load().port == 9999
    monkeypatch.setenv("ENVIRONMENT", "test")
    assert load().port == 8000
