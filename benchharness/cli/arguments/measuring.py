"""`lint`, `measure` and `decide`: one model on one set of queries."""

from __future__ import annotations

from benchharness.cli.arguments.common import (
    Commands,
    add_judging,
    add_measuring,
    add_task,
    command,
)


def add_lint(commands: Commands) -> None:
    parser = command(
        commands, "lint", "linting:lint", "say what is wrong or odd with the data of a suite"
    )
    add_task(parser, "default: every suite in ./suites")


def add_measure(commands: Commands) -> None:
    parser = command(
        commands, "measure", "measuring:measure", "measure models and judge their gates"
    )
    add_task(parser, "looked up in ./suites")
    add_measuring(parser)
    parser.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="GATE",
        help='a floor, "recall@10>=0.65", or the largest drop, "recall@10:margin=0.02"; repeat '
        "for more",
    )
    add_judging(parser)
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only say what would be encoded, and for models behind a URL at what price; encodes "
        "nothing, and asks services only which model they serve",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder of verdict.json and the files beside it (default: .benchharness/report)",
    )


def add_decide(commands: Commands) -> None:
    parser = command(
        commands, "decide", "deciding:decide", "say whether fine-tuning would pay, and why"
    )
    parser.add_argument(
        "result",
        nargs="?",
        metavar="DIR",
        help="a folder with a verdict.json, in place of measuring",
    )
    add_task(parser, "looked up in ./suites")
    add_measuring(parser)
    parser.add_argument("--out", metavar="DIR", help="also write the report to this folder")
