"""Django's settings, made of `app.settings`, which reads the environment (rule 5)."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import django_stubs_ext
from django.utils.csp import CSP
from psycopg.conninfo import conninfo_to_dict

from app import about
from app.modules import MODULES
from app.settings import settings

# Makes classes such as ModelAdmin subscriptable at run time.
django_stubs_ext.monkeypatch()

DEBUG = False
SECRET_KEY = settings.secret_key.get_secret_value()
# Outside of production any host is accepted: links are built from PUBLIC_URL, not from Host.
ALLOWED_HOSTS = (
    [urlsplit(settings.public_url).hostname or "", "127.0.0.1"]
    if settings.environment == "production"
    else ["*"]
)

INSTALLED_APPS = [
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "hijack",
    "app.config",
    "app.core.apps.CoreConfig",
    *(f"app.{module}" for module in MODULES),
    "app.core.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    # Outermost: it must see every response.
    "app.core.web.middleware.RequestContextMiddleware",
    "app.core.web.middleware.CorsMiddleware",
    "app.core.web.middleware.RateLimitMiddleware",
    "app.core.web.middleware.BodyLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "app.accounts.sessions.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "app.core.web.middleware.ApiHeadersMiddleware",
]
ROOT_URLCONF = "app.config.urls"
WSGI_APPLICATION = "app.config.wsgi.application"
# No redirects for missing slashes: 404.
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database


def _database(url: str, **options: Any) -> dict[str, Any]:
    parts = conninfo_to_dict("postgresql://" + url.split("://", 1)[1])
    return {
        "ENGINE": "app.core.db.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        # Server-side cursors do not survive a transaction behind PgBouncer.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"connect_timeout": 5, **options, **parts},
    }


DATABASES = {
    "default": _database(
        settings.database_url,
        # When the pool is exhausted, respond 503 after 5 s instead of queueing requests.
        pool={"min_size": 1, "max_size": 2 * settings.database_pool_size, "timeout": 5},
    ),
    # Only `migrate` uses it.
    "owner": _database(settings.migration_database_url),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis

CACHES = {
    "default": {
        "BACKEND": "app.core.cache.Cache",
        "KEY_PREFIX": "cache",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

# Accounts

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["app.accounts.hashers.PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "app.accounts.validators.PasswordValidator"}]
ACCOUNT_ADAPTER = "app.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# `users.email_verified_at` is checked instead, by `accounts.service`.
ACCOUNT_EMAIL_VERIFICATION = "none"
# `accounts.service` limits attempts: neither an attacker nor a failed Redis locks an account.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
HEADLESS_ONLY = True
HEADLESS_ADAPTER = "app.accounts.adapters.HeadlessAdapter"
HEADLESS_TOKEN_STRATEGY = "app.accounts.headless.tokens.TokenStrategy"  # noqa: S105 - the path of a class, no secret
MFA_ADAPTER = "app.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODE_DIGITS = 10
MFA_TOTP_ISSUER = about.NAME

# Impersonation: the views are in `accounts.impersonation`. No notification is inserted into other
# pages.
HIJACK_PERMISSION_CHECK = "app.accounts.impersonation.can_impersonate"
HIJACK_INSERT_BEFORE = None

# Mail


def smtp_mailer(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    use_ssl = parts.scheme == "smtps"
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": parts.hostname,
            "port": parts.port or (465 if use_ssl else 587),
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "use_ssl": use_ssl,
            # STARTTLS is required unless the setting opts out (a local mail catcher): to continue
            # when the server does not offer it would allow a downgrade attack.
            "use_tls": not use_ssl and parse_qs(parts.query).get("starttls") != ["no"],
            "timeout": 20,
        },
    }


MAILERS = {
    "default": smtp_mailer(settings.smtp_url)
    if settings.smtp_url
    else {"BACKEND": "app.core.mail_backends.FileBackend"}
}
DEFAULT_FROM_EMAIL = SERVER_EMAIL = settings.mail_from

# Browsers: the admin, and sign-in with a cookie. `core.web.middleware` sets the API's headers.

_IS_HTTPS = settings.public_url.startswith("https://")
# The proxy redirects to HTTPS; its requests to this process, and health checks, are plain HTTP.
SECURE_SSL_REDIRECT = False
SILENCED_SYSTEM_CHECKS = ["security.W008"]
# Not for https://localhost in development: browsers would refuse http:// on every port of it.
_IN_PRODUCTION = settings.environment == "production"
SECURE_HSTS_SECONDS = 63072000 if _IN_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _IN_PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "__Host-session"
# Equal to `accounts.rules.SESSION_LIFETIME`, which is enforced.
SESSION_COOKIE_AGE = 30 * 24 * 60 * 60
# Browsers treat localhost as secure.
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = _IS_HTTPS
CSRF_COOKIE_NAME = "__Host-csrf" if _IS_HTTPS else "csrf"
CSRF_TRUSTED_ORIGINS = list(dict.fromkeys([settings.public_url, *settings.cors_origins]))

# Static files: the admin's

STATIC_URL = "/static/"
# Served from the packages, without `collectstatic`.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# Other

LOGGING_CONFIG = None  # `app.core.apps` configures logging
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"
DATA_UPLOAD_MAX_MEMORY_SIZE = settings.max_body_bytes
