"""`benchharness power`: what so many queries can show, before anything is measured."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from benchharness.cli.output import progress, table_lines, write, write_json
from benchharness.cli.task import Task, need_task, tasks_of
from benchharness.errors import DataError, UsageError
from benchharness.gate import ComparisonGate, GuardGate, SliceGate
from benchharness.suite_file import find_suite

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset
    from benchharness.judge.bench import Bench

# Share of the queries whose value changes at all, and what changes as many.
CHURNS = ((0.02, "a re-run"), (0.10, "a light fine-tune"), (0.25, "another model"))
_USUAL = 0.10
# Below this, the 95 % interval of a recall is as wide as the thresholds lie apart.
FEW = 100
# Names no model: nothing is opened.
_NO_MODEL = "bm25"


@dataclass(frozen=True)
class Effect:
    """The smallest true difference that is found where the share `churn` of the queries changes.

    Above `churn` no outcome of that size exists: the suite cannot tell.
    """

    churn: float
    effect: float

    @property
    def is_visible(self) -> bool:
        return self.effect <= self.churn


@dataclass(frozen=True)
class Resolution:
    """Whether `n` queries resolve the margin of a gate, and how many would.

    n:      queries that it is judged on: of its smallest slice, or of the suite that it guards.
    effect: the smallest difference that they show where 1 query in 10 changes.
    """

    gate: str
    margin: float
    n: int
    effect: float
    needed: int
    about: str = ""

    @property
    def is_resolved(self) -> bool:
        return self.effect <= self.margin


@dataclass(frozen=True)
class Power:
    """What a suite can show; n counts judged queries with a relevant document.

    unjudged: a sentence for each slice gate that no slice is large enough for.
    """

    suite: str
    n: int
    effects: tuple[Effect, ...]
    gates: tuple[Resolution, ...]
    thresholds: tuple[float, float]
    unjudged: tuple[str, ...] = ()


def power(arguments: argparse.Namespace) -> int:
    """0: nothing is judged here."""
    from benchharness.judge.bench import Bench

    for name in ("alpha", "power"):
        if not 0 < getattr(arguments, name) < 1:
            raise UsageError(
                f"--{name} {getattr(arguments, name):g} is no share between 0 and 1",
                remedy="the usual ones are --alpha 0.05 --power 0.8",
            )
    need_task(arguments)
    tasks = tasks_of(arguments, models=[], default_model=_NO_MODEL)
    with progress(quiet=arguments.json or not sys.stderr.isatty()) as listener:
        bench = Bench(listener=listener)
        found = [power_of(task, bench, arguments.alpha, arguments.power) for task in tasks]
    if arguments.json:
        write_json([_content(one) for one in found])
    else:
        for one in found:
            for line in lines_of(one, arguments.alpha, arguments.power):
                write(line)
    return 0


def power_of(task: Task, bench: Bench, alpha: float, power: float) -> Power:
    """What the task's suite can show. Raises DataError where no query can be judged."""
    from benchharness.judge.power import minimum_detectable_effect

    dataset = bench.dataset(task.suite.dataset, task.base)
    n = _queries(dataset, task.place)
    return Power(
        suite=task.suite.name,
        n=n,
        effects=tuple(
            Effect(churn, minimum_detectable_effect(n, churn, alpha, power)) for churn, _ in CHURNS
        ),
        gates=tuple(_resolutions(task, bench, dataset, power)),
        thresholds=(task.suite.thresholds.tune, task.suite.thresholds.skip),
        unjudged=tuple(_unjudged(task, dataset)),
    )


def lines_of(found: Power, alpha: float, power: float) -> Iterator[str]:
    from benchharness.judge.numbers import format_count, format_threshold, format_value

    queries = format_count(found.n, "judged query", "judged queries")
    yield f"{found.suite}: {queries} with a relevant document"
    yield (
        f"  smallest difference that is found in {100 * power:g} % of cases, "
        f"at a one-sided risk of {100 * alpha:g} %:"
    )
    rows = [
        (
            f"{100 * one.churn:g} %, as in {what}",
            format_value(one.effect, (one.churn,)) if one.is_visible else "cannot tell",
        )
        for one, (_, what) in zip(found.effects, CHURNS, strict=True)
    ]
    yield from table_lines(("queries that change", "difference"), rows)
    for one in found.gates:
        yield f"  {_told(one)}"
    yield from (f"  {sentence}" for sentence in found.unjudged)
    if not found.gates and not found.unjudged:
        yield "  no gate of this suite has a margin"
    if found.n < FEW:
        tune, skip = map(format_threshold, found.thresholds)
        yield (
            f"  fewer than {FEW} queries: the thresholds {tune} and {skip} of the decision on "
            "fine-tuning cannot be told apart"
        )


def _told(one: Resolution) -> str:
    from benchharness.judge.numbers import format_count, format_threshold, format_value

    effect = format_value(one.effect, (one.margin,))
    shown = (
        f"{one.gate}: {format_count(one.n, 'query', 'queries')}{one.about} show differences from "
        f"{effect} (where 1 query in 10 changes), and the margin is {format_threshold(one.margin)}"
    )
    if one.is_resolved:
        return f"resolved: {shown}; {format_count(one.needed)} would do"
    return f"NOT RESOLVED: {shown}; {format_count(one.needed, 'query', 'queries')} would resolve it"


def _resolutions(task: Task, bench: Bench, dataset: Dataset, power: float) -> Iterator[Resolution]:
    from benchharness.judge.power import minimum_detectable_effect, queries_for

    for gate in task.suite.gates:
        if not isinstance(gate, ComparisonGate) or not gate.margin:
            continue
        n, alpha, about = _judged_on(gate, task, bench, dataset)
        if n:
            effect = minimum_detectable_effect(n, _USUAL, alpha, power)
            needed = queries_for(gate.margin, _USUAL, alpha, power)
            yield Resolution(gate.name, gate.margin, n, effect, needed, about)


def _judged_on(
    gate: ComparisonGate, task: Task, bench: Bench, dataset: Dataset
) -> tuple[int, float, str]:
    """(queries, alpha, words about them) that the gate is judged with; 0 without a slice."""
    if isinstance(gate, GuardGate):
        guarded = find_suite(gate.suite, task.base)[0]
        other = bench.dataset(guarded.suite.dataset, guarded.path.parent)
        return _queries(other, guarded.place), gate.alpha, f" of {gate.suite}"
    if isinstance(gate, SliceGate):
        sizes = [size for size in _slices(gate.by, dataset) if size >= gate.at_least]
        if not sizes:
            return 0, gate.alpha, ""
        # As many slices as there are share the risk; see `judge.slices`.
        return min(sizes), gate.alpha / len(sizes), f" of the smallest of {len(sizes)} slices"
    return len(dataset.relevance), gate.alpha, ""


def _unjudged(task: Task, dataset: Dataset) -> Iterator[str]:
    for gate in task.suite.gates:
        if isinstance(gate, SliceGate):
            largest = max(_slices(gate.by, dataset), default=0)
            if largest < gate.at_least:
                yield (
                    f"{gate.name}: no slice by {gate.by} has {gate.at_least} queries; "
                    f"the largest has {largest}"
                )


def _slices(by: str, dataset: Dataset) -> Sequence[int]:
    groups = (dataset.groups.get(query_id, {}) for query_id in dataset.relevance.query_ids)
    return list(Counter(group[by] for group in groups if by in group).values())


def _queries(dataset: Dataset, place: str) -> int:
    n = len(dataset.relevance)
    if not n:
        raise DataError(
            "no judged query has a relevant document: there is nothing to measure on",
            where=place,
            remedy="benchharness lint says what is wrong with the judgments",
        )
    return n


def _content(found: Power) -> dict[str, object]:
    return {
        "suite": found.suite,
        "n": found.n,
        "effects": [{**asdict(one), "visible": one.is_visible} for one in found.effects],
        "gates": [{**asdict(one), "resolved": one.is_resolved} for one in found.gates],
        "thresholds": list(found.thresholds),
        "unjudged": list(found.unjudged),
    }
