"""JSON as RFC 8259 means it and nothing besides: UTF-8, no name twice, no NaN, not too deep.

Two readers that understand one text differently are how checks are passed by; so we read only what all of
them read alike.
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 32


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)


def loads(data: bytes) -> Any:
    """The value that these bytes say; ValueError for anything unclear. Linear in the size of `data`."""
    # The recursive parser must never meet a deep text. Counting all brackets is quick and clears most.
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
        raise ValueError("nested too deep")
    text = data.decode("utf-8")
    if text.startswith("\ufeff"):
        raise ValueError("a byte order mark is no JSON")
    value = DECODER.decode(text)
    if "\\u" in text:
        # A lone surrogate comes by escapes only; it cannot be encoded again and fails wherever it arrives.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _depth(data: bytes) -> int:
    depth = deepest = 0
    in_string = escaped = False
    for byte in data:
        if in_string:
            in_string, escaped = escaped or byte != 0x22, not escaped and byte == 0x5C
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
