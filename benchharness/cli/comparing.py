"""`benchharness compare`: two results query by query, or any number of models on a leaderboard."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from benchharness.cli import NOTHING_COMPARABLE
from benchharness.cli.compared import Judged, content_of, judged_by, paired
from benchharness.cli.gate_option import parse_comparison
from benchharness.cli.measuring import code_of
from benchharness.cli.output import progress, write, write_json
from benchharness.cli.ranking import rank
from benchharness.cli.sides import MODEL, Side, baseline_of, result_of
from benchharness.errors import UsageError
from benchharness.judge.ranking import MARGIN

if TYPE_CHECKING:
    from benchharness.baseline.record import Baseline
    from benchharness.evaluation.result import Result
    from benchharness.gate import RegressionGate

# What only a leaderboard has: the option, by the attribute that holds it.
_RANKING = {
    "matryoshka": "--matryoshka",
    "precision": "--precision",
    "no_speed": "--no-speed",
    "out": "--out",
}


def compare(arguments: argparse.Namespace) -> int:
    """The exit code of the worst outcome: 1, 4, 10 or 0; a leaderboard alone is 0.

    Where all sides are models and no gate is given, they are ranked; exactly two are compared
    below the leaderboard as well.
    """
    from benchharness.judge.policy import Policy

    gates = tuple(dict.fromkeys(parse_comparison(text) for text in arguments.gates))
    sides = tuple(map(Side.of, arguments.sides))
    margin = _margin(arguments)
    if not gates and all(side.kind == MODEL for side in sides):
        return rank(arguments, tuple(dict.fromkeys(arguments.sides)), margin)
    first, second = _two(sides, arguments)
    before, after = _found((first, second), arguments, gates)
    pairs, only_before, only_after = paired(before, after)
    judged = judged_by(pairs, gates, margin, Policy(inconclusive=arguments.inconclusive))
    lonely = [(first.place, one) for one in only_before]
    lonely += [(second.place, one) for one in only_after]
    if arguments.json:
        write_json(_content(judged, lonely, None if gates else margin))
    else:
        from benchharness.cli.comparison_text import lines_of

        for line in lines_of(judged, lonely, None if gates else margin):
            write(line)
    if not judged:
        return NOTHING_COMPARABLE
    return code_of(verdict for one in judged for verdict in one.verdicts)


def _margin(arguments: argparse.Namespace) -> float:
    """The margin where no gate says one. Raises UsageError for a number that is none."""
    margin = arguments.margin
    if margin is None:
        return MARGIN
    if arguments.gates:
        raise UsageError("--gate and --margin both say a margin", remedy="leave one of them out")
    if not 0 < margin < 1:
        raise UsageError(f"--margin {margin:g} is no share", remedy="--margin 0.02")
    return float(margin)


def _two(sides: Sequence[Side], arguments: argparse.Namespace) -> tuple[Side, Side]:
    """Raises UsageError where something is asked for that belongs to a leaderboard."""
    if len(sides) != 2:
        raise UsageError(
            f"two sides are compared, and {len(sides)} named; any number of models are ranked",
            remedy="name two sides, or models only, without --gate",
        )
    for name, option in _RANKING.items():
        if getattr(arguments, name):
            raise UsageError(
                f"{option} belongs to a leaderboard of models",
                remedy="leave it out, or name models only, without --gate",
            )
    _check(sides, arguments)
    return sides[0], sides[1]


def _check(sides: Iterable[Side], arguments: argparse.Namespace) -> None:
    """Raises UsageError where a task is named that nothing would be measured on."""
    if any(side.kind == MODEL for side in sides):
        return
    if arguments.suite is not None or arguments.data is not None:
        raise UsageError(
            "both sides are measured already: --suite and --data belong to a model",
            remedy="leave them out, or name a model in place of one side",
        )


def _found(
    sides: tuple[Side, Side], arguments: argparse.Namespace, gates: Sequence[RegressionGate]
) -> tuple[list[Baseline], list[Result]]:
    from benchharness.judge.bench import Bench

    measures = tuple(gate.measure for gate in gates)
    with progress(quiet=arguments.quiet) as listener:
        bench = Bench(listener=listener)
        first, second = (side.found(arguments, measures, bench) for side in sides)
    return [baseline_of(one, sides[0]) for one in first], [result_of(one) for one in second]


def _content(
    judged: Sequence[Judged], lonely: Sequence[tuple[str, tuple[str, str]]], margin: float | None
) -> dict[str, object]:
    """`margin` is the one that was taken because no gate was given, else None."""
    return {
        "default_margin": margin,
        "pairs": content_of(judged),
        "without_partner": [
            {"side": place, "suite": suite, "model": model} for place, (suite, model) in lonely
        ],
    }
