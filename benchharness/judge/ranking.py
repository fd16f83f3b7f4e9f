"""From results of several models on one suite to their leaderboard."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchharness.judge.leaderboard import Leaderboard, Loss, Standing
from benchharness.judge.numbers import TOLERANCE, order
from benchharness.judge.paired import difference, outcome_of
from benchharness.judge.pairwise import holm_over_pairs, pairwise_p
from benchharness.judge.statistics import estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.evaluation.latency import Latency
    from benchharness.evaluation.result import Result
    from benchharness.judge.bench import Assessment

MARGIN = 0.02
ALPHA = 0.05
# Of a component as benchharness keeps it.
_FLOAT_BYTES = 4


@dataclass(frozen=True, eq=False)
class Entrant:
    """A row before it is ranked.

    of:      the spec of the full vectors, for a cut or quantised variant; else empty.
    speed:   as in `Standing`.
    latency: measured beside that of the other systems; None where it was not.
    """

    result: Result
    of: str = ""
    speed: float | None = None
    latency: Latency | None = None

    @property
    def spec(self) -> str:
        return self.result.model


def leaderboards_of(assessments: Sequence[Assessment]) -> tuple[Leaderboard, ...]:
    """A board for each suite with two or more comparable models, in order of appearance.

    By the first measure that the suite names: what its author looks at first.
    """
    suites: dict[str, list[Entrant]] = {}
    for one in assessments:
        suites.setdefault(one.result.suite, []).append(Entrant(one.result))
    boards = (
        leaderboard(entrants, next(iter(entrants[0].result.values)))
        for entrants in suites.values()
        if len(entrants) > 1 and entrants[0].result.values
    )
    return tuple(board for board in boards if len(board.standings) > 1)


def leaderboard(
    entrants: Sequence[Entrant], measure: str, *, margin: float = MARGIN, flips: int | None = None
) -> Leaderboard:
    """The entrants by their mean of the measure, with what tells each from the best.

    entrants: on one suite, each spec once, at least one. Rows are those that were measured on the
              same documents and queries as most are (the first ones, where equally many are), and
              whose values are numbers; the others are named in `left_out`.
    margin:   the loss that a variant is allowed.
    flips:    as in `pairwise_p`.
    """
    import numpy as np

    left_out = _without_numbers(entrants, measure)
    fitting = [one for one in entrants if one.spec not in left_out]
    common = _most_common([_basis(one.result) for one in fitting])
    left_out |= {
        one.spec: "it was measured on other queries or documents"
        for one in fitting
        if _basis(one.result) != common
    }
    rows = [one for one in fitting if one.spec not in left_out]
    means = {one.spec: _mean(one.result.values[measure]) for one in rows}
    # Sums differ in the last bits; what is equal but for these goes by its name.
    rows.sort(key=lambda one: (-round(means[one.spec] / TOLERANCE), one.spec))
    columns = [np.asarray(one.result.values[measure], dtype=np.float64) for one in rows]
    chances = pairwise_p(np.stack(columns), flips=flips) if rows else np.empty((0, 0))
    adjusted = holm_over_pairs(chances, _family(rows))
    by_spec = {one.spec: values for one, values in zip(rows, columns, strict=True)}
    is_beside = sum(one.latency is not None for one in rows) > 1
    standings = []
    for row, (one, values) in enumerate(zip(rows, columns, strict=True)):
        plain = _timed(_costed(one, measure), one.latency, is_beside=is_beside)
        if row:
            plain = _beside(plain, values, columns[0], chances[0, row], adjusted[0, row])
        if one.of in by_spec:
            plain = replace(plain, loss=_loss(one.of, by_spec[one.of], values, margin))
        standings.append(plain)
    return Leaderboard(
        suite=entrants[0].result.suite,
        measure=measure,
        n=len(columns[0]) if columns else 0,
        standings=_with_front(standings),
        values={
            one.spec: {
                name: _mean(values) for name, values in one.result.values.items() if name != measure
            }
            for one in rows
        },
        left_out=left_out,
        outperforms={
            one.spec: tuple(
                other.spec
                for below, other in enumerate(rows[row + 1 :], start=row + 1)
                if adjusted[row, below] < ALPHA
            )
            for row, one in enumerate(rows)
        },
    )


def _family(rows: Sequence[Entrant]) -> NDArray[np.bool_]:
    """Which pairs are compared: models with one another, and every row with the best.

    A variant stands beside its own full vectors already. All pairs of a dozen variants would make
    the adjustment so large that a row which lost several points could pass for the best.
    """
    import numpy as np

    specs = {one.spec for one in rows}
    is_full = np.array([one.of not in specs for one in rows], dtype=bool)
    family: NDArray[np.bool_] = is_full[:, None] & is_full[None, :]
    family[:1, :] = family[:, :1] = True
    return family


def _without_numbers(entrants: Iterable[Entrant], measure: str) -> dict[str, str]:
    import numpy as np

    found = {}
    for one in entrants:
        values = one.result.values.get(measure)
        if values is None:
            found[one.spec] = f"it has no {measure}"
        elif not len(values) or not np.isfinite(values).all():
            found[one.spec] = f"{measure} is not a number on each of its queries"
    return found


def _basis(result: Result) -> Hashable:
    """What must be equal for values to be compared query by query."""
    digests = tuple(fact.digest for fact in result.facts)
    prints = result.fingerprints
    return result.query_ids, digests, prints.corpus, prints.template, result.drop_same_id


def _most_common(bases: Sequence[Hashable]) -> Hashable:
    """The one that is there most often, of several the first."""
    return Counter(bases).most_common(1)[0][0] if bases else None


def _costed(one: Entrant, measure: str) -> Standing:
    """The row as if it were the best, with what it costs."""
    result = one.result
    found = estimate(result.values[measure], result.ceilings.get(measure))
    dimension, size = (_known(result.costs.get(name)) for name in ("dimension", "size"))
    stored = _known(result.costs.get("bytes_per_vector"))
    if stored is None and dimension is not None:
        stored = _FLOAT_BYTES * dimension
    return Standing(
        spec=one.spec,
        value=found.value,
        ci95=found.ci95,
        to_best=0.0,
        p=None,
        p_holm=None,
        is_best=True,
        is_tied=False,
        dimension=None if dimension is None else int(dimension),
        bytes_per_vector=stored,
        size_bytes=None if size is None else int(size),
        speed=one.speed,
    )


def _timed(plain: Standing, latency: Latency | None, *, is_beside: bool) -> Standing:
    """The row with its latency; with the ratio where another row has one too."""
    if latency is None:
        return plain
    return replace(
        plain,
        latency_ms=latency.p50_ms,
        latency_p95_ms=latency.p95_ms,
        latency_ratio=latency.ratio if is_beside else None,
    )


def _known(cost: float | None) -> float | None:
    """The cost where it is one that a system can have; weights of 0 bytes were not found."""
    return cost if cost is not None and math.isfinite(cost) and cost > 0 else None


def _beside(
    plain: Standing,
    values: NDArray[np.float64],
    best: NDArray[np.float64],
    chance: float,
    adjusted: float,
) -> Standing:
    """The row as one that is not the best."""
    found = difference(best, values)
    return replace(
        plain,
        to_best=found.delta,
        to_best_ci90=found.interval,
        p=float(chance),
        p_holm=float(adjusted),
        is_best=False,
        is_tied=bool(adjusted >= ALPHA),
    )


def _loss(of: str, full: NDArray[np.float64], values: NDArray[np.float64], margin: float) -> Loss:
    found = difference(full, values)
    return Loss(of, found.delta, found.interval, outcome_of(found, margin), margin)


def _with_front(rows: Sequence[Standing]) -> tuple[Standing, ...]:
    return tuple(replace(row, is_on_front=_is_on_front(row, rows)) for row in rows)


def _is_on_front(row: Standing, rows: Iterable[Standing]) -> bool:
    if row.bytes_per_vector is None:
        return False
    for other in rows:
        if other.bytes_per_vector is None:
            continue
        better = order(other.value, row.value)
        smaller = order(row.bytes_per_vector, other.bytes_per_vector)
        if better >= 0 and smaller >= 0 and better + smaller > 0:
            return False
    return True


def _mean(values: NDArray[np.float64]) -> float:
    return math.fsum(values.tolist()) / len(values) if len(values) else math.nan
