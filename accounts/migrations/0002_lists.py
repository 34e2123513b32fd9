from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="login",
            name="login_started",
        ),
        migrations.RemoveIndex(
            model_name="login",
            name="login_live_expires",
        ),
        migrations.RemoveIndex(
            model_name="login",
            name="login_live_seen",
        ),
        migrations.AlterField(
            model_name="event",
            name="at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="at"),
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
        migrations.AlterField(
            model_name="login",
            name="ended_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="ended by",
            ),
        ),
        migrations.AlterField(
            model_name="login",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="logins",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["at", "id"], name="event_at"),
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
            index=models.Index(fields=["user_uuid", "at", "id"], name="event_person"),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["expires_at", "id"],
                name="login_live_expires",
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["idle_timeout", "seen_at", "id"],
                name="login_live_seen",
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["flow", "started_at", "id"],
                name="login_live_started",
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", False)),
                fields=["flow", "started_at", "id"],
                name="login_ended_started",
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", False)),
                fields=["end_reason", "started_at", "id"],
                name="login_end_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(fields=["address", "started_at", "id"], name="login_address"),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("ended_by__isnull", False)), fields=["ended_by"], name="login_ended_by"
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("is_staff", True)), fields=["email_key"], name="user_staff"
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("is_superuser", True)), fields=["email_key"], name="user_rights"
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("is_active", False)), fields=["email_key"], name="user_disabled"
            ),
        ),
    ]
