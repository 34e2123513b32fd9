"""The ASGI application that servers load."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authdemo.settings")
application = get_asgi_application()
