"""The smallest project with each flow, ours and the usual one: what one writes, and how soon it answers.

Each directory here is such a project. It is copied to an empty directory and started there; a person signs
in, asks, signs out and asks again.
"""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import sys
import time
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from authdemo.lab import visiting
from authdemo.lab.setup import Setup
from authdemo.lab.tables import Table
from authdemo.lab.visiting import Answer, Visitor

DJANGO_SESSIONS, OUR_SESSIONS = "django_sessions", "our_sessions"
SIMPLEJWT, OUR_TOKENS = "simplejwt_tokens", "our_tokens"
NAMES = {
    DJANGO_SESSIONS: "Django's sessions",
    OUR_SESSIONS: "sessions of this project",
    SIMPLEJWT: "simplejwt with its blacklist",
    OUR_TOKENS: "tokens of this project",
}
EMAIL, PASSWORD = "alice@example.com", "a password of a small project"
HERE = Path(__file__).parent
NOT_WRITTEN = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """One project: what one writes, what comes along, and how it went.

    `lines` are those with code or markup. `packages` are those of which it loads something, and `brought` the
    lines of this project that it needs, which no package has. `statements` change the database's schema.
    `after_sign_out` tells whether what was held before still gets in, `refreshes` whether it gives a token.
    """

    name: str
    files: int
    lines: int
    settings: int
    packages: int
    brought: int
    statements: int
    seconds: float
    after_sign_out: bool
    refreshes: bool | None = None


def measure(setup: Setup) -> list[Adopted]:
    """Start each of them in turn. About 9 s."""
    return [_adopted(name, setup) for name in NAMES]


def tables(found: Sequence[Adopted]) -> list[Table]:
    """One project in a line."""
    columns = ["the smallest project with", "files", "lines", "settings", "packages", "lines of ours"]
    columns += ["schema statements", "s to the first answer", "lets in after sign-out", "refreshes after it"]
    return [
        Table(
            title="From an empty directory to the first signed-in request",
            columns=columns,
            rows=[_row(one) for one in found],
            notes=["With all packages installed; on SQLite, by Django's own server."],
        )
    ]


def _row(one: Adopted) -> list[str]:
    counts = (one.files, one.lines, one.settings, one.packages, one.brought, one.statements)
    words = {True: "yes", False: "no", None: "–"}
    return [
        NAMES[one.name],
        *(f"{count:,}" for count in counts),
        f"{one.seconds:.1f}",
        words[one.after_sign_out],
        words[one.refreshes],
    ]


def _adopted(name: str, setup: Setup) -> Adopted:
    project = setup.directory / f"adopted-{name}"
    began = time.monotonic()
    visit = _with_tokens if name in (SIMPLEJWT, OUR_TOKENS) else _with_a_cookie
    with started(name, project) as (visitor, files, told):
        asks, refreshes, sign_out = visit(visitor)
        answer = asks()
        seconds = time.monotonic() - began - told["counting_seconds"]
        if answer.status != 200 or b"hello" not in answer.body:
            raise RuntimeError(f"{name}: {answer}")
        sign_out()
        after, renewed = asks().status == 200, refreshes()
    written = sum(lines(file) for file in files)
    shutil.rmtree(project)
    return Adopted(
        name=name,
        files=len(files),
        lines=written,
        settings=chosen(HERE / name / "settings.py"),
        packages=told["packages"],
        brought=sum(lines(Path(file)) for file in told["brought"]),
        statements=told["statements"],
        seconds=seconds,
        after_sign_out=after,
        refreshes=renewed,
    )


@contextmanager
def started(
    name: str, project: Path, *, more: str = ""
) -> Iterator[tuple[Visitor, list[Path], dict[str, Any]]]:
    """One of them, served from this directory: somebody to visit it, its files, what migrating it told.

    `more` is added to its settings.
    """
    files = _copy(HERE / name, project)
    with (project / "settings.py").open("a", encoding="utf-8") as written:
        written.write(more)
    told = json.loads(_run(project, str(HERE / "migrating.py")))
    _run(project, "-m", "django", "createsuperuser", "--noinput", "--verbosity", "0")
    with _served(project) as visitor:
        yield visitor, files, told


def _copy(source: Path, target: Path) -> list[Path]:
    """What one writes; the files that make it a part of this package are left out."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__init__.py", "__pycache__"))
    return sorted(file for file in target.rglob("*") if file.is_file())


def _run(project: Path, *arguments: str) -> str:
    # Our own interpreter and our own programs; nothing of it comes from outside.
    done = subprocess.run(  # noqa: S603
        [sys.executable, *arguments],
        cwd=project,
        env=_environment(project),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{project.name}: {done.stderr[-2000:]}")
    return done.stdout


def _environment(project: Path) -> dict[str, str]:
    """Nothing of ours but where its apps are: they are in no package that could be installed."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
    told = {"DJANGO_SUPERUSER_USERNAME": EMAIL, "DJANGO_SUPERUSER_EMAIL": EMAIL}
    return {
        **kept,
        **told,
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONPATH": f"{project}{os.pathsep}{settings.BASE_DIR}",
    }


@contextmanager
def _served(project: Path) -> Iterator[Visitor]:
    port = visiting.free_port()
    command = [sys.executable, "-m", "django", "runserver", "--noreload", f"{visiting.HOST}:{port}"]
    with visiting.serving(command, _environment(project), port=port, asked="/hello/", directory=project):
        yield Visitor(port)


Visited = tuple[Callable[[], Answer], Callable[[], "bool | None"], Callable[[], object]]


def _with_a_cookie(visitor: Visitor) -> Visited:
    """Sign in at the page: how to ask with that cookie, even later; nothing to refresh; how to sign out."""
    page, door = Visitor(visitor.port), "/accounts/login/"
    page.get(door)

    def form(**fields: str) -> Mapping[str, str]:
        return {"csrfmiddlewaretoken": page.cookies["csrftoken"].value, **fields}

    page.post(door, form=form(username=EMAIL, password=PASSWORD))
    kept = Visitor(visitor.port, dict(page.cookies))
    return lambda: kept.get("/hello/"), lambda: None, lambda: page.post("/accounts/logout/", form=form())


def _with_tokens(visitor: Visitor) -> Visited:
    """As `_with_a_cookie`, for a pair of tokens; each is signed out as its documentation says."""
    answer = visitor.post("/api/token/", data={"email": EMAIL, "username": EMAIL, "password": PASSWORD})
    held = answer.json()
    bearer, refresh = {"Authorization": f"Bearer {held['access']}"}, {"refresh": held["refresh"]}

    def sign_out() -> None:
        # One takes simplejwt's JSON, the other OAuth's form (RFC 7009).
        if visitor.post("/api/token/revoke/", data=refresh).status != 200:
            visitor.post("/api/token/revoke/", form={"token": held["refresh"]})

    return (
        lambda: visitor.get("/hello/", bearer),
        lambda: visitor.post("/api/token/refresh/", data=refresh).status == 200,
        sign_out,
    )


def lines(file: Path) -> int:
    """Lines with something on them; of Python, without comments, docstrings and the import of annotations."""
    text = file.read_text()
    if file.suffix != ".py":
        return sum(bool(line.strip()) for line in text.splitlines())
    written = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in NOT_WRITTEN and token.string
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(written - _said(ast.parse(text)))


def _said(tree: ast.Module) -> set[int]:
    """The lines of docstrings, and of the import that the style of here asks for."""
    found: set[int] = set()
    for node in ast.walk(tree):
        is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if (is_future or is_text) and isinstance(node, ast.stmt):
            found.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def chosen(file: Path) -> int:
    """How many settings such a file has."""
    tree = ast.parse(file.read_text())
    names = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return sum(isinstance(name, ast.Name) and name.id.isupper() for name in names)
