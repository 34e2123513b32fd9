"""Verifies the issuer's access tokens and refuses those of ended Logins at once, without a look-up.

For hosts that may reach the issuer's Redis, though not its database. One file, to copy; it needs no Django:

    pip install "pyjwt[crypto]" "redis>=5"

    verifier = Verifier("https://auth.example.com", audience="https://api.example.com",
                        redis_url="rediss://reader:…@redis.example.com/0", client=("client-…", "its secret"))
    claims = verifier.verify(token)       # raises Refused: answer 401; CannotVouch: answer 503

Why it may vouch for a token, and when it may not:

- A token says that its Login lived, and its person was so, at `iat`. What ends or changes later is told in
  the stream later. So the token is good when the stream says nothing against it, provided that every entry
  since its `iat` was read here. To be issued after a gap began proves nothing: it may have ended within the
  gap.
- `Feed.since` is the instant since which every entry was read. At the start it is the time of the oldest
  entry still there, since earlier ones may be trimmed or lost; but not before the start of this Redis, since
  what is told while it is down is lost. It is now where the stream is empty, or where this Redis has taken
  over from another, which may have had more.
- A gap that is not proved closed moves it to now: the stream is gone or back at lower ids (deleted, emptied,
  restored); something younger than the horizon is gone; the server is another one; or it could not be read
  for longer than the budget, in which time the issuer may not have reached it either. A shorter break proves
  itself closed: the stream goes on at our place.
- Clocks differ, and the issuer tells a Redis that failed it nothing for a second. So `iat` must be later
  than `since` by the leeway.
- Other tokens are introspected, each time; without a client's credentials, or when the issuer does not
  answer, nobody vouches. None of them is left when the longest life and the leeway are over.
- What is known to have ended is refused at any time: an end is for ever.

What it cannot know: the issuer tells each end once. One that could not be told, since Redis failed just the
process that wrote it, or all of us for less than the budget, is not heard of here; nor is an entry that was
deleted singly. Such a token is accepted until it expires. Who may write to the stream can hide ends, or make
this refuse; they cannot make it accept what the issuer has not signed.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import threading
import time
import urllib.request
from base64 import b64encode
from functools import cached_property
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode
from uuid import NAMESPACE_URL, UUID, uuid5

import jwt
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)
Place = tuple[int, int]
NOWHERE: Place = (0, 0)
FEED = "authdemo:feed"
SIGNING_KEYS = uuid5(NAMESPACE_URL, "topic:signing_keys").bytes


class Refused(Exception):
    """Not a good token, or its Login has ended, or its person has changed: answer 401, invalid_token."""


class CannotVouch(Exception):
    """Nobody can tell right now whether the Login still stands: answer 503."""


class Verifier:
    """Verifies tokens for one audience, in all threads and after a fork. Durations are in seconds."""

    def __init__(
        self,
        issuer: str,
        *,
        audience: str,
        redis_url: str,
        client: tuple[str, str] | None = None,
        budget: float = 5,
        longest_life: float = 300,
        leeway: float = 30,
        jwks_seconds: float = 300,
    ) -> None:
        """`client`: an id and a secret that may introspect; `longest_life`: the issuer's access_lifetime."""
        self.issuer, self.audience, self.client = issuer, audience, client
        self._longest_life, self._leeway, self._jwks_seconds = longest_life, leeway, jwks_seconds
        self._feed_options = (redis_url, budget, longest_life + 2 * leeway, leeway)
        self._feeds: dict[int, Feed] = {}

    @property
    def feed(self) -> Feed:
        """The feed of this process: a fork's child has none of its parent's threads."""
        pid = os.getpid()
        feed = self._feeds.get(pid) or self._feeds.setdefault(pid, Feed(*self._feed_options))
        feed.start()
        return feed

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a good token whose Login still stands; Refused or CannotVouch otherwise."""
        feed = self.feed
        claims = self._opened(token, feed)
        # Asked first: what makes it vouch must have been learned before it is asked for the ended ones.
        vouches = feed.vouches(claims["iat"])
        try:
            login, person, version = UUID(claims["sid"]), UUID(claims["sub"]), int(claims["ver"])
        except (ValueError, TypeError, AttributeError) as error:
            raise Refused("not of this issuer") from error
        if feed.has_ended(login.bytes):
            raise Refused("ended")
        if version < feed.version(person.bytes):
            raise Refused("stale")
        if not vouches and not self._introspected(token):
            raise Refused("not active")
        return claims

    def _opened(self, token: str, feed: Feed) -> dict[str, Any]:
        if len(token) > 4096 or not token.isascii():
            raise Refused("not a token")
        try:
            found = jwt.decode_complete(
                token,
                self._keys(feed).get_signing_key_from_jwt(token),
                algorithms=["ES256"],
                issuer=self.issuer,
                audience=self.audience,
                leeway=self._leeway,
                options={"require": ["iss", "aud", "sub", "sid", "ver", "iat", "exp"]},
            )
        except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, OSError, ValueError, KeyError) as error:
            raise CannotVouch("no keys") from error
        except (jwt.PyJWTError, RecursionError) as error:
            raise Refused("not good") from error
        claims: dict[str, Any] = found["payload"]
        if str(found["header"].get("typ")).lower() not in {"at+jwt", "application/at+jwt"}:
            raise Refused("no access token")
        # Ends are forgotten after the horizon, so nothing may be believed for longer.
        if not 0 <= claims["exp"] - claims["iat"] <= self._longest_life:
            raise Refused("lives too long")
        return claims

    def _keys(self, feed: Feed) -> jwt.PyJWKClient:
        keys = feed.keys
        if keys is None:
            # They have changed, so nothing may come from a cache, not from one on the way either.
            keys = feed.keys = jwt.PyJWKClient(
                self._metadata["jwks_uri"],
                headers={"Cache-Control": "no-cache"},
                lifespan=self._jwks_seconds,
                timeout=2,
            )
        return keys

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        """What the issuer tells of itself (RFC 8414)."""
        with urllib.request.urlopen(
            f"{self.issuer}/.well-known/oauth-authorization-server", timeout=5
        ) as answer:
            metadata: dict[str, Any] = json.load(answer)
        if metadata["issuer"] != self.issuer:
            raise OSError("this is the metadata of another issuer")
        return metadata

    def _introspected(self, token: str) -> bool:
        """What the issuer says (RFC 7662)."""
        if self.client is None:
            raise CannotVouch("nobody to ask")
        credentials = b64encode(":".join(map(quote_plus, self.client)).encode()).decode()
        try:
            request = urllib.request.Request(
                self._metadata["introspection_endpoint"],
                data=urlencode({"token": token}).encode(),
                headers={"Authorization": f"Basic {credentials}"},
            )
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)["active"] is True
        except HTTPError as error:
            error.close()
            raise CannotVouch("the issuer cannot tell") from error
        except (OSError, ValueError, KeyError) as error:
            raise CannotVouch("the issuer does not answer") from error


class Feed:
    """What one process knows from the stream. A thread of its own reads it; nobody who asks waits."""

    def __init__(self, url: str, budget: float, horizon: float, leeway: float) -> None:
        # Little patience and one try: a Redis that does not answer is one that is away.
        self._redis = redis.Redis.from_url(
            url, protocol=2, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        self._budget, self._horizon, self._leeway = budget, horizon, leeway
        # By the minute in which it was learned; a minute is forgotten as a whole.
        self._ended: dict[int, set[bytes]] = {}
        self._versions: dict[int, dict[bytes, int]] = {}
        self._place = self._promised = NOWHERE
        self._server = ""
        self._read_at = float("-inf")
        self.since = float("inf")
        self.keys: jwt.PyJWKClient | None = None
        self._renew_keys_at = float("inf")
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._looked = threading.Event()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Have it followed; returns when the first look is through, well or not."""
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
                    self._thread.start()
        self._looked.wait()

    def stop(self) -> None:
        """End the thread, and hang up."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._redis.close()

    def vouches(self, issued_at: float) -> bool:
        """Whether everything is known here that has ended or changed since this instant."""
        fresh = time.monotonic() - self._read_at <= self._budget
        return fresh and issued_at > self.since + self._leeway

    def has_ended(self, login: bytes) -> bool:
        """Whether this Login is known to have ended."""
        return any(login in logins for logins in list(self._ended.values()))

    def version(self, person: bytes) -> int:
        """The highest version known of this person; 0 when nothing is known."""
        return max((people.get(person, 0) for people in list(self._versions.values())), default=0)

    def _run(self) -> None:
        away = False
        while not self._stopped.is_set():
            try:
                self._look()
                away = False
            except Exception as error:  # whatever it is: it must not end, and nobody may wait for it in vain
                if not away:
                    logger.warning("the feed cannot be read: %s", type(error).__name__)
                away = True
                self._stopped.wait(0.2)
            self._looked.set()

    def _look(self) -> None:
        """Take in what is new, waiting for it for half a second, and see that nothing is missing."""
        began, before, promised = time.monotonic(), self._place, self._promised
        oldest = self._take_in()
        server, started_at, first, newest = self._state()
        if before == self._place == first == NOWHERE:
            self._place = newest  # all that there was is deleted; there is no more to read up to here
        now, self._promised = time.time(), newest
        if not self._server:
            self.since = max(oldest / 1000, started_at) if oldest else now
        elif gap := self._gap(before, promised, first, another=server != self._server):
            logger.warning("a gap in the feed: %s", gap)
            # That the keys have changed may have been missed as well.
            self.since, self._place, self._promised, self.keys = now, NOWHERE, NOWHERE, None
        self._server, self._read_at = server, began
        self._forget()

    def _gap(self, before: Place, promised: Place, first: Place, *, another: bool) -> str | None:
        """Why something may have been missed since the last look, if it may."""
        if another:
            return "another server"
        if time.monotonic() - self._read_at > self._budget:
            return "away for too long"
        if self._promised < self._place or self._place < promised:
            return "what was there has gone"
        # What was read last stays until it is older than the horizon, and so does what came after it.
        young = before[0] > self._promised[0] - (self._horizon - self._leeway) * 1000
        if before != NOWHERE and young and not NOWHERE < first <= before:
            return "trimmed too soon"
        return None

    def _take_in(self) -> int:
        """Read on from our place to the end; the time of the first entry read, in milliseconds, or 0."""
        oldest, block = 0, 500 if self._server else None
        while entries := self._read(block):
            for entry, fields in entries:
                try:
                    self._learn(fields)
                except struct.error:
                    logger.warning("an entry that is not the issuer's")
                self._place = _place(entry)
                oldest = oldest or self._place[0]
            block = None
        return oldest

    def _read(self, block: int | None) -> list[tuple[bytes, dict[bytes, bytes]]]:
        after = "{}-{}".format(*self._place)
        streams: Any = self._redis.xread({FEED: after}, count=1000, block=block)
        return streams[0][1] if streams else []

    def _learn(self, fields: dict[bytes, bytes]) -> None:
        minute = int(time.monotonic() // 60)
        ended, changed, topics = (fields.get(name, b"") for name in (b"ended", b"changed", b"topics"))
        if ended:
            self._ended.setdefault(minute, set()).update(
                login for (login,) in struct.iter_unpack("16s", ended)
            )
        for person, version in struct.iter_unpack(">16sQ", changed):
            if version > self.version(person):
                self._versions.setdefault(minute, {})[person] = version
        if any(topic == SIGNING_KEYS for topic, _version in struct.iter_unpack(">16sQ", topics)):
            # And again a little later: the process that is asked may hear of it after we do.
            self.keys, self._renew_keys_at = None, time.monotonic() + self._budget

    def _state(self) -> tuple[str, float, Place, Place]:
        """The server, since when its stream is whole, and the stream's first and newest id."""
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.info("server")
            pipeline.info("replication")
            pipeline.xinfo_stream(FEED)
            server, replication, stream = pipeline.execute(raise_on_error=False)
        for answer in (server, replication):
            if isinstance(answer, Exception):
                raise answer
        if replication["role"] != "master":
            # It may lag behind, or be cut off from what it copies, and look fresh.
            raise redis.ConnectionError("a replica")
        started_at = time.time() - server["uptime_in_seconds"]
        if replication["second_repl_offset"] != -1:
            started_at = time.time()
        if isinstance(stream, Exception):
            if "no such key" not in str(stream).lower():
                raise stream
            return server["run_id"], started_at, NOWHERE, NOWHERE
        first = _place(stream["first-entry"][0]) if stream["first-entry"] else NOWHERE
        return server["run_id"], started_at, first, _place(stream["last-generated-id"])

    def _forget(self) -> None:
        """Drop what no token can need any more, and the keys a second time after they changed."""
        now = time.monotonic()
        oldest = int((now - self._horizon) // 60)
        for known in (self._ended, self._versions):
            for minute in [minute for minute in known if minute < oldest]:
                known.pop(minute)
        if now > self._renew_keys_at:
            self.keys, self._renew_keys_at = None, float("inf")


def _place(entry: bytes) -> Place:
    milliseconds, _dash, number = entry.partition(b"-")
    return int(milliseconds), int(number)
