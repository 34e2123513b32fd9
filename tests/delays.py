"""Delays as they are told: their middle, their 99th percentile and the longest."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil


class Delays:
    """Seconds, of which none is below zero: what was known beforehand came without delay."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self._sorted = sorted(max(0.0, one) for one in seconds)

    def __str__(self) -> str:
        told = [f"{name} {seconds * 1000:.1f} ms" for name, seconds in self._figures()]
        return f"{', '.join(told)} ({len(self._sorted)})"

    @property
    def p50(self) -> float:
        """Half of them are no longer."""
        return self._at(0.5)

    @property
    def p99(self) -> float:
        """99 of 100 are no longer."""
        return self._at(0.99)

    @property
    def longest(self) -> float:
        """None is longer."""
        return self._sorted[-1]

    def _figures(self) -> list[tuple[str, float]]:
        return [("p50", self.p50), ("p99", self.p99), ("longest", self.longest)]

    def _at(self, share: float) -> float:
        return self._sorted[ceil(share * len(self._sorted)) - 1]
