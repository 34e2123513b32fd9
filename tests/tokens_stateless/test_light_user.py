"""The person of a token is a real `User` that costs nothing until a view wants what no token carries."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models.signals import post_init
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.permissions import DjangoModelPermissions, IsAdminUser
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from accounts.models import User
from accounts.testing import bob, olga
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held, settle, statements
from tokens_stateless.authenticate import TokenAuthentication
from tokens_stateless.claims import AccessToken


class OncePerMinute(UserRateThrottle):
    rate = "1/min"


def view(**attributes: Any) -> Callable[..., Any]:
    """A view that tells the address of whoever asks; `attributes` are APIView's."""

    class Telling(APIView):
        authentication_classes = (TokenAuthentication,)

        def get(self, request: Request) -> Response:
            """Tell."""
            return Response({"email": str(request.user)})

    for name, value in attributes.items():
        setattr(Telling, name, value)
    ask = Telling.as_view()

    def get(access: str) -> Any:
        answer: Any = ask(RequestFactory().get("/", headers={"Authorization": f"Bearer {access}"}))
        return answer.render() if isinstance(answer, Response) else answer

    return get


def authenticated(access: str) -> Any:
    """The person and the token of one request."""
    plain = RequestFactory().get("/", headers={"Authorization": f"Bearer {access}"})
    return TokenAuthentication().authenticate(Request(plain))


def a_token(email: str) -> str:
    """An access token of somebody who signs in."""
    return str(doors.sign_in(email).json()["access"])


@pytest.fixture
def light(held: Held) -> Any:
    """Alice as a view meets her, on a token that was seen before."""
    settle(held)
    return authenticated(held.access)[0]


def test_what_the_token_carries_costs_nothing(held: Held) -> None:
    settle(held)

    with statements(0):
        user = authenticated(held.access)[0]
        told = (user.pk, user.email, user.is_active, user.is_staff, user.is_superuser, user.is_authenticated)

    assert type(user) is User
    assert told == (held.user.pk, "alice@example.com", True, False, False, True)


def test_the_first_touch_of_the_rest_fetches_all_of_it_in_one_statement(light: User) -> None:
    with statements(1):
        told = (light.date_joined, light.password, light.stamp, light.last_login, light.email_key)

    real = User.objects.get()
    assert told == (real.date_joined, real.password, real.stamp, real.last_login, real.email_key)
    assert light.get_deferred_fields() == set()


def test_operators_pass_and_others_do_not_without_a_look_up(held: Held) -> None:
    olga()
    ask, of_olga = view(permission_classes=(IsAdminUser,)), a_token("olga@example.com")
    settle(held)
    doors.me(of_olga)

    with statements(0):
        statuses = [ask(of_olga).status_code, ask(held.access).status_code]

    assert statuses == [200, 403]


def test_permissions_are_the_databases(light: User) -> None:
    """They are not carried, so a right that was given just now counts."""
    right = Permission.objects.get(codename="change_login")
    before = light.has_perm("accounts.change_login")
    User.objects.get().user_permissions.add(right)

    again = User.from_carried({"id": light.pk, "is_active": True, "is_superuser": False})

    assert (before, again.has_perm("accounts.change_login")) == (False, True)
    assert again.get_all_permissions() == {"accounts.change_login"}


def test_model_permissions_work(held: Held) -> None:
    ask = view(permission_classes=(DjangoModelPermissions,), queryset=User.objects.all())

    assert ask(held.access).status_code == 200


def test_throttles_count_the_person(held: Held) -> None:
    bob()
    ask, of_bob = view(throttle_classes=(OncePerMinute,)), a_token("bob@example.com")

    statuses = [ask(held.access).status_code, ask(held.access).status_code, ask(of_bob).status_code]

    assert statuses == [200, 429, 200]


def test_the_browsable_api_shows_the_person(held: Held) -> None:
    page = view(renderer_classes=(BrowsableAPIRenderer,))(held.access)

    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"alice@example.com" in page.content


def test_the_token_is_simplejwts_to_the_view(held: Held) -> None:
    settle(held)
    token = authenticated(held.access)[1]

    said = forge.read(held.access)[1]
    assert isinstance(token, AccessToken)
    assert (token["sid"], token.get("none", 1), "jti" in token, "none" in token) == (
        said["sid"],
        1,
        True,
        False,
    )
    assert repr(token) == repr(said)
    token.check_exp()
    assert doors.me(str(token)).status_code == 200


def test_it_is_the_same_person_as_any_other_copy(light: User) -> None:
    real = User.objects.get()

    assert (light == real, real == light, hash(light) == hash(real)) == (True, True, True)
    assert light in {real}
    assert light != User()


def unpickled(user: User) -> User:
    """What another process gets."""
    return pickle.loads(pickle.dumps(user))  # type: ignore[no-any-return] # noqa: S301 - our own


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, unpickled])
def test_a_copy_is_as_light_and_as_careful(copied: Callable[[User], User], light: User) -> None:
    with statements(0):
        other = copied(light)
        told = (other == light, other.email, other.get_deferred_fields() == light.get_deferred_fields())
    with statements(1):
        joined = other.date_joined

    assert told == (True, "alice@example.com", True)
    assert joined == User.objects.get().date_joined


def test_a_save_writes_only_what_was_assigned(light: User) -> None:
    User.objects.update(is_staff=True)
    light.last_login = moment = timezone.now()

    with CaptureQueriesContext(connection) as captured:
        light.save()

    (update,) = [query["sql"] for query in captured if query["sql"].startswith("UPDATE")]
    assert update[update.index(" SET ") : update.index(" WHERE ")].count('" = ') == 1
    real = User.objects.get()
    assert (real.last_login, real.is_staff) == (moment, True)


def test_a_save_of_nothing_costs_nothing(light: User) -> None:
    with statements(0):
        light.save()


def test_what_the_database_says_is_one_refresh_away(light: User) -> None:
    User.objects.update(is_staff=True)

    light.refresh_from_db()

    assert light.is_staff
    with statements(0):
        light.save()


def test_a_refresh_of_one_field_reads_that_field(light: User) -> None:
    User.objects.update(is_staff=True, email="new@example.com")

    light.refresh_from_db(fields=["is_staff"])

    assert (light.is_staff, light.email) == (True, "alice@example.com")


def test_who_listens_to_instances_hears_of_it(held: Held) -> None:
    heard: list[Any] = []

    def hear(instance: Any, **_kwargs: Any) -> None:
        heard.append(instance)

    post_init.connect(hear, sender=User)
    try:
        user = authenticated(held.access)[0]
    finally:
        post_init.disconnect(hear, sender=User)

    assert (heard[-1] is user, user.email) == (True, "alice@example.com")
