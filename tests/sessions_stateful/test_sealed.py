"""The bytes of a copy: what a release or a person is made of comes back as it was, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models
from django.test import Client

from accounts.models import User
from accounts.testing import olga
from sessions_stateful import durable, keys, sealed
from tests.sessions_stateful.third_party import key

Row = durable.Row


def a_row() -> Row:
    browser = Client()
    browser.force_login(olga())
    row = durable.load(keys.hashed(key(browser)))
    assert row
    return row


def read(copy: bytes, row: Row) -> Row | None:
    return sealed.read(copy, key_hash=row.own["key_hash"], node="node")


def test_a_copy_of_a_release_with_its_columns_in_another_order_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else one right would be taken for another while both releases run."""
    row, ours = a_row(), durable.user_columns()
    swapped = {"is_staff": "is_superuser", "is_superuser": "is_staff"}
    theirs = tuple(swapped.get(name, name) for name in ours)

    with monkeypatch.context() as other_release:
        other_release.setattr(durable, "user_columns", lambda: theirs)
        copy = sealed.write(row, node="node")

    assert read(copy, row) is None
    assert read(sealed.write(row, node="node"), row)


@pytest.mark.parametrize("changed", [{"email": 5}, {"version": "x"}, {User.PUBLIC_ID_FIELD: 5}])
def test_a_copy_of_a_release_with_columns_of_another_kind_fails_no_request(changed: dict[str, Any]) -> None:
    row = a_row()
    assert row.user
    copy = sealed.write(Row(row.own, row.login, {**row.user, **changed}, row.read_at), node="node")

    found = read(copy, row)

    assert found is None or found.user


class Shout(str):
    """A text that is more than one."""


class ShoutField(models.CharField):  # type: ignore[type-arg]
    """A column whose values are not what the database says."""

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return Shout(value)

    def to_python(self, value: Any) -> Any:
        return Shout(value)


def test_a_project_s_own_kind_of_column_comes_back_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    field: Any = ShoutField()
    field.set_attributes_from_name("name")
    monkeypatch.setattr(User._meta, "concrete_fields", [field])

    reader = sealed._reader(User, "name")

    assert reader
    assert type(reader("HO")) is Shout
