"""What the token flow remembers for the story of a Login: stretches of refreshes, and exchanges."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import accounts.device


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_console"),
        ("tokens_stateless", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="family",
            name="stretch_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="family",
            name="stretch_generation",
            field=models.PositiveBigIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="family",
            name="stretches",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.CreateModel(
            name="Exchange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("client_id", models.CharField(max_length=200)),
                ("audience", models.CharField(max_length=200)),
                ("count", models.PositiveBigIntegerField(default=1)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("address", accounts.device.AddressField(null=True)),
                ("device", models.CharField(blank=True, max_length=80)),
                (
                    "login",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.login",
                    ),
                ),
            ],
            options={
                "verbose_name": "exchange",
                "verbose_name_plural": "exchanges",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("login", "client_id", "audience"), name="one_exchange_for_each"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Stretch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slot", models.PositiveSmallIntegerField()),
                ("first_generation", models.PositiveBigIntegerField()),
                ("last_generation", models.PositiveBigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("address", accounts.device.AddressField(null=True)),
                ("device", models.CharField(blank=True, max_length=80)),
                (
                    "login",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.login",
                    ),
                ),
            ],
            options={
                "verbose_name": "stretch of refreshes",
                "verbose_name_plural": "stretches of refreshes",
                "constraints": [
                    models.UniqueConstraint(fields=("login", "slot"), name="one_stretch_in_a_slot")
                ],
            },
        ),
    ]
