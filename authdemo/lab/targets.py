"""What this project aims for, as ratios and counts within one run, and whether that run got there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from authdemo.lab import figures, limits, variants, ways
from authdemo.lab.judge import LONG, NOT_MET, Judgement, Target
from authdemo.lab.run import Run
from authdemo.lab.tables import Table
from authdemo.lab.variants import DB_SESSIONS, WITH_IDLE

VALGRIND, REDIS = "valgrind", "Redis"
# How many times fewer instructions a token seen before adds, by what the peers' names begin with.
FEWER = {
    "simplejwt stateless": (10, limits.FEWER_BY_HMAC),
    "simplejwt default": (30, limits.FEWER_BY_STATEMENTS),
    "simplejwt with blacklist": (45, limits.FEWER_BY_STATEMENTS),
    "knox": (45, limits.FEWER_BY_STATEMENTS),
    DB_SESSIONS: (45, limits.FEWER_BY_STATEMENTS),
}
# How many times as much a session with an idle timeout adds elsewhere.
DEARER = {
    f"Django's cache sessions{WITH_IDLE}": 9,
    f"Django's cached_db sessions{WITH_IDLE}": 20,
    f"{DB_SESSIONS}{WITH_IDLE}": 20,
}


def _tokens(run: Run) -> Sequence[Any]:
    return run.tokens


def _sessions(run: Run) -> Sequence[Any]:
    return run.sessions


TARGETS: list[Target] = [
    Target(
        number=1,
        aim="a token seen before: no statement",
        part="tokens",
        find=figures.statements(_tokens, ways.BEFORE),
        bound=0,
        limit=limits.FAULT,
    ),
    Target(
        number=1,
        aim="a token seen before: no round trip to Redis",
        part="tokens",
        find=figures.round_trips(_tokens, ways.BEFORE),
        bound=0,
        needs=REDIS,
        limit=limits.FAULT,
    ),
    Target(
        number=1,
        aim="a token seen before: at most 1.5 × the instructions of a constant user",
        part="instructions",
        find=figures.instructions(ways.BEFORE, ways.CONSTANT),
        bound=1.5,
        needs=VALGRIND,
        limit=limits.OF_THE_FLOOR,
    ),
    Target(
        number=1,
        aim="a token seen before: at least 95 % of the throughput without authentication",
        part="http",
        find=figures.throughput,
        bound=0.95,
        is_least=True,
        limit=limits.THROUGHPUT,
    ),
    *(
        Target(
            number=1,
            aim=f"{kind}: at least {least} × the instructions of a token seen before",
            part="instructions",
            find=figures.instructions(kind, ways.BEFORE),
            bound=least,
            is_least=True,
            needs=VALGRIND,
            limit=limit,
        )
        for kind, (least, limit) in FEWER.items()
    ),
    Target(
        number=2,
        aim="a token seen first: no more instructions than simplejwt stateless, ES256",
        part="instructions",
        find=figures.instructions(ways.FIRST, ways.STATELESS),
        bound=1,
        needs=VALGRIND,
        limit=limits.FIRST,
    ),
    Target(
        number=2,
        aim="a token seen first: no more time than simplejwt stateless, ES256",
        part="tokens",
        find=figures.added(_tokens, ways.FIRST, ways.STATELESS),
        bound=1,
        limit=limits.FIRST,
    ),
    Target(
        number=2,
        aim="how many requests find their token remembered, 2 workers, 40 uses of each",
        part="http",
        find=figures.hit_rate,
    ),
    Target(
        number=3,
        aim="a session with Redis: 1 round trip",
        part="sessions",
        find=figures.round_trips(_sessions, variants.SESSION),
        bound=1,
        needs=REDIS,
        limit=limits.FAULT,
    ),
    Target(
        number=3,
        aim="a session with Redis: no statement",
        part="sessions",
        find=figures.with_redis(figures.statements(_sessions, variants.SESSION)),
        bound=0,
        needs=REDIS,
        limit=limits.FAULT,
    ),
    Target(
        number=3,
        aim="a session with Redis: adds at most 2 × a bare round trip",
        part="sessions",
        find=figures.added(_sessions, variants.SESSION, variants.ROUND_TRIP),
        bound=2,
        needs=REDIS,
        limit=limits.SESSION,
    ),
    *(
        Target(
            number=3,
            aim=f"{name}: add at least {least} × what ours add",
            part="sessions",
            find=figures.added(_sessions, name, variants.SESSION),
            bound=least,
            is_least=True,
            needs=REDIS,
            limit=limits.SESSION,
        )
        for name, least in DEARER.items()
    ),
    Target(
        number=3,
        aim="sessions: at least 4 × the throughput of Django's db sessions",
        part="http",
        find=figures.sessions_over_http,
        bound=4,
        is_least=True,
        limit=limits.SESSIONS_OVER_HTTP,
    ),
    Target(
        number=4,
        aim="a session without Redis: 1 statement",
        part="sessions",
        find=figures.without_redis(figures.statements(_sessions, variants.SESSION)),
        bound=1,
        needs="a run without Redis",
        limit=limits.FAULT,
    ),
    *(
        Target(
            number=4,
            aim=f"a session without Redis: adds on {name} at most {most} × what Django's db sessions add",
            part="sessions",
            find=figures.without_redis(
                figures.added(_sessions, variants.SESSION, DB_SESSIONS), database=database
            ),
            bound=most,
            needs=f"{name} without Redis",
            limit=limits.STATEMENT,
        )
        for name, database, most in (("SQLite", "sqlite", 0.1), ("PostgreSQL", "postgresql", 0.33))
    ),
    Target(
        number=5,
        aim="from an end to its refusal everywhere, all busy, 99 %: 5 ms",
        part="delay",
        find=figures.delay_with_redis,
        bound=5,
        needs="PostgreSQL, Redis and --long",
        limit=limits.DELAY,
    ),
    Target(
        number=5,
        aim="from an end to its refusal on SQLite: the next request (0 ms)",
        part="delay",
        find=figures.delay_on_sqlite,
        bound=0,
        needs="SQLite",
        limit=limits.FAULT,
    ),
    Target(
        number=6,
        aim="1,000,000 ended Logins: at most 100 B each",
        part="ended",
        find=figures.entry_bytes,
        bound=100,
        needs=LONG,
        limit=limits.FAULT,
    ),
    Target(
        number=6,
        aim="1,000,000 ended Logins: no pause over 5 ms",
        part="ended",
        find=figures.pause,
        bound=5,
        needs=LONG,
        limit=limits.PAUSE,
    ),
    Target(
        number=7,
        aim="a request with 1,000,000 signed in: at most 1.2 × one with 1,000",
        part="crowded",
        find=figures.crowd,
        bound=1.2,
        needs=LONG,
        limit=limits.CROWD,
    ),
    Target(
        number=7,
        aim="every page of the console at 1,000,000 Logins: at most 5 ms of SQL",
        part="console",
        find=figures.console,
        bound=5,
        needs=LONG,
        limit=limits.CONSOLE,
    ),
    Target(
        number=7,
        aim="cleaning: no write of others waits over 200 ms",
        part="cleaning",
        find=figures.cleaning,
        bound=200,
        needs=LONG,
        limit=limits.CLEANING,
    ),
    Target(
        number=8,
        aim="a sign-in: at most 1.3 × the password's hash alone",
        part="sign-in",
        find=figures.sign_in,
        bound=1.3,
        limit=limits.SIGN_IN,
    ),
]


def judged(run: Run) -> list[Judgement]:
    """What this run says to every target."""
    return [target.judge(run) for target in TARGETS]


def tables(run: Run, *, is_whole: bool = True) -> list[Table]:
    """Each target with its figure; of a part of a run, those that it measured."""
    chosen = [one for one in judged(run) if is_whole or one.figure]
    rows = [_row(one) for one in chosen]
    columns = ("target", "aim", "here", "of the bound", "verdict")
    notes = [f"{one.target.aim}: {one.verdict}. {one.why}" for one in chosen if one.why]
    return [Table(title="Targets", columns=columns, rows=rows, words=2, notes=notes)]


def _row(one: Judgement) -> list[str]:
    here = one.figure.said if one.figure else "–"
    times = "–" if one.times_the_bound is None else f"{one.times_the_bound:.2f} ×"
    return [str(one.target.number), one.target.aim, here, times, one.verdict]


def broken(run: Run) -> list[str]:
    """The bounds of a long run that this one breaks, a line each: what costs more the more are signed in."""
    return [
        f"{one.target.aim}: {one.figure.said}"
        for one in judged(run)
        if one.target.part == "crowded" and one.verdict == NOT_MET and one.figure
    ]


def as_json(run: Run) -> list[dict[str, Any]]:
    """Each target with its verdict, as JSON has it."""
    return [
        {
            "number": one.target.number,
            "aim": one.target.aim,
            "bound": one.target.bound,
            "is_least": one.target.is_least,
            "value": one.figure.value if one.figure else None,
            "low": one.figure.low if one.figure else None,
            "high": one.figure.high if one.figure else None,
            "times_the_bound": one.times_the_bound,
            "verdict": one.verdict,
            "why": one.why,
        }
        for one in judged(run)
    ]
