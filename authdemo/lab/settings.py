"""The project's settings with the peers beside us: what `manage.py measure` runs in."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from authdemo.conf import Lab
from authdemo.lab.switch import Switch
from authdemo.settings import *  # noqa: F403 - the same project, and a little more
from authdemo.settings import ACCOUNTS, INSTALLED_APPS, LOGGING, TOKENS_STATELESS
from tokens_stateless.conf import simple_jwt

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.sessions", "rest_framework_simplejwt.token_blacklist"]
if find_spec("knox"):
    INSTALLED_APPS = [*INSTALLED_APPS, "knox"]
# In development Django keeps each statement, which would make all that ask the database dearer by a seventh.
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
LOGGING["loggers"]["accounts.events"]["level"] = "ERROR"
# The live page counts what requests cost; here that would be measured as well.
LAB = Lab()
# Nobody is there to read what a change of an address would send.
ACCOUNTS = replace(ACCOUNTS, mail_notices=False)
# Tokens outlive the measuring; and so few are remembered that, of twice as many in turn, each is seen first.
TOKENS_STATELESS = replace(TOKENS_STATELESS, access_lifetime=timedelta(hours=1), remembered_tokens=64)
SIMPLE_JWT = simple_jwt(TOKENS_STATELESS)


def _pem() -> str:
    """A key pair of this run."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    clear = serialization.NoEncryption()
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, clear)
    return pem.decode()


if find_spec("allauth"):
    INSTALLED_APPS = [
        *INSTALLED_APPS,
        "allauth",
        "authdemo.lab.headless_app.AccountConfig",
        "allauth.headless",
    ]
    ACCOUNT_USER_MODEL_USERNAME_FIELD = None
    ACCOUNT_LOGIN_METHODS = {"email"}
    ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
    # The processes that this one starts must have the same.
    if "MEASURE_RSA_KEY" not in os.environ:
        os.environ["MEASURE_RSA_KEY"] = _pem()
    HEADLESS_JWT_PRIVATE_KEY = os.environ["MEASURE_RSA_KEY"]
    HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = Switch()
    HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 3600
