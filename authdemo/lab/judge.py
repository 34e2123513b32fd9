"""How a target is judged by what a run has found: met, not met, or too close to tell."""

from __future__ import annotations

from dataclasses import dataclass

from authdemo.lab.figures import Figure, Find
from authdemo.lab.run import Run

MET, NOT_MET, TOO_CLOSE, TOLD, UNKNOWN = "met", "not met", "too close to tell", "published", "not measured"
LONG = "--long"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One aim: `bound` is the most, or where `is_least` the least; None where the figure is only published.

    `part` is what measures it, and `needs` what that takes beside a part of its own. `limit` says why it may
    not be met, and what stands in the way.
    """

    number: int
    aim: str
    part: str
    find: Find
    bound: float | None = None
    is_least: bool = False
    needs: str = ""
    limit: str = ""

    def judge(self, run: Run) -> Judgement:
        """What this run says to it."""
        figure = self.find(run)
        return Judgement(target=self, figure=figure, verdict=self._verdict(figure, run))

    def _verdict(self, figure: Figure | None, run: Run) -> str:
        if figure is None:
            return f"needs {self.needs}" if self._is_in_want(run) else UNKNOWN
        if self.bound is None:
            return TOLD
        # The interval is wholly on the good side of the bound, wholly on the other, or the bound lies in it.
        low, high = (figure.low, figure.high) if self.is_least else (-figure.high, -figure.low)
        bound = self.bound if self.is_least else -self.bound
        return MET if low >= bound else NOT_MET if high < bound else TOO_CLOSE

    def _is_in_want(self, run: Run) -> bool:
        """Whether it was left out because something is missing, and not because nobody asked for it."""
        return bool(self.needs) and (self.part in run.seconds or (self.needs == LONG and not run.is_long))


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A target and what one run says to it."""

    target: Target
    figure: Figure | None
    verdict: str

    @property
    def times_the_bound(self) -> float | None:
        """By how much: the figure as a multiple of the bound; None where there is none, or it is nothing."""
        if self.figure is None or not self.target.bound:
            return None
        return self.figure.value / self.target.bound

    @property
    def why(self) -> str:
        """What stands in the way, where it is not met or might not be."""
        return self.target.limit if self.verdict in (NOT_MET, TOO_CLOSE) else ""
