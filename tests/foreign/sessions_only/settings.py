"""A project with the cookie flow alone, people of its own whose key is a number, and Django's admin."""

from __future__ import annotations

import os
from pathlib import Path

from accounts.conf import Accounts
from sessions_stateful.conf import Sessions

HERE = Path(__file__).resolve().parent

# Given to the process; the tests put ".test" behind it.
DATABASE = os.environ["FOREIGN_DATABASE"]
SECRET_KEY = "a-secret-of-a-small-foreign-project-that-guards-nothing"
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
    "tests.foreign.sessions_only",
    "accounts",
    "sessions_stateful",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "sessions_stateful.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "sessions_stateful.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
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
ROOT_URLCONF = "tests.foreign.sessions_only.urls"
STATIC_URL = "static/"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "sessions_only.Person"
AUTHENTICATION_BACKENDS = ["accounts.backends.ThrottledBackend"]
PASSWORD_HASHERS = ["accounts.passwords.Argon2Hasher"]
LOGIN_REDIRECT_URL = "/hello/"
SESSION_ENGINE = "sessions_stateful.store"

REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["sessions_stateful.authenticate.SessionAuthentication"]}

ACCOUNTS = Accounts()
SESSIONS_STATEFUL = Sessions()
