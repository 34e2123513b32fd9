"""Django's own sessions."""

from __future__ import annotations

SECRET_KEY = "a secret of a small project, which guards nothing"  # noqa: S105 - it does not
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["templates"]}]
ROOT_URLCONF = "urls"
LOGIN_REDIRECT_URL = "/hello/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
