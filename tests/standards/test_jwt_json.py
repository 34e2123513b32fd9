"""Headers and payloads that are no plain JSON object, sent to every door: section 2, attacks 18–20 (T11).

Each is signed with our own key, so that nothing else is wrong with it.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held, Reasons, unread
from tests.tokens_stateless.forge import dumps

OBJECTS: dict[str, Callable[[str], bytes]] = {
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "UTF-7": lambda text: text.replace("{", "+AHs-").encode(),
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "bytes of another order mark": lambda text: b"\xff\xfe" + text.encode(),
    "NUL before": lambda text: b"\0" + text.encode(),
    "NUL behind": lambda text: text.encode() + b"\0",
    "deep": lambda text: text.encode()[:-1] + b',"x":' + b"[" * 500 + b"]" * 500 + b"}",
    "deep, and never closed": lambda text: text.encode()[:-1] + b',"x":' + b"[" * 1500,
    "deep in objects": lambda text: b'{"x":' * 200 + text.encode() + b"}" * 200,
    "more behind": lambda text: text.encode() + b"{}",
    "the same again": lambda text: text.encode() * 2,
    "line by line": lambda text: text.encode() + b"\n" + text.encode(),
    "cut off": lambda text: text.encode()[:-1],
    "closed twice": lambda text: text.encode() + b"}",
    "opened twice": lambda text: b"{" + text.encode(),
    "comma behind": lambda text: text.encode() + b",",
    "comma at the end": lambda text: text.encode()[:-1] + b",}",
    "comma at the start": lambda text: b"{," + text.encode()[1:],
    "comment": lambda text: text.encode() + b"//",
    "comment inside": lambda text: b"{/**/" + text.encode()[1:],
    "comment of another kind": lambda text: text.encode() + b"#",
    "list": lambda text: f"[{text}]".encode(),
    "text": lambda text: json.dumps(text).encode(),
    "in other quotes": lambda text: text.replace('"', "'").encode(),
    "without quotes": lambda text: text.replace('"', "").encode(),
    "with typographic quotes": lambda text: text.replace('"', "\u201c").encode(),
    "with equals signs": lambda text: text.replace(":", "=").encode(),
    "in semicolons": lambda text: text.replace(",", ";").encode(),
    "with a form feed": lambda text: b"\f" + text.encode(),
    "with a vertical tab": lambda text: text.encode() + b"\v",
    "with a hard space": lambda text: text.encode() + b"\xc2\xa0",
    "with a line separator": lambda text: b"\xe2\x80\xa8" + text.encode(),
    "null": lambda text: b"null",
    "true": lambda text: b"true",
    "number": lambda text: b"1",
    "empty text": lambda text: b'""',
    "blank": lambda text: b" ",
    "form": lambda text: b"alg=ES256&sub=1",
    "XML": lambda text: b"<?xml version='1.0'?><sub>1</sub>",
    "pickle": lambda text: pickle.dumps({"sub": "1"}),
}
# What no value is: put behind the name "x" of an object that is right in all else.
NO_VALUES: list[bytes] = [
    b'"\xff"', b'"\xc0\xaf"', b'"\xe0\x80\xaf"', b'"\xed\xa0\x80"', b'"\xf4\xbf\xbf\xbf"', b'"\xc3"',
    b"\xff", rb'"\ud800"', rb'"\udc00"', rb'"\udfff\ud800"', rb'"\ud800\u0041"', rb'{"\udc00":1}',
    rb'["\ud83d"]', b'"\0"', b'"\x1f"', b'"\t"', b'"\n"', b'"\r"', rb'"\x41"', rb'"\a"', rb'"\u12"',
    rb'"\u12G4"', rb'"\u{41}"', rb'"\U00000041"', rb'"\"', b'"', b"'x'", b"`x`", b'"a" "b"', b'"a"b',
    b'"a":"b"', b"x", b"", b"NaN", b"-NaN", b"nan", b"Infinity", b"-Infinity", b"inf", b"1e400", b"-1e400",
    b"01", b"-01", b"00", b"+1", b"-", b"--1", b"- 1", b".5", b"-.5", b"1.", b"1.e1", b"1e", b"1e+", b"0x10",
    b"0o7", b"0b1", b"1_000", b"1,000", b"1 000", b"1L", b"1n", b"\xef\xbc\x91", b"\xd9\xa1", b"1.2.3",
    b"True", b"TRUE", b"tru", b"truth", b"nul", b"None", b"undefined", b"[", b"]", b"[1", b"1]", b"[1,]",
    b"[,1]", b"[1,,2]", b"[1 2]", b"[1}", b"{", b"{]", b'{"a"}', b'{"a":}', b'{:"a"}', b'{"a" 1}',
    b'{"a"::1}', b'{"a":1,}', b'{,"a":1}', b'{"a":1 "b":2}', b"{1:1}", b"{null:1}", b"{a:1}", b'{["a"]:1}',
    b'{"a":1}}', b"(1)", b"[1,...]", b"new Date()", b"function(){}", b"/x/", b"@x", b"*", b"&a",
]  # fmt: skip


def test_what_is_not_one_plain_json_object_is_refused(held: Held, reasons: Reasons) -> None:
    """Attacks 19, 20; RFC 8725 section 3.7; in the payload and in the header."""
    header, payload = forge.header(), forge.payload(held.access)
    tokens = {name: forge.forge(header, raw(dumps(payload))) for name, raw in OBJECTS.items()}
    headers = {name: forge.forge(raw(dumps(header)), payload) for name, raw in OBJECTS.items()}

    assert reasons(tokens) == dict.fromkeys(tokens, "json")
    assert {name: unread(token) for name, token in headers.items()} == dict.fromkeys(headers, "json")
    assert set(reasons({name: headers[name] for name in [*headers][::6]}).values()) == {"json"}


def test_one_value_that_is_none_spoils_all(held: Held, reasons: Reasons) -> None:
    """Attacks 14, 19, 20: in the payload and in the header, before anybody asks what is missing there."""

    def with_x(said: dict[str, Any], value: bytes) -> bytes:
        return dumps(said).encode()[:-1] + b',"x":' + value + b"}"

    header, payload = forge.header(), forge.payload(held.access)
    tokens = {value: forge.forge(header, with_x(payload, value)) for value in NO_VALUES}
    headers = {value: forge.forge(with_x(header, value), payload) for value in NO_VALUES}

    assert {value: unread(token) for value, token in tokens.items()} == dict.fromkeys(tokens, "json")
    assert {value: unread(token) for value, token in headers.items()} == dict.fromkeys(headers, "json")
    assert set(reasons({value: tokens[value] for value in NO_VALUES[::8]}).values()) == {"json"}


def test_a_name_that_is_there_twice_is_refused(held: Held, reasons: Reasons) -> None:
    """Attack 18; RFC 7515 section 4, RFC 7519 section 4: two readers would believe two things."""
    header, payload = forge.header(), forge.payload(held.access)

    def twice(said: dict[str, Any], name: str) -> bytes:
        return f'{{"{name}":{json.dumps(said[name])},{dumps(said)[1:]}'.encode()

    def respelled(said: dict[str, Any], name: str) -> bytes:
        again = f"\\u{ord(name[0]):04x}{name[1:]}"
        return f'{dumps(said)[:-1]},"{again}":{json.dumps(said[name])}}}'.encode()

    ways = {"as it is": twice, "by an escape": respelled}
    tokens = {
        (how, name): forge.forge(header, way(payload, name)) for how, way in ways.items() for name in payload
    }
    tokens |= {
        (how, name): forge.forge(way(header, name), payload) for how, way in ways.items() for name in header
    }
    inside: dict[str, Any] = payload | {"act": "@"}
    tokens["as it is", "within"] = forge.forge(
        header, dumps(inside).replace('"@"', '{"sub":"a","sub":"b"}').encode()
    )

    assert reasons(tokens) == dict.fromkeys(tokens, "json")


def test_a_good_token_may_say_more_than_we_write(held: Held) -> None:
    """What the refusals are measured by: a claim "x" that is plain JSON makes no difference."""
    values: list[object] = [
        None,
        True,
        1,
        -1.5e-3,
        10**300,
        "",
        "\u0000 \U0001f98a",
        [[], {}],
        {"x": {"x": []}},
    ]

    tokens = [forge.forge(forge.header(), forge.payload(held.access, x=value)) for value in values]

    assert {doors.me(token).status_code for token in tokens} == {200}
