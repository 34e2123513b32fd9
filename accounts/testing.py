"""For tests: the cast, and the contract that every flow must pass.

A flow's test class inherits `FlowContract` and says how one signs in and calls (docs/adding-a-flow.md).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any

import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in

from accounts import credentials, logins
from accounts.logins import EndReason, Login

PASSWORD = "a long enough password"
OTHER_PASSWORD = "another long enough one"


def alice() -> Any:
    """Alice, who signs in."""
    return get_user_model().objects.create_user("alice@example.com", PASSWORD)


def bob() -> Any:
    """Bob, whom nothing of Alice's concerns."""
    return get_user_model().objects.create_user("bob@example.com", PASSWORD)


def olga() -> Any:
    """Olga, the operator."""
    return get_user_model().objects.create_superuser("olga@example.com", PASSWORD)


class FlowContract(ABC):
    """What a flow promises, whatever it hands out: tests sign people in and look at what requests get."""

    flow: str

    @abstractmethod
    def sign_in(self, email: str, password: str = PASSWORD) -> Any:
        """Sign in at the flow's door; returns what the client holds from then on, None when refused."""

    @abstractmethod
    def call(self, held: Any) -> Any:
        """GET /api/me/ with what the client holds; returns the response."""

    def renew(self, held: Any) -> Any:
        """What a client does when it is told that its copy is stale; returns what it holds then."""
        return held

    def test_a_sign_in_starts_one_login(self) -> None:
        """One row, of this flow and this person."""
        person = alice()

        self.sign_in(person.email)

        login = Login.objects.get()
        assert (login.flow, login.user_id, login.ended_at) == (self.flow, person.pk, None)

    def test_a_request_is_carried_by_its_login(self) -> None:
        """The id that is carried is the row's."""
        held = self.sign_in(alice().email)

        told = self.call(held).json()

        assert (told["flow"], told["login"]) == (self.flow, str(Login.objects.get().pk))

    def test_an_ended_login_is_refused_on_the_next_request(self) -> None:
        """Whoever ends it, and however."""
        held = self.sign_in(alice().email)
        assert self.call(held).status_code == 200

        logins.end([Login.objects.get().pk], reason=EndReason.REVOKED_BY_OPERATOR)

        assert self.call(held).status_code == 401

    def test_ending_one_login_leaves_the_others_alone(self) -> None:
        """Of the same person, and of another."""
        ended, mine, other = (
            self.sign_in(alice().email),
            self.sign_in("alice@example.com"),
            self.sign_in(bob().email),
        )

        logins.end([Login.objects.earliest("started_at").pk], reason=EndReason.REVOKED_BY_OWNER)

        assert [self.call(held).status_code for held in (ended, mine, other)] == [401, 200, 200]

    def test_a_disabled_person_is_refused_and_enabling_revives_nothing(self) -> None:
        """Disabling ends for good."""
        person = alice()
        held = self.sign_in(person.email)

        person.is_active = False
        person.save()
        refused = self.call(held).status_code
        person.is_active = True
        person.save()

        assert (refused, self.call(held).status_code) == (401, 401)
        assert Login.objects.get().end_reason == EndReason.ACCOUNT_DISABLED

    def test_a_deleted_person_is_refused(self) -> None:
        """The row of the Login stays behind and says why."""
        person = alice()
        held = self.sign_in(person.email)

        person.delete()

        assert self.call(held).status_code == 401
        assert Login.objects.get().end_reason == EndReason.ACCOUNT_DELETED

    def test_a_deleted_login_is_ended_instead(self) -> None:
        """Through the instance and through a queryset."""
        first, second = self.sign_in(alice().email), self.sign_in("alice@example.com")

        Login.objects.earliest("started_at").delete()
        Login.objects.filter(ended_at__isnull=True).delete()

        assert [self.call(held).status_code for held in (first, second)] == [401, 401]
        assert Login.objects.count() == 2

    def test_a_new_password_ends_every_other_login(self) -> None:
        """The one that is kept goes on."""
        person = alice()
        other, _kept = self.sign_in(person.email), self.sign_in(person.email)
        keep = Login.objects.latest("started_at").pk

        credentials.change_password(person, OTHER_PASSWORD, keep=keep)

        assert self.call(other).status_code == 401
        assert list(Login.objects.live().values_list("pk", flat=True)) == [keep]

    def test_a_change_of_role_is_effective_at_the_next_request(self) -> None:
        """And signs nobody out."""
        person = alice()
        held = self.sign_in(person.email)

        person.is_staff = True
        person.save()
        held = self.renew(held)

        assert self.call(held).json()["is_staff"] is True
        assert Login.objects.live().count() == 1

    def test_a_login_past_its_absolute_end_is_refused(self) -> None:
        """No use prolongs it."""
        held = self.sign_in(alice().email)

        with time_machine.travel(Login.objects.get().expires_at + timedelta(minutes=2), tick=False):
            refused = self.call(self.renew(held)).status_code

        assert refused == 401

    def test_wrong_unknown_and_disabled_start_nothing(self) -> None:
        """And nobody learns which it was."""
        get_user_model().objects.create_user("carol@example.com", PASSWORD, is_active=False)
        alice()

        held = [
            self.sign_in("alice@example.com", OTHER_PASSWORD),
            self.sign_in("nobody@example.com"),
            self.sign_in("carol@example.com"),
        ]

        assert (held, Login.objects.count()) == ([None, None, None], 0)

    def test_a_sign_in_sends_the_signal_once(self) -> None:
        """So that audit and lock-out packages hear of both flows."""
        heard: list[Any] = []

        def hear(user: Any, **_kwargs: Any) -> None:
            heard.append(user.email)

        user_logged_in.connect(hear)
        self.sign_in(alice().email)
        user_logged_in.disconnect(hear)

        assert heard == ["alice@example.com"]
