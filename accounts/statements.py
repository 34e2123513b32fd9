"""What processes say in Redis of what they know: where it stands, how it is written, and that it is ours.

A process has one field in the hash of processes; each receipt that somebody wants has a hash of its own,
which expires. All are in the slot of the feed. Instants are those of the server's own clock, and name the
server process that told them: clocks of two servers cannot be compared. Each value carries a MAC over its
place, too: whoever can write to Redis can take statements away, but neither make nor move one.
"""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import sys
from pathlib import PurePath
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from accounts import mac
from accounts.nodes import Link

# A receipt can be asked for so long after the last end under it; the processes' hash goes when all are gone.
KEPT_SECONDS = 120
# A hash is read whole, but never more of it than this.
MOST = 4096
MAC_BYTES = 16
MOMENT = struct.Struct(">16sQ")
PART = struct.Struct(">16sI")
TAKEN = struct.Struct(">QQ")
COUNT = struct.Struct(">Q")
UNTIMED = 2**64 - 1
# Fields beside those of the processes, which are 16 random bytes: what was told under a receipt; since when a
# server has had the hash of the processes.
TOLD, SINCE = b"told", b"since "


class Moment(NamedTuple):
    """An instant of one server's clock, in microseconds."""

    node: bytes
    micros: int

    def pack(self) -> bytes:
        """As 24 bytes."""
        return MOMENT.pack(*self)

    def until(self, later: Moment) -> int | None:
        """The microseconds from this one to that; None when two servers have told them."""
        return later.micros - self.micros if later.node == self.node else None

    def is_before(self, other: Moment) -> bool:
        """Whether this one is certainly not later."""
        passed = self.until(other)
        return passed is not None and passed >= 0


def moment(link: Link, answer: list[bytes]) -> Moment:
    """What the server at the other end has answered to TIME."""
    seconds, micros = map(int, answer)
    return Moment(link.node.encode()[:16].ljust(16), seconds * 1_000_000 + micros)


def now(link: Link) -> Moment:
    """What the server's clock shows; one round trip."""
    return moment(link, link.ask("TIME"))


class Part(NamedTuple):
    """What an entry of the feed says of the receipt that somebody wants: its key and the entry's number.

    `at` is an instant after the commit and before the entry was written.
    """

    key: bytes
    number: int
    at: Moment

    def pack(self) -> bytes:
        """As 44 bytes."""
        return PART.pack(self.key, self.number) + self.at.pack()


def read_part(value: bytes) -> Part | None:
    """The part that stands in a field; None for what is none."""
    if len(value) != PART.size + MOMENT.size:
        return None
    key, number = PART.unpack_from(value)
    return Part(key, number, Moment(*MOMENT.unpack_from(value, PART.size)))


class Process(NamedTuple):
    """A process by name, for people: `kind` is the program that serves."""

    host: str
    pid: int
    kind: str

    def __str__(self) -> str:
        return _("%(host)s, process %(pid)d (%(kind)s)") % self._asdict()


class Presence(NamedTuple):
    """A process says: I was there at this moment, and know all that was ended before `read_to`.

    Because it read the ledger, and began to after that moment; since `began` for the first time.
    """

    at: Moment
    read_to: Moment
    began: Moment
    process: Process

    def pack(self) -> bytes:
        """The moments, then the name as JSON."""
        moments = self.at.pack() + self.read_to.pack() + self.began.pack()
        return moments + json.dumps(self.process).encode()


def read_presence(value: bytes) -> Presence:
    """The other way round; for what we have signed."""
    at, read_to, began = (Moment(*MOMENT.unpack_from(value, place * MOMENT.size)) for place in range(3))
    return Presence(at, read_to, began, Process(*json.loads(value[3 * MOMENT.size :])))


def this_process() -> Process:
    """The name of this one: its host, its id, and the program with its command if that is manage.py."""
    program = PurePath(sys.argv[0] if sys.argv else "")
    name = program.parent.name if program.name == "__main__.py" else program.name
    kind = " ".join([name, *sys.argv[1:2]]) if name == "manage.py" else name
    return Process(_printable(socket.gethostname()), os.getpid(), _printable(kind) or "python")


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:64]


def pack_told(count: int, at: Moment) -> bytes:
    """So many Logins were told under this receipt, the last after this moment."""
    return COUNT.pack(count) + at.pack()


def read_told(value: bytes) -> tuple[int, Moment]:
    """The other way round; for what we have signed."""
    return COUNT.unpack_from(value)[0], Moment(*MOMENT.unpack_from(value, COUNT.size))


def name_of_processes(feed_key: str) -> str:
    """The hash of the processes that follow this feed."""
    return f"{_tagged(feed_key)}:processes"


def name_of_receipt(feed_key: str, key: bytes) -> str:
    """The hash of one receipt."""
    return f"{_tagged(feed_key)}:receipt:{key.hex()}"


def _tagged(feed_key: str) -> str:
    """In the slot of the feed itself: what is in braces decides, and without any, all of it."""
    return feed_key if re.search(r"\{[^}]+\}", feed_key) else f"{{{feed_key}}}"


def since(node: bytes) -> bytes:
    """The field that tells since when this server has had the hash of the processes."""
    return SINCE + node


def seal(name: str, field: bytes, said: bytes) -> bytes:
    """What is written into this field of this hash."""
    return mac.mac("receipt", _placed(name, field, said))[:MAC_BYTES] + said


def unseal(name: str, field: bytes, value: bytes | None) -> bytes | None:
    """What was said there; None for what we have not said there."""
    if value is None:
        return None
    given, said = value[:MAC_BYTES], value[MAC_BYTES:]
    is_ours = len(given) == MAC_BYTES and mac.matches("receipt", _placed(name, field, said), given)
    return said if is_ours else None


def _placed(name: str, field: bytes, said: bytes) -> bytes:
    place = name.encode()
    return struct.pack(">II", len(place), len(field)) + place + field + said


def pairs(flat: list[Any]) -> dict[bytes, bytes]:
    """Fields and values as Redis answers them, one behind the other."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
