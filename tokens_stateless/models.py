"""What the token flow keeps: a row per family of refresh tokens, signing keys, and clients; no token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import conf as accounts_conf
from accounts.device import AddressField
from accounts.models import Login
from tokens_stateless import conf
from tokens_stateless.clients import Client
from tokens_stateless.trail import Exchange, Stretch

__all__ = ["Client", "Exchange", "Family", "KeyState", "SigningKey", "Stretch"]


class Family(models.Model):
    """The refresh tokens of one Login: the current generation, and where and when it was first handed out.

    Before any rotation `rotated_at` is NULL, and the Login tells the rest.
    """

    login = models.OneToOneField(Login, on_delete=models.CASCADE, primary_key=True, related_name="family")
    generation = models.PositiveBigIntegerField(default=0)
    rotated_at = models.DateTimeField(null=True)
    rotated_address = AddressField(null=True)
    rotated_device = models.CharField(max_length=80, blank=True)
    # The refreshes from that place, and how many stretches came before them (tokens_stateless/trail.py).
    stretches = models.PositiveBigIntegerField(default=0)
    stretch_generation = models.PositiveBigIntegerField(default=1)
    stretch_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("token family")
        verbose_name_plural = _("token families")

    def __str__(self) -> str:
        return f"family of {self.login_id}"


class KeyState(models.TextChoices):
    """What a signing key is for at present."""

    STANDBY = "standby", _("standby")
    CURRENT = "current", _("current")
    PREVIOUS = "previous", _("previous")
    REVOKED = "revoked", _("revoked")


# Whoever signs with a previous key, because the current one is not its own, says so at least this often.
HANDOVER = timedelta(seconds=30)


class SigningKey(models.Model):
    """One key of the ring, named by its RFC 7638 thumbprint; its private part sealed, or dropped (empty)."""

    kid = models.CharField(_("key id"), max_length=43, primary_key=True)
    algorithm = models.CharField(_("algorithm"), max_length=10)
    state = models.CharField(_("state"), max_length=10, choices=KeyState.choices)
    public = models.JSONField(_("public part"))
    private = models.BinaryField(_("private part"), default=b"")
    created_at = models.DateTimeField(_("published since"), default=timezone.now)
    current_at = models.DateTimeField(_("current since"), null=True)
    previous_at = models.DateTimeField(_("previous since"), null=True)
    revoked_at = models.DateTimeField(_("revoked since"), null=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="current"), name="one_current_signing_key"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="standby"), name="one_standby_signing_key"
            ),
        )
        permissions = (
            ("rotate_signingkey", _("Can rotate signing keys")),
            ("revoke_signingkey", _("Can revoke signing keys")),
        )
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")

    def __str__(self) -> str:
        return self.kid

    def move(self, state: KeyState, at: datetime) -> None:
        """Give it this state from this instant on; the caller saves it."""
        self.state = state
        setattr(self, f"{state.value}_at", at)

    @property
    def since_at(self) -> datetime:
        """Since when it has the state that it has."""
        return getattr(self, f"{self.state}_at", None) or self.created_at

    @property
    def ready_at(self) -> datetime:
        """From when on nobody who keeps the key set for as long as we allow can have one without this key."""
        return self.created_at + accounts_conf.current().standing_budget + conf.current().jwks_max_age

    @property
    def due_at(self) -> datetime:
        """When it will have been current for long enough."""
        return (self.current_at or self.created_at) + conf.current().signing_key_lifetime

    @property
    def verifies_until(self) -> datetime:
        """When the last token that it may have signed before it became previous has expired everywhere."""
        return (self.previous_at or self.created_at) + verifying_lifetime()

    def outlook(self, write: Callable[[datetime], str]) -> str:
        """What it does and until when, in words, with instants as `write` has them."""
        if self.state == KeyState.STANDBY:
            return _("published; may sign from %(at)s on") % {"at": write(self.ready_at)}
        if self.state == KeyState.CURRENT:
            return _("signs; rotation is due on %(at)s") % {"at": write(self.due_at)}
        if self.state == KeyState.PREVIOUS and self.verifies_until > timezone.now():
            return _("verifies what it signed until %(at)s") % {"at": write(self.verifies_until)}
        return str(_("verifies nothing"))

    @property
    def removable_at(self) -> datetime | None:
        """From when on nothing needs it any more; None while that cannot be told."""
        return {
            KeyState.PREVIOUS.value: self.verifies_until,
            KeyState.REVOKED.value: self.since_at,
        }.get(self.state)


def verifying_lifetime() -> timedelta:
    """How long a key goes on verifying after it has become previous."""
    tokens = conf.current()
    # The instant is of the clock of whoever rotated: one leeway more than between signer and verifier.
    return accounts_conf.current().standing_budget + HANDOVER + tokens.horizon + tokens.leeway
