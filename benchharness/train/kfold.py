"""k-fold: each training query judged by a model that saw neither it nor what belongs to it."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchharness.evaluation.measure import measure_system
from benchharness.files import write_atomically
from benchharness.models.cache import EmbeddingCache
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.train.averaging import ALPHAS, best_on_dev, set_average, weights_of
from benchharness.train.curve import Curve
from benchharness.train.devset import DevSet
from benchharness.train.diagnosis import diagnose
from benchharness.train.fitting import Fitted
from benchharness.train.prepare import Prepared
from benchharness.train.run_folder import CURVE, finish, finished
from benchharness.train.tuning import Averaged, Mining, Training
from benchharness.train.verdicts import MEASURE, Values, values_of

# Points of a curve that are reported; the run folder has all of them.
_SHOWN_STEPS = 200


@dataclasses.dataclass(frozen=True, eq=False)
class Fold:
    """A training with what its held-out queries got: measure -> query_id -> value."""

    training: Training
    averaging: tuple[Averaged, ...]
    values: Mapping[str, Values]


def run_folds(prepared: Prepared, folder: Path) -> list[Fold]:
    """Every fold, in order; those that are finished in the folder are read from there."""
    assert prepared.folds is not None  # noqa: S101 -- narrows the type
    return [
        run_fold(prepared, fold, folder / f"fold-{fold + 1}") for fold in range(prepared.folds.k)
    ]


def run_fold(prepared: Prepared, fold: int, folder: Path) -> Fold:
    """Trains on the other folds, picks the step on dev queries of theirs, and judges this one.

    Every query is ranked against the whole corpus. Where no step is better than the base model,
    the base's own values are what the fold gets.
    """
    assert prepared.folds is not None  # noqa: S101 -- narrows the type
    stage = f"fold {fold + 1} of {prepared.folds.k}"
    kept = finished(folder)
    if kept is not None:
        return _read(kept)
    held_out = prepared.folds.held_out(fold)
    dev, pairs = prepared.dev_set(prepared.training_pairs(fold))
    workshop = prepared.workshop
    fitted, mining = workshop.train(pairs, folder, stage=f"{stage} · train", dev=dev)
    alpha, averaging = averaged_on_dev(prepared, fitted, dev)
    base = values_of(prepared.judged)
    known = set(prepared.judged.query_ids)
    asked = sorted(held_out & known)
    if fitted.is_base:
        values = {name: {one: found[one] for one in asked} for name, found in base.items()}
    else:
        values = _judged(prepared, fitted, asked, stage)
    write_curve(folder, fitted.curve)
    found = Fold(
        training_of(f"fold {fold + 1}", fitted, alpha, mining, base[MEASURE], values[MEASURE]),
        averaging,
        values,
    )
    finish(folder, _content(found))
    return found


def averaged_on_dev(
    prepared: Prepared, fitted: Fitted, dev: DevSet
) -> tuple[float, tuple[Averaged, ...]]:
    """(alpha, curve) where the recipe always averages; the model then has those weights."""
    if prepared.recipe.average != "always" or fitted.is_base:
        return 1.0, ()
    encoder = prepared.workshop.encoder
    base = weights_of(encoder.load_for_training())
    tuned = weights_of(fitted.model)
    live = encoder.around(fitted.model)
    curve = []
    for alpha in ALPHAS:
        set_average(fitted.model, base, tuned, alpha)
        curve.append(Averaged(alpha, dev=dev.evaluate(live, 0, 0.0).value))
    alpha = best_on_dev(curve)
    set_average(fitted.model, base, tuned, alpha)
    return alpha, tuple(curve)


def as_served(encoder: SentenceTransformerEncoder, fitted: Fitted) -> SentenceTransformerEncoder:
    """The encoder of the fitted model, in the dtype in which the base model is measured."""
    import torch

    fitted.model.to(getattr(torch, encoder.options.dtype))
    return encoder.around(fitted.model)


def _judged(
    prepared: Prepared, fitted: Fitted, asked: list[str], stage: str
) -> dict[str, dict[str, float]]:
    def tell(step: Any) -> None:
        prepared.workshop.listener(dataclasses.replace(step, stage=f"{stage} · {step.stage}"))

    result = measure_system(
        prepared.material.judged.restricted(frozenset(asked)),
        as_served(prepared.workshop.encoder, fitted),
        prepared.suite.all_measures,
        name=prepared.suite.name,
        cache=EmbeddingCache.none(),  # nobody asks for the vectors of this model again
        depth=prepared.suite.depth,
        drop_same_id=prepared.suite.drop_same_id,
        listener=tell,
    )
    return values_of(result)


def training_of(
    name: str,
    fitted: Fitted,
    alpha: float,
    mining: Mining | None,
    base: Values | None = None,
    tuned: Values | None = None,
) -> Training:
    """What the report says of a training; `tuned` are the values of its held-out queries."""
    before = statistics.fmean(base[one] for one in tuned) if base and tuned else None
    return Training(
        name=name,
        held_out=len(tuned or ()),
        base=before,
        tuned=statistics.fmean(tuned.values()) if tuned else None,
        best_share=fitted.best_share,
        alpha=alpha,
        facts=fitted.facts,
        curve=thinned(fitted.curve),
        diagnoses=diagnose(fitted.curve),
        mining=mining,
    )


def write_curve(folder: Path, curve: Curve) -> None:
    """Every step and evaluation, for whoever looks closer than the report."""
    write_atomically(folder / CURVE, [json.dumps(dataclasses.asdict(curve), indent=0) + "\n"])


def thinned(curve: Curve) -> Curve:
    """The curve with at most about 200 of its steps, the first and the last among them."""
    stride = -(-len(curve.steps) // _SHOWN_STEPS) or 1
    steps = curve.steps[::stride]
    if curve.steps and steps[-1] != curve.steps[-1]:
        steps = (*steps, curve.steps[-1])
    return Curve(steps, curve.evaluations)


def pooled(folds: list[Fold]) -> dict[str, dict[str, float]]:
    """measure -> query_id -> value out of fold."""
    found: dict[str, dict[str, float]] = {}
    for fold in folds:
        for name, values in fold.values.items():
            found.setdefault(name, {}).update(values)
    return found


def chosen_share(folds: list[Fold]) -> float:
    """The place in the schedule at which the final training ends: the median of the folds'."""
    return statistics.median(fold.training.best_share for fold in folds)


def chosen_alpha(folds: list[Fold]) -> float:
    return statistics.median(fold.training.alpha for fold in folds)


_TRAINING = TypeAdapter(Training)
_AVERAGING = TypeAdapter(tuple[Averaged, ...])


def _content(fold: Fold) -> dict[str, Any]:
    return {
        "training": dataclasses.asdict(fold.training),
        "averaging": [dataclasses.asdict(one) for one in fold.averaging],
        "values": fold.values,
    }


def _read(content: dict[str, Any]) -> Fold:
    return Fold(
        _TRAINING.validate_python(content["training"]),
        _AVERAGING.validate_python(content["averaging"]),
        content["values"],
    )
