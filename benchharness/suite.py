"""`Suite`: the declarative front door, frozen and checked at construction.

Nothing here reads a file, opens a model or imports anything heavy: pytest imports this module
in every run that collects a suite.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchharness.errors import SuiteError, did_you_mean
from benchharness.gate import Gate, Waiver, check_share
from benchharness.measures import Measure, parse_measure
from benchharness.recipe import Recipe
from benchharness.redaction import NO_SECRETS, holds_secret

# What a suite measures that names no measures.
MEASURES = ("recall@10", "ndcg@10", "mrr@10")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class DatasetReference:
    """The name of a data set; reads nothing.

    `kind` picks the reader ("beir", "trec", "docstrings" …), `options` are its arguments as
    sorted (name, value) pairs. `sha256` pins the content: a data set with another fingerprint
    is refused when it is loaded. Made by the functions of `benchharness.data.references`.
    """

    kind: str
    options: tuple[tuple[str, str | int | bool | None], ...]
    sha256: str | None = None

    def __str__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in self.options if value is not None]
        return f"{self.kind}({', '.join(shown)})"


@dataclass(frozen=True)
class Thresholds:
    """Where the decision on fine-tuning turns, in recall@10: below `tune` yes, above `skip` no."""

    tune: float = 0.65
    skip: float = 0.80

    def __post_init__(self) -> None:
        check_share("threshold tune", self.tune)
        check_share("threshold skip", self.skip)
        if self.tune > self.skip:
            raise SuiteError(
                f"threshold tune={self.tune} is above skip={self.skip}",
                remedy="tune is the lower of the two: Thresholds(tune=0.65, skip=0.80)",
            )


@dataclass(frozen=True)
class Suite:
    """A retrieval task, the models to measure on it and the gates that they must pass.

    name:         stable id; names the folder of its baselines (letters, digits, ".", "_", "-").
    dataset:      a reference such as `beir("data/faq")`; relative paths start at the suite file.
    models:       model specs, the default matrix; `--bench-model` replaces it.
    measures:     spelled `recall@10`; recall@10 is always measured, because the decision needs it.
    gates:        rules; one test item for each gate and model.
    thresholds:   of the decision on fine-tuning.
    depth:        documents kept for each query in the run (at least the largest cut-off).
    drop_same_id: drop a document whose id equals the query's, and retrieve one more.
    waivers:      breaches that are accepted until a date.
    training:     where fine-tuning takes its queries; None for the split "train" of `dataset`.
    pairs:        files with further training examples; relative paths start at the suite file.
    recipe:       how models are fine-tuned.

    Raises SuiteError where a field is wrong; the message says what was meant.
    """

    name: str
    dataset: DatasetReference
    models: Sequence[str]
    measures: Sequence[str] = MEASURES
    gates: Sequence[Gate] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    depth: int = 100
    drop_same_id: bool = False
    waivers: Sequence[Waiver] = ()
    training: DatasetReference | None = None
    pairs: Sequence[str] = ()
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise SuiteError(
                f"suite name {self.name!r} cannot name a file",
                remedy="use letters, digits, '.', '_' and '-', such as 'support-faq'",
            )
        self._freeze("models", str, at_least_one=True)
        self._freeze("measures", str, at_least_one=True)
        self._freeze("gates", Gate, at_least_one=False)
        self._freeze("waivers", Waiver, at_least_one=False)
        self._freeze("pairs", str, at_least_one=False)
        if not isinstance(self.dataset, DatasetReference):
            raise self._error(
                f"dataset is {type(self.dataset).__name__}, not a reference to a data set",
                "write dataset=beir('data/faq') or another source of benchharness",
            )
        if self.training is not None and not isinstance(self.training, DatasetReference):
            raise self._error(
                f"training is {type(self.training).__name__}, not a reference to a data set",
                "write training=beir('data/faq', split='train')",
            )
        if not isinstance(self.recipe, Recipe):
            raise self._error("recipe is not a Recipe", "recipe=Recipe(epochs=1)")
        if not isinstance(self.thresholds, Thresholds):
            raise self._error("thresholds is not a Thresholds", "thresholds=Thresholds(0.65, 0.80)")
        if isinstance(self.depth, bool) or not isinstance(self.depth, int) or self.depth < 1:
            raise self._error(f"depth is {self.depth!r}", "depth is a whole number of at least 1")
        if any(holds_secret(model) for model in self.models):
            raise self._error("a model holds a password or a key", NO_SECRETS)
        self._check_measures()
        self._check_gates()
        self._check_waivers()

    def _error(self, message: str, remedy: str) -> SuiteError:
        return SuiteError(f"suite {self.name!r}: {message}", remedy=remedy)

    def _freeze(self, name: str, kind: type, *, at_least_one: bool) -> None:
        """Keep the sequence as a tuple, so that the suite is hashable and cannot change."""
        given = getattr(self, name)
        if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
            raise self._error(f"{name} is not a list", f"write {name}=[...]")
        for entry in given:
            if not isinstance(entry, kind):
                raise self._error(
                    f"{name} holds {entry!r}, not a {kind.__name__}", f"write {name}=[...]"
                )
        if at_least_one and not given:
            raise self._error(f"{name} is empty", f"name at least one in {name}=[...]")
        repeated = sorted({str(entry) for entry in given if given.count(entry) > 1})
        if repeated:
            raise self._error(f"{name} repeats {', '.join(repeated)}", "name each one once")
        object.__setattr__(self, name, tuple(given))

    def _check_measures(self) -> None:
        for spelled in self.measures:
            parse_measure(spelled)

    def _check_gates(self) -> None:
        seen: set[tuple[str, str]] = set()
        for gate in self.gates:
            for model in gate.models or ():
                if model not in self.models:
                    raise self._error(
                        f"gate {gate.name} is bound to {model!r}, which is not in models",
                        did_you_mean(model, self.models),
                    )
            for model in self.models:
                if not gate.binds(model):
                    continue
                if (gate.name, model) in seen:
                    raise self._error(
                        f"two gates are called {gate.name} for {model}",
                        "keep one, bind them to different models, or give one severity='warn'",
                    )
                seen.add((gate.name, model))

    def _check_waivers(self) -> None:
        names = [gate.name for gate in self.gates]
        for waiver in self.waivers:
            if waiver.gate not in names:
                raise self._error(
                    f"a waiver names the gate {waiver.gate!r}, which is not in gates",
                    did_you_mean(waiver.gate, names),
                )
            if waiver.model not in self.models:
                raise self._error(
                    f"a waiver names the model {waiver.model!r}, which is not in models",
                    did_you_mean(waiver.model, self.models),
                )

    @property
    def all_measures(self) -> tuple[Measure, ...]:
        """The measures to compute: those named, those that gates need, and recall@10."""
        spelled = [
            *self.measures,
            *(name for gate in self.gates for name in gate.measured),
            "recall@10",
        ]
        return tuple(dict.fromkeys(parse_measure(name) for name in spelled))

    def gates_of(self, model: str) -> tuple[Gate, ...]:
        return tuple(gate for gate in self.gates if gate.binds(model))

    def waiver_of(self, gate: Gate, model: str) -> Waiver | None:
        """The waiver that ends last of those for the gate and model."""
        found = [one for one in self.waivers if (one.gate, one.model) == (gate.name, model)]
        return max(found, key=lambda one: one.until, default=None)
