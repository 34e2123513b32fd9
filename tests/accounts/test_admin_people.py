"""The operators' pages of people: what they end, links instead of passwords, and who may give rights."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core import mail as django_mail
from django.test import Client

from accounts import mail
from accounts.logins import EndReason, Login
from accounts.models import User
from accounts.testing import OTHER_PASSWORD, PASSWORD, alice, bob
from tests.accounts.rows import a_login, a_person
from tests.accounts.staff import GROUPS, PEOPLE, act, colleague, enter, operator, statuses, token

ALL_OF_PEOPLE = ("view_user", "add_user", "change_user", "delete_user")
ALL_OF_GROUPS = ("view_group", "add_group", "change_group", "delete_group")


def save(client: Client, person: User, **fields: Any) -> Any:
    """Send the form of a person as it stands, with these fields changed; None leaves one out."""
    held = {name: "on" for name in ("is_active", "is_staff", "is_superuser") if getattr(person, name)}
    sent = {"email": person.email, **held, **fields}
    return client.post(
        f"{PEOPLE}{person.pk}/change/", {name: value for name, value in sent.items() if value is not None}
    )


def test_disabling_somebody_ends_their_logins_and_enabling_brings_none_back() -> None:
    """S13, through the form."""
    client, person = operator(), alice()
    theirs = [enter(person.email), token(person.email)]

    save(client, person, is_active=None)
    refused = statuses(*theirs)
    save(client, person, is_active="on")

    assert refused == statuses(*theirs) == [401, 401]
    assert set(Login.objects.filter(user=person).values_list("end_reason", flat=True)) == {
        EndReason.ACCOUNT_DISABLED
    }


@pytest.mark.parametrize("how", ["single", "action"])
def test_deleting_somebody_ends_their_logins_first(how: str) -> None:
    """S15: the old cookie and the old token are tried after each way of the admin."""
    client, person = operator(), alice()
    theirs, other = [enter(person.email), token(person.email)], enter(bob().email)
    chosen = {"action": "delete_selected", "_selected_action": str(person.pk)}

    if how == "single":
        client.post(f"{PEOPLE}{person.pk}/delete/", {"post": "yes"})
    else:
        client.post(PEOPLE, {**chosen, "post": "yes"})

    assert not User.objects.filter(pk=person.pk).exists()
    assert statuses(*theirs, other, client) == [401, 401, 200, 200]
    assert Login.objects.filter(user_uuid=person.pk, end_reason=EndReason.ACCOUNT_DELETED).count() == 2


def test_a_deleted_persons_logins_are_still_shown() -> None:
    client, login = operator(), a_login()
    User.objects.get(pk=login.user_id).delete()

    pages = [
        client.get(path) for path in ("/admin/accounts/login/", f"/admin/accounts/login/{login.pk}/change/")
    ]

    assert [page.status_code for page in pages] == [200, 200]
    assert "deleted person" in pages[0].content.decode()


def test_no_form_of_a_person_asks_for_a_password_or_takes_one() -> None:
    client, person = operator(), alice()
    pages = [client.get(f"{PEOPLE}{place}").content.decode() for place in ("add/", f"{person.pk}/change/")]

    save(client, person, password="pbkdf2_sha256$1$x$y", stamp="x", version="9")
    client.post(f"{PEOPLE}add/", {"email": "new@example.com", "password": PASSWORD, "is_active": "on"})

    assert not any(re.search(r'name="[^"]*(password|stamp|version)', page) for page in pages)
    assert User.objects.get(pk=person.pk).check_password(PASSWORD)
    assert not User.objects.get(email="new@example.com").has_usable_password()


def test_the_link_that_an_operator_sends_sets_a_new_password() -> None:
    client, person = operator(), alice()
    act(client, "send_reset_link", person, at=PEOPLE)
    mail.wait()
    assert enter(person.email).get("/logins/").status_code == 200
    (message,) = django_mail.outbox

    act(client, "send_reset_link", person, at=PEOPLE)
    mail.wait()
    _follow(Client(), str(django_mail.outbox[-1].body))

    assert message.to == ["alice@example.com"]
    assert User.objects.get(pk=person.pk).check_password(OTHER_PASSWORD)
    assert {entry.object_id for entry in LogEntry.objects.all()} == {str(person.pk)}


def _follow(client: Client, text: str) -> None:
    path = re.search(r"http://[^/]+(/password/reset/\S+)", text)
    assert path
    form = client.get(path[1], follow=True).redirect_chain[-1][0]
    client.post(form, {"password": OTHER_PASSWORD, "password_again": OTHER_PASSWORD})


def test_nobody_disabled_is_sent_a_link() -> None:
    client, person = operator(), a_person(is_active=False)

    act(client, "send_reset_link", person, at=PEOPLE)
    mail.wait()

    assert (django_mail.outbox, LogEntry.objects.count()) == ([], 0)


@pytest.mark.parametrize(("rights", "ends"), [(["view_user"], False), (["view_user", "end_login"], True)])
def test_ending_all_logins_of_chosen_people_takes_the_right_to_end(rights: list[str], ends: bool) -> None:
    client, login = colleague(*rights), a_login()

    act(client, "end_all_logins", login.user, at=PEOPLE)

    assert Login.objects.filter(pk=login.pk).live().exists() is not ends
    assert LogEntry.objects.filter(object_id=str(login.user_id)).exists() is ends


@pytest.mark.parametrize("right", ["is_staff", "is_superuser", "groups", "user_permissions"])
def test_only_superusers_give_rights(right: str) -> None:
    client, person = colleague(*ALL_OF_PEOPLE), a_person()
    first = {
        "groups": Group.objects.create(name="all"),
        "user_permissions": Permission.objects.earliest("pk"),
    }
    value = first[right].pk if right in first else "on"

    saved = save(client, person, **{right: value}).status_code
    added = client.post(f"{PEOPLE}add/", {"email": "new@example.com", "is_active": "on", right: value})

    made = User.objects.filter(pk=person.pk) | User.objects.filter(email="new@example.com")
    assert (saved, added.status_code, made.count()) == (302, 302, 2)
    assert not made.filter(is_staff=True) | made.filter(is_superuser=True)
    assert not any([*each.groups.all(), *each.user_permissions.all()] for each in made)


@pytest.mark.parametrize("whom", ["olga@example.com", "carol@example.com", "dora@example.com"])
def test_whoever_has_rights_is_changed_and_deleted_by_superusers_alone(whom: str) -> None:
    """Another address and a link to it would lend their rights to whoever may change people."""
    operator()
    a_person("dora@example.com", is_staff=True)
    client, person = colleague(*ALL_OF_PEOPLE), User.objects.get(email=whom)

    saved = save(client, person, email="mine@example.com")
    deleted = client.post(f"{PEOPLE}{person.pk}/delete/", {"post": "yes"})
    client.post(PEOPLE, {"action": "delete_selected", "_selected_action": str(person.pk), "post": "yes"})

    assert (saved.status_code, deleted.status_code) == (403, 403)
    assert User.objects.get(pk=person.pk).email == whom


def test_groups_are_changed_by_superusers_alone() -> None:
    client, group = colleague(*ALL_OF_GROUPS), Group.objects.create(name="all")
    fields = {"name": "mine", "permissions": Permission.objects.earliest("pk").pk}

    answers = [client.post(f"{GROUPS}{place}", fields) for place in ("add/", f"{group.pk}/change/")]
    answers.append(client.post(f"{GROUPS}{group.pk}/delete/", {"post": "yes"}))
    by_olga = operator().post(f"{GROUPS}{group.pk}/change/", fields)

    assert [answer.status_code for answer in answers] == [403] * 3
    assert by_olga.status_code == 302
    assert Group.objects.get().name == "mine"


def test_nobody_disables_or_deletes_themselves() -> None:
    client = operator()
    olga = User.objects.get()

    saved = save(client, olga, is_active=None)
    deleted = client.post(f"{PEOPLE}{olga.pk}/delete/", {"post": "yes"})
    act(client, "delete_selected", olga, at=PEOPLE)

    assert (saved.status_code, deleted.status_code) == (302, 403)
    assert statuses(client) == [200]


@pytest.mark.parametrize(
    "address", ["Alice@example.COM", "ＡＬＩＣＥ@example.com", "alice@EXAMPLE.com", "x", "\0@b.c", ""]
)
def test_an_address_that_somebody_has_or_that_is_none_is_told_in_the_form(address: str) -> None:
    client, person, _taken = operator(), a_person("bob@example.com"), a_person("alice@example.com")

    answers = [save(client, person, email=address), client.post(f"{PEOPLE}add/", {"email": address})]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert all(answer.context["errors"] for answer in answers)
    assert User.objects.count() == 3


def test_a_changed_role_signs_nobody_out() -> None:
    client, person = operator(), alice()
    theirs = enter(person.email)

    save(client, person, is_staff="on")

    assert theirs.get("/api/me/").json()["is_staff"] is True


def test_the_admins_own_password_form_gives_way_to_ours() -> None:
    client = operator()

    answers = [client.get("/admin/password_change/"), client.post("/admin/password_change/", {})]

    assert [answer.headers["Location"] for answer in answers] == ["/password/change/"] * 2
