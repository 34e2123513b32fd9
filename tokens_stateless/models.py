"""What the token flow keeps: a row per family of refresh tokens and the ring of signing keys; no token."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Login


class Family(models.Model):
    """The refresh tokens of one Login: the current generation, and since when (NULL before any rotation)."""

    login = models.OneToOneField(Login, on_delete=models.CASCADE, primary_key=True, related_name="family")
    generation = models.PositiveBigIntegerField(default=0)
    rotated_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("token family")
        verbose_name_plural = _("token families")

    def __str__(self) -> str:
        return f"family of {self.login_id}"


class KeyState(models.TextChoices):
    """What a signing key is for at present."""

    STANDBY = "standby", _("standby: published, does not sign yet")
    CURRENT = "current", _("current: signs")
    PREVIOUS = "previous", _("previous: verifies what it signed")
    REVOKED = "revoked", _("revoked: verifies nothing")


class SigningKey(models.Model):
    """One key of the ring, named by its RFC 7638 thumbprint; its private part encrypted under SECRET_KEY."""

    kid = models.CharField(_("key id"), max_length=43, primary_key=True)
    algorithm = models.CharField(_("algorithm"), max_length=10)
    state = models.CharField(_("state"), max_length=10, choices=KeyState.choices)
    public = models.JSONField(_("public part"))
    private = models.BinaryField(_("private part"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="current"), name="one_current_signing_key"
            ),
        )
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")

    def __str__(self) -> str:
        return self.kid
