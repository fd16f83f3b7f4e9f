"""Everything that can be known, and refused, before the first step of training."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.data.dataset import Dataset
from benchharness.data.similarity import text_key
from benchharness.errors import UsageError
from benchharness.evaluation.measure import measure_system
from benchharness.evaluation.result import Result
from benchharness.gate import GuardGate
from benchharness.measures import parse_measure
from benchharness.models.endpoint.encoder import EndpointEncoder
from benchharness.models.registry import open_model
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.pairs.leaks import Leaks, find_leaks
from benchharness.pairs.pair import Pair
from benchharness.progress import Step
from benchharness.recipe import SELF, Recipe
from benchharness.suite import Suite
from benchharness.suite_file import find_suite, suite_files
from benchharness.train.devset import DevSet, make_dev_set
from benchharness.train.fitting import kind_of, need_training_packages
from benchharness.train.folds import Folds, dev_queries, make_folds, training_side
from benchharness.train.labels import Labels, read_labels
from benchharness.train.material import Material, gather
from benchharness.train.objectives import dimensions_of, teach
from benchharness.train.verdicts import MEASURE
from benchharness.train.workshop import Workshop

if TYPE_CHECKING:
    from benchharness.judge.bench import Bench

GUARD_MARGIN = 0.03
_DEV_SEED = 1  # so that dev sets are drawn otherwise than folds


@dataclass(frozen=True)
class Guard:
    """Another suite that training must not make worse than the margin."""

    suite: Suite
    base: Path
    measure: str
    margin: float


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run before its first step: all of it was read, linted and measured with the base model.

    folds:    None where the run trains once.
    judged:   the base model's result on the training side.
    labels:   of the second task; None without one.
    others:   spec -> fingerprint of the models that help: miner, guide, teacher.
    remarks:  what the report must say of the recipe and the data.
    """

    suite: Suite
    test: Dataset
    workshop: Workshop
    folds: Folds | None
    judged: Result
    leaks: Leaks
    labels: Labels | None
    guards: tuple[Guard, ...]
    others: Mapping[str, str]
    remarks: tuple[str, ...]
    split: str

    @property
    def material(self) -> Material:
        return self.workshop.material

    @property
    def recipe(self) -> Recipe:
        return self.workshop.recipe

    def dev_set(self, pairs: Sequence[Pair]) -> tuple[DevSet, tuple[Pair, ...]]:
        """(dev set, the pairs left to train on). Raises UsageError where it is too small."""
        chosen = self._dev_queries(pairs)
        dev = make_dev_set(
            self.material.judged, chosen, self.judged, self.recipe.dev_documents,
            self.recipe.measure,
        )  # fmt: skip
        return dev, training_side(pairs, chosen, split=self.split)

    def _dev_queries(self, pairs: Sequence[Pair]) -> frozenset[str]:
        known = set(self.material.query_ids)
        able = [pair for pair in pairs if pair.query_id in known or not pair.query_id]
        return dev_queries(
            able, self.recipe.dev_queries, split=self.split, seed=self.recipe.seed + _DEV_SEED
        )

    def training_pairs(self, fold: int) -> tuple[Pair, ...]:
        assert self.folds is not None  # noqa: S101 -- narrows the type
        return training_side(self.material.pairs, self.folds.held_out(fold), split=self.folds.split)


def prepare(
    bench: Bench,
    suite: Suite,
    model: str,
    base: Path,
    *,
    recipe: Recipe,
    folds: int,
    split: str,
    guards: Sequence[str] = (),
) -> Prepared:
    """The run, checked as far as it can be without training.

    Raises UsageError, DataError, ModelError, MissingDependency: whatever would stop the run after
    its first step stops it here.
    """
    need_training_packages(lora=recipe.lora is not None)
    encoder = trainable_encoder(model, base)
    kind = kind_of(encoder, recipe)
    recipe = recipe.resolved(kind)
    dimensions_of(encoder, encoder.load_for_training(), recipe)
    if recipe.lora is not None and encoder.is_static:
        raise UsageError(
            f"recipe: lora adapts linear layers, and {model} has none", remedy="leave lora out"
        )
    others = _helping(recipe, base)
    _check_guide(encoder, recipe, base)
    bench.tell(Step(f"{suite.name} · {model} · read the training side", 0, 0))
    test = bench.dataset(suite.dataset, base)
    material = gather(
        suite, base, test, lambda reference: bench.dataset(reference, base), recipe.max_pairs
    )
    _check_negatives(material, recipe)
    replay = _replayed(bench, recipe, base, material)
    leaks = find_leaks((*material.pairs, *replay), test)
    guarding = tuple(_guards(suite, base, guards))
    for guard in guarding:  # what was trained on would flatter a guard as well
        trained = _without_ids((*material.pairs, *replay))
        find_leaks(trained, bench.dataset(guard.suite.dataset, guard.base))
    cut = make_folds(material.pairs, folds, split=split, seed=recipe.seed) if folds else None
    labels = read_labels(base / Path(recipe.labels).expanduser()) if recipe.labels else None
    judged = measure_system(
        material.judged, encoder, suite.all_measures, name=suite.name, cache=bench.cache,
        depth=max(suite.depth, recipe.negative_ranks[1]), drop_same_id=suite.drop_same_id,
        listener=bench.tell,
    )  # fmt: skip
    workshop = Workshop(
        encoder=encoder,
        recipe=recipe,
        material=material,
        base=base,
        cache=bench.cache,
        replay=replay,
        labels=labels.train if labels is not None else None,
        taught=_taught(bench, recipe, base, material),
        listener=bench.tell,
    )
    prepared = Prepared(
        suite=suite,
        test=test,
        workshop=workshop,
        folds=cut,
        judged=judged,
        leaks=leaks,
        labels=labels,
        guards=guarding,
        others=others,
        remarks=(*recipe.remarks(kind), *(labels.lines if labels is not None else ())),
        split=cut.split if cut is not None else split,
    )
    _check_dev_sets(prepared)
    return prepared


def trainable_encoder(model: str, base: Path) -> SentenceTransformerEncoder:
    """The encoder of a spec whose weights can be trained. Raises UsageError, ModelError."""
    system = open_model(model, base)
    if isinstance(system, EndpointEncoder):
        raise UsageError(
            f"{model} is behind a URL, and its weights are out of reach",
            remedy="distil it into a local model: benchharness tune --suite NAME --model LOCAL "
            f"--teacher {shlex.quote(model)}",
        )
    if not isinstance(system, SentenceTransformerEncoder):
        raise UsageError(
            f"{model} has no weights that could be trained here",
            remedy="tune a sentence-transformers model; to learn from this one, "
            "tune that with --set teacher=SPEC",
        )
    return system


def suites_beside(base: Path) -> Path:
    """Where suites are looked up by name: beside the suite file, or in ./suites without one."""
    return base if any(suite_files(base, deep=False)) else base / "suites"


def _helping(recipe: Recipe, base: Path) -> dict[str, str]:
    """spec -> fingerprint of every other model that the recipe names. Raises what opening does."""
    miner = recipe.miner if recipe.negatives and recipe.miner != SELF else None
    named = {spec for spec in (miner, recipe.guide, recipe.teacher) if spec is not None}
    return {spec: open_model(spec, base).fingerprint for spec in sorted(named)}


def _check_guide(encoder: SentenceTransformerEncoder, recipe: Recipe, base: Path) -> None:
    """Raises UsageError where the library's GIST loss could not read texts for both models."""
    if recipe.guide is None:
        return
    for side in (encoder, open_model(recipe.guide, base)):
        if not isinstance(side, SentenceTransformerEncoder) or side.is_static:
            raise UsageError(
                f"recipe: a guide works with transformers on both sides, {side.spec} is none",
                remedy="guide a transformer by another, such as minilm, or leave guide out",
            )


def _check_negatives(material: Material, recipe: Recipe) -> None:
    """Raises UsageError where pairs have negatives that the loss could not take."""
    widths = {len(pair.negatives) for pair in material.pairs}
    if recipe.negatives:
        widths = {recipe.negatives}
    if len(widths) > 1:
        raise UsageError(
            f"pairs have from {min(widths)} to {max(widths)} negatives: a column holds one of each",
            remedy=f"mine them: --set negatives={max(widths)} fills every pair up",
        )
    if recipe.guide is not None and max(widths) > 1:
        raise UsageError(
            f"recipe: the loss with a guide takes one negative for each pair, not {max(widths)}",
            remedy="--set negatives=1, or leave guide out",
        )


def _check_dev_sets(prepared: Prepared) -> None:
    """Draws every dev set once, so that one that is too small is named now."""
    parse_measure(prepared.recipe.measure)
    if prepared.folds is None:
        prepared._dev_queries(prepared.material.pairs)
        return
    for fold in range(prepared.folds.k):
        prepared._dev_queries(prepared.training_pairs(fold))


def _replayed(bench: Bench, recipe: Recipe, base: Path, material: Material) -> tuple[Pair, ...]:
    """The training pairs of the suite that is replayed; never its test side.

    Pairs with a document of the suite's own training side are left out: in a fold they would show
    what is held out there.
    """
    if recipe.replay is None:
        return ()
    found = find_suite(recipe.replay, suites_beside(base))[0]
    home = found.path.parent
    test = bench.dataset(found.suite.dataset, home)
    own = {text_key(pair.positive) for pair in material.pairs}
    pairs = gather(found.suite, home, test, lambda one: bench.dataset(one, home)).pairs
    return _without_ids(pair for pair in pairs if text_key(pair.positive) not in own)


def _without_ids(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """The pairs as texts: another suite numbers its queries and documents alike."""
    return tuple(dataclasses.replace(pair, query_id="", doc_id="") for pair in pairs)


def _taught(bench: Bench, recipe: Recipe, base: Path, material: Material) -> Any:
    if recipe.teacher is None:
        return None
    pairs = material.pairs
    return teach(
        recipe.teacher, base, [pair.query for pair in pairs], [pair.positive for pair in pairs],
        bench.cache,
    )  # fmt: skip


def _guards(suite: Suite, base: Path, named: Collection[str]) -> list[Guard]:
    """The suite's guard gates, and those that are named; each suite once."""
    margins = dict.fromkeys(named, (MEASURE, GUARD_MARGIN))
    for gate in suite.gates:
        if isinstance(gate, GuardGate) and gate.margin is not None:
            margins[gate.suite] = (gate.measure, gate.margin)
    found = []
    for name, (measure, margin) in margins.items():
        if name == suite.name:
            raise UsageError(f"the suite {name} cannot guard itself", remedy="name another suite")
        place = find_suite(name, suites_beside(base))[0]
        found.append(
            Guard(dataclasses.replace(place.suite, gates=(), waivers=()), place.path.parent,
                  measure, margin)
        )  # fmt: skip
    return found
