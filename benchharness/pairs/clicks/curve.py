"""How often each rank is looked at, relative to the first: learned from a log, or given.

The position-based model says P(click) = examination(rank) x attraction(query, document). Clicks
alone do not tell the two apart; a document that was shown at two ranks for the same query does,
because its attraction is the same at both.

`fit_curve` maximises the likelihood of where the clicks of each (query, document) fell, given how
many there were: clicks at its ranks are multinomial with shares proportional to
impressions(rank) x examination(rank). The attraction of the cell is not in it, so that neither a
prior nor the number of impressions of a cell matters. That is the Poisson likelihood with a free
attraction for each cell, and it needs only the mean to be right (Wooldridge, Distribution-free
estimation of some nonlinear panel data models, 1999). It uses the swaps of intervention harvesting
(Agarwal et al., Estimating position bias without intrusive interventions, 2019), all ranks of a
cell at once.

EM with an attraction for each cell is biased where cells have few impressions, and a prior makes
it worse where the ranker is good: the better documents of the high ranks are taken for attention.
Largest error over ten ranks and five curves, two logs of 100,000 pages of 10 each, with 100 and
with 10 pages a query (benchmarks/click_model.py --rivals --seeds 2; a third log has 0.020 here):

    pages a query   this    EM      MAP-EM, Beta(1, 4)   pairs of ranks harvested
    100             0.009   0.015   0.059                0.011
    10              0.015   0.113   0.204                0.014
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.errors import DataError
from benchharness.judge.numbers import format_count
from benchharness.pairs.clicks.counts import Counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

# Clicks that must tie a rank to those that are tied to rank 1, in either direction.
MIN_EVIDENCE = 10
FITTED, GIVEN, NONE = "fitted", "given", "none"
_GIVE = "give a curve (--curve FILE or --eta 1.0), or log pages on which documents swap places"
_STEPS = 100
_CLOSE = 1e-9
_SHOWN = 12


@dataclass(frozen=True)
class Rank:
    """What is known of a rank.

    examination:    how often it is looked at, relative to rank 1.
    standard_error: of the examination; 0 where it was given, and at rank 1.
    impressions, clicks: of the log.
    cells:          (query, document) shown at this rank and at another one as well.
    """

    rank: int
    examination: float
    standard_error: float
    impressions: int
    clicks: int
    cells: int


@dataclass(frozen=True)
class Curve:
    """The ranks of the log in order. source: "fitted", "given", "1/rank^ETA" or "none".

    swapped: (query, document) that were shown at different ranks.
    """

    ranks: tuple[Rank, ...]
    source: str
    swapped: int

    def at(self, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
        """The examination of each of the ranks; [ranks]. Raises DataError for one that is new."""
        import numpy as np

        known = np.array([one.rank for one in self.ranks])
        values = np.array([one.examination for one in self.ranks])
        place = np.minimum(np.searchsorted(known, ranks), len(known) - 1)
        strange = np.unique(ranks[known[place] != ranks])
        if len(strange):
            raise DataError(
                f"nothing is known of {_named(strange.tolist())}: the earlier window never "
                "showed them",
                remedy="leave them out with --max-rank, or give a curve (--curve, --eta)",
            )
        return values[place]


def fit_curve(counts: Counts, min_evidence: int = MIN_EVIDENCE) -> Curve:
    """The curve that explains best where the clicks of documents fell that changed their rank.

    min_evidence: clicks that must tie a rank to the others; see `loose_ranks`.

    The standard errors are the larger of robust ones, by cell, and those of Poisson clicks.
    Raises DataError where the log does not tell all ranks apart.
    """
    import numpy as np

    ranks = np.unique(counts.rank)
    shown, clicked = _tables(counts, ranks)
    evidence = _evidence(shown, clicked)
    if len(ranks) > 1:
        _refuse_loose(counts, ranks, evidence, min_evidence)
    log, error = _maximum(shown, clicked)
    examination = np.exp(log)
    return _curve(counts, examination, examination * error, FITTED)


def given_curve(counts: Counts, values: Mapping[int, float], source: str = GIVEN) -> Curve:
    """The curve as given: rank -> examination above 0, of which rank 1 becomes 1.

    Raises DataError where a rank of the log is not in it.
    """
    import numpy as np

    missing = [rank for rank in (1, *np.unique(counts.rank).tolist()) if rank not in values]
    if missing:
        raise DataError(
            f"the curve says nothing of {_named(sorted(set(missing)))}",
            remedy="add them to the curve, or leave ranks of the log out with --max-rank",
        )
    ranks = np.unique(counts.rank).tolist()
    examination = np.array([values[rank] / values[1] for rank in ranks])
    return _curve(counts, examination, np.zeros(len(ranks)), source)


def power_curve(counts: Counts, eta: float) -> Curve:
    """1 / rank^eta."""
    import numpy as np

    ranks = {1, *np.unique(counts.rank).tolist()}
    return given_curve(counts, {rank: rank**-eta for rank in ranks}, f"1/rank^{eta:g}")


def flat_curve(counts: Counts) -> Curve:
    """Every rank looked at alike: nothing is corrected."""
    import numpy as np

    ranks = {1, *np.unique(counts.rank).tolist()}
    return given_curve(counts, dict.fromkeys(ranks, 1.0), NONE)


def loose_ranks(evidence: NDArray[np.int64], min_evidence: int) -> list[int]:
    """Places of the ranks that are not tied to the first, in order.

    evidence: [ranks, ranks] clicks at a rank of documents that were shown at the other, too. A
    rank is tied once it has `min_evidence` clicks against tied ranks and these as many against it;
    with clicks on one side only, the other's examination would be estimated as 0.
    """
    import numpy as np

    tied = np.zeros(len(evidence), dtype=bool)
    tied[0] = True
    while True:
        there, back = evidence[:, tied].sum(axis=1), evidence[tied].sum(axis=0)
        more = ~tied & (np.minimum(there, back) >= max(min_evidence, 1))
        if not more.any():
            return np.flatnonzero(~tied).tolist()
        tied |= more


def _tables(counts: Counts, ranks: NDArray[np.int64]) -> tuple[csr_array, csr_array]:
    """(impressions, clicks) of the cells that tell ranks apart; sparse [cells, ranks].

    Those with a click that were shown at two ranks or more; both have the same places filled.
    """
    import numpy as np
    from scipy.sparse import csr_array

    width = np.bincount(counts.cell)
    clicks = counts.per_cell(counts.clicked)
    telling = ((width > 1) & (clicks > 0))[counts.cell]
    _, row = np.unique(counts.cell[telling], return_inverse=True)
    column = np.searchsorted(ranks, counts.rank[telling])
    shape = (int(row.max(initial=-1)) + 1, len(ranks))
    seen, clicked = (
        csr_array((values[telling].astype(np.float64), (row, column)), shape)
        for values in (counts.shown, counts.clicked)
    )
    return seen, clicked


def _evidence(shown: csr_array, clicked: csr_array) -> NDArray[np.int64]:
    import numpy as np

    there = shown.copy()
    there.data = np.ones_like(there.data)
    found: NDArray[np.int64] = (clicked.T @ there).toarray().astype(np.int64)
    return found


def _refuse_loose(
    counts: Counts, ranks: NDArray[np.int64], evidence: NDArray[np.int64], min_evidence: int
) -> None:
    swapped = _swapped(counts)
    if not swapped:
        raise DataError(
            "no document changed its rank for a query: such a log cannot tell attention from "
            "relevance",
            remedy=_GIVE,
        )
    if ranks[0] != 1:
        raise DataError(
            f"the log has no rank 1, its first is {ranks[0]}", remedy="ranks count from 1"
        )
    loose = [int(ranks[place]) for place in loose_ranks(evidence, min_evidence)]
    if loose:
        highest = min(loose) - 1
        moved = format_count(swapped, "document")
        leave_out = f", or leave ranks out with --max-rank {highest}" if highest > 1 else ""
        raise DataError(
            f"{_named(loose)} cannot be tied to rank 1: {moved} changed rank for a query, but "
            f"fewer than {min_evidence} clicks compare these with the others",
            remedy=_GIVE + leave_out,
        )


def _maximum(
    shown: csr_array, clicked: csr_array
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(log of the examination, its standard error) of each rank, 0 at the first; [ranks].

    Newton's method on a concave function, whose steps are bounded.
    """
    import numpy as np

    width = shown.shape[1]
    log = np.zeros(width)
    if width == 1:
        return log, np.zeros(1)
    for _ in range(_STEPS):
        step = np.zeros(width)
        gradient, curvature, _ = _slopes(shown, clicked, log)
        step[1:] = np.linalg.solve(curvature[1:, 1:], gradient[1:])
        # In logs: a rank moves by at most a factor of 7 at once.
        step *= min(1.0, 2.0 / np.abs(step).max(initial=1e-300))
        log = log + step
        if np.abs(step).max() < _CLOSE:
            break
    else:
        raise DataError("the log does not settle on a curve", remedy=_GIVE)
    _, curvature, residual = _slopes(shown, clicked, log)
    inverse = np.linalg.inv(curvature[1:, 1:])
    spread = (residual.T @ residual).toarray()[1:, 1:]
    # The robust variance is far too small where few documents moved, that of Poisson clicks never.
    variance = np.maximum(np.diag(inverse @ spread @ inverse), np.diag(inverse))
    return log, np.concatenate([[0.0], np.sqrt(variance)])


def _slopes(
    shown: csr_array, clicked: csr_array, log: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], csr_array]:
    """(gradient, minus the second derivatives, each cell's part of the gradient)."""
    import numpy as np
    from scipy.sparse import diags_array

    expected = shown @ diags_array(np.exp(log))
    share = diags_array(1 / expected.sum(axis=1)) @ expected
    total = diags_array(clicked.sum(axis=1))
    residual = (clicked - total @ share).tocsr()
    falling = (total @ share).sum(axis=0)
    curvature = np.diag(falling) - (share.T @ total @ share).toarray()
    return residual.sum(axis=0), curvature, residual


def _curve(
    counts: Counts,
    examination: NDArray[np.float64],
    error: NDArray[np.float64],
    source: str,
) -> Curve:
    import numpy as np

    ranks, place = np.unique(counts.rank, return_inverse=True)
    moved = (np.bincount(counts.cell) > 1)[counts.cell]
    columns = zip(
        ranks.tolist(),
        examination.tolist(),
        error.tolist(),
        np.bincount(place, counts.shown).astype(int).tolist(),
        np.bincount(place, counts.clicked).astype(int).tolist(),
        np.bincount(place, moved).astype(int).tolist(),
        strict=True,
    )
    return Curve(tuple(Rank(*row) for row in columns), source, _swapped(counts))


def _swapped(counts: Counts) -> int:
    import numpy as np

    return int((np.bincount(counts.cell) > 1).sum())


def _named(ranks: list[int]) -> str:
    """`rank 7`, `ranks 6, 7, 8`; more than a dozen are cut."""
    words = ", ".join(map(str, ranks[:_SHOWN])) + (", …" if len(ranks) > _SHOWN else "")
    return f"rank {words}" if len(ranks) == 1 else f"ranks {words}"
