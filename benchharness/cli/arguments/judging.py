"""`compare`, `power`, `noise` and `baseline`: one result beside another."""

from __future__ import annotations

import argparse

from benchharness.cli.arguments.common import (
    Commands,
    add_baselines,
    add_data,
    add_inconclusive,
    add_quiet,
    command,
)


def add_compare(commands: Commands) -> None:
    parser = command(
        commands,
        "compare",
        "comparing:compare",
        "rank models on a leaderboard, or say what became better or worse from A to B",
    )
    parser.add_argument(
        "sides",
        nargs="+",
        metavar="MODEL|A B",
        help="models to measure and rank; or two sides: a report's folder, a folder or file of "
        "baselines, git:REF, or a model to measure",
    )
    parser.add_argument(
        "--gate",
        dest="gates",
        action="append",
        default=[],
        metavar="GATE",
        help='the largest drop from A to B, such as "recall@10:margin=0.02" or "recall@10:margin='
        '0.02,alpha=0.01"; repeat for more (default: --margin on every common measure)',
    )
    parser.add_argument(
        "--margin",
        type=float,
        metavar="SHARE",
        help="the largest drop where no --gate says it, and the loss that a cut or quantised "
        "variant is allowed (default: 0.02)",
    )
    task = parser.add_argument_group("task", "what a model is measured on")
    add_data(task, task.add_mutually_exclusive_group(), "default: all in ./suites")
    _add_ranking(parser)
    add_baselines(parser)
    add_inconclusive(parser)
    add_quiet(parser)


def _add_ranking(parser: argparse.ArgumentParser) -> None:
    ranking = parser.add_argument_group("leaderboard", "of models, without --gate")
    ranking.add_argument(
        "--matryoshka",
        metavar="LIST",
        help="also rank each model's vectors cut to these dimensions: 256,128,64",
    )
    ranking.add_argument(
        "--precision",
        metavar="LIST",
        help="also rank them as an index of these precisions holds them: float32,int8,binary",
    )
    ranking.add_argument(
        "--no-speed",
        action="store_true",
        help="do not measure how fast the models encode and answer",
    )
    ranking.add_argument("--out", metavar="DIR", help="write a whole report into this folder")


def add_power(commands: Commands) -> None:
    parser = command(
        commands, "power", "powering:power", "say which differences a suite can show at all"
    )
    task = parser.add_argument_group("task", "whose queries are counted; no model is needed")
    which = task.add_mutually_exclusive_group()
    which.add_argument(
        "suite", nargs="?", metavar="SUITE", default=argparse.SUPPRESS, help="the same as --suite"
    )
    add_data(task, which, "looked up in ./suites")
    parser.add_argument(
        "--alpha",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="one-sided risk, of the table; a gate has its own (default: 0.05)",
    )
    parser.add_argument(
        "--power",
        type=float,
        default=0.8,
        metavar="SHARE",
        help="share of cases in which the difference is found (default: 0.8)",
    )


def add_noise(commands: Commands) -> None:
    parser = command(
        commands,
        "noise",
        "noising:noise",
        "measure a model under other batch sizes, threads and dtypes",
    )
    parser.add_argument("suite", metavar="SUITE", help="name of a suite in ./suites, or its file")
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="model specs (default: the suite's own)"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the noise into the baseline, so that gates refuse a margin that is not above",
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="look at N queries only; judges and records nothing"
    )
    add_baselines(parser)
    add_quiet(parser)


def add_baseline(commands: Commands) -> None:
    baseline = commands.add_parser("baseline", help="look at the committed results, or clear out")
    parts = baseline.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_baselines(command(parts, "list", "baselining:list_all", "one line for each baseline"))
    show = command(parts, "show", "baselining:show", "what made a baseline, and what was accepted")
    show.add_argument("suite", metavar="SUITE", help="name of the suite")
    show.add_argument("model", nargs="?", metavar="MODEL", help="model spec (default: all)")
    add_baselines(show)
    text = "delete the baselines of suites and models that ./suites knows no more"
    prune = command(parts, "prune", "baselining:prune", text)
    prune.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    add_baselines(prune)
