"""`parity`, `release`, `shift` and `index`: one version of a model beside another."""

from __future__ import annotations

import argparse

from benchharness.cli.arguments.common import (
    Commands,
    Container,
    add_baselines,
    add_data,
    add_quiet,
    command,
)


def add_parity(commands: Commands) -> None:
    parser = command(
        commands, "parity", "matching:parity", "hold a served model against the local one"
    )
    parser.add_argument("model", metavar="MODEL", help="the local model, such as minilm")
    parser.add_argument(
        "url",
        metavar="URL",
        help="what is served: tei:URL, openai:MODEL@URL, or a URL that answers /info as TEI does",
    )
    _add_one_suite(parser)
    parser.add_argument(
        "--min-cosine",
        type=float,
        default=0.999,
        metavar="C",
        help="of every text (default: 0.999)",
    )
    parser.add_argument(
        "--margin",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="the largest loss of any measure; gates of the suite keep theirs (default: 0.01)",
    )
    parser.add_argument(
        "--clients", type=int, default=4, metavar="N", help="that ask at once (default: 4)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=5.0,
        metavar="S",
        help="how long they ask; 0 for no load (default: 5)",
    )
    _add_inconclusive(parser)
    parser.add_argument("--out", metavar="DIR", help="also write DIR/parity.json")
    add_quiet(parser)


def add_release(commands: Commands) -> None:
    parser = command(
        commands, "release", "releasing:release", "write release.json for a model that passes"
    )
    parser.add_argument("model", metavar="MODEL", help="the candidate: a directory, minilm …")
    _add_one_suite(parser)
    parser.add_argument(
        "--old",
        metavar="SPEC|FILE",
        help="what it takes the place of: a model, which its gates then compare with, or the "
        "release.json of one",
    )
    parser.add_argument(
        "--out", metavar="FILE", default="release.json", help="(default: release.json)"
    )
    parser.add_argument(
        "--allow-failed",
        nargs="?",
        const="",
        metavar="WHY",
        help="write it although gates are not met, and say so in it",
    )
    add_baselines(parser)
    add_quiet(parser)


def add_shift(commands: Commands) -> None:
    parser = command(
        commands, "shift", "shifting:shift", "measure the way from an old model to a new one"
    )
    parser.add_argument("old", metavar="OLD", help="spec of the model that answers now")
    parser.add_argument("new", metavar="NEW", help="spec of the model that is to answer")
    _add_one_suite(parser)
    parser.add_argument(
        "--steps",
        metavar="LIST",
        default="0,1,10,50,100",
        help="percent of the traffic on the new index (default: 0,1,10,50,100)",
    )
    parser.add_argument(
        "--margin",
        type=float,
        metavar="SHARE",
        help="the largest loss at any step (default: that of the suite's regression gate, else "
        "0.02)",
    )
    parser.add_argument(
        "--salt", metavar="TEXT", default="", help="makes another order in which queries move"
    )
    _add_inconclusive(parser)
    parser.add_argument("--out", metavar="DIR", help="also write DIR/shift.json")
    add_quiet(parser)


def add_index(commands: Commands) -> None:
    index = commands.add_parser("index", help="keep vectors with the model that they are of")
    parts = index.add_subparsers(title="commands", metavar="COMMAND", required=True)
    build = command(parts, "build", "indexing:build", "encode a corpus into a new index")
    build.add_argument("model", metavar="MODEL", help="a model spec")
    _add_one_suite(build)
    build.add_argument("--out", metavar="DIR", required=True, help="folder of the new index")
    add_quiet(build)
    add = command(parts, "add", "indexing:add", "add the documents of a further corpus")
    _add_place(add)
    add.add_argument("model", metavar="MODEL", help="the model of the index")
    _add_one_suite(add)
    add_quiet(add)
    check = command(
        parts, "check", "indexing:check", "say whether an index is whole, and of which model"
    )
    _add_place(check)
    check.add_argument(
        "model", nargs="?", metavar="MODEL", help="a model that it should be of (default: none)"
    )
    search = command(parts, "search", "indexing:search", "the best documents for a query")
    _add_place(search)
    search.add_argument("query", metavar="QUERY", help="a text")
    search.add_argument(
        "--model", metavar="SPEC", help="that encodes the query (default: the spec of the index)"
    )
    search.add_argument("-k", type=int, default=10, metavar="N", help="documents (default: 10)")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("index", metavar="DIR", help="folder of the index")


def _add_one_suite(parser: argparse.ArgumentParser) -> None:
    task = parser.add_argument_group("task", "what it is measured on")
    add_data(task, task.add_mutually_exclusive_group(required=True), "looked up in ./suites")


def _add_inconclusive(parser: Container) -> None:
    parser.add_argument(
        "--inconclusive",
        choices=("fail", "warn", "pass"),
        default="fail",
        help="what an interval does that settles nothing: exit code 10, or 0 (default: fail)",
    )
