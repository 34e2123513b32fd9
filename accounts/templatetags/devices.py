"""For pages and mails: a stored device in words."""

from __future__ import annotations

from django import template

from accounts import device

register = template.Library()
register.filter("device", device.in_words)
