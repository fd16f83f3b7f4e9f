"""`Recipe`: how a model is to be fine-tuned, as data; frozen, checked at construction.

Nothing here reads a file or opens a model. Settings that are None are chosen by the kind of
model: see `Recipe.resolved`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from benchharness.errors import SuiteError, UsageError, did_you_mean
from benchharness.measures import parse_measure

Kind = Literal["transformer", "static", "lora"]

SCHEDULES = ("cosine", "linear", "constant_with_warmup")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
AVERAGING = ("guard", "always", "never")
# The miner that is the model under training itself.
SELF = "self"

# By kind of model; the rates are those of the field, see docs/fine-tuning.md.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "transformer": {"learning_rate": 2e-5, "epochs": 2.0, "batch_size": 64},
    "lora": {"learning_rate": 2e-4, "epochs": 2.0, "batch_size": 64},
    "static": {"learning_rate": 4e-2, "epochs": 5.0, "batch_size": 256},
}
_USUAL_RATES = {"transformer": (1e-5, 5e-5), "lora": (1e-4, 5e-4), "static": (5e-3, 2e-1)}


@dataclass(frozen=True)
class Recipe:
    """How to fine-tune: multiple negatives ranking over pairs, the best step kept.

    learning_rate, epochs, batch_size: None for the kind's own. `epochs` is the most that is
                   trained; which step is kept is chosen on dev queries.
    rows_at_once:  rows that go through the model together; a larger batch is put together by
                   GradCache (CachedMultipleNegativesRankingLoss).
    warmup:        share of the steps; `schedule` is that of the learning rate afterwards.
    scale:         inverse temperature of the loss.
    max_length:    tokens read of a text in training; None for the model's own.
    matryoshka:    dimensions trained besides the full one, such as (128, 64).
    negatives:     hard negatives for each pair, mined by `miner`: "bm25", a model spec, or
                   "self" for the model under training, anew in each of `mining_rounds`.
    negative_margin: a negative scores at most 1 - this share of the query's worst positive.
    negative_ranks: first and last rank among which negatives are sought.
    guide:         model spec; what it finds nearer to the query than the positive is no
                   negative in the batch (GISTEmbedLoss).
    lora:          rank of adapters (peft) that are trained in place of all weights.
    labels:        folder with train and test texts with labels: a second task, alternating.
    teacher:       model spec whose vectors are learnt as a second task (EmbedDistillLoss).
    replay:        name of a suite whose training pairs are mixed in, against forgetting.
    average:       weight averaging with the base: "guard" where a guard falls, "always" or
                   "never"; the share is chosen on dev queries.
    precision:     "auto" is bfloat16 where the hardware has it, except for static models.
    measure:       of the dev queries; picks the step.
    evaluations:   on the dev queries, over the whole training; `patience` of them without a new
                   best end it.
    dev_queries, dev_documents: how many are held out to pick the step, and the size of the part
                   of the corpus that they are searched in.
    max_pairs:     the most pairs to train on; judged and clicked ones come before synthetic.

    Raises SuiteError where a value is out of range.
    """

    learning_rate: float | None = None
    epochs: float | None = None
    batch_size: int | None = None
    rows_at_once: int = 64
    warmup: float = 0.1
    schedule: str = "cosine"
    weight_decay: float = 0.0
    scale: float = 20.0
    max_length: int | None = None
    matryoshka: Sequence[int] = ()
    negatives: int = 0
    miner: str = "bm25"
    mining_rounds: int = 1
    negative_margin: float = 0.05
    negative_ranks: Sequence[int] = (10, 100)
    guide: str | None = None
    lora: int | None = None
    labels: str | None = None
    teacher: str | None = None
    replay: str | None = None
    average: str = "guard"
    precision: str = "auto"
    measure: str = "ndcg@10"
    evaluations: int = 6
    patience: int = 3
    dev_queries: int = 200
    dev_documents: int = 1000
    max_pairs: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            _check_number(name, getattr(self, name), low, high)
        for name in _WHOLE:
            _check_whole(name, getattr(self, name))
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise _wrong(name, getattr(self, name), "one of " + ", ".join(choices))
        for name in ("guide", "labels", "teacher", "replay"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value):
                raise _wrong(name, value, "a text")
        if not isinstance(self.miner, str) or not self.miner:
            raise _wrong("miner", self.miner, "bm25, self or a model spec")
        for name in ("matryoshka", "negative_ranks"):
            object.__setattr__(self, name, _whole_numbers(name, getattr(self, name)))
        if len(self.negative_ranks) != 2 or self.negative_ranks[0] > self.negative_ranks[1]:
            raise _wrong("negative_ranks", self.negative_ranks, "the first and the last rank")
        if parse_measure(self.measure).k is None or not parse_measure(self.measure).is_own:
            raise _wrong("measure", self.measure, "such as ndcg@10 or recall@10")
        if self.mining_rounds > 1 and (not self.negatives or self.miner != SELF):
            raise SuiteError(
                f"recipe: mining_rounds={self.mining_rounds} mines anew with the model itself",
                remedy="set negatives=4 and miner='self' as well, or mine once",
            )
        if self.guide is not None and self.matryoshka:
            raise SuiteError(
                "recipe: guide and matryoshka exclude each other: the guide judges full vectors",
                remedy="leave one of them out",
            )

    @classmethod
    def of(cls, settings: Mapping[str, Any], where: str = "") -> Recipe:
        """The recipe with these settings. Raises UsageError for a name that is none."""
        return cls().changed(settings, where)

    def changed(self, settings: Mapping[str, Any], where: str = "") -> Recipe:
        """The recipe with some settings replaced. Raises UsageError, with the place."""
        known = [field.name for field in fields(self)]
        for name in settings:
            if name not in known:
                raise UsageError(
                    f"a recipe has no {name!r}", where=where, remedy=did_you_mean(name, known)
                )
        try:
            return replace(self, **settings)
        except SuiteError as error:
            raise UsageError(error.message, where=where, remedy=error.remedy) from None

    def settings(self) -> dict[str, object]:
        """Every setting by name, in JSON's own types."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def resolved(self, kind: Kind) -> Recipe:
        """The recipe with every None that depends on the kind of model filled in.

        transformer: 2e-5, 2 epochs, batches of 64. lora: 2e-4. static: 4e-2, 5 epochs, 256.
        """
        chosen = {n: v for n, v in _DEFAULTS[kind].items() if getattr(self, n) is None}
        return replace(self, **chosen)

    def remarks(self, kind: Kind) -> Iterator[str]:
        """Yields a sentence for each setting that is out of what is usual for the kind."""
        rate = self.resolved(kind).learning_rate or 0.0
        low, high = _USUAL_RATES[kind]
        if not low <= rate <= high:
            usual = f"{low:g} to {high:g}"
            yield f"learning_rate {rate:g} is outside the usual {usual} for a {kind} model"


def parse_settings(given: Iterable[str]) -> dict[str, Any]:
    """The settings that `--set NAME=VALUE` spells; values as in TOML, bare words are texts.

    Raises UsageError.
    """
    import tomllib

    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                f"--set {text!r} has no value", remedy="write --set learning_rate=5e-5"
            )
        try:
            found[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name.strip()] = value.strip()
    return found


_RANGES: Mapping[str, tuple[float, float]] = {
    "learning_rate": (0.0, 1000.0),
    "epochs": (0.01, 1000.0),
    "warmup": (0.0, 0.99),
    "weight_decay": (0.0, 1.0),
    "scale": (0.1, 1000.0),
    "negative_margin": (0.0, 0.99),
}
_WHOLE: Mapping[str, int] = {
    "batch_size": 2, "rows_at_once": 2, "max_length": 2, "negatives": 0, "mining_rounds": 1,
    "lora": 1, "evaluations": 1, "patience": 1, "dev_queries": 1, "dev_documents": 10,
    "max_pairs": 1, "seed": 0,
}  # fmt: skip
_CHOICES: Mapping[str, Sequence[str]] = {
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
    "average": AVERAGING,
}
_OPTIONAL = ("learning_rate", "epochs", "batch_size", "max_length", "lora", "max_pairs")


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if value is None and name in _OPTIONAL:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # type: ignore[operator]  # nan is in no range
        raise _wrong(name, value, f"a number from {low:g} to {high:g}")
    if name == "learning_rate" and value == 0:
        raise _wrong(name, value, "above 0")


def _check_whole(name: str, value: object) -> None:
    if value is None and name in _OPTIONAL:
        return
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or value < _WHOLE[name]:  # type: ignore[operator]
        raise _wrong(name, value, f"a whole number of at least {_WHOLE[name]}")


def _whole_numbers(name: str, value: object) -> tuple[int, ...]:
    numbers = value if isinstance(value, Sequence) and not isinstance(value, str) else None
    if numbers is None or not all(type(n) is int and n >= 1 for n in numbers):
        raise _wrong(name, value, "a list of whole numbers, such as [128, 64]")
    return tuple(numbers)


def _wrong(name: str, value: object, expected: str) -> SuiteError:
    return SuiteError(f"recipe: {name} is {value!r}", remedy=f"{name} is {expected}")
