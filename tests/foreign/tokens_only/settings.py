"""A project that has only the token flow: no session, no cookie, no admin, no template."""

from __future__ import annotations

import os

from accounts.conf import Accounts
from tokens_stateless.conf import Tokens, simple_jwt

# Given to the process; the tests put ".test" behind it.
DATABASE = os.environ["FOREIGN_DATABASE"]
SECRET_KEY = "a-secret-of-another-small-project-that-guards-nothing"
ALLOWED_HOSTS = ["testserver"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATABASE,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
        "TEST": {"NAME": f"{DATABASE}.test"},
    }
}
INSTALLED_APPS = [
    "accounts",
    "tokens_stateless",
    "django.contrib.auth",
    "django.contrib.contenttypes",
]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.foreign.tokens_only.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.ThrottledBackend"]
PASSWORD_HASHERS = ["accounts.passwords.Argon2Hasher"]
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["tokens_stateless.authenticate.TokenAuthentication"]}

ACCOUNTS = Accounts()
TOKENS_STATELESS = Tokens(issuer="https://tokens.example.com", audience="https://tokens.example.com")
SIMPLE_JWT = simple_jwt(TOKENS_STATELESS)
