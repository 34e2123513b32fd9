"""What two readers could understand differently is not read at all."""

from __future__ import annotations

import time
from typing import Any

import pytest

from accounts import strict_json

pytestmark = pytest.mark.nodb

DEEPEST = strict_json.MAX_DEPTH


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2.5, true, null, "\xc3\xa9"]} \n', {"a": [1, -2.5, True, None, "é"]}),
        (b'{"a": {"b": 1}, "b": {"a": 1}}', {"a": {"b": 1}, "b": {"a": 1}}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"' + b"[{" * 100 + b'"', "[{" * 100),
        (b'"\\"' + b"[" * 100 + b'"', '"' + "[" * 100),
        (b"[" * DEEPEST + b"]" * DEEPEST, None),
        (b"[" + b"[]," * 100 + b"[]]", [[]] * 101),
    ],
)
def test_plain_json_is_read(data: bytes, value: Any) -> None:
    read = strict_json.loads(data)

    assert value is None or read == value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"a": 1, "a": 2}', id="a name twice"),
        pytest.param(b'[{"x": {"a": 1, "\\u0061": 1}}]', id="a name twice, once escaped"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[Infinity]", id="Infinity"),
        pytest.param(b'{"a": -Infinity}', id="minus Infinity"),
        pytest.param(b"1e400", id="a number that no float holds"),
        pytest.param(b'{"a": -1e999}', id="the same inside"),
        pytest.param(b"9" * 5000, id="a number of 5,000 digits"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', id="a byte order mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a": 1}'.encode("utf-16-le"), id="UTF-16 without a mark"),
        pytest.param('{"a": 1}'.encode("utf-32-be"), id="UTF-32"),
        pytest.param(b'"\xff"', id="no UTF-8"),
        pytest.param(b'"\xc0\xaf"', id="overlong UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="a surrogate in UTF-8"),
        pytest.param(b'"\\ud800"', id="a lone surrogate as an escape"),
        pytest.param(b'{"\\udfff": 1}', id="a lone surrogate in a name"),
        pytest.param(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), id="too deep"),
        pytest.param(b'{"a":' * 100_000, id="far too deep"),
        pytest.param(b'"\\\\"' + b"[" * 40 + b"]" * 40, id="brackets behind an escaped backslash"),
        pytest.param(b'"a\nb"', id="a raw control character"),
        pytest.param(b"{'a': 1}", id="single quotes"),
        pytest.param(b'{"a": 1,}', id="a comma too many"),
        pytest.param(b'{"a": 1} x', id="something behind it"),
        pytest.param(b'{"a": 1}{"a": 2}', id="two values"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"01", id="a leading zero"),
    ],
)
def test_what_is_unclear_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is this very class
        strict_json.loads(data)


def test_the_time_is_linear_in_the_size() -> None:
    started = time.perf_counter()

    for hostile in (b"[" * 1_000_000, b'"' + b"\\[" * 500_000, b'{"a":' * 200_000):
        with pytest.raises(ValueError):  # noqa: PT011
            strict_json.loads(hostile)

    assert time.perf_counter() - started < 3
