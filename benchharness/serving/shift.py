"""From an old model to a new one, measured before it is done: `Shift`, step by step.

Two indexes stand beside each other, and a growing share of the queries is sent to the new one. A
step is what all queries together are worth at that share. It is held against step 0, query by
query; the walk ends at the first step that loses the margin.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.evaluation.measure import measure_system
from benchharness.evaluation.result import Result
from benchharness.judge.verdict import MET
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder, is_encoder
from benchharness.models.registry import open_model
from benchharness.progress import Step
from benchharness.serving.changes import Change, Margin, changes, margins_of, means_of
from benchharness.serving.shift_mixed import Mixed
from benchharness.serving.shift_routing import STEPS, check_steps, moved

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset
    from benchharness.judge.bench import Bench
    from benchharness.suite import Suite

GO, NO_GO, INCONCLUSIVE, EMPTY = "go", "no-go", "inconclusive", "empty"
MARGIN = 0.02
SCHEMA = 1


@dataclass(frozen=True)
class Stage:
    """A share of the traffic on the new index.

    percent: that is meant to go there; `moved` of the suite's `n` queries do.
    outcome: "go", "no-go", "inconclusive", or "empty" where no query moved beyond step 0.
    """

    percent: float
    moved: int
    n: int
    outcome: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Damage:
    """What happens where only one side of the search is changed, against step 0.

    queries, documents: specs of the models that each side is from.
    changes: of each measure; empty where the vectors cannot meet, and `why` says so.
    """

    queries: str
    documents: str
    changes: tuple[Change, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Shift:
    """The transition of one suite.

    outcome:   "go" where every step is, "no-go" where one loses the margin, else "inconclusive".
    reached:   the last percentage before which everything was "go".
    stages:    up to the first no-go.
    old_values, new_values: measure -> mean of each model alone.
    damage:    new queries on old documents, then old queries on new documents.
    documents: how many must be embedded anew.
    """

    suite: str
    old: str
    new: str
    old_fingerprint: str
    new_fingerprint: str
    outcome: str
    reached: float
    stages: tuple[Stage, ...]
    old_values: Mapping[str, float]
    new_values: Mapping[str, float]
    damage: tuple[Damage, ...]
    documents: int
    salt: str = ""
    schema: int = SCHEMA


def measure_shift(
    suite: Suite,
    base: Path,
    old: str,
    new: str,
    bench: Bench,
    *,
    steps: Sequence[float] = STEPS,
    margins: Mapping[str, Margin] | None = None,
    salt: str = "",
) -> Shift:
    """The transition of a suite from the model `old` to `new`, both specs.

    margins: measure -> margin; None for those of the suite's gates, else 0.02.
    salt:    makes another order in which queries move.
    Raises UsageError for steps that do not rise from 0 to 100, DataError, ModelError.
    """
    check_steps(steps)
    before, after = (bench.measure(suite, spec, base) for spec in (old, new))
    allowed = margins or margins_of(suite, (old, new), MARGIN)
    stages = stages_of(before, after, steps=steps, margins=allowed, salt=salt)
    dataset = bench.dataset(suite.dataset, base)
    prints = before.fingerprints.model, after.fingerprints.model
    return Shift(
        suite=suite.name,
        old=old,
        new=new,
        old_fingerprint=prints[0],
        new_fingerprint=prints[1],
        outcome=_outcome(stages),
        reached=_reached(stages),
        stages=stages,
        old_values=means_of(before),
        new_values=means_of(after),
        damage=_damages(suite, base, (old, new), before, allowed, dataset, bench),
        documents=0 if prints[0] == prints[1] else len(dataset.corpus),
        salt=salt,
    )


def stages_of(
    before: Result,
    after: Result,
    *,
    steps: Sequence[float] = STEPS,
    margins: Mapping[str, Margin],
    salt: str = "",
) -> tuple[Stage, ...]:
    """The steps up to the first no-go, from the results of the old and of the new model.

    Raises ValueError where the two did not answer the same queries.
    """
    if before.query_ids != after.query_ids:
        raise ValueError("the two models answered different queries")
    stages: list[Stage] = []
    for percent in steps:
        chosen = moved(before.query_ids, percent, salt)
        found = changes(before, at_share(before, after, chosen), margins)
        is_empty = percent > 0 and not any(chosen)
        outcome = EMPTY if is_empty else _step_outcome([one.outcome for one in found])
        stages.append(Stage(percent, sum(chosen), len(chosen), outcome, found))
        if outcome == NO_GO:
            break
    return tuple(stages)


def at_share(before: Result, after: Result, chosen: Sequence[bool]) -> Result:
    """What the queries are worth together where the chosen ones are asked of the new index."""
    import numpy as np

    is_new = np.array(chosen, dtype=bool)
    sides = (before, after)
    run, facts = before.run, before.facts
    prints = [one.fingerprints.model for one in sides]
    model = prints[0] if not is_new.any() else prints[1]
    if is_new.any() and not is_new.all() and prints[0] != prints[1]:
        rows = "".join("01"[one] for one in chosen)
        model = hashlib.sha256(f"{prints[0]} {prints[1]} {rows}".encode()).hexdigest()
    picked = [sides[one] for one in chosen]
    return replace(
        before,
        model=f"{before.model} → {after.model}",
        run=replace(
            run,
            doc_ids=tuple(one.run.doc_ids[row] for row, one in enumerate(picked)),
            scores=tuple(one.run.scores[row] for row, one in enumerate(picked)),
        ),
        fingerprints=replace(before.fingerprints, model=model),
        values={
            name: np.where(is_new, after.values[name], values)
            for name, values in before.values.items()
        },
        facts=tuple(one.facts[row] for row, one in enumerate(picked)) if facts else (),
    )


def _step_outcome(outcomes: Sequence[str]) -> str:
    if all(one in MET for one in outcomes):
        return GO
    # What could not be compared ("error", "stale") is no reason to go on either.
    return INCONCLUSIVE if set(outcomes) <= {*MET, "inconclusive"} else NO_GO


def _outcome(stages: Sequence[Stage]) -> str:
    outcomes = {one.outcome for one in stages}
    if NO_GO in outcomes:
        return NO_GO
    return INCONCLUSIVE if INCONCLUSIVE in outcomes or stages[-1].outcome != GO else GO


def _reached(stages: Sequence[Stage]) -> float:
    reached = 0.0
    for one in stages:
        if one.outcome == GO:
            reached = one.percent
        elif one.outcome != EMPTY:
            break
    return reached


def _damages(
    suite: Suite,
    base: Path,
    models: tuple[str, str],
    before: Result,
    margins: Mapping[str, Margin],
    dataset: Dataset,
    bench: Bench,
) -> tuple[Damage, ...]:
    """New queries on old documents, then old queries on new documents."""
    old, new = (open_model(spec, base) for spec in models)
    pairs = [(new, old), (old, new)]
    if not (is_encoder(old) and is_encoder(new)):
        named = next(one.spec for one in (old, new) if not is_encoder(one))
        why = f"{named} has no vectors of its own that could meet others"
        return tuple(Damage(one.spec, other.spec, why=why) for one, other in pairs)
    if old.fingerprint == new.fingerprint:
        why = "both are the same model: there is nothing to mix"
        return tuple(Damage(one.spec, other.spec, why=why) for one, other in pairs)
    dims = tuple(_dim(one, dataset, bench.cache) for one in (old, new))
    if dims[0] != dims[1]:
        why = (
            f"{old.spec} has {dims[0]} components and {new.spec} {dims[1]}: such vectors cannot "
            "meet, a search fails at once"
        )
        return tuple(Damage(one.spec, other.spec, why=why) for one, other in pairs)
    return tuple(
        _damage(suite, queries, documents, before, margins, dataset, bench)
        for queries, documents in ((new, old), (old, new))
    )


def _damage(
    suite: Suite,
    queries: Encoder,
    documents: Encoder,
    before: Result,
    margins: Mapping[str, Margin],
    dataset: Dataset,
    bench: Bench,
) -> Damage:
    mixed = Mixed(queries, documents, bench.cache)

    def tell(step: Step) -> None:
        bench.tell(replace(step, stage=f"{suite.name} · {mixed.spec} · {step.stage}"))

    found = measure_system(
        dataset, mixed, suite.all_measures, name=suite.name, cache=EmbeddingCache.none(),
        depth=suite.depth, drop_same_id=suite.drop_same_id, limit=before.limit, listener=tell,
    )  # fmt: skip
    return Damage(queries.spec, documents.spec, changes(before, found, margins))


def _dim(encoder: Encoder, dataset: Dataset, cache: EmbeddingCache) -> int:
    """Components of its vectors, from one that is in the cache already."""
    return int(cache.encode(encoder, dataset.corpus.texts[:1], "document").shape[1])
