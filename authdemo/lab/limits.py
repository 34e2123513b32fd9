"""Why a target may not be met, and what then stands in the way: what the report says beside "not met".

Figures stand in the tables of the same run; here are the reasons.
"""

from __future__ import annotations

FEWER_BY_HMAC = (
    "HS256 needs no elliptic curve, and a tenth of what simplejwt adds with it is a third more than what "
    "DRF takes for a user made of nothing, the row of the constant user."
)
FEWER_BY_STATEMENTS = (
    "In what is added is what DRF takes even for a user made of nothing, the row of the constant user. On "
    "SQLite three tenths of it are the glance at data_version, by which an end counts at the next request."
)
OF_THE_FLOOR = (
    "Beyond it are a new User, a new token object, the feed and its lock, and a dozen short functions, each "
    "of which asks something that can change. On SQLite the glance at data_version comes on top, three "
    "tenths of it all."
)
THROUGHPUT = (
    "The view does nothing and is answered in a tenth of a millisecond, of which 5 % are 5 µs: a user made "
    "of nothing takes about as much, and a token seen before more."
)
FIRST = (
    "Both verify one signature, which is most of it; ours has 13 claims, is twice as long as the peer's, "
    "and each claim is read strictly."
)
SESSION = (
    "The round trip alone is more than a third of what is added; the rest is Python (unsealing, standing, "
    "the person, two middlewares), and no one part of it stands out."
)
SESSIONS_OVER_HTTP = (
    "Whoever asks takes a share of the same cores, and so does Redis; on SQLite Django's own engine "
    "answers twice as fast as on PostgreSQL."
)
STATEMENT = (
    "By instructions, three fifths of what it adds are the one statement, which joins three tables, and "
    "Django's way to its rows: with nothing else it would still be 0.18 on SQLite."
)
DELAY = (
    "Most of it is the way from the commit to Redis, for which the process that ends must get a core; "
    "with more busy processes than cores it grows."
)
PAUSE = (
    "A step learns or forgets so many and lets others go on: a longer one is a fault, or the machine was "
    "busy."
)
CROWD = (
    "The two are measured minutes apart, and what a request takes moves by a fifth with what else the "
    "machine does."
)
CONSOLE = (
    "Where more than 200 people share the beginning of an address, or a network is wide, each of 450 rows is "
    "asked whose it is, and Logins of operators lie all over the table. None of it grows with the table, and "
    "such small times move with the machine."
)
CLEANING = (
    "SQLite lets one write at a time, and a batch holds its lock for 10 ms; the longest waits are those "
    "for a core or the disk, which come without cleaning, too."
)
SIGN_IN = (
    "Argon2id takes some 20 ms, so 1.3 leaves 6 for fifteen statements: the throttle's six, so that no two "
    "processes let each other's guesses through, the person, the Login, its event and its carrier. On "
    "PostgreSQL half of what is beside the hash is the database's, its driver and the ORM with it."
)
FAULT = "Nothing makes it so by nature: this is a fault."
