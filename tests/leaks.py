"""Every credential that the suite hands out is remembered, and looked for wherever it must not stand.

Session keys, access and refresh tokens, passwords, mailed links, clients' secrets and private keys are caught
where they are made, or where a visitor of a served project receives them. `Watch.look` is told what was
written, answered or stored. Where one stands by right is listed here, and nowhere else.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable
from html import escape
from typing import NamedTuple
from urllib.parse import quote, quote_plus

KINDS = ("session key", "access token", "refresh token", "password", "link", "client secret", "private key")
TOKENS = frozenset({"access token", "refresh token"})
# An answer that hands something out: the beginning of its path, and what stands in its body.
HANDED_OUT = {
    "/api/token/": TOKENS,
    "/admin/tokens_stateless/client/": frozenset({"client secret"}),
}
BY_RIGHT = {"mail": frozenset({"link"}), "console": frozenset({"link"})}
# Shorter ones of tests stand in other texts by chance.
SHORTEST = 8


class Leak(NamedTuple):
    """What was found, and where."""

    kind: str
    place: str
    around: str


class Watch:
    """The credentials of one test, and what was found of them."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._seen: list[tuple[str, str, frozenset[str]]] = []
        self._lock = threading.Lock()

    def remember(self, kind: str, *spellings: str) -> None:
        """A credential; of a token only what proves it, so that a cut one is found as well."""
        assert kind in KINDS
        for text in spellings:
            proof = text.rpartition(".")[2] if kind in TOKENS else text
            proof = proof.rpartition(":")[2] if kind == "link" else proof
            if len(proof) < SHORTEST:
                continue
            with self._lock:
                for spelled in {proof, escape(proof), quote(proof), quote_plus(proof)}:
                    self._known[spelled] = kind

    def remember_bytes(self, kind: str, data: bytes) -> None:
        """The same, in each spelling in which bytes are written."""
        self.remember(kind, data.hex(), b64encode(data).decode(), repr(data)[2:-1])

    def look(self, place: str, *texts: object, by_right: Iterable[str] = ()) -> None:
        """Have these searched at the end, for what may be handed out only later, too."""
        with self._lock:
            self._seen.append((place, "\n".join(map(_text, texts)), frozenset(by_right)))

    def found(self) -> list[Leak]:
        """What stands where it must not; asking forgets what was looked at, and keeps what is known."""
        with self._lock:
            seen, self._seen = self._seen, []
            known = dict(self._known)
        search = _Search(known)
        return [
            Leak(known[secret], place, _around(text, secret))
            for place, text, by_right in seen
            for secret in search.within(text)
            if known[secret] not in by_right
        ]

    def forget(self) -> None:
        """Everything; for tests that plant something."""
        self._known, self._seen = {}, []

    @property
    def kinds(self) -> set[str]:
        """Of which kinds something is known."""
        return set(self._known.values())


class _Search:
    """Finds thousands of secrets in megabytes: each by itself would take minutes.

    Wherever a secret of 15 characters or more stands, it covers a piece of eight that begins at a multiple of
    eight. So only such pieces of the text are compared with all that a secret has.
    """

    PIECE = 8

    def __init__(self, secrets: Iterable[str]) -> None:
        self._short: list[str] = []
        self._by_piece: dict[str, list[str]] = defaultdict(list)
        for secret in secrets:
            if len(secret) < 2 * self.PIECE - 1:
                self._short.append(secret)
                continue
            for at in range(self.PIECE):
                self._by_piece[secret[at : at + self.PIECE]].append(secret)

    def within(self, text: str) -> list[str]:
        """Those that stand in it."""
        pieces = {text[at : at + self.PIECE] for at in range(0, len(text), self.PIECE)}
        likely = {secret for piece in pieces & self._by_piece.keys() for secret in self._by_piece[piece]}
        return [secret for secret in (*self._short, *sorted(likely)) if secret in text]


# The watch of the test that runs, and that of the projects that a module serves, for what is no fixture.
now = [Watch()]
served = [Watch()]


def handed_out_at(path: str, method: str) -> frozenset[str]:
    """What the answer to this request may contain by right."""
    if method != "POST":
        return frozenset()
    return next((kinds for start, kinds in HANDED_OUT.items() if path.startswith(start)), frozenset())


def _text(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return f"{text[max(0, at - 60) : at]}…{text[at + len(secret) :][:20]}"
