"""The project's one settings file; what installations differ in is the environment's (docs/settings.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from accounts.conf import Accounts
from authdemo import env
from authdemo.conf import Lab
from sessions_stateful.conf import Sessions
from tokens_stateless.conf import Tokens, simple_jwt

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.flag("DEBUG")
PUBLIC_ORIGIN = (env.text("PUBLIC_ORIGIN") or "http://127.0.0.1:8000").rstrip("/")
HTTPS = PUBLIC_ORIGIN.startswith("https://")

_secret = env.text("SECRET_KEY")
if not _secret and not DEBUG:
    raise ImproperlyConfigured("SECRET_KEY (or SECRET_KEY_FILE) must be set while DEBUG is off.")
if DEBUG and HTTPS:
    raise ImproperlyConfigured("DEBUG is on while PUBLIC_ORIGIN is https; DEBUG is for development only.")
if not DEBUG and (len(_secret or "") < 50 or len(set(_secret or "")) < 10):
    raise ImproperlyConfigured("SECRET_KEY must be 50 random characters or more while DEBUG is off.")
SECRET_KEY = _secret or "insecure-key-of-a-debug-start-that-nobody-else-can-reach"
SECRET_KEY_FALLBACKS = env.names("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS") or (["127.0.0.1", "localhost", "[::1]"] if DEBUG else [])
if not DEBUG and "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts while DEBUG is off.")
REDIS_URL = env.redis(env.text("REDIS_URL"))
EMAIL_URL = env.text("EMAIL_URL") or "console:"

INSTALLED_APPS = [
    "accounts",
    "sessions_stateful",
    "tokens_stateless",
    "authdemo",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]

MIDDLEWARE = [
    # Not used where the lab is off; else before all, to count all.
    "authdemo.lab.page.costs.CostMiddleware",
    "accounts.present.PresentMiddleware",
    # Before whatever refuses, so that a refusal, too, is in the language of whoever asked.
    "authdemo.middleware.LocaleMiddleware",
    "authdemo.problems.ProblemMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "authdemo.headers.NoStoreMiddleware",
    "sessions_stateful.fetch_metadata.FetchMetadataMiddleware",
    "sessions_stateful.middleware.SessionMiddleware",
    "authdemo.middleware.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "sessions_stateful.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "authdemo.urls"
WSGI_APPLICATION = "authdemo.wsgi.application"
ASGI_APPLICATION = "authdemo.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database(env.text("DATABASE_URL") or f"sqlite:///{quote(str(BASE_DIR / 'db.sqlite3'))}")
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES: dict[str, dict[str, Any]] = env.cache(env.text("CACHE_URL") or REDIS_URL or "locmem:")

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.ThrottledBackend"]
PASSWORD_HASHERS = [
    "accounts.passwords.Argon2Hasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.passwords.LengthValidator"},
    {"NAME": "accounts.passwords.BlocklistValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "logins"
LOGOUT_REDIRECT_URL = "login"

ACCOUNTS = Accounts(
    public_origin=PUBLIC_ORIGIN,
    trusted_proxies=tuple(env.names("TRUSTED_PROXIES")),
    feed_url=REDIS_URL or "",
    mail_on_console=EMAIL_URL.startswith("console:"),
    mail_notices=True,
    geoip_path=env.text("GEOIP_PATH") or "",
)
SESSIONS_STATEFUL = Sessions(redis_url=REDIS_URL or "")
TOKENS_STATELESS = Tokens(issuer=PUBLIC_ORIGIN, audience=PUBLIC_ORIGIN)
SIMPLE_JWT = simple_jwt(TOKENS_STATELESS)
LAB = Lab(is_on=env.flag("LAB", default=DEBUG), redis_switch=env.text("LAB_REDIS") or "")

SESSION_ENGINE = "sessions_stateful.store"
SESSION_COOKIE_NAME = "__Host-sid" if HTTPS else "sid"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "authdemo.problems.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE_SSL_REDIRECT = HTTPS
# Probes come from beside the server, past the proxy that ends TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "report-uri": ["/csp-report/"],
    },
}

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

DEFAULT_EXCEPTION_REPORTER_FILTER = "authdemo.reports.ReporterFilter"

LANGUAGE_CODE = "en"
# Each by its own name, for whoever reads no other. The apps bring their texts; these are of the rest.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["authdemo.formats"]
LANGUAGE_COOKIE_NAME = "__Host-language" if HTTPS else "language"
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_TZ = True

globals().update(env.email(EMAIL_URL))
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL") or "authdemo@localhost"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tokens_stateless.authenticate.TokenAuthentication",
        "sessions_stateful.authenticate.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "authdemo.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "authdemo",
    "DESCRIPTION": "Cookie sessions and tokens side by side, carrying one ledger of sign-ins.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "authdemo.schema.document_problems",
    ],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"links": {"()": "accounts.logs.LinkFilter"}},
    "formatters": {
        "events": {"()": "accounts.logs.JSONFormatter"},
        "others": {"()": "accounts.logs.LineFormatter" if DEBUG else "accounts.logs.JSONFormatter"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["links"], "formatter": "others"},
        "events": {"class": "logging.StreamHandler", "formatter": "events"},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "accounts.events": {"handlers": ["events"], "level": "INFO", "propagate": False},
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
