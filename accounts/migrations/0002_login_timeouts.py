from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
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
