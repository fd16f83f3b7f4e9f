"""The rules that a model must meet, and the waivers from them: frozen, checked at construction.

Nothing here reads a file or opens a model. What judges each kind is in `benchharness.judge`.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from benchharness.errors import SuiteError, did_you_mean
from benchharness.measures import parse_measure

# Queries that a slice must have to be judged; smaller ones are counted.
SMALLEST_SLICE = 20
COSTS = ("dimension", "size", "throughput")
_POLICIES = ("warn", "fail", "pass")


@dataclass(frozen=True)
class Gate:
    """A rule that a measured model must meet. Made by its static methods, such as `Gate.floor`.

    `models` binds the gate to some models of the suite; None binds it to all. `severity`
    "warn" reports a breach without failing the test.
    """

    measure: str
    models: tuple[str, ...] | None = None
    severity: str = "error"

    kind: ClassVar[str] = "gate"

    @staticmethod
    def floor(
        measure: str,
        minimum: float,
        *,
        bound: str = "value",
        models: Sequence[str] | None = None,
        severity: str = "error",
    ) -> FloorGate:
        """The gate that fails where `measure` is below `minimum` (0 to 1).

        `bound="value"` judges the point estimate; `bound="lower"` the lower end of the printed
        95 % interval. Raises SuiteError for an unknown measure or a threshold that is not a
        number between 0 and 1.
        """
        return FloorGate(measure, _names(models), severity, minimum=minimum, bound=bound)

    @staticmethod
    def regression(
        measure: str,
        *,
        margin: float,
        alpha: float = 0.05,
        inconclusive: str | None = None,
        against: str | None = None,
        models: Sequence[str] | None = None,
        severity: str = "error",
    ) -> RegressionGate:
        """The gate that fails where the model lost against its committed baseline.

        margin:       the largest drop that may be shipped, in units of the measure (0.02).
        alpha:        one-sided risk of a wrong "pass" and of a wrong "regressed".
        inconclusive: what an interval that settles nothing does: "warn" (default), "fail" or
                      "pass"; `--bench-inconclusive` replaces it.
        against:      spec of a champion that is measured in the same session; its result takes
                      the place of the baseline.

        Raises SuiteError for an unknown measure or a value out of range.
        """
        return RegressionGate(
            measure, _names(models), severity,
            margin=margin, alpha=alpha, inconclusive=inconclusive, against=against,
        )  # fmt: skip

    @staticmethod
    def beats(
        champion: str,
        measure: str,
        *,
        alpha: float = 0.05,
        inconclusive: str | None = "fail",
        models: Sequence[str] | None = None,
        severity: str = "error",
    ) -> BeatsGate:
        """The gate that a challenger passes where it is shown to be better than the champion.

        `champion` is a model spec, measured in the same session; the whole interval of the
        difference must lie above 0. The champion itself is not bound.
        """
        return BeatsGate(
            measure, _names(models), severity,
            margin=0.0, alpha=alpha, inconclusive=inconclusive, against=champion,
        )  # fmt: skip

    @staticmethod
    def slice(
        measure: str,
        by: str,
        *,
        minimum: float | None = None,
        margin: float | None = None,
        at_least: int = SMALLEST_SLICE,
        alpha: float = 0.05,
        inconclusive: str | None = None,
        models: Sequence[str] | None = None,
        severity: str = "error",
    ) -> SliceGate:
        """The gate on the worst slice: groups of queries that share the metadata field `by`.

        Give `minimum` for a floor under every slice, or `margin` for the drop of every slice
        against the baseline. Slices of fewer than `at_least` queries are counted, not judged.
        """
        return SliceGate(
            measure, _names(models), severity,
            by=by, minimum=minimum, margin=margin, at_least=at_least,
            alpha=alpha, inconclusive=inconclusive,
        )  # fmt: skip

    @staticmethod
    def guard(
        suite: str,
        measure: str,
        *,
        margin: float,
        alpha: float = 0.05,
        inconclusive: str | None = None,
        against: str | None = None,
        models: Sequence[str] | None = None,
        severity: str = "error",
    ) -> GuardGate:
        """The gate that fails where the model lost on another suite: what it has forgotten.

        suite: name of that suite, looked up in the suite files beside this one. Its data is
               measured too, and compared with its baseline (or with the champion `against`).
        """
        return GuardGate(
            measure, _names(models), severity,
            suite=suite, margin=margin, alpha=alpha, inconclusive=inconclusive, against=against,
        )  # fmt: skip

    @staticmethod
    def cost(
        quantity: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        against: str | None = None,
        models: Sequence[str] | None = None,
        severity: str = "error",
    ) -> CostGate:
        """The gate on what a model costs: "dimension", "size" (bytes) or "throughput".

        Relative to the model `against`: `at_most=1.0` allows no larger dimension or size than
        its own, `at_least=0.8` asks for 80 % of its throughput. Without `against`, `at_most`
        is a number of dimensions or bytes. Throughput is always relative, measured for both
        models on the same documents in the same session, never against a stored number.
        """
        return CostGate(
            quantity, _names(models), severity,
            at_most=at_most, at_least=at_least, against=against,
        )  # fmt: skip

    def __post_init__(self) -> None:
        self._check_measure()
        _check_choice(f"severity of gate {self.name}", self.severity, ("error", "warn"))

    def _check_measure(self) -> None:
        parse_measure(self.measure)

    @property
    def name(self) -> str:
        """The gate's id: `floor-recall@10`, with `-warn` where a breach only warns."""
        return f"{self.kind}-{self._subject}" + ("-warn" if self.severity == "warn" else "")

    @property
    def _subject(self) -> str:
        return self.measure

    @property
    def measured(self) -> tuple[str, ...]:
        """The measures that the gate's own suite must compute for it."""
        return (self.measure,)

    def binds(self, model: str) -> bool:
        return self.models is None or model in self.models


@dataclass(frozen=True)
class FloorGate(Gate):
    """A measure must not be below `minimum`."""

    minimum: float = 0.0
    bound: str = "value"

    kind = "floor"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(f"minimum of {self.name}", self.minimum)
        _check_choice(f"bound of gate {self.name}", self.bound, ("value", "lower"))


@dataclass(frozen=True)
class ComparisonGate(Gate):
    """What all gates share that compare two results, query by query; see `Gate.regression`."""

    margin: float | None = 0.0
    alpha: float = 0.05
    inconclusive: str | None = None
    against: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_number(f"alpha of {self.name}", self.alpha, 0.0001, 0.25, "0.05")
        if self.inconclusive is not None:
            _check_choice(f"inconclusive of {self.name}", self.inconclusive, _POLICIES)
        if self.against is not None and (not isinstance(self.against, str) or not self.against):
            raise SuiteError(f"{self.name} is against {self.against!r}", remedy="name a model spec")

    def binds(self, model: str) -> bool:
        """Whether it judges the model; a champion is not compared with itself."""
        return super().binds(model) and model != self.against


@dataclass(frozen=True)
class RegressionGate(ComparisonGate):
    """A measure must not have dropped by `margin`."""

    kind = "regression"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_margin(self.name, self.margin)


@dataclass(frozen=True)
class BeatsGate(ComparisonGate):
    """A measure must be better than the champion's."""

    kind = "beats"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.against is None:
            raise SuiteError(f"{self.name} names no champion", remedy="Gate.beats('minilm', …)")


@dataclass(frozen=True)
class SliceGate(ComparisonGate):
    """No slice of the queries may be below `minimum`, or may have dropped by `margin`."""

    margin: float | None = None
    by: str = ""
    minimum: float | None = None
    at_least: int = SMALLEST_SLICE

    kind = "slice"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.by, str) or not self.by:
            raise SuiteError(
                f"{self.name} slices by {self.by!r}",
                remedy="name a field of the queries' metadata, such as by='lang'",
            )
        if (self.minimum is None) == (self.margin is None):
            raise SuiteError(
                f"{self.name} needs either a minimum or a margin",
                remedy="minimum=0.5 sets a floor under every slice, margin=0.05 a largest drop",
            )
        if self.minimum is not None:
            check_share(f"minimum of {self.name}", self.minimum)
        else:
            _check_margin(self.name, self.margin)
        whole = isinstance(self.at_least, int) and not isinstance(self.at_least, bool)
        if not whole or self.at_least < 1:
            raise SuiteError(
                f"at_least of {self.name} is {self.at_least!r}", remedy="a number of queries"
            )

    @property
    def _subject(self) -> str:
        return f"{self.measure}-{self.by}"


@dataclass(frozen=True)
class GuardGate(ComparisonGate):
    """A measure of another suite must not have dropped by `margin`."""

    suite: str = ""

    kind = "guard"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_margin(self.name, self.margin)
        if not isinstance(self.suite, str) or not self.suite:
            raise SuiteError(
                f"{self.name} guards the suite {self.suite!r}", remedy="write the suite's name"
            )

    @property
    def _subject(self) -> str:
        return f"{self.suite}-{self.measure}"

    @property
    def measured(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class CostGate(Gate):
    """What a model costs must stay within a limit; `measure` is the quantity."""

    at_most: float | None = None
    at_least: float | None = None
    against: str | None = None

    kind = "cost"

    def __post_init__(self) -> None:
        super().__post_init__()
        speed = self.measure == "throughput"
        limit, other = (self.at_least, self.at_most) if speed else (self.at_most, self.at_least)
        if limit is None or other is not None or (speed and self.against is None):
            raise SuiteError(
                f"{self.name} has no limit that can be held against {self.measure}",
                remedy="Gate.cost('throughput', at_least=0.8, against='minilm')"
                if speed
                else f"Gate.cost({self.measure!r}, at_most=512), or at_most=1.0 with against=SPEC",
            )
        _check_number(f"limit of {self.name}", limit, 0, math.inf, "0.8 or 512")

    def _check_measure(self) -> None:
        if self.measure not in COSTS:
            raise SuiteError(
                f"unknown cost {self.measure!r}", remedy=did_you_mean(str(self.measure), COSTS)
            )

    @property
    def measured(self) -> tuple[str, ...]:
        return ()

    def binds(self, model: str) -> bool:
        return super().binds(model) and model != self.against


@dataclass(frozen=True)
class Waiver:
    """A breach that is accepted until a date, with the reason: it is printed, and fails nothing.

    gate:   name of the gate, such as `regression-recall@10`.
    model:  spec of the model.
    reason: why, for the reviewer: "JIRA-123: re-chunked corpus".
    until:  the last day on which it holds, `2027-01-31`.

    Errors, and measurements that are not complete, cannot be waived; `--bench-release` knows no
    waivers. Raises SuiteError for an empty reason or a date that is none.
    """

    gate: str
    model: str
    reason: str
    until: str

    def __post_init__(self) -> None:
        for name in ("gate", "model", "reason"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise SuiteError(f"a waiver has the {name} {value!r}", remedy=f"write its {name}")
        if not _is_date(self.until):
            raise SuiteError(
                f"the waiver of {self.gate} ends on {self.until!r}, which is no date",
                remedy="write the last day on which it holds: until='2027-01-31'",
            )

    def holds(self, today: datetime.date) -> bool:
        return today <= datetime.date.fromisoformat(self.until)


def _is_date(text: object) -> bool:
    """Whether it is a day as YYYY-MM-DD: only in that form does their order sort them."""
    try:
        return isinstance(text, str) and datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def check_share(what: str, value: object) -> None:
    """Raises SuiteError where the value is not a number from 0 to 1."""
    _check_number(what, value, 0, 1, "0.65")


def _check_margin(name: str, margin: object) -> None:
    what = f"margin of {name}"
    _check_number(what, margin, 0, 1, "0.02")
    if margin == 0:
        raise SuiteError(
            f"{what} is 0: no number of queries can show that nothing was lost",
            remedy="name the largest drop that you would ship, such as margin=0.02",
        )


def _check_number(what: str, value: object, low: float, high: float, example: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:  # type: ignore[arg-type, operator]
        limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
        raise SuiteError(f"{what} is {value!r}", remedy=f"use a number {limits}, such as {example}")


def _check_choice(what: str, value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        raise SuiteError(f"{what} is {value!r}", remedy=f"use {' or '.join(map(repr, choices))}")


def _names(models: Sequence[str] | None) -> tuple[str, ...] | None:
    if models is None:
        return None
    is_list = isinstance(models, Sequence) and not isinstance(models, str)
    if not is_list or not models or not all(isinstance(name, str) for name in models):
        raise SuiteError("models of a gate is a list of model specs", remedy="models=['minilm']")
    return tuple(models)
