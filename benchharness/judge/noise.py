"""What the same model gives under other batch sizes, thread counts and dtypes.

A batch of another size or another number of threads changes the last bits of a vector, and now
and then the order of two documents. A margin that is not above such differences judges the
machine, not the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.judge.numbers import TOLERANCE, format_threshold, format_value, order

if TYPE_CHECKING:
    from benchharness.evaluation.result import Result


@dataclass(frozen=True)
class Variant:
    """A run of a model under other conditions, held against its plain run query by query.

    name:        the condition: "batch_size=1", "1 thread", "dtype=bfloat16".
    same_model:  whether the fingerprint is the plain run's; only then a difference is noise.
    n:           queries.
    differences: measure -> its mean in this run less its mean in the plain one.
    flipped:     measure -> number of queries whose value is another.
    """

    name: str
    same_model: bool
    n: int
    differences: Mapping[str, float]
    flipped: Mapping[str, int]


def variant_of(name: str, plain: Result, other: Result) -> Variant:
    """The variant that `other` is of the plain run.

    Raises ValueError where the two did not answer the same queries, as different data would.
    """
    if plain.query_ids != other.query_ids:
        raise ValueError(f"{name} answered other queries than the plain run")
    changes = {
        measure: [
            float(new) - float(old) for old, new in zip(values, other.values[measure], strict=True)
        ]
        for measure, values in plain.values.items()
    }
    return Variant(
        name=name,
        same_model=plain.fingerprints.model == other.fingerprints.model,
        n=len(plain.query_ids),
        differences={measure: _mean(found) for measure, found in changes.items()},
        flipped={
            measure: sum(abs(change) > TOLERANCE for change in found)
            for measure, found in changes.items()
        },
    )


def noise_of(variants: Iterable[Variant]) -> dict[str, float]:
    """Measure -> the largest absolute difference that the variants of the same model show."""
    noise: dict[str, float] = {}
    for variant in variants:
        if variant.same_model:
            for measure, difference in variant.differences.items():
                noise[measure] = max(noise.get(measure, 0.0), abs(difference))
    return noise


def noise_of_slices(
    measure: str, by: str, at_least: int, plain: Result, others: Sequence[Result]
) -> float:
    """The largest absolute difference of a slice's mean; 0 where no slice is large enough.

    A slice has fewer queries than the suite: one that flips weighs more there.

    by:       field of the queries' metadata; each of its values is a slice.
    at_least: queries that a slice must have.
    """
    slices: dict[str, list[int]] = {}
    for row, fact in enumerate(plain.facts):
        if by in fact.groups:
            slices.setdefault(fact.groups[by], []).append(row)
    before = plain.values[measure]
    return max(
        (
            abs(_mean([float(other.values[measure][row] - before[row]) for row in rows]))
            for rows in slices.values()
            if len(rows) >= at_least
            for other in others
        ),
        default=0.0,
    )


def below_noise(margin: float, noise: float) -> str:
    """A sentence where the margin is not above the noise; else empty. Both in the measure's units.

    No margin (0, as of a gate that asks for a gain) is above any noise.
    """
    if not margin or order(margin, noise) > 0:
        return ""
    return (
        f"the margin {format_threshold(margin)} is not above the noise "
        f"{format_value(noise, (margin,))} that the same model shows under other batch sizes or "
        "threads"
    )


def _mean(changes: Sequence[float]) -> float:
    return math.fsum(changes) / len(changes) if changes else 0.0
