"""`manage.py clearsessions`: Django's command; its app is not installed, because its table is not used."""

from __future__ import annotations

from django.contrib.sessions.management.commands.clearsessions import Command

__all__ = ["Command"]
