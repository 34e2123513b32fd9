"""What follows from a run, in words without figures: a second run on the same machine must say the same."""

from __future__ import annotations

from authdemo.lab import claims, compare, shown, targets, variants, ways
from authdemo.lab.measure import CONTROL
from authdemo.lab.run import Run

# Ours, by the name under which the run has what they are compared with.
MINE = {"tokens": (ways.BEFORE, ways.FIRST), "sessions": (variants.SESSION,)}


def drawn(run: Run) -> dict[str, str]:
    """By what was asked, the answer."""
    found = {}
    for part, mine in MINE.items():
        results = getattr(run, part)
        by_name = {one.name: one for one in results}
        for name in mine:
            for peer in shown.peers(results) if name in by_name else ():
                found[f"{peer.name}, beside {name}"] = compare.compare(by_name[name], peer).verdict
    for one in (*run.tokens, *run.sessions, *run.sign_in):
        if one.is_control:
            found[f"{one.floor}, against itself"] = _of_itself(compare.is_told_apart(one))
    for share in (*run.http.tokens, *run.http.sessions) if run.http else ():
        if share.name.endswith(CONTROL):
            is_apart = compare.is_share_apart(share.share, share.low, share.high)
            found[f"{share.name.removesuffix(CONTROL)} over HTTP, against itself"] = _of_itself(is_apart)
    for judgement in targets.judged(run):
        found[f"{judgement.target.number}: {judgement.target.aim}"] = judgement.verdict
    return found | _of_claims(run)


def _of_claims(run: Run) -> dict[str, str]:
    """What each row of the ledger says, without its price."""
    return {
        f"{one.row.flow}, {one.row.kind}: {one.row.claim}": one.figures.verdict.partition(":")[0]
        for one in claims.rows(run)
        if one.figures
    }


def _of_itself(is_apart: bool) -> str:
    return "told apart" if is_apart else "no difference"
