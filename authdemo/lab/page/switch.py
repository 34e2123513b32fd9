"""The switch of a Redis that was started for the lab (authdemo/lab/page/with_redis.py): stop it, start it."""

from __future__ import annotations

import socket

from authdemo import conf

PATIENCE_SECONDS = 10


class NoSwitch(Exception):
    """There is no Redis here that the lab may stop, or it did not do as it was told."""


def is_there() -> bool:
    """Whether the lab was told of one."""
    return bool(conf.lab().redis_switch)


def turn(verb: str) -> str:
    """`stop`, `start` or `state`: returns "running" or "stopped" once that is so."""
    if not is_there():
        raise NoSwitch
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(PATIENCE_SECONDS)
            link.connect(conf.lab().redis_switch)
            link.sendall(f"{verb}\n".encode())
            told = link.makefile("r").readline().strip()
    except OSError as error:
        raise NoSwitch from error
    if told not in ("running", "stopped"):
        raise NoSwitch
    return told
