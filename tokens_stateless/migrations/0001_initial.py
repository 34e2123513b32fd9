from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
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
                            ("standby", "standby: published, does not sign yet"),
                            ("current", "current: signs"),
                            ("previous", "previous: verifies what it signed"),
                            ("revoked", "revoked: verifies nothing"),
                        ],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("public", models.JSONField(verbose_name="public part")),
                ("private", models.BinaryField(verbose_name="private part")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
            ],
            options={
                "verbose_name": "signing key",
                "verbose_name_plural": "signing keys",
                "ordering": ("-created_at",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "current")),
                        fields=("state",),
                        name="one_current_signing_key",
                    )
                ],
            },
        ),
    ]
