"""`pairs clicks`: from a click log to training pairs."""

from __future__ import annotations

import argparse

from benchharness.cli.arguments.common import Commands, add_data, add_quiet, command


def add_clicks(parts: Commands) -> None:
    """Adds the command to those of `pairs`."""
    parser = command(
        parts,
        "clicks",
        "clicking:clicks",
        "make training pairs from a click log, corrected for the place on the page",
    )
    parser.add_argument(
        "log",
        metavar="LOG",
        help="CSV, TSV, JSON lines (also .gz) or Parquet, one row a shown document: query, doc_id, "
        "rank (from 1), clicked, impression_id; also dwell_s, session, ts",
    )
    task = parser.add_argument_group("corpus", "what the doc_ids of the log name")
    add_data(task, task.add_mutually_exclusive_group(), "looked up in ./suites")
    parser.add_argument(
        "--with-test-queries",
        action="store_true",
        help="keep pairs of queries that the suite tests with; tuning on that suite refuses them",
    )
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="the pairs, JSON lines; the report beside it"
    )
    parser.add_argument(
        "--columns",
        default="",
        metavar="LIST",
        help="other names of columns: rank=position,query=q",
    )
    _add_cleaning(parser)
    _add_curve(parser)
    _add_thresholds(parser)
    _add_split(parser)
    add_quiet(parser)


def _add_cleaning(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("cleaning", "what does not count")
    group.add_argument(
        "--max-clicks-per-session",
        type=int,
        default=100,
        metavar="N",
        help="sessions with more are bots (default: 100)",
    )
    group.add_argument(
        "--min-dwell",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="a click that was left sooner is none, where dwell_s is known (default: 10)",
    )
    group.add_argument("--max-rank", type=int, metavar="N", help="leave out ranks beyond N")


def _add_curve(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "position", "how often each rank is looked at (default: learned from documents that moved)"
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--curve",
        metavar="FILE",
        help='{"1": 1.0, "2": 0.6} as JSON, CSV of rank,examination, or an earlier report',
    )
    which.add_argument("--eta", type=float, metavar="ETA", help="1 / rank^ETA")
    which.add_argument("--no-debias", action="store_true", help="take clicks at any rank alike")
    group.add_argument(
        "--clip",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="the least that a rank counts as looked at (default: 0.05)",
    )


def _add_thresholds(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("thresholds", "which pairs are sure enough")
    group.add_argument(
        "--min-score",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="attraction that the pair has with probability 0.9 at least (default: 0.2)",
    )
    group.add_argument(
        "--min-impressions", type=int, default=5, metavar="N", help="of the pair (default: 5)"
    )
    group.add_argument(
        "--min-clicks", type=int, default=2, metavar="N", help="of the pair (default: 2)"
    )


def _add_split(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("split by time", "later queries become an evaluation set")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--split-at", metavar="TIME", help="ISO 8601, or seconds since 1970")
    which.add_argument("--later", type=float, metavar="SHARE", help="of the impressions, as 0.2")
    group.add_argument(
        "--split-by",
        default="query",
        metavar="query|component",
        help="what the windows do not share: queries (the default), or also the documents that "
        "join them",
    )
    group.add_argument(
        "--later-out", metavar="DIR", help="folder of the evaluation set (default: FILE.later)"
    )
