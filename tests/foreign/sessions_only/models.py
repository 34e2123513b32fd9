"""A person whose rows are numbered; a UUID beside the number is what the outside knows."""

from __future__ import annotations

import uuid

from django.db import models

from accounts.models import AbstractUser


class Person(AbstractUser):
    """Somebody of this project, with a nickname that accounts knows nothing of."""

    PUBLIC_ID_FIELD = "public_uuid"

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    public_uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    nickname = models.CharField(max_length=40, blank=True)

    class Meta(AbstractUser.Meta):
        pass
