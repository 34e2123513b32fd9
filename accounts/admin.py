"""The operators' side, where Django looks for it: people, Logins and events, each in a file of its own."""

from __future__ import annotations

from accounts.ending_admin import EndingAdmin
from accounts.event_admin import EventAdmin
from accounts.login_admin import LoginAdmin
from accounts.strict_admin import ReadOnlyAdmin, StrictAdmin
from accounts.user_admin import UserAdmin

__all__ = ("EndingAdmin", "EventAdmin", "LoginAdmin", "ReadOnlyAdmin", "StrictAdmin", "UserAdmin")
