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
            name="Session",
            fields=[
                ("key_hash", models.CharField(max_length=43, primary_key=True, serialize=False)),
                ("replaced_hash", models.CharField(max_length=43, null=True)),
                ("data", models.BinaryField()),
                ("version", models.PositiveBigIntegerField(default=1)),
                ("authenticated_at", models.DateTimeField(null=True)),
                ("rights", models.PositiveSmallIntegerField(default=0)),
                ("remember", models.BooleanField(default=False)),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "login",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="session",
                        to="accounts.login",
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "indexes": [
                    models.Index(
                        fields=["replaced_hash"],
                        name="session_replaced",
                        condition=models.Q(replaced_hash__isnull=False),
                    )
                ],
            },
        ),
    ]
