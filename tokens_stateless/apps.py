"""Wires the token flow into the ledger."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TokensStatelessConfig(AppConfig):
    """The token flow."""

    name = "tokens_stateless"
    verbose_name = _("Tokens")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the flow, and follow what happens to its keys."""
        from accounts import flows, standing
        from tokens_stateless import checks, conf, end, issue, keyring, keys, trail  # noqa: F401 - checks register themselves

        flow = flows.Flow(
            name=issue.FLOW,
            label=_("Token"),
            end=end.kill,
            horizon=lambda: conf.current().horizon,
            clean=lambda: [keyring.clean()],
            story=trail.story,
            tells=trail.TELLS,
            staff_limits=lambda: (conf.current().staff_idle_timeout, conf.current().staff_absolute_timeout),
        )
        flows.register(flow)
        standing.on_topic(keyring.TOPIC, keys.forget)
