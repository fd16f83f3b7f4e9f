"""`Bench`: measures a suite's models, decides and judges, each thing once a session.

The plugin, the CLI and the Python API all go through here, so that there is one path from a
suite to its verdicts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchharness.baseline.record import Baseline
from benchharness.baseline.store import DEFAULT_FOLDER, Baselines, FolderBaselines
from benchharness.data.dataset import Dataset
from benchharness.data.lint import Finding
from benchharness.data.load import load
from benchharness.errors import BenchError, UsageError
from benchharness.evaluation.measure import measure_system
from benchharness.evaluation.result import Result
from benchharness.evaluation.throughput import TEXTS, RelativeSpeed, relative_speed
from benchharness.gate import FloorGate
from benchharness.judge.case import Case
from benchharness.judge.controls import controls_of_model
from benchharness.judge.decision import CAPPED, PLAIN, decide
from benchharness.judge.exhibit import Exhibit, exhibit_of
from benchharness.judge.gates import judge
from benchharness.judge.policy import Policy
from benchharness.judge.preflight import preflight, sample_rows, stop_on_errors, truncation
from benchharness.judge.statistics import estimate
from benchharness.judge.verdict import Decision, Estimate, Verdict
from benchharness.judge.vocabulary import token_evidence
from benchharness.models.cache import EmbeddingCache, default_cache_folder
from benchharness.models.encoder import encoders_of, is_encoder
from benchharness.models.registry import open_model
from benchharness.progress import Listener, Step, silent
from benchharness.suite import MEASURES, DatasetReference, Suite
from benchharness.suite_file import find_suite

T = TypeVar("T")
# The lexical system that stands beside every decision.
LEXICAL = "bm25"


@dataclass(frozen=True, eq=False)
class Assessment:
    """Everything that is known of one model on one suite.

    estimates: measure -> Estimate, in the order in which the suite names them.
    verdicts:  one for each gate that binds the model, in the suite's order.
    findings:  of the lint; errors never get here, they stop the measurement.
    exhibit:   what a page shows of it.
    """

    result: Result
    estimates: Mapping[str, Estimate]
    decision: Decision
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    exhibit: Exhibit = field(default_factory=Exhibit)


class Bench:
    """Remembers datasets, results and errors, so that nothing is read or measured twice.

    cache:    of embeddings; None for the default folder.
    listener: is told of every step of a long job, as `tell`.
    limit:    number of queries to keep, for a quick look; None for all.
    policy:   how strict the gates are, and what is updated.
    baselines: what regression gates compare with; None for the folder `baselines` here.
    """

    def __init__(
        self,
        *,
        cache: EmbeddingCache | None = None,
        listener: Listener = silent,
        limit: int | None = None,
        policy: Policy | None = None,
        baselines: Baselines | None = None,
    ) -> None:
        self.policy = policy or Policy()
        self.baselines = baselines or FolderBaselines(Path.cwd() / DEFAULT_FOLDER)
        self.cache = cache if cache is not None else EmbeddingCache(default_cache_folder())
        self.tell = listener
        self._limit = limit
        self._remembered: dict[tuple[object, ...], object] = {}

    def dataset(self, reference: DatasetReference, base: Path) -> Dataset:
        """The data set, read once. Raises DataError."""

        def read() -> Dataset:
            self.tell(Step(f"read {reference.kind}", 0, 0))
            return load(reference, base)

        return self._once(("dataset", reference, base), read)

    def lint(
        self, suite: Suite, base: Path, models: Sequence[str] | None = None
    ) -> tuple[Finding, ...]:
        """What is wrong or odd with the suite's data, errors first, then each model's window.

        `models` replaces the suite's. Loads tokenizers, never weights. Raises DataError only
        where the data cannot be read at all, ModelError where a model cannot be found.
        """
        found = self._preflight(suite, base)
        dataset = self.dataset(suite.dataset, base)
        for model in models or suite.models:
            found += self._truncation(suite, model, dataset, base)
        return tuple(dict.fromkeys(found))

    def measure(self, suite: Suite, model: str, base: Path) -> Result:
        """What the model is worth on the suite. Raises DataError, ModelError."""
        stop_on_errors(suite, self._preflight(suite, base))
        return self._once(("result", suite, model, base), lambda: self._measure(suite, model, base))

    def assess(self, suite: Suite, model: str, base: Path) -> Assessment:
        """The model's result with intervals, decision and verdicts. Raises DataError, ModelError.

        Measured once: asking again gives the same object, or raises the same error.
        """
        return self._once(
            ("assessment", suite, model, base), lambda: self._assess(suite, model, base)
        )

    def _measure(self, suite: Suite, model: str, base: Path) -> Result:
        def tell(step: Step) -> None:
            stage = f"{suite.name} · {model} · {step.stage}"
            self.tell(dataclasses.replace(step, stage=stage))

        return measure_system(
            self.dataset(suite.dataset, base),
            open_model(model, base),
            suite.all_measures,
            name=suite.name,
            cache=self.cache,
            depth=suite.depth,
            drop_same_id=suite.drop_same_id,
            limit=self._limit,
            listener=tell,
        )

    def _assess(self, suite: Suite, model: str, base: Path) -> Assessment:
        findings = self._preflight(suite, base)
        stop_on_errors(suite, findings)
        dataset = self.dataset(suite.dataset, base)
        cut = self._truncation(suite, model, dataset, base)
        result = self.measure(suite, model, base)
        estimates = {
            name: estimate(values, result.ceilings.get(name))
            for name, values in result.values.items()
        }
        controls = controls_of_model(dataset, result)
        stop_on_errors(suite, controls)
        evidence = self._evidence(suite, model, dataset, base)
        verdicts = self._verdicts(suite, model, base, result, estimates)
        return Assessment(
            result=result,
            estimates=estimates,
            decision=decide(result, suite.thresholds, evidence, _floors(suite, model)),
            verdicts=verdicts,
            findings=(*findings, *cut, *controls),
            exhibit=exhibit_of(dataset, result, verdicts),
        )

    def _verdicts(
        self,
        suite: Suite,
        model: str,
        base: Path,
        result: Result,
        estimates: Mapping[str, Estimate],
    ) -> tuple[Verdict, ...]:
        case = Case(suite, result, estimates, _References(self, suite, base), self.policy)
        return tuple(judge(gate, case) for gate in suite.gates_of(model))

    def baseline(self, suite: str, model: str) -> Baseline | None:
        """The committed result of a suite and model, read once. Raises DataError."""
        key = ("baseline", suite, model)
        return self._once(key, lambda: self.baselines.find(suite, model))

    def relative_speed(
        self, suite: Suite, model: str, against: str, base: Path, limit: float
    ) -> RelativeSpeed:
        """How fast a model encodes documents of the suite beside another; never from a cache."""
        systems = [open_model(spec, base) for spec in (model, against)]
        for system in systems:
            if not is_encoder(system):
                raise UsageError(
                    f"{system.spec} encodes nothing: it has no throughput to compare",
                    remedy="bind the gate to models that turn texts into vectors",
                )
        texts = self.dataset(suite.dataset, base).corpus.texts
        sample = texts.take(sample_rows(len(texts), TEXTS))
        encoders = [system for system in systems if is_encoder(system)]
        return relative_speed(encoders[0], encoders[1], sample, limit)

    def _evidence(
        self, suite: Suite, model: str, dataset: Dataset, base: Path
    ) -> dict[str, object]:
        """What stands beside the decision: BM25 on the same queries, and the tokenizer's fit."""
        found: dict[str, object] = {}
        if model != LEXICAL:
            lexical = self.measure(suite, LEXICAL, base)
            columns = {**lexical.values, CAPPED: lexical.capped_recall}
            found["bm25"] = {
                "description": lexical.details.get("bm25", ""),
                **{name: estimate(values).value for name, values in columns.items()},
            }
        system = open_model(model, base)
        if is_encoder(system):
            tokens = token_evidence(dataset.corpus.texts, system)
            if tokens is not None:
                found["tokens"] = dataclasses.asdict(tokens)
        return found

    def _preflight(self, suite: Suite, base: Path) -> tuple[Finding, ...]:
        dataset = self.dataset(suite.dataset, base)

        def look() -> tuple[Finding, ...]:
            self.tell(Step(f"{suite.name} · lint", 0, 0))
            return preflight(suite, dataset)

        return self._once(("preflight", suite, base), look)

    def _truncation(
        self, suite: Suite, model: str, dataset: Dataset, base: Path
    ) -> tuple[Finding, ...]:
        """What each encoder that the model is or is made of does not read."""

        def look() -> tuple[Finding, ...]:
            found = (truncation(dataset, one) for one in encoders_of(open_model(model, base)))
            return tuple(dict.fromkeys(one for one in found if one is not None))

        return self._once(("truncation", suite.dataset, model, base), look)

    def _once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What `make` returned or raised the first time it was asked under this key."""
        if key not in self._remembered:
            try:
                self._remembered[key] = make()
            except BenchError as error:
                self._remembered[key] = error
        found = self._remembered[key]
        if isinstance(found, BenchError):
            raise found
        return found  # type: ignore[return-value]  # the key holds what make() gave


def _floors(suite: Suite, model: str) -> list[float]:
    """What the gates ask of the measure that the decision reads."""
    return [
        gate.minimum
        for gate in suite.gates_of(model)
        if isinstance(gate, FloorGate) and gate.measure == PLAIN
    ]


@dataclass(frozen=True, eq=False)
class _References:
    """What the gates of a suite may ask of a bench; see `judge.case.References`."""

    bench: Bench
    suite: Suite
    base: Path

    def baseline(self, suite: str, model: str) -> Baseline | None:
        return self.bench.baseline(suite, model)

    def baseline_place(self, suite: str, model: str) -> str:
        return self.bench.baselines.describe(suite, model)

    def measured(self, model: str) -> Result:
        return self.bench.measure(self.suite, model, self.base)

    def guarded(self, suite: str, model: str) -> Result:
        found = find_suite(suite, self.base)[0]
        return self.bench.measure(found.suite, model, found.path.parent)

    def speed(self, model: str, against: str, limit: float) -> RelativeSpeed:
        return self.bench.relative_speed(self.suite, model, against, self.base, limit)


def measure(
    task: Suite | DatasetReference,
    model: str,
    *,
    base: Path | None = None,
    cache: EmbeddingCache | None = None,
    limit: int | None = None,
    listener: Listener = silent,
) -> Result:
    """What the model is worth on a suite, or on a data set with the default measures.

    Relative paths of the data start at `base` (default: the working folder). Raises DataError,
    ModelError. For intervals and verdicts use `Bench.assess`.
    """
    suite = task if isinstance(task, Suite) else suite_of(task, [model])
    bench = Bench(cache=cache, listener=listener, limit=limit)
    return bench.measure(suite, model, base or Path.cwd())


def suite_of(
    reference: DatasetReference, models: Sequence[str], measures: Sequence[str] = MEASURES
) -> Suite:
    """A suite around a data set that has none, named after the data."""
    named = dict(reference.options)
    words = [str(named[key]) for key in ("path", "package", "id", "corpus") if named.get(key)]
    last = words[0].rstrip("/").rsplit("/", 1)[-1] if words else reference.kind
    name = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in last)
    return Suite(
        name=name.strip(".-_") or reference.kind,
        dataset=reference,
        models=models,
        measures=measures,
    )
