from __future__ import annotations

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.device
import accounts.models
import accounts.people


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        # Where a project brings its own person, its table must be there before the Logins point at it.
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attempts",
            fields=[
                ("key", models.CharField(editable=False, max_length=32, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField(default=0, editable=False)),
                ("blocked_until", models.DateTimeField(editable=False, null=True)),
                (
                    "began_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "changed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False
                    ),
                ),
            ],
            options={
                "verbose_name": "counter of attempts",
                "verbose_name_plural": "counters of attempts",
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(auto_now_add=True, db_index=True, verbose_name="at")),
                ("name", models.CharField(max_length=64, verbose_name="name")),
                ("login_id", models.UUIDField(db_index=True, null=True, verbose_name="login")),
                ("user_uuid", models.UUIDField(db_index=True, null=True, verbose_name="person")),
                ("actor_uuid", models.UUIDField(null=True, verbose_name="actor")),
                ("address", accounts.device.AddressField(null=True, verbose_name="address")),
                ("device", models.CharField(blank=True, max_length=80, verbose_name="device")),
                ("detail", models.JSONField(default=dict, verbose_name="detail")),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "ordering": ("-at", "-pk"),
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "email",
                    accounts.models.EmailAddressField(
                        max_length=254, unique=True, verbose_name="email address"
                    ),
                ),
                ("email_key", accounts.models.EmailKeyField(editable=False, max_length=254, unique=True)),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Off ends every login of this person, for good.",
                        verbose_name="active",
                    ),
                ),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False, help_text="May enter the admin.", verbose_name="operator"
                    ),
                ),
                (
                    "date_joined",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="joined"
                    ),
                ),
                ("stamp", models.CharField(default=accounts.people.new_stamp, editable=False, max_length=32)),
                ("version", models.PositiveBigIntegerField(default=1, editable=False)),
                ("changed_at", models.DateTimeField(editable=False, null=True)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "person",
                "verbose_name_plural": "people",
                "abstract": False,
                "swappable": "AUTH_USER_MODEL",
            },
        ),
        migrations.CreateModel(
            name="Login",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("user_uuid", models.UUIDField(verbose_name="person's id")),
                ("flow", models.CharField(max_length=20, verbose_name="flow")),
                ("device", models.CharField(max_length=80, verbose_name="device")),
                ("address", accounts.device.AddressField(null=True, verbose_name="address")),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("seen_at", models.DateTimeField(verbose_name="last seen")),
                ("idle_timeout", models.DurationField(verbose_name="idle timeout")),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "end_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("logout", "signed out"),
                            ("replaced", "another sign-in took its place in the same browser"),
                            ("revoked_by_owner", "ended by its owner"),
                            ("revoked_by_operator", "ended by an operator"),
                            ("password_changed", "the password was changed"),
                            ("account_disabled", "the account was disabled"),
                            ("account_deleted", "the account was deleted"),
                            ("idle_timeout", "not used for too long"),
                            ("absolute_timeout", "reached the end of its life"),
                            ("refresh_reused", "a used refresh token came back"),
                            ("over_limit", "too many logins"),
                        ],
                        max_length=24,
                        verbose_name="end reason",
                    ),
                ),
                ("changed_at", models.DateTimeField(editable=False, null=True)),
                ("copy_version", models.PositiveBigIntegerField(default=0, editable=False)),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="ended by",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="logins",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "login",
                "verbose_name_plural": "logins",
                "ordering": ("-started_at", "-pk"),
                "permissions": (("end_login", "Can end logins"),),
            },
        ),
        migrations.CreateModel(
            name="Topic",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("version", models.PositiveBigIntegerField(default=1)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["changed_at", "id"], name="topic_changed")],
            },
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("changed_at__isnull", False)), fields=["changed_at"], name="user_changed"
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("changed_at__isnull", False)),
                fields=["changed_at", "id"],
                name="login_changed",
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(fields=["user", "-seen_at"], name="login_user_seen"),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(fields=["-started_at", "-id"], name="login_started"),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["expires_at"],
                name="login_live_expires",
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["idle_timeout", "seen_at"],
                name="login_live_seen",
            ),
        ),
    ]
