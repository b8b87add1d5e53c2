"""Django's settings. Their values come from `app.settings`, the only reader of the environment."""

from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from django.utils.csp import CSP
from psycopg.conninfo import conninfo_to_dict

from app import about
from app.settings import settings

# Lets classes such as ModelAdmin be subscripted, as their types demand.
django_stubs_ext.monkeypatch()

DEBUG = False
SECRET_KEY = settings.secret_key.get_secret_value()
# The proxy, or whoever routes, decides which names lead here: links are made of PUBLIC_URL.
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
    "app.core.apps.CoreConfig",
    "app.accounts",
    "app.organizations",
    "app.projects",
    "app.api_keys",
    "app.exports",
    "app.audit",
    "app.core.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    # Outermost: what it does, it does for every answer.
    "app.core.web.middleware.ExchangeMiddleware",
    "app.core.web.middleware.CorsMiddleware",
    "app.core.web.middleware.LimitMiddleware",
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
ROOT_URLCONF = "app.urls"
WSGI_APPLICATION = "app.wsgi.application"
# Another spelling of a path is another path, and nobody is sent elsewhere.
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
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        # Neither cursors nor prepared statements outlive a transaction behind PgBouncer.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"connect_timeout": 5, **options, **parts},
    }


DATABASES = {
    "default": _database(
        settings.database_url,
        # Better a quick 503 than requests that queue until the caller has given up.
        pool={"min_size": 1, "max_size": 2 * settings.database_pool_size, "timeout": 5},
    ),
    # Only migrations use it.
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
# Limits are ours, in `accounts.service`: a stranger cannot lock an account, nor Redis's loss.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
HEADLESS_ONLY = True
HEADLESS_ADAPTER = "app.accounts.adapters.HeadlessAdapter"
HEADLESS_TOKEN_STRATEGY = "app.accounts.headless.tokens.TokenStrategy"  # noqa: S105 - a name
MFA_ADAPTER = "app.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODE_DIGITS = 10
MFA_TOTP_ISSUER = about.NAME

# Impersonation: `accounts.impersonation` has the views. No notice is added to other pages.
HIJACK_PERMISSION_CHECK = "app.accounts.impersonation.can_impersonate"
HIJACK_INSERT_BEFORE = None

# Browsers: the admin, and sign-in with a cookie. `core.web.middleware` has the API's headers.

_IS_HTTPS = settings.public_url.startswith("https://")
# The proxy sends browsers to HTTPS: inside, requests are plain, the probes among them.
SECURE_SSL_REDIRECT = False
SILENCED_SYSTEM_CHECKS = ["security.W008"]
SECURE_HSTS_SECONDS = 63072000 if _IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _IS_HTTPS
SECURE_HSTS_PRELOAD = _IS_HTTPS
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
# As long as `accounts.service.SESSION_LIFETIME`, which is what counts.
SESSION_COOKIE_AGE = 30 * 24 * 60 * 60
# Browsers count localhost as secure.
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = _IS_HTTPS
CSRF_COOKIE_NAME = "__Host-csrf" if _IS_HTTPS else "csrf"
CSRF_TRUSTED_ORIGINS = list(dict.fromkeys([settings.public_url, *settings.cors_origins]))

# Static files: the admin's

STATIC_URL = "/static/"
# From the packages themselves: there is nothing to collect, and no step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# The rest

LOGGING_CONFIG = None  # `app.core.ops.log` does it, see `app.core.apps`
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"
DATA_UPLOAD_MAX_MEMORY_SIZE = settings.max_body_bytes
