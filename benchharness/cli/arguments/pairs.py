"""`mine` and `pairs`: training pairs, what they lack and what is wrong with them."""

from __future__ import annotations

import argparse

from benchharness.cli.arguments.clicks import add_clicks
from benchharness.cli.arguments.common import Commands, Container, add_quiet, command


def add_mine(commands: Commands) -> None:
    parser = command(commands, "mine", "mining:mine", "find hard negatives for a file of pairs")
    parser.add_argument("pairs", metavar="PAIRS", help="JSON lines with query and positive")
    _add_data(parser, "whose corpus is mined; what it judges relevant is no negative", "test")
    parser.add_argument(
        "--miner",
        dest="miners",
        action="append",
        default=[],
        metavar="SPEC",
        help="a model that ranks the corpus, such as bm25 or minilm; repeat for more",
    )
    parser.add_argument(
        "--cross-encoder",
        metavar="SPEC",
        help="a directory or Hub id; drops candidates that it scores near a positive",
    )
    _add_rule(parser.add_argument_group("which documents", "ranks are those of the whole corpus"))
    _add_out(parser, "the pairs with negatives; beside it FILE.sample.md and FILE.report.json")
    add_quiet(parser)


def add_pairs(commands: Commands) -> None:
    pairs = commands.add_parser("pairs", help="make files of training pairs, or look at them")
    parts = pairs.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_lint(parts)
    _add_judged(parts)
    add_clicks(parts)


def _add_lint(parts: Commands) -> None:
    text = "say what is wrong or odd with files of pairs, or of labelled texts"
    lint = command(parts, "lint", "pairing:lint", text)
    lint.add_argument("files", nargs="+", metavar="FILE", help="JSON lines; text,label also as CSV")
    lint.add_argument(
        "--suite",
        dest="suites",
        action="append",
        default=[],
        metavar="NAME|FILE",
        help="a suite whose test side must not be trained on; repeat for more",
    )
    lint.add_argument(
        "--model", metavar="SPEC", help="also count the positives that are longer than it reads"
    )
    add_quiet(lint)


def _add_judged(parts: Commands) -> None:
    text = "write the training side of a suite as a file of pairs"
    judged = command(parts, "judged", "pairing:judged", text)
    _add_data(judged, "whose judgments of the training side become pairs", "train")
    _add_out(judged, "JSON lines, one for each query and relevant document")
    add_quiet(judged)


def _add_data(parser: argparse.ArgumentParser, text: str, split: str) -> None:
    task = parser.add_argument_group("task", text)
    which = task.add_mutually_exclusive_group()
    which.add_argument("--suite", metavar="NAME|FILE", help="looked up in ./suites, or a file")
    which.add_argument("--data", metavar="KIND:PLACE", help="a data set: beir:DIR, hub:ID …")
    task.add_argument(
        "--split", metavar="NAME", default=split, help=f"split of --data (default: {split})"
    )


def _add_rule(rule: Container) -> None:
    rule.add_argument(
        "--per-query", type=int, default=4, metavar="N", help="negatives of a pair (default: 4)"
    )
    rule.add_argument("--first", type=int, default=10, metavar="RANK", help="from (default: 10)")
    rule.add_argument("--last", type=int, default=100, metavar="RANK", help="to (default: 100)")
    rule.add_argument(
        "--margin",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="by how much of the worst positive's score it must score less (default: 0.05)",
    )
    rule.add_argument(
        "--sampling",
        default="top",
        metavar="top|random",
        help="the best ranks, or a seeded choice among all (default: top)",
    )
    rule.add_argument("--seed", type=int, default=0, metavar="N", help="of every choice")


def _add_out(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--out", required=True, metavar="FILE", help=text)
