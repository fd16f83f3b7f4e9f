"""`pilot`: one quick fold, to say what tuning would gain and how long it would take."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.judge.numbers import format_duration
from benchharness.pairs.pair import Pair
from benchharness.recipe import Recipe
from benchharness.suite import Suite
from benchharness.train.kfold import run_fold
from benchharness.train.prepare import Prepared, prepare
from benchharness.train.tuning import Pilot, Tuning
from benchharness.train.verdicts import MEASURE, line_of, values_of, versus

if TYPE_CHECKING:
    from benchharness.judge.bench import Bench

# A transformer sees no more than this in a pilot; a bag of tokens trains on everything in seconds.
MOST_PAIRS = 1_000
_FOLDS = 5


def pilot(
    bench: Bench,
    suite: Suite,
    model: str,
    base: Path,
    *,
    recipe: Recipe | None = None,
    split: str = "component",
) -> Tuning:
    """What one fold of five says: its outcome is "pilot", and it leaves nothing behind.

    One epoch over at most 1,000 pairs (all of them for a static model), judged on the queries
    of the fold against the whole corpus. More pairs and epochs mostly gain more.
    """
    chosen = recipe or suite.recipe
    prepared = prepare(bench, suite, model, base, recipe=chosen, folds=_FOLDS, split=split)
    full = prepared.recipe
    quick = prepared
    if not prepared.workshop.encoder.is_static:
        quick = _reduced(prepared)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="benchharness-pilot-") as folder:
        found = run_fold(quick, 0, Path(folder))
    assert prepared.folds is not None  # noqa: S101 -- five were asked for
    measured = versus(
        MEASURE, values_of(prepared.judged)[MEASURE], found.values[MEASURE],
        prepared.folds.component_of,
    )  # fmt: skip
    trained = found.training.facts["seconds"]
    judged = max(0.0, time.monotonic() - began - trained)
    rows, of_rows = found.training.facts["pairs"], float(len(prepared.material.pairs))
    longer = of_rows * (full.epochs or 1.0) / (max(rows, 1.0) * (quick.recipe.epochs or 1.0))
    minutes = (_FOLDS + 1) * (trained * longer + judged) / 60
    took = Pilot(measured, int(rows), int(of_rows), minutes)
    return Tuning(
        suite=suite.name,
        model=model,
        outcome="pilot",
        why=f"one fold on {took.pairs:,} of {took.of_pairs:,} pairs: {line_of(measured)}; "
        f"{_FOLDS} folds and the final model would take about {format_duration(minutes * 60)} here",
        advice=_advice(suite, model, measured.outcome, measured.delta),
        split=prepared.split,
        note=prepared.folds.question,
        trainings=(dataclasses.replace(found.training, name="pilot"),),
        leaks=prepared.leaks.lines or prepared.leaks.unsearched,
        touched=len(prepared.leaks.test_queries_touched),
        pilot=took,
        recipe=full.settings(),
        remarks=prepared.remarks,
    )


def _reduced(prepared: Prepared) -> Prepared:
    """The run with so few pairs of each fold's training side that a pilot is quick."""
    assert prepared.folds is not None  # noqa: S101 -- narrows the type
    held_out = prepared.folds.held_out(0)
    others = [pair for pair in prepared.material.pairs if pair.query_id not in held_out]
    kept = set(_few(others))
    pairs = tuple(
        pair for pair in prepared.material.pairs if pair.query_id in held_out or pair in kept
    )
    workshop = dataclasses.replace(
        prepared.workshop,
        material=dataclasses.replace(prepared.material, pairs=pairs),
        recipe=dataclasses.replace(prepared.recipe, epochs=1.0, evaluations=2),
    )
    return dataclasses.replace(prepared, workshop=workshop)


def _few(pairs: Sequence[Pair]) -> list[Pair]:
    def drawn(pair: Pair) -> bytes:
        return hashlib.sha256(f"{pair.query}\0{pair.positive}".encode("utf-8", "replace")).digest()

    return sorted(pairs, key=drawn)[:MOST_PAIRS]


def _advice(suite: Suite, model: str, outcome: str, delta: float) -> str:
    command = f"benchharness tune --suite {suite.name} --model {model}"
    if outcome == "improved":
        return f"tune it: {command}"
    if delta > 0:
        return f"the gain is not shown yet; all pairs may show it: {command}"
    return "keep the base model, or look at the training pairs"
