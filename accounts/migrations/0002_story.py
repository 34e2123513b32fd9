"""The story of a Login: which request an event is of, and indexes by Login, by person and by name."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="event",
            name="request_id",
            field=models.CharField(blank=True, max_length=64, verbose_name="request"),
        ),
        migrations.AlterField(
            model_name="event",
            name="login_id",
            field=models.UUIDField(null=True, verbose_name="login"),
        ),
        migrations.AlterField(
            model_name="event",
            name="user_uuid",
            field=models.UUIDField(null=True, verbose_name="person"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["name", "at", "id"], name="event_name"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["login_id", "at", "id"], name="event_login"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["user_uuid", "at", "id"], name="event_user"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("login_id__isnull", True)),
                fields=["user_uuid", "at", "id"],
                name="event_person",
            ),
        ),
    ]
