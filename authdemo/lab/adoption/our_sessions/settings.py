"""The cookie flow of this project."""

from __future__ import annotations

SECRET_KEY = "a secret of a small project, which guards nothing"  # noqa: S105 - it does not
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "db.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
    }
}
INSTALLED_APPS = ["accounts", "sessions_stateful", "django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = [
    "sessions_stateful.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "sessions_stateful.middleware.AuthenticationMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["templates"]}]
ROOT_URLCONF = "urls"
LOGIN_REDIRECT_URL = "/hello/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.ThrottledBackend"]
SESSION_ENGINE = "sessions_stateful.store"
