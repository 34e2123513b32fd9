from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import accounts.device
import tokens_stateless.clients


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Client",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=tokens_stateless.clients.new_id,
                        editable=False,
                        max_length=39,
                        primary_key=True,
                        serialize=False,
                        verbose_name="client id",
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("secret_hash", models.CharField(editable=False, max_length=64)),
                (
                    "audiences",
                    models.TextField(
                        help_text="What it stands for, one in a line: tokens for these it may look at, end and ask for.",
                        validators=[tokens_stateless.clients.check_audiences],
                        verbose_name="audiences",
                    ),
                ),
                (
                    "scopes",
                    models.TextField(
                        blank=True,
                        help_text="What its tokens may be good for.",
                        validators=[tokens_stateless.clients.check_scopes],
                        verbose_name="scopes",
                    ),
                ),
                (
                    "may_introspect",
                    models.BooleanField(
                        default=False,
                        help_text="Ask whether a token for its audiences is good.",
                        verbose_name="may introspect",
                    ),
                ),
                (
                    "may_revoke",
                    models.BooleanField(
                        default=False,
                        help_text="End the whole login that such a token carries.",
                        verbose_name="may revoke",
                    ),
                ),
                (
                    "may_exchange",
                    models.BooleanField(
                        default=False,
                        help_text="Exchange a person's access token for one for its audiences.",
                        verbose_name="may exchange",
                    ),
                ),
                (
                    "for_pages",
                    models.BooleanField(
                        default=False,
                        help_text="Pages of this site may exchange a person's session for a token for its audiences.",
                        verbose_name="for pages",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Off refuses it at once; its tokens expire within minutes.",
                        verbose_name="active",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("secret_at", models.DateTimeField(auto_now_add=True, verbose_name="secret since")),
            ],
            options={
                "verbose_name": "client",
                "verbose_name_plural": "clients",
                "ordering": ("name", "pk"),
            },
        ),
        migrations.CreateModel(
            name="Family",
            fields=[
                (
                    "login",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="family",
                        serialize=False,
                        to="accounts.login",
                    ),
                ),
                ("generation", models.PositiveBigIntegerField(default=0)),
                ("rotated_at", models.DateTimeField(null=True)),
                ("rotated_address", accounts.device.AddressField(null=True)),
                ("rotated_device", models.CharField(blank=True, max_length=80)),
            ],
            options={
                "verbose_name": "token family",
                "verbose_name_plural": "token families",
            },
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                (
                    "kid",
                    models.CharField(max_length=43, primary_key=True, serialize=False, verbose_name="key id"),
                ),
                ("algorithm", models.CharField(max_length=10, verbose_name="algorithm")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("standby", "standby"),
                            ("current", "current"),
                            ("previous", "previous"),
                            ("revoked", "revoked"),
                        ],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("public", models.JSONField(verbose_name="public part")),
                ("private", models.BinaryField(default=b"", verbose_name="private part")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="published since"),
                ),
                ("current_at", models.DateTimeField(null=True, verbose_name="current since")),
                ("previous_at", models.DateTimeField(null=True, verbose_name="previous since")),
                ("revoked_at", models.DateTimeField(null=True, verbose_name="revoked since")),
            ],
            options={
                "verbose_name": "signing key",
                "verbose_name_plural": "signing keys",
                "ordering": ("-created_at",),
                "permissions": (
                    ("rotate_signingkey", "Can rotate signing keys"),
                    ("revoke_signingkey", "Can revoke signing keys"),
                ),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "current")),
                        fields=("state",),
                        name="one_current_signing_key",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "standby")),
                        fields=("state",),
                        name="one_standby_signing_key",
                    ),
                ],
            },
        ),
    ]
