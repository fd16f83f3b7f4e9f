"""`tune`: from a suite and a base model to a candidate and a verdict on it.

    decide -> training side, leaks, folds -> k trainings, judged out of fold
           -> the final training -> held-out queries, guards -> the model to use

Everything goes into one folder; the same command goes on where it was killed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.judge.numbers import format_count
from benchharness.pairs.pair import pair_lines
from benchharness.pairs.sheet import sheet_lines
from benchharness.progress import Listener, silent
from benchharness.recipe import Recipe
from benchharness.suite import DatasetReference, Suite
from benchharness.train.candidate import Candidate, judge_candidate, save_base, save_candidate
from benchharness.train.card import write_card
from benchharness.train.card_metadata import Origin
from benchharness.train.kfold import (
    Fold,
    averaged_on_dev,
    chosen_alpha,
    chosen_share,
    pooled,
    run_folds,
    training_of,
    write_curve,
)
from benchharness.train.prepare import Prepared, prepare
from benchharness.train.run_folder import (
    CANDIDATE,
    FOLDS,
    MODEL,
    NEGATIVES,
    PAIRS,
    finish,
    finished,
    opened,
    replace_folder,
    write_lines,
)
from benchharness.train.tuning import Averaged, Source, Tuning, Versus
from benchharness.train.verdicts import MEASURE, conclude, values_of, versus

if TYPE_CHECKING:
    from benchharness.judge.bench import Bench

FOLDS_BY_DEFAULT = 5


def tune(
    task: Suite | DatasetReference,
    model: str,
    *,
    out: Path,
    folds: int = FOLDS_BY_DEFAULT,
    split: str = "component",
    recipe: Recipe | None = None,
    guards: Sequence[str] = (),
    base: Path | None = None,
    bench: Bench | None = None,
    listener: Listener = silent,
) -> Tuning:
    """What came of fine-tuning the model on the training side of a suite.

    out:    the folder of the run; its `model` is what should be used afterwards. A run that was
            killed goes on from there and ends with the same bytes.
    folds:  how many; 0 trains once and judges on the suite's held-out queries alone.
    split:  "component" keeps queries that share a document in one fold; "query" does not, and
            answers for new queries about documents that were trained on.
    recipe: in place of the suite's.
    guards: names of suites that must not become worse, besides those of the suite's guard gates.

    Raises UsageError, DataError, ModelError and MissingDependency before the first step.
    """
    from benchharness.judge.bench import Bench, suite_of

    suite = task if isinstance(task, Suite) else suite_of(task, [model])
    bench = bench if bench is not None else Bench(listener=listener)
    home = base or Path.cwd()
    began = time.monotonic()
    prepared = prepare(
        bench, suite, model, home, recipe=recipe or suite.recipe, folds=folds, split=split,
        guards=guards,
    )  # fmt: skip
    with opened(out, _question(prepared, folds)) as folder:
        write_lines(folder / PAIRS, pair_lines(prepared.material.pairs))
        if prepared.folds is not None:
            asked = {"split": prepared.folds.split, "fold_of": dict(prepared.folds.fold_of)}
            write_lines(folder / FOLDS, [json.dumps(asked, indent=0, sort_keys=True) + "\n"])
        done = run_folds(prepared, folder) if prepared.folds is not None else []
        tuning = _concluded(bench, prepared, folder, done, out)
        fingerprint = prepared.test.fingerprint.whole
        origin = Origin.of(tuning.model, suite.dataset, fingerprint, home)
        write_card(folder / MODEL, tuning, origin)
        _write_sample(folder, tuning)
    return dataclasses.replace(tuning, minutes=(time.monotonic() - began) / 60)


def _question(prepared: Prepared, folds: int) -> dict[str, Any]:
    """What a folder serves: whatever changes a bit of what is trained or judged."""
    return {
        "suite": prepared.suite.name,
        "model": prepared.workshop.encoder.fingerprint,
        "training side": prepared.material.fingerprint,
        "test side": prepared.test.fingerprint.whole,
        "recipe": prepared.recipe.settings(),
        "other models": dict(prepared.others),
        "guards": [f"{one.suite.name} {one.measure} {one.margin}" for one in prepared.guards],
        "folds": folds,
        "split": prepared.split,
        "labels": _digest(repr(prepared.labels)) if prepared.labels is not None else None,
        "replayed": _digest(repr(prepared.workshop.replay)) if prepared.workshop.replay else None,
    }


def _write_sample(folder: Path, tuning: Tuning) -> None:
    """Mined negatives that a person should look at: what answers its query must not be there."""
    mined = [one.mining for one in tuning.trainings if one.mining is not None]
    if mined:
        write_lines(folder / NEGATIVES, sheet_lines(mined[-1].sample))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _concluded(
    bench: Bench, prepared: Prepared, folder: Path, folds: list[Fold], out: Path
) -> Tuning:
    out_of_fold = _out_of_fold(prepared, folds)
    main = next((one for one in out_of_fold if one.measure == MEASURE), None)
    told = _told(prepared, folds, out)
    is_base = bool(folds) and chosen_share(folds) == 0
    if is_base or (main is not None and main.delta <= 0):
        outcome, why = conclude(out_of_fold=main, is_base=is_base, held_out=None)
        candidate = None
    else:
        candidate = _final(bench, prepared, folder, folds)
        outcome, why = conclude(
            out_of_fold=main,
            is_base=candidate.is_base,
            held_out=candidate.main,
            guards=candidate.guards,
        )
    spec = _release(prepared, folder, candidate, outcome, out)
    tuning = dataclasses.replace(
        told,
        outcome=outcome,
        why=why + _touched(told, candidate),
        advice=_advice(outcome, spec, told, candidate),
        spec=spec,
        out_of_fold=main,
        more_out_of_fold=tuple(one for one in out_of_fold if one is not main),
        by_source=_by_source(prepared, folds),
    )
    return candidate.told(tuning) if candidate is not None else tuning


def _touched(told: Tuning, candidate: Candidate | None) -> str:
    """What the verdict must say where the held-out queries share something with the training."""
    if candidate is None or candidate.main is None or not told.touched:
        return ""
    of_n = f"{format_count(told.touched)} of {format_count(candidate.main.n)}"
    return f"; {of_n} share a document or nearly a text with the training side"


def _out_of_fold(prepared: Prepared, folds: list[Fold]) -> list[Versus]:
    if prepared.folds is None:
        return []
    base, tuned = values_of(prepared.judged), pooled(folds)
    groups = _groups(prepared)
    return [versus(name, base[name], tuned[name], groups) for name in tuned]


def _by_source(prepared: Prepared, folds: list[Fold]) -> dict[str, Versus]:
    """Out of fold for the queries of each source: a gain on synthetic queries alone is told."""
    tuned = pooled(folds).get(MEASURE, {})
    source_of: dict[str, str] = {}
    for pair in prepared.material.pairs:  # the most trusted source of a query comes first
        if pair.query_id in tuned:
            source_of.setdefault(pair.query_id, pair.source)
    sources = sorted(set(source_of.values()))
    if len(sources) < 2:
        return {}
    base, groups = values_of(prepared.judged)[MEASURE], _groups(prepared)
    return {
        source: versus(
            MEASURE, base, {q: v for q, v in tuned.items() if source_of.get(q) == source}, groups
        )
        for source in sources
    }


def _groups(prepared: Prepared) -> Mapping[str, str]:
    """query_id -> what it belongs to: its component, or its text where queries were split."""
    assert prepared.folds is not None  # noqa: S101 -- narrows the type
    if prepared.folds.split == "component":
        return prepared.folds.component_of
    from benchharness.data.similarity import normalised

    return {name: normalised(text) for name, text in prepared.material.judged.queries.items()}


def _told(prepared: Prepared, folds: list[Fold], out: Path) -> Tuning:
    """What is known before the final training."""
    cut = prepared.folds
    counts = prepared.material.sources.items()
    return Tuning(
        suite=prepared.suite.name,
        model=prepared.workshop.encoder.spec,
        outcome="",
        why="",
        folder=str(out),
        split=prepared.split if cut is not None else "",
        note="; ".join(filter(None, (f"{cut.question}", cut.note))) if cut is not None else "",
        trainings=tuple(fold.training for fold in folds),
        averaging=_mean_curve(folds),
        sources=tuple(Source(name, c.given, c.used, c.synthetic) for name, c in counts),
        leaks=prepared.leaks.lines or prepared.leaks.unsearched,
        touched=len(prepared.leaks.test_queries_touched),
        recipe=prepared.recipe.settings(),
        remarks=prepared.remarks,
    )


def _mean_curve(folds: list[Fold]) -> tuple[Averaged, ...]:
    """The curve over alpha, the mean of the folds that have one."""
    curves = [fold.averaging for fold in folds if fold.averaging]
    if not curves:
        return ()
    found = []
    for points in zip(*curves, strict=True):
        dev = [point.dev for point in points if point.dev is not None]
        found.append(Averaged(points[0].alpha, dev=sum(dev) / len(dev) if dev else None))
    return tuple(found)


def _final(bench: Bench, prepared: Prepared, folder: Path, folds: list[Fold]) -> Candidate:
    """The final training and its verdict; read where it is finished."""
    stage = folder / "final"
    content = finished(stage)
    if content is None:
        content = _train_final(prepared, stage, folder / CANDIDATE, folds)
    return judge_candidate(bench, prepared, folder, content)


def _train_final(prepared: Prepared, stage: Path, place: Path, folds: list[Fold]) -> dict[str, Any]:
    workshop = prepared.workshop
    if folds:
        fitted, mining = workshop.train(
            prepared.material.pairs, stage, stage="final training", share=chosen_share(folds)
        )
        alpha, averaging = chosen_alpha(folds), tuple[Averaged, ...]()
    else:
        dev, pairs = prepared.dev_set(prepared.material.pairs)
        fitted, mining = workshop.train(pairs, stage, stage="training", dev=dev)
        alpha, averaging = averaged_on_dev(prepared, fitted, dev)
    if not fitted.is_base:
        save_candidate(prepared, fitted, alpha if folds else 1.0, place)
    write_curve(stage, fitted.curve)
    training = training_of("final", fitted, alpha, mining)
    content = {
        "training": dataclasses.asdict(training),
        "averaging": [dataclasses.asdict(one) for one in averaging],
        "is_base": fitted.is_base,
    }
    finish(stage, content)
    found = finished(stage)
    assert found is not None  # noqa: S101 -- it was written just now
    return found


def _release(
    prepared: Prepared, folder: Path, candidate: Candidate | None, outcome: str, out: Path
) -> str:
    """The spec of the model to use, after putting it into the run's folder."""
    if outcome == "improved" and candidate is not None:
        draft = folder / f"{MODEL}.part"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(folder / candidate.place, draft)
        replace_folder(folder / MODEL, draft)
        return candidate.spec_at(out / MODEL)
    return save_base(prepared, folder / MODEL, out / MODEL)


def _advice(outcome: str, spec: str, told: Tuning, candidate: Candidate | None) -> str:
    if outcome == "improved":
        return f"judge it by the suite's gates: pytest suites/ --bench-model={spec}"
    if outcome == "regressed" and candidate is not None and candidate.guards:
        return "mix general pairs in (--set replay=SUITE), or average (--set average=always)"
    trainings = (*told.trainings, *([candidate.training] if candidate is not None else []))
    named = [one for training in trainings for one in training.diagnoses]
    remedies = dict.fromkeys(one.remedy for one in named if one.remedy)
    if remedies:
        return next(iter(remedies))
    if outcome == "inconclusive":
        return "more held-out queries would settle it: benchharness power " + told.suite
    return "keep the base model"
