"""What kind of device the words for it name, for a picture beside them: nothing rests on it.

The words are all that the ledger keeps of a User-Agent (see device.py), and they say enough.
"""

from __future__ import annotations

from accounts import device

PHONE, TABLET, DESKTOP, PROGRAM, UNKNOWN = KINDS = ("phone", "tablet", "desktop", "program", "unknown")

_BY_SYSTEM = {
    "iOS": PHONE, "Android": PHONE, "KaiOS": PHONE, "Windows Phone": PHONE, "iPadOS": TABLET,
    "Windows": DESKTOP, "macOS": DESKTOP, "Chrome OS": DESKTOP, "Linux": DESKTOP, "Ubuntu": DESKTOP,
    "Debian": DESKTOP, "Fedora": DESKTOP, "FreeBSD": DESKTOP, "OpenBSD": DESKTOP,
}  # fmt: skip
# Which speak for somebody who is not looking, whatever they run on.
_PROGRAMS = frozenset({"curl", "Wget", "PowerShell", "HeadlessChrome", "Python", "Python Requests", "okhttp"})
# On a phone these call themselves "… Mobile".
_ON_TABLETS = frozenset({"Chrome", "Firefox"})


def of(words: str) -> str:
    """One of `KINDS` for what `device.name` has said; what names no system is a program."""
    client, on, system = words.partition(" on ")
    if not words or words == device.UNKNOWN:
        return UNKNOWN
    if not on:
        return _BY_SYSTEM.get(words, PROGRAM)
    if client in _PROGRAMS:
        return PROGRAM
    if system == "Android" and client in _ON_TABLETS:
        return TABLET
    return _BY_SYSTEM.get(system, UNKNOWN)
