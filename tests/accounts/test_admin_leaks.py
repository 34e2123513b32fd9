"""Every page of the admin, read after sign-ins in both flows: nothing on it can be replayed."""

from __future__ import annotations

import re
from base64 import b64encode
from html import unescape

import pytest
from django.core import mail as django_mail
from django.test import Client

from accounts import mail
from accounts.models import Login, User
from accounts.testing import PASSWORD, alice
from sessions_stateful.models import Session
from tests.accounts.staff import LOGINS, PEOPLE, act, enter, operator
from tokens_stateless import keypairs, keyring
from tokens_stateless.models import SigningKey

LINK = re.compile(r'(?:href|action)="([^"#]*)"')


def crawled(client: Client, start: str) -> dict[str, str]:
    """Every page under /admin/ linked from `start`, by its address; each filter, but no mixture of them."""
    found: dict[str, str] = {}
    wanted = [start]
    while wanted:
        path = wanted.pop()
        answer = client.get(path)
        assert answer.status_code < 500, path
        found[path] = page = answer.content.decode() + str(answer.headers)
        links = {unescape(link) for link in LINK.findall(page)}
        if "?" not in path:
            links |= {path + link for link in links if link.startswith("?")}
        elif "_changelist_filters" not in path:
            links.clear()
        wanted += [
            link for link in links - {*found, *wanted} if link.startswith("/admin/") and _is_read(link)
        ]
    return found


def _is_read(link: str) -> bool:
    return not link.startswith(("/admin/logout/", "/admin/jsi18n/"))


def held_by_everybody() -> dict[str, str]:
    """What Alice holds, by its name; she has used both flows and asked for a link."""
    alice()
    cookie = enter("alice@example.com").cookies["sid"].value
    pair = _post("/api/token/", email="alice@example.com", password=PASSWORD)
    rotated = _post("/api/token/refresh/", refresh=pair["refresh"])
    Client().post("/password/reset/", {"email": "alice@example.com"})
    mail.wait()
    link = re.search(r"/password/reset/[^/]+/([^/]+)/", str(django_mail.outbox[-1].body))
    assert link
    return {
        "session key": cookie,
        "access token": pair["access"].rpartition(".")[2],
        "refresh token": pair["refresh"].rpartition(".")[2],
        "rotated refresh token": rotated["refresh"].rpartition(".")[2],
        "link": link[1],
        "password": PASSWORD,
    }


def held_by_the_database() -> dict[str, str]:
    """What only the database knows, in each way in which a page could show it."""
    keyring.ensure()
    signer, person = SigningKey.objects.get(state="current"), User.objects.get(email="alice@example.com")
    private = keypairs._box().decrypt(bytes(signer.private))
    return {
        "password's hash": person.password.rpartition("$")[2],
        "stamp": person.stamp,
        "session's hash": Session.objects.earliest("expires_at").key_hash,
        "session's data": b64encode(bytes(Session.objects.earliest("expires_at").data)).decode(),
        "encrypted key": bytes(signer.private).decode(),
        "private key": b64encode(private).decode(),
        "private key in hex": private.hex(),
    }


def _post(path: str, **data: str) -> dict[str, str]:
    answer = Client().post(path, data, content_type="application/json")
    assert answer.status_code == 200
    told: dict[str, str] = answer.json()
    return told


def test_nothing_in_any_page_of_the_admin_can_be_replayed() -> None:
    """S9, T9."""
    secrets = {**held_by_everybody(), **held_by_the_database()}
    client = operator()
    secrets["operator's own key"] = client.cookies["sid"].value
    act(client, "end_selected", Login.objects.filter(flow="token").latest("started_at"))

    pages = crawled(client, "/admin/")

    assert [
        (path, name) for path, page in pages.items() for name, secret in secrets.items() if secret in page
    ] == []
    for model in ("accounts/login", "accounts/user", "accounts/event", "tokens_stateless/signingkey"):
        assert any(re.fullmatch(rf"/admin/{model}/[^/?]+/change/.*", path) for path in pages), model
        assert any(path.startswith(f"/admin/{model}/?") for path in pages), model
    assert len(pages) > 40


def test_the_crawl_would_find_what_a_page_shows() -> None:
    """Each secret is looked for as it would stand there: the search is not blind."""
    client, kid = operator(), keyring.ensure()[0]

    assert [path for path, page in crawled(client, "/admin/tokens_stateless/").items() if kid in page]


@pytest.mark.parametrize(
    "path", [LOGINS, PEOPLE, "/admin/accounts/event/", "/admin/tokens_stateless/signingkey/"]
)
def test_whoever_is_not_an_operator_sees_none_of_it(path: str) -> None:
    nobody, somebody = Client(), enter(alice().email)

    answers = [client.get(path) for client in (nobody, somebody)]

    assert [answer.headers["Location"].partition("?")[0] for answer in answers] == ["/admin/login/"] * 2
