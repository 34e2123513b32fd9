"""`manage.py signing_keys`: makes the first key once, and shows the ring without its secrets."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tokens_stateless import keys
from tokens_stateless.models import SigningKey


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("signing_keys", *arguments, stdout=out)
    return out.getvalue()


def test_ensure_makes_a_key_once() -> None:
    first, second = said("ensure"), said("ensure")

    assert first == second == f"current signing key: {SigningKey.objects.get().kid}\n"


def test_list_shows_each_key_and_its_state() -> None:
    keys.ensure()
    key = SigningKey.objects.get()

    assert said("list").split()[:3] == [key.kid, "ES256", "current"]


def test_list_of_nothing_is_empty() -> None:
    assert said("list") == ""


def test_no_private_part_is_printed() -> None:
    keys.ensure()

    printed = said("ensure") + said("list")

    assert bytes(SigningKey.objects.get().private).decode()[10:40] not in printed


@pytest.mark.parametrize("verb", ["", "remove"])
def test_another_verb_is_refused(verb: str) -> None:
    with pytest.raises(CommandError):
        said(verb)
