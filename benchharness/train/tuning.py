"""`Tuning`: what came of fine-tuning a model, as plain data; written to verdict.json and read back.

Every annotation here is a type at run time, so that records can be read strictly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchharness.train.curve import Curve
from benchharness.train.diagnosis import Diagnosis

# improved: shown to be better on held-out queries, and no guard fell.
# base-kept: no step was better than the base model, or it was worse out of fold.
# inconclusive: held-out queries settle nothing. regressed: worse on them, or a guard fell.
OUTCOMES = ("improved", "base-kept", "inconclusive", "regressed")


@dataclass(frozen=True)
class Versus:
    """The base model and the tuned one on the same queries.

    base, tuned: means of the measure. delta: tuned - base.
    ci90:    interval of delta that decides at alpha 0.05 one-sided; `method` names it.
    outcome: "improved", "pass", "regressed" or "inconclusive", against the margin.
    n, won, lost: queries, those that gained and those that lost.
    """

    measure: str
    base: float
    tuned: float
    delta: float
    ci90: tuple[float, float]
    n: int
    won: int
    lost: int
    method: str
    outcome: str


@dataclass(frozen=True)
class Mining:
    """Hard negatives: by what, share of the wanted ones found, and some to be judged by a person.

    sample: (query, positive, negative, its rank).
    """

    miner: str
    kept: float
    with_any: float
    removed_by_id: int
    removed_by_text: int
    removed_by_margin: int
    filled: int
    sample: tuple[tuple[str, str, str, int], ...] = ()


@dataclass(frozen=True)
class Training:
    """One training: a fold's, or the final one.

    name:       "fold 1" … or "final".
    held_out:   queries that it was judged on; base, tuned: their means, None for the final one.
    best_share: place of the kept step in the schedule, from 0 (the base model) to 1.
    alpha:      share of the tuned weights in the average with the base's; 1.0 without averaging.
    facts:      steps, batch_size, candidates, rows_seen, pairs, seconds.
    """

    name: str
    held_out: int
    base: float | None
    tuned: float | None
    best_share: float
    alpha: float
    facts: Mapping[str, float]
    curve: Curve
    diagnoses: tuple[Diagnosis, ...]
    mining: Mining | None = None


@dataclass(frozen=True)
class Averaged:
    """A point of the curve over alpha: dev values of this task, and of the guard where known."""

    alpha: float
    dev: float | None = None
    guard: float | None = None


@dataclass(frozen=True)
class Guarded:
    """What became of another suite, which training must not make worse than its margin."""

    suite: str
    margin: float
    versus: Versus
    remark: str = ""


@dataclass(frozen=True)
class Accuracy:
    """Classification accuracy of the base and the tuned model on labelled test texts."""

    base: float
    tuned: float
    n: int


@dataclass(frozen=True)
class Source:
    """A source of pairs: given, used, and whether a machine wrote its queries."""

    name: str
    given: int
    used: int
    synthetic: bool


@dataclass(frozen=True)
class Pilot:
    """What one quick fold says of tuning in full.

    pairs, of_pairs: trained on, and there to train on. minutes: that all of it would take here.
    """

    versus: Versus
    pairs: int
    of_pairs: int
    minutes: float


@dataclass(frozen=True)
class Tuning:
    """What came of fine-tuning a model on a suite.

    outcome:   one of OUTCOMES, or "pilot". why: a sentence with the numbers.
    spec:      of the model to use from now on: the tuned one, or the base kept.
    split:     how folds were cut; note says which question they answer, and what was odd.
    out_of_fold: the recipe judged on training queries, each by a model that never saw it.
    held_out:  the final model judged on the suite's test queries; a release reads only this.
    more_out_of_fold, more_held_out: the suite's other measures likewise.
    by_source: the same as out_of_fold, for the queries of each source of pairs; empty where there
               is one source.
    dimensions: recall@10 on the held-out queries with vectors cut to each dimension.
    leaks:     sentences on what the training and the test side share.
    touched:   test queries whose documents or near texts were trained on.
    untouched: held-out verdict on the other ones; None where all or none are touched.
    """

    suite: str
    model: str
    outcome: str
    why: str
    advice: str = ""
    spec: str = ""
    folder: str = ""
    split: str = ""
    note: str = ""
    out_of_fold: Versus | None = None
    held_out: Versus | None = None
    more_out_of_fold: tuple[Versus, ...] = ()
    more_held_out: tuple[Versus, ...] = ()
    by_source: Mapping[str, Versus] = field(default_factory=dict)
    dimensions: Mapping[int, Versus] = field(default_factory=dict)
    trainings: tuple[Training, ...] = ()
    guards: tuple[Guarded, ...] = ()
    averaging: tuple[Averaged, ...] = ()
    accuracy: Accuracy | None = None
    sources: tuple[Source, ...] = ()
    leaks: tuple[str, ...] = ()
    touched: int = 0
    untouched: Versus | None = None
    pilot: Pilot | None = None
    recipe: Mapping[str, object] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    fingerprint: str = ""
    minutes: float = 0.0
