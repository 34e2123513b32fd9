"""A database of places in MaxMind's format 2.0, with the few networks that a test names."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

MAP, TEXT, UINT16, UINT32, UINT64, ARRAY = 7, 2, 5, 6, 9, 11


def write(places: dict[str, dict[str, Any]], *, version: int = 6) -> bytes:
    """The file that says these records of these networks."""
    nodes: list[list[Any]] = [[None, None]]
    for network, record in places.items():
        at, bits = 0, _bits(network, version=version)
        for bit in bits[:-1]:
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][bits[-1]] = record
    data, tree = b"", b""
    for pair in nodes:
        for side in pair:
            value = len(nodes) if side is None else side
            if isinstance(side, dict):
                value = len(nodes) + 16 + len(data)
                data += _field(side)
            tree += value.to_bytes(3, "big")
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + _about(len(nodes), version=version)


def _bits(network: str, *, version: int) -> list[int]:
    found = ip_network(network)
    before = 96 if version == 6 and found.version == 4 else 0
    text = "0" * before + format(int(found.network_address), f"0{found.max_prefixlen}b")
    return [int(bit) for bit in text[: before + found.prefixlen]]


def _about(count: int, *, version: int) -> bytes:
    pairs = {
        "binary_format_major_version": _number(2, UINT16),
        "binary_format_minor_version": _number(0, UINT16),
        "build_epoch": _number(1_790_000_000, UINT64),
        "database_type": _field("City"),
        "description": _control(MAP, 0),
        "ip_version": _number(version, UINT16),
        "languages": _control(ARRAY, 0),
        "node_count": _number(count, UINT32),
        "record_size": _number(24, UINT16),
    }
    return _control(MAP, len(pairs)) + b"".join(_field(name) + value for name, value in pairs.items())


def _field(value: Any) -> bytes:
    if isinstance(value, dict):
        inner = b"".join(_field(key) + _field(item) for key, item in value.items())
        return _control(MAP, len(value)) + inner
    text = str(value).encode()
    return _control(TEXT, len(text)) + text


def _number(value: int, kind: int) -> bytes:
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return _control(kind, len(body)) + body


def _control(kind: int, size: int) -> bytes:
    head, tail = (kind, b"") if kind < 8 else (0, bytes([kind - 7]))
    return bytes([head << 5 | min(size, 29)]) + tail + (bytes([size - 29]) if size >= 29 else b"")
