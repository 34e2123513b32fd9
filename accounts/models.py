"""Who you are: a person signs in by email address and is known to the outside by a random UUID."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts import light, people
from accounts.endings import Ending
from accounts.events import Event
from accounts.feed import Topic
from accounts.logins import EndReason, Login
from accounts.throttle import Attempts

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["AbstractUser", "Attempts", "EndReason", "Ending", "Event", "Login", "Topic", "User"]


class EmailAddressField(models.EmailField):  # type: ignore[type-arg]
    """An email address, stored in NFKC with its host in lower case."""

    def get_prep_value(self, value: Any) -> Any:
        return people.normalize_email(value) if isinstance(value, str) else super().get_prep_value(value)


class EmailKeyField(models.CharField):  # type: ignore[type-arg]
    """The case-folded form of `email` that makes it unique; it follows the address by itself."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        key = people.email_key(model_instance.email)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, key)
        return key


class AbstractUser(AbstractBaseUser, PermissionsMixin):
    """The person that both flows carry; a project's own user model starts here.

    A subclass that wants another primary key overrides `id` and names the UUID field that stands in tokens in
    `PUBLIC_ID_FIELD`. `stamp` changes with the password, `version` with what the flows carry (address,
    active, staff, superuser); both move by themselves and are never written from an instance. `save()`
    without `update_fields` writes only what was assigned since the instance was read.
    """

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    PUBLIC_ID_FIELD = "id"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email: models.EmailField[str, str] = EmailAddressField(
        _("email address"), max_length=people.LONGEST_EMAIL, unique=True
    )
    email_key = EmailKeyField(max_length=people.LONGEST_EMAIL, unique=True, editable=False)
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off ends every login of this person, for good.")
    )
    is_staff = models.BooleanField(_("operator"), default=False, help_text=_("May enter the admin."))
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    stamp = models.CharField(max_length=32, default=people.new_stamp, editable=False)
    version = models.PositiveBigIntegerField(default=1, editable=False)
    changed_at = models.DateTimeField(null=True, editable=False)

    objects = people.UserManager()

    # In which mail is written to this person; None where it is not known. A project may make it a column.
    language: str | None = None

    _is_light = False

    class Meta:
        abstract = True
        verbose_name = _("person")
        verbose_name_plural = _("people")
        indexes = (
            models.Index(
                fields=["changed_at"], name="%(class)s_changed", condition=models.Q(changed_at__isnull=False)
            ),
            # The few that are asked for by what they are; for lists, in whose order they stand.
            models.Index(fields=["email_key"], name="%(class)s_staff", condition=models.Q(is_staff=True)),
            models.Index(
                fields=["email_key"], name="%(class)s_rights", condition=models.Q(is_superuser=True)
            ),
            models.Index(
                fields=["email_key"], name="%(class)s_disabled", condition=models.Q(is_active=False)
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def public_id(self) -> uuid.UUID:
        """The UUID by which this person is known to the outside; never re-used."""
        value: uuid.UUID = getattr(self, self.PUBLIC_ID_FIELD)
        return value

    def get_short_name(self) -> str:
        """The address; we know no other name."""
        return self.email

    get_full_name = get_short_name

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Iterable[str], values: Iterable[Any], **options: Any
    ) -> Self:
        """As Django's, and remembers what was read."""
        names, held = list(field_names), list(values)
        # Django 6.1 has options more than 5.2.
        user: Self = super().from_db(db, names, held, **options)
        user._as_read = dict(zip(names, held, strict=True))
        return user

    @classmethod
    def from_carried(cls, values: Mapping[str, Any], *, using: str = "default") -> Self:
        """A real person from what a flow carries (attribute names to values), the rest deferred; no SQL.

        The first touch of the rest fetches all of it, in one statement.
        """
        return cls.maker(values, using=using)()

    @classmethod
    def maker(cls, values: Mapping[str, Any], *, using: str = "default") -> Callable[[], Self]:
        """Makes what `from_carried` does each time it is called: one for each request with these values."""
        return light.maker(cls, values, using=using, usual=AbstractUser.from_db)

    def take(self, values: Mapping[str, Any]) -> None:
        """Set attributes to what the database holds, so that they do not count as assigned."""
        for name, value in values.items():
            setattr(self, name, value)
        self._as_read = {**getattr(self, "_as_read", {}), **values}

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """As Django's, and remembers what was read."""
        before = set(self.__dict__)
        if fields is not None:
            fields = list(fields)
            missing = self.get_deferred_fields() if self._is_light else set()
            if not missing.isdisjoint(fields):
                fields = sorted({*fields, *missing})
        super().refresh_from_db(using, fields, *args, **kwargs)
        read = (
            set(fields)
            if fields
            else {field.attname for field in self._meta.concrete_fields} & set(self.__dict__)
        )
        self.take(
            {
                name: self.__dict__[name]
                for name in read | (set(self.__dict__) - before)
                if self._is_column(name)
            }
        )

    def _is_column(self, name: str) -> bool:
        return name in self.__dict__ and any(field.attname == name for field in self._meta.concrete_fields)

    def _assigned(self) -> list[str]:
        read = getattr(self, "_as_read", {})
        missing = object()
        return [
            field.name
            for field in self._meta.concrete_fields
            if field.attname in self.__dict__
            and not field.primary_key
            and read.get(field.attname, missing) != self.__dict__[field.attname]
        ]

    def save(
        self,
        *,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Write what was assigned since this instance was read; see the class for what follows from it."""
        self._write(
            force_insert=force_insert,
            force_update=force_update,
            using=using,
            update_fields=update_fields,
            keep=None,
        )

    def save_new_password(self, *, keep: uuid.UUID | None) -> None:
        """Write the password that was just set, ending every Login but `keep`; for `credentials` alone."""
        self._write(force_insert=False, force_update=False, using=None, update_fields=["password"], keep=keep)

    def _write(
        self,
        *,
        force_insert: Any,
        force_update: bool,
        using: str | None,
        update_fields: Iterable[str] | None,
        keep: uuid.UUID | None,
    ) -> None:
        save = partial(super().save, force_update=force_update)
        using = using or self._state.db or "default"
        if self._state.adding and update_fields is None and not force_update:
            # Always an INSERT: an instance made by hand must not overwrite the row whose key it was given.
            super().save(force_insert=force_insert or True, using=using)
            self._was_written({field.name for field in self._meta.concrete_fields}, using=using)
            return
        fields = set(self._assigned() if update_fields is None else update_fields) - set(people.OWN)
        if "email" in fields:
            fields.add("email_key")
        if fields & set(people.WATCHED):
            people.save_existing(self, save, fields=sorted(fields), using=using, keep=keep)
        else:
            save(update_fields=sorted(fields), using=using)
        self._was_written(fields, using=using)

    def _was_written(self, names: set[str], *, using: str) -> None:
        values = {
            field.attname: self.__dict__[field.attname]
            for field in self._meta.concrete_fields
            if not names.isdisjoint((field.name, field.attname))
        }

        def remember() -> None:
            self._as_read = {**getattr(self, "_as_read", {}), **values}

        # Not before: what is rolled back must be written by the next save.
        transaction.on_commit(remember, using=using)

    def clean(self) -> None:
        """An address belongs to one person, however it is spelled."""
        super().clean()
        self.email = people.normalize_email(self.email)
        if people.is_too_long(self.email):
            raise ValidationError({"email": _("This address is too long.")})
        others = self.__class__._base_manager.exclude(pk=self.pk)
        if others.filter(email_key=people.email_key(self.email)).exists():
            raise ValidationError({"email": _("There is a person with this address already.")})

    @sensitive_variables()
    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password.

        A weaker hash is replaced without a new stamp, unless the password has changed meanwhile.
        """

        def upgrade(raw: str | None) -> None:
            verified, stronger = self.password, make_password(raw)
            rows = self.__class__._base_manager.filter(pk=self.pk, password=verified)
            if rows.update(password=stronger):
                self.take({"password": stronger})

        return check_password(raw_password, self.password, upgrade)

    async def acheck_password(self, raw_password: str | None) -> bool:
        """As `check_password`."""
        return await sync_to_async(self.check_password)(raw_password)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Django hashes the password here, so that a mere upgrade of its hash would sign everybody out.
        return _auth_hash(self.stamp, secret or settings.SECRET_KEY)


@lru_cache(maxsize=4096)
def _auth_hash(stamp: str, secret: str) -> str:
    # Asked at each request, of few people; the stamp is in the memory of the process anyway.
    return salted_hmac("accounts.stamp", stamp, secret=secret, algorithm="sha256").hexdigest()


class User(AbstractUser):
    """The person of this project."""

    class Meta(AbstractUser.Meta):
        swappable = "AUTH_USER_MODEL"
