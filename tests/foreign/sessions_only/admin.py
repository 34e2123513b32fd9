"""What operators see of the people of this project: the page that accounts brings, for another model."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import UserAdmin
from tests.foreign.sessions_only.models import Person

admin.site.register(Person, UserAdmin)
