"""What several commands have in common: the task, the baselines, what is shown."""

from __future__ import annotations

import argparse
from typing import TypeAlias

# argparse has no public names for what its parsers and groups share.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Container: TypeAlias = "argparse._ActionsContainer"

_TASK = "what to measure: a suite, or any data set with the models to measure on it"
_BASELINES = "baselines"
_OUTCOMES = ("warn", "fail", "pass")


def command(
    commands: Commands,
    name: str,
    run: str,
    text: str,
) -> argparse.ArgumentParser:
    """The command's parser; `run` is the `module:function` here that is imported when it runs."""
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    parser.set_defaults(command=run)
    return parser


def add_task(parser: argparse.ArgumentParser, suites: str) -> None:
    task = parser.add_argument_group("task", _TASK)
    add_data(task, task.add_mutually_exclusive_group(), suites)
    task.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="SPEC",
        help="a model, such as minilm; repeat for more; replaces the suite's own",
    )


def add_data(task: Container, which: Container, suites: str) -> None:
    """Adds --suite, --data and --split to the group; only one of `which` may be given."""
    which.add_argument("--suite", metavar="NAME|FILE", help=f"a suite ({suites}) or a suite file")
    which.add_argument(
        "--data", metavar="KIND:PLACE", help="a data set: beir:DIR, docstrings:PACKAGE, hub:ID …"
    )
    task.add_argument(
        "--split", metavar="NAME", default="test", help="split of --data (default: test)"
    )


def add_measuring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--measures", metavar="LIST", help="of --data (default: recall@10,ndcg@10,mrr@10)"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="measure only N queries; judges no gate"
    )
    add_quiet(parser)


def add_judging(parser: argparse.ArgumentParser) -> None:
    judging = parser.add_argument_group("comparing", "what regression gates compare with")
    add_baselines(judging)
    judging.add_argument(
        "--compare",
        metavar="PATH|git:REF",
        help="a report's folder, another folder of baselines, or the baselines of a git ref, "
        "instead of --baselines",
    )
    add_inconclusive(judging)
    judging.add_argument(
        "--missing",
        choices=("fail", "warn"),
        default="fail",
        help="what a gate does that has no baseline (default: fail)",
    )
    judging.add_argument(
        "--release",
        action="store_true",
        help="the strict preset: inconclusive, missing and warned gates fail, waivers do not "
        "count; ends with RELEASE or DO NOT RELEASE",
    )


def add_baselines(parser: Container) -> None:
    parser.add_argument(
        "--baselines",
        metavar="DIR",
        default=_BASELINES,
        help=f"folder of the committed results (default: {_BASELINES})",
    )


def add_inconclusive(parser: Container) -> None:
    parser.add_argument(
        "--inconclusive",
        choices=_OUTCOMES,
        help="what a comparison does that settles nothing (default: warn)",
    )


def add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
