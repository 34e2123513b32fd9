"""Wires the cookie flow into Django and into the ledger."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SessionsStatefulConfig(AppConfig):
    """The cookie flow."""

    name = "sessions_stateful"
    verbose_name = _("Sessions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the flow and receive what Django sends at every door."""
        from django.contrib.auth.signals import user_logged_in, user_logged_out

        from accounts import flows
        from sessions_stateful import checks, conf, durable, end, issue  # noqa: F401 - checks register themselves

        flow = flows.Flow(
            name=issue.FLOW,
            label=_("Session"),
            end=end.kill,
            horizon=end.horizon,
            clean=durable.delete_expired,
            seen=end.renew,
            staff_limits=lambda: (conf.current().staff_idle_timeout, conf.current().staff_absolute_timeout),
        )
        flows.register(flow)
        user_logged_in.connect(issue.start_login, dispatch_uid="sessions_stateful.start_login")
        user_logged_out.connect(end.end_login, dispatch_uid="sessions_stateful.end_login")
