"""What the panes hold between two requests: in the visitor's own session, encrypted, and nowhere else."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from accounts import mac

if TYPE_CHECKING:
    from django.http import HttpRequest

NAME = "lab"


def read(request: HttpRequest) -> dict[str, Any]:
    """What was kept for this visitor; nothing where there is nothing, or no secret of ours opens it."""
    sealed = request.session.get(NAME)
    return opened(sealed) if isinstance(sealed, str) else {}


def write(request: HttpRequest, state: dict[str, Any]) -> None:
    """Keep this for the visitor. The session is only sealed: whoever read it would hold the keys."""
    plain = zlib.compress(json.dumps(state, separators=(",", ":")).encode())
    request.session[NAME] = _box().encrypt(plain).decode()


def opened(sealed: str) -> dict[str, Any]:
    """What is in there."""
    try:
        state: dict[str, Any] = json.loads(zlib.decompress(_box().decrypt(sealed)))
    except (InvalidToken, ValueError, zlib.error):
        return {}
    return state


def _box() -> MultiFernet:
    keys = (mac.derived_key("lab panes", secret) for secret in mac.secrets_now())
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])
