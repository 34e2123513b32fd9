"""Which passwords are guessed first: common ones, keys in a row, and what people make of these.

Lists of common passwords hold hardly any of 15 characters, so it is the making that is recognised here. Two
words make a password that is on the next list; of four words the number of choices protects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache, partial
from itertools import islice

from django.contrib.auth.password_validation import CommonPasswordValidator

SHORTEST_WORD = 3
LONGEST_TRIVIAL_UNIT = 4
LONGEST_EDGE = 4
LONGEST_WORD = 64
LONGEST_MIX = 100

_LINES = (
    "1234567890",
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "!@#$%^&*()",
)
_SEQUENCES = "\n".join(line for row in _LINES for line in (row, row[::-1]))
_DECORATION = re.compile(r"[\d\W_]{1,4}")
_LETTER = re.compile(r"[^\W\d_]")
_SEPARATOR = re.compile(r"[\W_]")
_RUN = re.compile(r"(.)\1{2,}", re.DOTALL)


def spelling(password: str, *, context: frozenset[str]) -> frozenset[str]:
    """The one or two words that make up the whole password, or the few characters it repeats; else empty.

    A word is a common password, keys in a row, one character repeated, or one of `context` (casefolded, 3
    characters or more). Case, up to four digits or signs at either end and one kind of separator do not
    count. Linear in the length of the password, about 2 ms at the worst.
    """
    for text in _readings(password.casefold()):
        if words := _words_of(text, _spans(text), context):
            return words
        for unit in _units(text):
            if len(unit) <= LONGEST_TRIVIAL_UNIT:
                return frozenset({unit})
            spans = _spans(unit) if _LETTER.search(unit) else {0: {len(unit)}}
            if words := _words_of(unit, spans, context):
                return words
    return frozenset()


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    # Django's own validator keeps no list between its instances and would read the file anew for each.
    return frozenset(CommonPasswordValidator().passwords)


def _readings(text: str) -> Iterator[str]:
    """The text, and the text without its separator if there is but one kind of it between the edges."""
    yield text
    front, tail = _edges(text)
    inner = text[front : len(text) - tail]
    if len(found := set(_SEPARATOR.findall(inner))) == 1:
        yield text[:front] + inner.replace(found.pop(), "") + text[len(text) - tail :]


def _edges(text: str) -> tuple[int, int]:
    """How many digits or signs stand before and after the rest, four at most."""
    front, tail = _DECORATION.match(text), _DECORATION.match(text[::-1])
    return front.end() if front else 0, tail.end() if tail else 0


def _spans(text: str) -> dict[int, set[int]]:
    """Where the core may begin, and for each beginning where it may end."""
    front, tail = _edges(text)
    # Of digits alone fewer may be left out: what is left of a long random number must not become guessable.
    most = 2 * LONGEST_EDGE if _LETTER.search(text) else LONGEST_EDGE
    return {
        start: {len(text) - cut for cut in range(min(tail, most - start) + 1) if start + cut < len(text)}
        for start in range(front + 1)
    }


def _units(text: str) -> Iterator[str]:
    """What a core of this text repeats, the last time perhaps in part; of each core the three shortest."""
    spans = _spans(text)
    # The smallest cores will do: whatever a larger one repeats is repeated by them as well.
    for start in {min(spans), max(spans)}:
        yield from islice(_periods(text[start : min(spans[start], default=start)]), 3)


def _periods(core: str) -> Iterator[str]:
    for length in range(1, min(len(core), LONGEST_MIX + 1)):
        # The short comparison first spares copying a long text for each length.
        if core.startswith(core[length : length + 8]) and core.startswith(core[length:]):
            yield core[:length]


def _words_of(text: str, spans: dict[int, set[int]], context: frozenset[str]) -> frozenset[str]:
    """The one or two words that spell a core of the text, each as often as needed; empty when no two do."""
    if len(text) > LONGEST_MIX:
        return frozenset()  # Only as a repetition is it then on anybody's list; see _units.
    starting = cache(partial(_words_at, text, context=context))
    # One of the two is the last word; without this, keys in a row would leave far too many pairs to try.
    last = {word for end in spans[0] for word in _words_before(text, end, context=context)}
    for begin, ends in spans.items():
        for first in starting(begin):
            seconds: set[str] = set()
            place = begin
            while text.startswith(first, place):
                place += len(first)
                seconds.update(starting(place))
            if place in ends:
                return frozenset({first})
            for second in seconds if first in last else seconds & last:
                # Two that commute repeat one and the same unit, and would have come to an end above.
                if first + second != second + first and _spells(first, second, text, start=begin, ends=ends):
                    return frozenset({first, second})
    return frozenset()


def _words_at(text: str, start: int, *, context: frozenset[str]) -> list[str]:
    ends = range(start + SHORTEST_WORD, min(len(text), start + LONGEST_WORD) + 1)
    words = [word for end in ends if _is_word(word := text[start:end], context)]
    if run := _RUN.match(text, start):
        words.append(run[0])
    return words


def _words_before(text: str, end: int, *, context: frozenset[str]) -> list[str]:
    starts = range(max(0, end - LONGEST_WORD), end - SHORTEST_WORD + 1)
    words = [word for start in starts if _is_word(word := text[start:end], context)]
    return [*words, text[len(text[:end].rstrip(text[end - 1])) : end]]


def _is_word(word: str, context: frozenset[str]) -> bool:
    return word in _common() or word in context or word in _SEQUENCES


def _spells(first: str, second: str, text: str, *, start: int, ends: set[int]) -> bool:
    """Whether these two words, in any order, lead from here to an end; each place is looked at once."""
    reached, seen = [start], {start}
    while reached:
        place = reached.pop()
        if place in ends:
            return True
        for word in (first, second):
            after = place + len(word)
            if after not in seen and text.startswith(word, place):
                seen.add(after)
                reached.append(after)
    return False
