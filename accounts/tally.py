"""What a receipt tells: how many processes know of an end, after how long, and who has not answered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.statements import Process

NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What is known of an end; as a string, in words.

    `ended` Logins. `knowing` of `processes` accept none of them any more: no request that begins now.
    `processes` is None where nobody can tell. `slowest` is the longest time from the commit until one of them
    had said so, by Redis's own clock; None where there is no such figure, as when the ledger told somebody.
    `silent` are those who have not said so yet; each is listed for 10 s after their last word. In any case
    all know within `bound` (zero: at their next request), and within `at_most` if they cannot read the
    database. Nothing more will come once it `is_settled`.
    """

    ended: int
    bound: timedelta
    at_most: timedelta
    knowing: int = 0
    processes: int | None = None
    slowest: timedelta | None = None
    silent: tuple[Process, ...] = ()
    is_settled: bool = True

    def __str__(self) -> str:
        return f"{self.said} {self.knowledge}".strip()

    @property
    def said(self) -> str:
        """How many have ended, in words."""
        text = ngettext("%(count)d login was ended.", "%(count)d logins were ended.", self.ended)
        return text % {"count": self.ended}

    @property
    def knowledge(self) -> str:
        """Who knows, in words; empty when nothing has ended."""
        if not self.ended:
            return ""
        if self.processes is None:
            return self._bound()
        if not self.is_settled:
            return self._so_far(self.processes)
        if not self.processes:
            return _("No process is at work; each reads the ledger before it accepts anything.")
        return self._all(self.processes)

    def _all(self, count: int) -> str:
        numbers = {"knowing": self.knowing, "count": count}
        if self.slowest is None:
            text = ngettext(
                "%(knowing)d of %(count)d process knows.", "%(knowing)d of %(count)d processes know.", count
            )
            return text % numbers
        text = ngettext(
            "%(knowing)d of %(count)d process knows, after %(time)s.",
            "%(knowing)d of %(count)d processes know, the slowest after %(time)s.",
            count,
        )
        return text % {**numbers, "time": in_words(self.slowest)}

    def _so_far(self, count: int) -> str:
        text = ngettext(
            "%(knowing)d of %(count)d process knows so far.",
            "%(knowing)d of %(count)d processes know so far.",
            count,
        )
        parts = [text % {"knowing": self.knowing, "count": count}]
        if self.silent:
            names = [str(one) for one in self.silent[:NAMED]]
            if (more := len(self.silent) - NAMED) > 0:
                names.append(_("%(count)d more") % {"count": more})
            parts.append(_("No answer yet from %(names)s.") % {"names": "; ".join(names)})
            limit = {"time": in_words(self.at_most)}
            parts.append(_("Whatever fails, nobody accepts what has ended for longer than %(time)s.") % limit)
        return " ".join(parts)

    def _bound(self) -> str:
        if not self.bound:
            return _("Every process knows at its next request.")
        limits = {"bound": in_words(self.bound), "most": in_words(self.at_most)}
        return _("Every process knows within %(bound)s; whatever fails, within %(most)s.") % limits


def in_words(time: timedelta) -> str:
    """A short time, rounded up."""
    milliseconds = math.ceil(time / timedelta(milliseconds=1))
    if milliseconds < 1000:
        return f"{milliseconds}\N{NO-BREAK SPACE}ms"
    return f"{formats.number_format(f'{math.ceil(milliseconds / 100) / 10:g}')}\N{NO-BREAK SPACE}s"
