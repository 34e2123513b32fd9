"""The token flow of this project."""

from __future__ import annotations

from tokens_stateless.conf import Tokens, simple_jwt

SECRET_KEY = "a secret of a small project, which guards nothing"  # noqa: S105 - it does not
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "db.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
    }
}
INSTALLED_APPS = ["accounts", "tokens_stateless", "django.contrib.auth", "django.contrib.contenttypes"]
ROOT_URLCONF = "urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.ThrottledBackend"]
TOKENS_STATELESS = Tokens()
SIMPLE_JWT = simple_jwt(TOKENS_STATELESS)
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["tokens_stateless.authenticate.TokenAuthentication"]}
