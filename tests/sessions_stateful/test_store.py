"""Django's session contract over our store: what any app may expect of `request.session`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.core.management import call_command
from django.test import override_settings
from django.utils.timezone import now

from sessions_stateful import keys
from sessions_stateful.models import Session
from sessions_stateful.store import SessionStore

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


class StoreContract:
    """What the store promises, in either colour; a subclass says how one calls it."""

    def open(self, key: str | None = None) -> Any:
        """The session of this key."""
        raise NotImplementedError

    def stored(self, **data: Any) -> Any:
        """A session that was stored with this data."""
        session = self.open()
        session.update(data)
        session.save()
        return session

    def test_a_new_session_is_empty_and_costs_nothing(self) -> None:
        session = self.open()

        assert (session.session_key, session.is_empty(), session.modified, session.accessed) == (
            None,
            True,
            False,
            False,
        )
        assert not Session.objects.exists()

    def test_reading_is_access_and_no_change(self) -> None:
        session = self.open()

        assert session.get("colour") is None
        assert session.get("colour", "red") == "red"
        assert (session.accessed, session.modified) == (True, False)

    def test_what_is_put_in_is_there_and_counts_as_a_change(self) -> None:
        session = self.open()

        session["colour"] = "red"

        assert (session["colour"], session.modified) == ("red", True)

    def test_what_is_taken_out_is_gone_and_counts_as_a_change(self) -> None:
        session = self.open(self.stored(colour="red").session_key)

        assert session.pop("colour") == "red"
        assert (session.modified, session.has_key("colour")) == (True, False)

    def test_what_is_not_there_cannot_be_taken_out(self) -> None:
        session = self.open()

        assert session.pop("colour", "none") == "none"
        assert session.modified is False
        with pytest.raises(KeyError):
            session.pop("colour")

    def test_a_default_is_set_once(self) -> None:
        session = self.open()

        assert session.setdefault("colour", "red") == "red"
        assert session.setdefault("colour", "blue") == "red"

    def test_it_is_a_mapping(self) -> None:
        session = self.open()

        session.update({"colour": "red", "size": 3})

        assert session.modified
        assert session.has_key("size")
        assert list(session.keys()) == ["colour", "size"]
        assert list(session.values()) == ["red", 3]
        assert list(session.items()) == [("colour", "red"), ("size", 3)]

    def test_clearing_empties_it(self) -> None:
        session = self.open(self.stored(colour="red").session_key)

        session.clear()
        session.save()

        assert list(self.open(session.session_key).items()) == []

    def test_the_test_cookie_works(self) -> None:
        session = self.open()
        assert not session.test_cookie_worked()

        session.set_test_cookie()
        assert session.test_cookie_worked()

        session.delete_test_cookie()
        assert not session.test_cookie_worked()

    def test_a_saved_session_has_a_key_of_ours_and_is_found_by_it(self) -> None:
        session = self.stored(colour="red")

        assert keys.is_ours(session.session_key)
        assert session.exists(session.session_key)
        assert list(self.open(session.session_key).items()) == [("colour", "red")]

    def test_a_created_session_is_stored_though_it_is_empty(self) -> None:
        session = self.open()

        session.create()

        assert session.exists(session.session_key)
        assert (session.modified, list(session.items())) == (True, [])

    def test_a_key_that_is_taken_cannot_be_created(self) -> None:
        taken = self.stored(colour="red")

        with pytest.raises(CreateError):
            self.open(taken.session_key).save(must_create=True)

        assert self.open(taken.session_key).get("colour") == "red"

    def test_creating_once_more_makes_another_session(self) -> None:
        session = self.stored(colour="red")
        first = session.session_key

        session.create()

        assert session.session_key != first
        assert Session.objects.count() == 2

    @pytest.mark.parametrize("key", [None, "", "chosen", "A" * 54, keys.new_key()])
    def test_an_unknown_key_is_never_adopted(self, key: str | None) -> None:
        session = self.open(key)

        assert session.load() == {}
        assert (session.session_key, session.is_empty()) == (None, True)
        assert not Session.objects.exists()

    @pytest.mark.parametrize("key", ["chosen", keys.new_key()])
    def test_what_is_put_in_under_an_unknown_key_is_stored_under_another_one(self, key: str) -> None:
        session = self.open(key)

        session["colour"] = "red"
        session.save()

        assert session.session_key != key
        assert (session.exists(key), self.open(session.session_key).get("colour")) == (False, "red")

    def test_saving_under_a_key_that_is_no_longer_stored_stores_nothing(self) -> None:
        with pytest.raises(UpdateError):
            self.open(keys.new_key()).save()

        assert not Session.objects.exists()

    def test_deleting_kills_what_is_stored(self) -> None:
        session, other = self.stored(colour="red"), self.stored(colour="blue")

        session.delete()
        self.open().delete(other.session_key)

        assert not Session.objects.exists()

    @pytest.mark.parametrize("key", [None, "", "chosen", keys.new_key()])
    def test_deleting_what_is_not_there_is_fine(self, key: str | None) -> None:
        self.open().delete(key)
        self.open(key).delete()

        assert not self.open().exists(key or "")

    def test_what_was_killed_is_not_saved_again(self) -> None:
        session = self.stored(colour="red")
        self.open().delete(session.session_key)

        session["colour"] = "blue"
        with pytest.raises(UpdateError):
            session.save()

        assert not Session.objects.exists()

    def test_flushing_kills_it_and_leaves_nothing(self) -> None:
        session = self.stored(colour="red")
        key = session.session_key

        session.flush()

        assert (session.session_key, session.is_empty(), session.exists(key)) == (None, True, False)

    def test_a_flushed_session_can_be_used_again_under_another_key(self) -> None:
        session = self.stored(colour="red")
        key = session.session_key

        session.flush()
        session["size"] = 3
        session.save()

        assert session.session_key not in (None, key)
        assert list(self.open(session.session_key).items()) == [("size", 3)]

    def test_a_new_key_keeps_the_data_and_kills_the_old_key(self) -> None:
        session = self.open(self.stored(colour="red").session_key)
        old = session.session_key

        session.cycle_key()

        assert (session.session_key != old, session.exists(old)) == (True, False)
        assert (session.get("colour"), self.open(session.session_key).get("colour")) == ("red", "red")

    def test_a_new_key_for_what_is_not_stored_comes_when_it_is(self) -> None:
        session = self.open()

        session["colour"] = "red"
        session.cycle_key()
        session.save()

        assert self.open(session.session_key).get("colour") == "red"
        assert Session.objects.count() == 1

    def test_changes_of_different_keys_are_both_kept(self) -> None:
        """S8"""
        key = self.stored(colour="red", size=3).session_key
        one, other = self.open(key), self.open(key)
        _ = one.get("colour"), other.get("colour")

        one["colour"] = "blue"
        one.save()
        other["size"] = 4
        other["new"] = True
        other.save()

        assert dict(self.open(key).items()) == {"colour": "blue", "size": 4, "new": True}

    def test_of_two_changes_of_one_key_the_later_stands(self) -> None:
        """S8"""
        key = self.stored(colour="red").session_key
        one, other = self.open(key), self.open(key)
        _ = one.get("colour"), other.get("colour")

        one["colour"] = "blue"
        one.save()
        other["colour"] = "green"
        other.save()

        assert self.open(key).get("colour") == "green"

    def test_a_removal_is_merged_like_a_change(self) -> None:
        """S8"""
        key = self.stored(colour="red", size=3).session_key
        one, other = self.open(key), self.open(key)
        _ = one.get("colour"), other.get("colour")

        one.pop("colour")
        one.save()
        other["size"] = 4
        other.save()

        assert dict(self.open(key).items()) == {"size": 4}

    def test_the_later_of_a_removal_and_a_change_stands(self) -> None:
        """S8"""
        key = self.stored(colour="red", size=3).session_key
        one, other = self.open(key), self.open(key)
        _ = one.get("colour"), other.get("colour")

        one["colour"], one["size"] = "blue", 4
        one.save()
        other.pop("colour")
        other.save()

        assert dict(self.open(key).items()) == {"size": 4}

    def test_a_change_deep_inside_is_kept_when_it_is_announced(self) -> None:
        key = self.stored(basket={"apples": [1]}).session_key
        session = self.open(key)

        session.get("basket")["apples"].append(2)
        session.modified = True
        session.save()

        assert self.open(key).get("basket") == {"apples": [1, 2]}

    def test_whoever_saved_sees_what_was_merged(self) -> None:
        key = self.stored(colour="red").session_key
        one, other = self.open(key), self.open(key)
        _ = one.get("colour"), other.get("colour")

        one["size"] = 3
        one.save()
        other["new"] = True
        other.save()

        assert dict(other.items()) == {"colour": "red", "size": 3, "new": True}

    def test_saving_twice_writes_on(self) -> None:
        session = self.stored(colour="red")

        session["colour"] = "blue"
        session.save()
        session.pop("colour")
        session.save()

        assert list(self.open(session.session_key).items()) == []

    def test_an_anonymous_session_lives_a_day(self) -> None:
        with time_machine.travel(NOON, tick=False):
            session = self.stored(colour="red")
            assert (session.get_expiry_age(), session.get_expiry_date()) == (86_400, NOON + 24 * HOUR)

        assert Session.objects.get().expires_at == NOON + 24 * HOUR

    @pytest.mark.parametrize(
        ("expiry", "seconds"),
        [
            (10, 10),
            (None, 86_400),
            (0, 86_400),
            (timedelta(minutes=2), 120),
            (NOON + timedelta(minutes=3), 180),
        ],
    )
    def test_a_session_may_have_an_expiry_of_its_own(self, expiry: Any, seconds: int) -> None:
        with time_machine.travel(NOON, tick=False):
            session = self.open()
            session.set_expiry(expiry)
            session.save()
            again = self.open(session.session_key)

            assert again.get_expiry_age() == seconds
            assert again.get_expiry_date() == NOON + timedelta(seconds=seconds)
            assert Session.objects.get().expires_at == NOON + timedelta(seconds=seconds)

    def test_an_expiry_of_its_own_can_be_taken_back(self) -> None:
        session = self.open()

        session.set_expiry(10)
        session.set_expiry(None)
        session.set_expiry(None)

        assert session.get_expiry_age() == 86_400

    def test_expiry_is_counted_from_a_given_change(self) -> None:
        session = self.open()
        session.set_expiry(NOON + HOUR)

        assert session.get_expiry_age(modification=NOON) == 3_600
        assert session.get_expiry_age(modification=NOON, expiry=5) == 5
        assert session.get_expiry_date(modification=NOON, expiry=5) == NOON + timedelta(seconds=5)
        assert session.get_expiry_date(modification=NOON, expiry=None) == NOON + 24 * HOUR

    @pytest.mark.parametrize(
        ("expiry", "by_default", "at_close"),
        [(None, True, True), (None, False, False), (0, False, True), (10, True, False)],
    )
    def test_a_cookie_may_go_when_the_browser_closes(
        self, expiry: int | None, by_default: bool, at_close: bool
    ) -> None:
        session = self.open()
        session.set_expiry(expiry)

        with override_settings(SESSION_EXPIRE_AT_BROWSER_CLOSE=by_default):
            assert session.get_expire_at_browser_close() is at_close

    def test_what_has_expired_is_nobodys(self) -> None:
        session = self.open()
        session["colour"] = "red"
        session.set_expiry(10)
        session.save()

        with time_machine.travel(now() + timedelta(seconds=11), tick=False):
            again = self.open(session.session_key)
            assert (again.get("colour"), again.session_key) == (None, None)

    def test_what_has_expired_can_be_cleared(self) -> None:
        kept, gone = self.stored(colour="red"), self.stored(colour="blue")
        gone.set_expiry(-1)
        gone.save()

        self.open().clear_expired()

        assert [session.pk for session in Session.objects.all()] == [keys.hashed(kept.session_key)]


def test_clearsessions_clears() -> None:
    session = SessionStore()
    session.set_expiry(-1)
    session.save()

    call_command("clearsessions")

    assert not Session.objects.exists()


class TestStore(StoreContract):
    """The plain calls, and what has no awaited twin."""

    def open(self, key: str | None = None) -> SessionStore:
        return SessionStore(key)

    def test_brackets_are_the_same_as_calls(self) -> None:
        session = self.open()

        session["colour"] = "red"
        assert ("colour" in session, session["colour"]) == (True, "red")

        del session["colour"]
        assert "colour" not in session
        with pytest.raises(KeyError):
            _ = session["colour"]

    def test_data_can_be_encoded_and_junk_decodes_to_nothing(self) -> None:
        session = self.open()

        assert session.decode(session.encode({"colour": "red"})) == {"colour": "red"}
        assert session.decode("bad:encoded:value") == {}

    def test_what_was_cleared_before_it_was_read_is_empty(self) -> None:
        key = self.stored(colour="red").session_key
        session = self.open(key)

        session.clear()
        session["size"] = 3
        session.save()

        assert dict(self.open(key).items()) == {"size": 3}

    def test_the_answer_tells_nothing_of_the_key(self) -> None:
        session = self.stored(colour="red")

        assert session.session_key not in str(Session.objects.get())
        assert session.session_key not in repr(Session.objects.values().get())
