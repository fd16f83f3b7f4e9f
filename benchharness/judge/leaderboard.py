"""The nouns of a leaderboard: models beside one another on one suite and one measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Loss:
    """What a cut or quantised variant gives away against the full vectors of the same model.

    of:      the row of the full vectors.
    delta:   of the measure (below 0 is worse) with its 90 % interval.
    outcome: what the interval says of the margin, as in `outcome_of`.
    margin:  the loss that is allowed.
    """

    of: str
    delta: float
    ci90: tuple[float, float]
    outcome: str
    margin: float = 0.02


@dataclass(frozen=True)
class Standing:
    """One row: a model, or a cut or quantised variant of one.

    spec:       of the system; for a variant with its cut: "minilm cut to 128", "minilm, int8".
    value, ci95: of the measure, as in its Estimate.
    to_best:    value minus that of the best row; 0 for the best itself.
    p, p_holm:  two-sided p-value of the paired difference to the best (seeded sign flips), and
                after Holm over all pairs of models, and of variants those with the best; None for
                the best itself.
    is_best, is_tied: the best row, and rows that are not distinguishable from it at 0.05 by p_holm.
    dimension:  components of a vector; None for systems without vectors, and for pipelines.
    bytes_per_vector: of the index for one document, over all stages of a pipeline; None where the
                system does not say it.
    size_bytes: of the weights, where known.
    speed:      documents a second relative to the first encoder of the board, measured in the same
                run; None where it was not measured.
    latency_ms, latency_p95_ms: of one query at a time, as in `Latency`; None where it was not
                measured, and of variants.
    latency_ratio: of the median to that of the first system of the board; None where only one was
                measured.
    is_on_front: says its bytes, and no other row has a value as high in as few and is better in one
                of the two.
    loss:       of variants.
    to_best_ci90: the 90 % interval of `to_best`, not adjusted for the number of rows; None for the
                best itself.
    """

    spec: str
    value: float
    ci95: tuple[float, float]
    to_best: float
    p: float | None
    p_holm: float | None
    is_best: bool
    is_tied: bool
    dimension: int | None = None
    bytes_per_vector: float | None = None
    size_bytes: int | None = None
    speed: float | None = None
    latency_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_ratio: float | None = None
    is_on_front: bool = False
    loss: Loss | None = None
    to_best_ci90: tuple[float, float] | None = None


@dataclass(frozen=True)
class Leaderboard:
    """The rows of one suite and measure, best value first, ties by spec.

    n:        queries that every row answers.
    values:   other measures, spec -> measure -> value, for tables of several.
    left_out: spec -> why a model has no row.
    outperforms: spec -> the rows below it that are significantly worse, at 0.05 by p after Holm
              over all pairs of rows, in order of rank; empty where nothing is.
    """

    suite: str
    measure: str
    n: int
    standings: tuple[Standing, ...]
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    outperforms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def pairs(self) -> int:
        """How many pairs are compared, over which p-values are adjusted.

        Those of models with one another, and those of the best row with each variant.
        """
        full = sum(row.loss is None for row in self.standings)
        models = full * (full - 1) // 2
        if not self.standings or self.standings[0].loss is None:
            return models + len(self.standings) - full
        return models + len(self.standings) - 1
