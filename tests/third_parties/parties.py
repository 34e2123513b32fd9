"""Services of somebody else, as processes, and what they may be sent."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Self

from authdemo.demo import PASSWORD
from tests import programs
from tests.programs import MissingService
from tests.servers import Server, free_port
from tests.web import PROJECT, WebServer

EXAMPLES = PROJECT / "examples"
AUDIENCE = "https://api.example.com"
OTHER_AUDIENCE = "https://other.example.com"
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

MAKE_CLIENT = f"""
from tokens_stateless import clients
rights = {{"may_introspect": True, "may_revoke": True, "may_exchange": True, "for_pages": True}}
audiences = {[AUDIENCE, OTHER_AUDIENCE]}
client, secret = clients.make(name="Reports", audiences=audiences, scopes=["read", "write"], **rights)
print(client.pk, secret)
"""

FORGE = """
import json
from tests.tokens_stateless import forge
from tokens_stateless import keys
print(keys.signer()[0], forge.forge(forge.header(typ={typ!r}), json.loads({claims!r})))
"""

# As if the standby key had been published for as long as anybody keeps a key set.
ROTATE = """
from datetime import timedelta
from django.utils import timezone
from tokens_stateless import keyring
from tokens_stateless.models import KeyState, SigningKey
hour = timezone.now() - timedelta(hours=1)
SigningKey.objects.filter(state=KeyState.STANDBY).update(created_at=hour)
print(keyring.rotate().kid)
"""


# One process for all of them: to start one takes a second.
SHELL = """
import contextlib, io, json, sys
import django
django.setup()
for line in sys.stdin:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(json.loads(line), {})
    print(json.dumps(printed.getvalue()), flush=True)
"""


@dataclass(frozen=True)
class Reply:
    """What a service answers."""

    status: int
    body: Any
    challenge: str | None


class ResourceServer(Server):
    """One of examples/, as a process."""

    def __init__(self, directory: Path, program: Sequence[str | Path], **variables: str) -> None:
        super().__init__(directory)
        self.program = program
        self.port = free_port()
        self.variables = variables

    def command(self) -> Sequence[str | Path]:
        return self.program

    def environment(self) -> Mapping[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
        ours = {"AUDIENCE": AUDIENCE, "PORT": str(self.port), "NODE_OPTIONS": programs.NODE_OPTIONS}
        return {**kept, **ours, **self.variables}

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.asked(None).status == 401
        return False

    def asked(self, token: str | None) -> Reply:
        """What it answers to this token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return _send(urllib.request.Request(f"http://127.0.0.1:{self.port}/", headers=headers))


class Issuer:
    """The project as a service of somebody else sees it: its metadata, and a client of our own."""

    def __init__(self, server: WebServer) -> None:
        self.server = server
        self.origin = server.origin
        self._shell = subprocess.Popen(
            [sys.executable, "-c", SHELL],
            cwd=PROJECT,
            env={"DJANGO_SETTINGS_MODULE": "authdemo.settings", **server.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.client_id, self.secret = self.shell(MAKE_CLIENT).split()
        with urllib.request.urlopen(f"{self.origin}/.well-known/oauth-authorization-server") as answer:
            self.metadata = json.load(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.communicate(timeout=20)

    def shell(self, code: str) -> str:
        """What this code prints, run in a process beside the server's."""
        assert self._shell.stdin
        assert self._shell.stdout
        print(json.dumps(code), file=self._shell.stdin, flush=True)
        return str(json.loads(self._shell.stdout.readline())).strip()

    def sign_in(self, email: str = "alice@example.com") -> str:
        """A new Login's access token."""
        body = json.dumps({"email": email, "password": PASSWORD}).encode()
        headers = {"Content-Type": "application/json"}
        answer = _send(urllib.request.Request(f"{self.origin}/api/token/", body, headers))
        return str(answer.body["access"])

    def exchanged(self, access: str, *, audience: str = AUDIENCE, **fields: str) -> str:
        """A token for this audience, from an access token."""
        form = {"grant_type": EXCHANGE, "subject_token": access, "subject_token_type": TOKEN_TYPE, **fields}
        answer = self.called("token_endpoint", audience=audience, **form)
        assert answer.status == 200, (answer, self.server.logged()[-3000:])
        return str(answer.body["access_token"])

    def end(self, token: str) -> None:
        """End the Login that it carries, everywhere."""
        assert self.called("revocation_endpoint", token=token).status == 200

    def called(self, endpoint: str, **form: str) -> Reply:
        """One of its endpoints, with our client's secret."""
        credentials = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        body = urllib.parse.urlencode(form).encode()
        headers = {"Authorization": f"Basic {credentials}"}
        return _send(urllib.request.Request(self.metadata[endpoint], body, headers))

    def forged(self, good: str, *, typ: str = "at+jwt", **changes: object) -> tuple[str, str]:
        """The id of the key that signs now, and a token of its own that differs in these claims."""
        claims = json.dumps({**claims_of(good), **changes})
        kid, token = self.shell(FORGE.format(typ=typ, claims=claims)).split()
        return kid, token

    def rotate(self) -> str:
        """Let the standby key sign; returns its id."""
        return self.shell(ROTATE)

    def revoke_key(self, kid: str) -> None:
        """Have this key verify nothing any more."""
        self.shell(f"from tokens_stateless import keyring; keyring.revoke([{kid!r}])")


def python(name: str) -> list[str | Path]:
    """How to run a Python example."""
    return [sys.executable, EXAMPLES / "python" / name]


def node(name: str) -> list[str | Path]:
    """How to run a Node example; its packages are brought once, and again when package.json has changed."""
    program, directory = programs.node(), EXAMPLES / "node"
    installed = directory / "node_modules/.package-lock.json"  # npm's own note of what it has brought
    with (directory / "package.json").open() as wanted:
        fcntl.flock(wanted, fcntl.LOCK_EX)  # two runs of the tests may begin at once
        if not installed.exists() or installed.stat().st_mtime < Path(wanted.name).stat().st_mtime:
            quiet = ["--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(
                [programs.npm(), "install", *quiet],
                cwd=directory,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise MissingService(
                    f"npm could not bring the packages of examples/node: {done.stderr[-500:]}"
                )
            installed.touch()
    return [program, directory / name]


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unchecked."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def part(value: object) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def tampered(token: str) -> str:
    """The same token about somebody else."""
    head, _body, signature = token.split(".")
    somebody = "00000000-0000-4000-8000-000000000000"
    return f"{head}.{part({**claims_of(token), 'sub': somebody})}.{signature}"


def unsigned(token: str) -> str:
    """The same token with the algorithm that signs nothing."""
    return f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{token.split('.')[1]}."


def _send(request: urllib.request.Request) -> Reply:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return Reply(answer.status, json.load(answer), None)
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, json.load(error), error.headers["WWW-Authenticate"])
