"""docs/third-parties.md cannot lie: its commands are run as they stand there, and answer what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from authdemo.demo import PASSWORD
from tests import programs
from tests.programs import MissingService
from tests.servers import RedisServer, free_port
from tests.stores import give_up
from tests.third_parties import parties
from tests.third_parties.parties import Issuer
from tests.web import PROJECT

pytestmark = [pytest.mark.nodb, pytest.mark.slow]

PAGE = (PROJECT / "docs/third-parties.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BETWEEN = "\x1e"


def block(language: str) -> str:
    """The only block of this language."""
    texts: list[str] = [text for name, text in BLOCKS if name == language]
    assert len(texts) == 1
    return texts[0]


def documents(text: str) -> list[Any]:
    """The JSON documents of a text, one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def shape(value: Any, like: Any) -> Any:
    """A value in which what the page leaves open ("…", and any number) is as on the page."""
    if isinstance(value, dict) and isinstance(like, dict):
        return {name: shape(each, like.get(name)) for name, each in value.items()}
    if like == "…" and isinstance(value, str) and value:
        return like
    if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
        return [shape(each, wanted) for each, wanted in zip(value, like, strict=True)]
    return like if type(value) is type(like) is int and like > 1_000_000 else value


def test_every_command_answers_what_the_page_says(issuer: Issuer) -> None:
    """Each block of shell goes on where the one before has ended; what follows it as JSON is its output."""
    try:
        parties.node("with-jose.js")
    except MissingService as error:
        give_up(error)
    ours = {
        "http://127.0.0.1:8000": issuer.origin,
        "client-…": issuer.client_id,
        "SECRET=…": f"SECRET={issuer.secret}",
    }
    ours |= {port: str(free_port()) for port in ("9001", "9002")}

    def filled_in(text: str) -> str:
        for name, value in ours.items():
            text = text.replace(name, value)
        return text

    commands = [filled_in(text) for name, text in BLOCKS if name == "sh"]
    follows = [BLOCKS[at + 1] for at, (name, _text) in enumerate(BLOCKS) if name == "sh"]
    script = "set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n" + f"\nprintf '{BETWEEN}'\n".join(commands)
    directory = str(Path(sys.executable).parent)

    ran = subprocess.run(
        ["/usr/bin/env", "bash", "-c", script],
        cwd=PROJECT,
        env={
            **os.environ,
            "PATH": f"{directory}:{os.environ['PATH']}",
            "NODE_OPTIONS": programs.NODE_OPTIONS,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    printed = ran.stdout.split(BETWEEN)
    assert len(printed) == len(commands), ran.stdout + ran.stderr
    for text, (name, told) in zip(printed, follows, strict=True):
        wanted = documents(filled_in(told)) if name == "json" else []
        assert [shape(*pair) for pair in zip(documents(text), wanted, strict=True)] == wanted


@pytest.mark.browser
def test_a_page_of_ours_exchanges_its_session(issuer: Issuer, browser: Browser) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{issuer.origin}/login/")
    page.get_by_role("textbox", name="Email address", exact=True).fill("alice@example.com")
    page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{issuer.origin}/logins/")

    token = page.evaluate(f"async () => {{ {block('js')}; return access_token }}")

    claims = parties.claims_of(token)
    assert (claims["aud"], claims["scope"], claims["client_id"]) == (parties.AUDIENCE, "read", "first-party")


def test_the_verifier_is_used_as_the_page_says_by_a_user_of_redis_who_may_do_no_more(
    issuer: Issuer, redis: RedisServer
) -> None:
    (rule,) = re.findall(r"^ACL .*$", PAGE, re.MULTILINE)
    with redis.client() as client:
        client.execute_command(*rule.split())
    feed = f"redis://reader:PASSWORD@127.0.0.1:{redis.port}/0"
    good, wide = (issuer.exchanged(issuer.sign_in(), scope=scope) for scope in ("read", "write"))
    ended = issuer.exchanged(issuer.sign_in())
    issuer.end(ended)

    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            block("python") + "import sys; print(*map(status, sys.argv[1:]))",
            good,
            wide,
            ended,
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(parties.EXAMPLES / "python"),
            "ISSUER": issuer.origin,
            "AUDIENCE": parties.AUDIENCE,
            "CLIENT_ID": issuer.client_id,
            "CLIENT_SECRET": issuer.secret,
            "FEED_URL": feed,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ran.stdout, ran.stderr) == ("200 403 401\n", "")


def test_every_claim_of_a_token_is_explained(issuer: Issuer) -> None:
    claims = parties.claims_of(issuer.exchanged(issuer.sign_in()))

    assert {name for name in claims if f"`{name}`" not in PAGE} == set()
