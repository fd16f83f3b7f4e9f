"""The candidate: the tuned model as a directory, and its verdict on data that it never saw."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from benchharness.data.dataset import Dataset
from benchharness.errors import DataError, UsageError
from benchharness.evaluation.measure import measure_system
from benchharness.measures import parse_measure
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder
from benchharness.models.registry import open_model
from benchharness.models.runtime import without_bars
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.models.spec import encode_value
from benchharness.models.truncated import Truncated
from benchharness.train.averaging import (
    ALPHAS,
    largest_that_keeps,
    set_average,
    weights_of,
)
from benchharness.train.fitting import Fitted
from benchharness.train.labels import accuracy
from benchharness.train.material import training_reference
from benchharness.train.objectives import dimensions_of
from benchharness.train.prepare import Guard, Prepared
from benchharness.train.run_folder import CANDIDATE, MODEL, finish, replace_folder
from benchharness.train.tuning import Accuracy, Averaged, Guarded, Training, Tuning, Versus
from benchharness.train.verdicts import MEASURE, values_of, versus

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from benchharness.evaluation.result import Result
    from benchharness.judge.bench import Bench

# Options of a spec that are not saved with the model: the tuned one is opened with them again.
_CARRIED = ("dim", "dtype", "device", "batch_size", "backend")
_PLAIN = (("dtype", "float32"), ("backend", "torch"))
# Those that are saved with a model that was loaded with them.
_SAVED = ("max_length", "query_prompt", "document_prompt")
_TRAINING = TypeAdapter(Training)
_AVERAGING = TypeAdapter(tuple[Averaged, ...])


@dataclass(frozen=True)
class Candidate:
    """A tuned model with its verdicts; without them where the base model was kept."""

    training: Training
    is_base: bool
    options: Mapping[str, str]
    held_out: tuple[Versus, ...] = ()
    dimensions: Mapping[int, Versus] = dataclasses.field(default_factory=dict)
    guards: tuple[Guarded, ...] = ()
    averaging: tuple[Averaged, ...] = ()
    accuracy: Accuracy | None = None
    untouched: Versus | None = None
    place: str = CANDIDATE
    fingerprint: str = ""

    @property
    def main(self) -> Versus | None:
        return next((one for one in self.held_out if one.measure == MEASURE), None)

    def spec_at(self, place: Path) -> str:
        return spec_of(place, self.options)

    def told(self, tuning: Tuning) -> Tuning:
        """The tuning with what is known of the candidate."""
        return dataclasses.replace(
            tuning,
            held_out=self.main,
            more_held_out=tuple(one for one in self.held_out if one is not self.main),
            dimensions=self.dimensions,
            trainings=(*tuning.trainings, self.training),
            guards=self.guards,
            averaging=self.averaging or tuning.averaging,
            accuracy=self.accuracy,
            untouched=self.untouched,
            fingerprint=self.fingerprint,
        )


def spec_of(place: Path, options: Mapping[str, str]) -> str:
    spelled = ",".join(f"{name}={encode_value(value)}" for name, value in options.items())
    return f"{place}@{spelled}" if spelled else str(place)


def carried(encoder: SentenceTransformerEncoder, names: Sequence[str] = _CARRIED) -> dict[str, str]:
    """The options of the base's spec that a saved model must be opened with again."""
    options = {name: getattr(encoder.options, name) for name in names}
    return {
        name: str(value)
        for name, value in options.items()
        if value is not None and (name, value) not in _PLAIN
    }


def save_candidate(prepared: Prepared, fitted: Fitted, alpha: float, place: Path) -> None:
    """Writes the fitted model, averaged with the base at `alpha`; whole or not at all."""
    if alpha < 1:
        base = weights_of(prepared.workshop.encoder.load_for_training())
        set_average(fitted.model, base, weights_of(fitted.model), alpha)
    _save(fitted.model, place)


def _save(model: SentenceTransformer, place: Path) -> None:
    draft = place.with_name(f"{place.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    with without_bars():
        model.save_pretrained(str(draft), create_model_card=False)
    replace_folder(place, draft)


def save_base(prepared: Prepared, place: Path, shown: Path) -> str:
    """The spec of the base model, after putting its files into the run's folder."""
    encoder = prepared.workshop.encoder
    if encoder.folder is None or encoder.options.pooling is not None:
        _save(encoder.load_for_training(), place)
        return spec_of(shown, carried(encoder))
    draft = place.with_name(f"{MODEL}.part")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(encoder.folder, draft)
    replace_folder(place, draft)
    return spec_of(shown, carried(encoder, (*_CARRIED, *_SAVED)))


def judge_candidate(
    bench: Bench, prepared: Prepared, folder: Path, content: Mapping[str, Any]
) -> Candidate:
    """The verdicts on the candidate that the final training left in the folder.

    Where a guard falls and the recipe allows it, the weights are averaged with the base's, and
    all is judged again.
    """
    encoder = prepared.workshop.encoder
    candidate = Candidate(
        training=_TRAINING.validate_python(content["training"]),
        is_base=bool(content["is_base"]),
        options=carried(encoder),
        averaging=_AVERAGING.validate_python(content["averaging"]),
        place=str(content.get("place", CANDIDATE)),
    )
    if candidate.is_base:
        return candidate
    tuned = _opened(candidate, folder)
    guards = _guarded(bench, prepared, tuned)
    if (
        any(one.versus.outcome == "regressed" for one in guards)
        and prepared.recipe.average == "guard"
        and candidate.place == CANDIDATE
    ):
        averaged = _average_for_guards(bench, prepared, folder, candidate, guards)
        finish(
            folder / "final",
            {
                **content,
                "training": dataclasses.asdict(averaged.training),
                "averaging": [dataclasses.asdict(one) for one in averaged.averaging],
                "place": averaged.place,
            },
        )
        candidate = averaged
        tuned = _opened(candidate, folder)
        guards = _guarded(bench, prepared, tuned)
    base, found = _held_out(bench, prepared, tuned)
    return dataclasses.replace(
        candidate,
        held_out=tuple(_compared(base, found)),
        dimensions=_dimensions(bench, prepared, tuned),
        guards=guards,
        accuracy=_accuracies(bench, prepared, tuned),
        untouched=_untouched(prepared, base, found),
        fingerprint=tuned.fingerprint,
    )


def _opened(candidate: Candidate, folder: Path) -> SentenceTransformerEncoder:
    found = open_model(candidate.spec_at((folder / candidate.place).absolute()))
    assert isinstance(found, SentenceTransformerEncoder)  # noqa: S101 -- it was saved as one
    return found


def _measured(bench: Bench, prepared: Prepared, dataset: Dataset, encoder: Encoder) -> Result:
    return measure_system(
        dataset, encoder, prepared.suite.all_measures, name=prepared.suite.name,
        cache=bench.cache, depth=prepared.suite.depth, drop_same_id=prepared.suite.drop_same_id,
        listener=bench.tell,
    )  # fmt: skip


def _held_out(
    bench: Bench, prepared: Prepared, tuned: SentenceTransformerEncoder
) -> tuple[Result, Result]:
    base = _measured(bench, prepared, prepared.test, prepared.workshop.encoder)
    return base, _measured(bench, prepared, prepared.test, tuned)


def _compared(base: Result, tuned: Result) -> list[Versus]:
    before, after = values_of(base), values_of(tuned)
    return [versus(name, before[name], after[name], {}) for name in after]


def _untouched(prepared: Prepared, base: Result, tuned: Result) -> Versus | None:
    """The verdict on the test queries that share nothing with the training side."""
    touched = prepared.leaks.test_queries_touched
    kept = [one for one in tuned.query_ids if one not in touched]
    if not kept or len(kept) == len(tuned.query_ids):
        return None
    after = values_of(tuned)[MEASURE]
    return versus(MEASURE, values_of(base)[MEASURE], {one: after[one] for one in kept}, {})


def _dimensions(
    bench: Bench, prepared: Prepared, tuned: SentenceTransformerEncoder
) -> dict[int, Versus]:
    """recall@10 on the held-out queries at every dimension that was trained."""
    encoder = prepared.workshop.encoder
    dims = dimensions_of(encoder, encoder.load_for_training(), prepared.recipe)
    if len(dims) == 1 or encoder.options.dim is not None:
        return {}
    found = {}
    for dim in dims:
        sides = [
            measure_system(
                prepared.test,
                Truncated(side, dim, bench.cache),
                [parse_measure(MEASURE)],
                name=prepared.suite.name,
                cache=EmbeddingCache.none(),
                drop_same_id=prepared.suite.drop_same_id,
            )
            for side in (encoder, tuned)
        ]
        before, after = (values_of(side)[MEASURE] for side in sides)
        found[dim] = versus(MEASURE, before, after, {})
    return found


def _accuracies(
    bench: Bench, prepared: Prepared, tuned: SentenceTransformerEncoder
) -> Accuracy | None:
    if prepared.labels is None:
        return None
    base, after = (
        accuracy(side, prepared.labels, cache=bench.cache, listener=bench.tell)
        for side in (prepared.workshop.encoder, tuned)
    )
    return Accuracy(base.value, after.value, base.n)


# --- guards -------------------------------------------------------------------------------------


def _guarded(
    bench: Bench, prepared: Prepared, tuned: SentenceTransformerEncoder
) -> tuple[Guarded, ...]:
    found = []
    for guard in prepared.guards:
        _, judged = _guard_sides(bench, guard)
        base, after = (
            _guard_values(bench, guard, judged, side) for side in (prepared.workshop.encoder, tuned)
        )
        verdict = versus(guard.measure, base, after, {}, guard.margin)
        remark = ""
        if len(after) < 100:
            remark = f"{len(after)} queries are too few for a guard"
        found.append(Guarded(guard.suite.name, guard.margin, verdict, remark))
    return tuple(found)


def _guard_values(
    bench: Bench, guard: Guard, dataset: Dataset, encoder: Encoder
) -> dict[str, float]:
    result = measure_system(
        dataset, encoder, [parse_measure(guard.measure)], name=guard.suite.name,
        cache=bench.cache, depth=guard.suite.depth, drop_same_id=guard.suite.drop_same_id,
        listener=bench.tell,
    )  # fmt: skip
    return values_of(result)[guard.measure]


def _guard_sides(bench: Bench, guard: Guard) -> tuple[Dataset, Dataset]:
    """(dev side, judging side) of a guard.

    The dev side is its training side; where it has none, a half of its queries, drawn by a hash
    of their ids, and only the other half judges.
    """
    whole = bench.dataset(guard.suite.dataset, guard.base)
    try:
        reference = training_reference(guard.suite)
    except UsageError:
        reference = None
    if reference is not None:
        with contextlib.suppress(DataError):  # the split is not there
            return bench.dataset(reference, guard.base), whole
    ids = whole.relevance.query_ids
    half = frozenset(one for one in ids if hashlib.sha256(one.encode()).digest()[0] & 1)
    return whole.restricted(half), whole.restricted(frozenset(ids) - half)


def _average_for_guards(
    bench: Bench,
    prepared: Prepared,
    folder: Path,
    candidate: Candidate,
    guards: Sequence[Guarded],
) -> Candidate:
    """The candidate with the largest share of tuned weights that the worst guard's dev side takes.

    Where no share does, the smallest one; the verdict then says so.
    """
    worst = min(guards, key=lambda one: one.versus.delta + one.margin)
    guard = next(one for one in prepared.guards if one.suite.name == worst.suite)
    dev, _ = _guard_sides(bench, guard)
    encoder = prepared.workshop.encoder
    model = encoder.load_for_training()
    base = weights_of(model)
    tuned = weights_of(_opened(candidate, folder).load_for_training())
    live = encoder.around(model)
    curve = []
    for alpha in (*ALPHAS, 0.0):
        set_average(model, base, tuned, alpha)
        result = measure_system(
            dev, live, [parse_measure(guard.measure)], name=guard.suite.name,
            cache=EmbeddingCache.none(), listener=bench.tell,
        )  # fmt: skip
        values = result.values[guard.measure]
        curve.append(Averaged(alpha, guard=float(values.mean())))
    start = curve.pop().guard or 0.0
    alpha = largest_that_keeps(curve, start, guard.margin) or ALPHAS[-1]
    set_average(model, base, tuned, alpha)
    place = f"{CANDIDATE}-{alpha:.2f}"
    _save(model, folder / place)
    return dataclasses.replace(
        candidate,
        training=dataclasses.replace(candidate.training, alpha=alpha),
        averaging=(*curve, Averaged(0.0, guard=start)),
        place=place,
    )
