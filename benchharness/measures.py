"""The names of measures: `recall@10` in, a checked `Measure` out.

Six measures are benchharness' own (see `evaluation.metrics`); every other name is handed to
ranx. The list of ranx' names is kept here because importing ranx takes seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchharness.errors import SuiteError, did_you_mean

OWN = ("recall", "ndcg", "mrr", "map", "hit", "precision")
RANX = ("hits", "f1", "r-precision", "bpref", "rbp", "dcg", "dcg_burges", "ndcg_burges")
# Spellings of other tools, and what they are called here.
_ALIASES = {"hit_rate": "hit", "success": "hit", "accuracy": "hit", "p": "precision", "rr": "mrr"}
_SPELLING = re.compile(r"(?P<name>[a-z][a-z0-9_-]*?)(?:\.(?P<p>\d+))?(?:@(?P<k>\d+))?", re.I)


@dataclass(frozen=True)
class Measure:
    """A measure with its cut-off: `Measure("recall", 10)` prints as `recall@10`.

    `k` is None only for measures of ranx that have no cut-off (such as `r-precision`): these
    see the documents kept in the run. `persistence` is the p of `rbp.95`, in hundredths.
    """

    name: str
    k: int | None = None
    persistence: str | None = None

    @property
    def is_own(self) -> bool:
        return self.name in OWN

    def __str__(self) -> str:
        base = f"{self.name}.{self.persistence}" if self.persistence else self.name
        return f"{base}@{self.k}" if self.k is not None else base


def parse_measure(spelled: str) -> Measure:
    """The measure of that spelling. Raises SuiteError that says what was meant."""
    match = _SPELLING.fullmatch(spelled) if isinstance(spelled, str) else None
    if match is None:
        raise _unknown(spelled, "spell measures like recall@10, ndcg@10, mrr@10")
    name, cut = match["name"], match["k"]
    if name not in OWN + RANX:
        alias = _ALIASES.get(name.lower(), name.lower())
        suffix = f"@{cut}" if cut else ""
        if alias in OWN + RANX:
            raise _unknown(spelled, f"did you mean {alias}{suffix}?")
        raise _unknown(spelled, did_you_mean(alias, OWN + RANX))
    if cut is not None and int(cut) < 1:
        raise _unknown(spelled, f"the cut-off is at least 1: {name}@10")
    if name in OWN and cut is None:
        raise _unknown(spelled, f"say the cut-off: {name}@10")
    if (name == "rbp") != (match["p"] is not None):
        raise _unknown(spelled, "rank-biased precision is spelled with its persistence: rbp.95")
    return Measure(name, int(cut) if cut else None, match["p"])


def _unknown(spelled: object, remedy: str) -> SuiteError:
    return SuiteError(f"unknown measure {spelled!r}", remedy=remedy)
