"""Wires accounts into Django: who hears the news, and what happens before a person is deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People, the ledger of their Logins, and what each process knows of both."""

    name = "accounts"
    verbose_name = _("People and logins")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect what cannot be imported before the models are loaded."""
        from django.contrib.auth import get_user_model
        from django.db.models.signals import pre_delete

        from accounts import checks, feed, logins, notices, people, rights, standing, stream  # noqa: F401 - checks register themselves

        def end_first(instance: Any, using: str, **_kwargs: Any) -> None:
            people.about_to_be_deleted(instance, using=using)

        def tell(login: UUID, **_kwargs: Any) -> None:
            notices.login_started(login)

        feed.follow(standing.hear)
        feed.follow(stream.push)
        logins.started.connect(tell, weak=False, dispatch_uid="accounts.tell")
        rights.connect()
        pre_delete.connect(end_first, sender=get_user_model(), weak=False, dispatch_uid="accounts.end_first")
