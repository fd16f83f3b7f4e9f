"""The `--bench-*` options: declared in one place, checked once, frozen."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import pytest

DEFAULT_REPORT = ".benchharness/report"


@dataclass(frozen=True)
class Options:
    """What the user asked of this session.

    models: specs that replace the models of every suite; empty for the suites' own.
    report: absolute folder of the report.
    limit:  number of queries to keep of each suite, None for all.
    """

    models: tuple[str, ...]
    report: Path
    limit: int | None


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchharness", "retrieval benchmarks (benchharness)")
    group.addoption(
        "--bench-model",
        action="append",
        default=[],
        metavar="SPEC",
        type=_spec,
        help="Measure this model instead of the suites' own. Repeat for more.",
    )
    group.addoption(
        "--bench-report",
        default=DEFAULT_REPORT,
        metavar="DIR",
        help=f"Folder of verdict.json, per_query.jsonl, runs/ and summary.md "
        f"(default: {DEFAULT_REPORT}).",
    )
    group.addoption(
        "--bench-limit",
        default=None,
        metavar="N",
        type=_limit,
        help="Measure only N queries of each suite, to try it out. Its gates are not judged.",
    )


def read_options(config: pytest.Config) -> Options:
    """The options of this session. Raises pytest.UsageError for a value that cannot work."""
    report = config.invocation_params.dir / config.getoption("bench_report")
    blocked = next((path for path in (report, *report.parents) if path.is_file()), None)
    if blocked is not None:
        raise pytest.UsageError(f"--bench-report: {blocked} is a file, not a folder")
    return Options(
        models=tuple(dict.fromkeys(config.getoption("bench_model"))),
        report=report,
        limit=config.getoption("bench_limit"),
    )


def _spec(text: str) -> str:
    from benchharness.errors import BenchError
    from benchharness.models.spec import parse_spec

    try:
        parse_spec(text)
    except BenchError as error:
        raise argparse.ArgumentTypeError(f"{error.message} ({error.remedy})") from None
    return text


def _limit(text: str) -> int:
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if limit < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of queries of at least 1")
    return limit
