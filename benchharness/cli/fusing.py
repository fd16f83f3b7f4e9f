"""`benchharness fuse`: the weights of a hybrid, and whether they are worth having."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.cli import PASS
from benchharness.cli.output import progress, table_lines, write, write_json
from benchharness.cli.pairing import one_task
from benchharness.cli.task import Task, check_specs, need_task
from benchharness.errors import UsageError
from benchharness.measures import OWN, Measure, parse_measure
from benchharness.models.fusion_spec import METHODS, Fusion
from benchharness.models.spec import parse_spec

if TYPE_CHECKING:
    from benchharness.models.encoder import System
    from benchharness.progress import Listener, Step
    from benchharness.train.fusion_weights import Choice, Side

# Five systems have 1,001 weights in tenths: minutes become half an hour.
_MOST_SYSTEMS = 4
_QUERIES = ("training query", "training queries")


def fuse(arguments: argparse.Namespace) -> int:
    """Prints what is chosen; 0."""
    need_task(arguments)
    asked = _Asked.of(arguments)
    task = one_task(arguments)
    with progress(quiet=arguments.quiet) as listener:
        side, choice = _chosen(asked, task, arguments.limit, listener)
    if arguments.json:
        write_json(_content(asked, task, side, choice))
    else:
        for line in lines_of(asked, task.suite.name, side, choice):
            write(line)
    return PASS


@dataclass(frozen=True)
class _Asked:
    """What is to be fused; checked before anything is read or opened."""

    systems: tuple[str, ...]
    fusion: Fusion
    measure: Measure
    top: int

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> _Asked:
        from benchharness.models.pipelines import TOP

        systems = tuple(arguments.systems)
        check_specs(systems)
        whole = f"hybrid({','.join(systems)})"
        if not 2 <= len(systems) <= _MOST_SYSTEMS or len(set(systems)) < len(systems):
            raise UsageError(
                f"two to {_MOST_SYSTEMS} different systems are fused, not {' '.join(systems)}",
                remedy="benchharness fuse bm25 minilm --suite NAME",
            )
        if parse_spec(whole).parts != systems:
            raise UsageError(
                "these do not stand side by side in one spec",
                where=whole,
                remedy="write a comma or a parenthesis in the value of an option as %2C, %28, %29",
            )
        options = {"fusion": arguments.fusion}
        if arguments.norm is not None:
            options["norm"] = arguments.norm
        fusion = Fusion.of(options, len(systems), f"--fusion {arguments.fusion}")
        if not fusion.weights:
            weighted = ", ".join(name for name, method in METHODS.items() if method.weighted)
            raise UsageError(
                f"--fusion {fusion.method} has no weights to choose",
                remedy=f"take one of {weighted}; {whole}@fusion={fusion.method} needs no command",
            )
        for name, value in (("--top", arguments.top), ("--limit", arguments.limit)):
            if value is not None and value < 1:
                raise UsageError(f"{name} {value} leaves nothing", remedy=f"{name} 100")
        return cls(systems, fusion, _measure(arguments.measure), arguments.top or TOP)

    def spec(self, fusion: Fusion) -> str:
        """The hybrid as it is written into a suite."""
        from benchharness.models.pipelines import TOP

        top = f",top={self.top}" if self.top != TOP else ""
        return f"hybrid({','.join(self.systems)})@{fusion.options()}{top}"


def _measure(spelled: str) -> Measure:
    measure = parse_measure(spelled)
    if not measure.is_own:
        raise UsageError(
            f"--measure {spelled} cannot choose weights",
            remedy="take one of " + ", ".join(f"{name}@10" for name in OWN),
        )
    return measure


def _chosen(asked: _Asked, task: Task, limit: int, listener: Listener) -> tuple[Side, Choice]:
    from benchharness.judge.bench import Bench
    from benchharness.models.registry import open_model
    from benchharness.train.fusion_weights import choose_weights, retrieved, training_queries

    bench = Bench(listener=listener)
    systems = [open_model(spec, task.base) for spec in asked.systems]
    side = training_queries(task.suite, task.base, bench, limit)
    hits = [
        retrieved(system, side.data, bench, asked.top, _told(system, listener))
        for system in systems
    ]
    choice = choose_weights(
        hits, side, asked.fusion, asked.measure, drop_same_id=task.suite.drop_same_id,
        listener=listener,
    )  # fmt: skip
    return side, choice


def _told(system: System, listener: Listener) -> Listener:
    def tell(step: Step) -> None:
        listener(dataclasses.replace(step, stage=f"{system.spec} · {step.stage}"))

    return tell


def _recommended(asked: _Asked, choice: Choice) -> str:
    found = choice.recommended
    return asked.systems[choice.best] if found is None else asked.spec(found)


def lines_of(asked: _Asked, suite: str, side: Side, choice: Choice) -> Iterator[str]:
    """What the command prints: the table, what was left out, and what follows."""
    from benchharness.judge.numbers import (
        format_count,
        format_delta,
        format_interval,
        format_value,
    )

    queries = format_count(choice.n, *_QUERIES)
    yield f"{suite}: {queries}, {choice.measure}, the first {asked.top} of each system"
    name, norm = asked.fusion.method, asked.fusion.norm
    delta, interval = choice.over_plain.delta, choice.over_plain.interval
    against = f"{format_delta(delta, (0.0,))} {format_interval(interval, (0.0,))} against rrf"
    weights = " and ".join(dict.fromkeys(_weights(each) for each in choice.halves))
    described = f"{name} ({norm})" if norm else name
    rows: list[Sequence[str]] = [
        *((spec, format_value(value), "") for spec, value in
          zip(asked.systems, choice.alone, strict=True)),
        (str(choice.unweighted), format_value(choice.plain), "nothing was chosen"),
        (f"{described}, by the other half", format_value(choice.crossed), against),
        (str(choice.fusion), format_value(choice.fitted), "chosen on these queries: optimistic"),
    ]  # fmt: skip
    yield from table_lines(("system", choice.measure, ""), rows)
    yield f"  weights chosen on each half, judged on the other: {weights}"
    if side.of_test:
        yield f"  left out, as the test side asks the same: {format_count(side.of_test, *_QUERIES)}"
    if side.beyond:
        yield f"  left out by --limit: {format_count(side.beyond, *_QUERIES)}"
    if side.data.query_origin == "llm":
        yield "  some of the queries were written by a language model"
    for spec, weight in zip(asked.systems, choice.fusion.weights, strict=True):
        if not weight:
            yield f"  {spec} has no weight: leave it out, and choose for the others"
    yield from _conclusion(asked, choice)


def _conclusion(asked: _Asked, choice: Choice) -> Iterator[str]:
    from benchharness.judge.numbers import format_delta, format_interval

    best, found = asked.systems[choice.best], choice.over_best
    beside = f"{format_delta(found.delta)} {format_interval(found.interval, (0.0,))}"
    if choice.recommended is None:
        yield f"{best} alone: {choice.candidate} is not shown to be better, {beside}"
    elif choice.recommended.weights:
        yield f"{choice.candidate}: better than rrf, and than {best} alone, {beside}"
    else:
        yield f"{choice.candidate}: weights are not shown to be better; than {best} alone, {beside}"
    yield f'  -> models=["{_recommended(asked, choice)}"]'


def _weights(fusion: Fusion) -> str:
    return ":".join(f"{weight:g}" for weight in fusion.weights)


def _content(asked: _Asked, task: Task, side: Side, choice: Choice) -> dict[str, object]:
    return {
        "suite": task.suite.name,
        "measure": choice.measure,
        "queries": choice.n,
        "left_out": {"asked_by_the_test": side.of_test, "by_limit": side.beyond},
        "query_origin": side.data.query_origin,
        "top": asked.top,
        "alone": dict(zip(asked.systems, choice.alone, strict=True)),
        "rrf": {"fusion": choice.unweighted.identity(), "value": choice.plain},
        "weighted": {
            "fusion": choice.fusion.identity(),
            "value_where_chosen": choice.fitted,
            "halves": [each.identity() for each in choice.halves],
            "value": choice.crossed,
            "over_rrf": dataclasses.asdict(choice.over_plain),
        },
        "recommended": _recommended(asked, choice),
        "over_best_alone": dataclasses.asdict(choice.over_best),
    }
