"""`benchharness pairs clicks`: from a click log to training pairs, and what became of the log."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli.output import progress, table_lines, write, write_json
from benchharness.cli.pairing import pairs_file
from benchharness.cli.task import SUITES, Task, tasks_of
from benchharness.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset
    from benchharness.pairs.clicks.mining import Report, Split
    from benchharness.pairs.clicks.settings import Settings
    from benchharness.pairs.clicks.writing import Written

_NO_MODEL = "bm25"  # no model is opened: only the corpus is read
_COUNT: tuple[Callable[[float], bool], str] = (lambda value: value >= 1, "at least 1")
# Option -> (whether a number fits, which numbers do).
_RANGES: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "max_clicks_per_session": _COUNT,
    "max_rank": _COUNT,
    "min_impressions": _COUNT,
    "min_clicks": _COUNT,
    "min_dwell": (lambda value: 0 <= value < math.inf, "seconds of at least 0"),
    "eta": (lambda value: 0 <= value <= 10, "from 0 to 10"),
    "clip": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
    "min_score": (lambda value: 0 <= value <= 1, "from 0 to 1"),
    "later": (lambda value: 0 < value < 1, "between 0 and 1"),
}


def clicks(arguments: argparse.Namespace) -> int:
    """0; a log that cannot be used raises."""
    from benchharness.data.load import load
    from benchharness.pairs.clicks.mining import mine
    from benchharness.pairs.clicks.writing import (
        check_later,
        later_folder,
        report_content,
        write_mined,
    )

    settings = _settings(arguments)
    out = pairs_file(arguments.out, arguments.log)
    later = Path(arguments.later_out) if arguments.later_out else None
    is_split = settings.split_at is not None or settings.later is not None
    check_later(later or later_folder(out), is_split=is_split)
    task = _task(arguments)
    with progress(quiet=arguments.quiet) as listener:
        data = load(task.suite.dataset, task.base)
        held = set() if arguments.with_test_queries else _test_queries(arguments, data)
        mined = mine(Path(arguments.log), data.corpus, settings, listener, held=held)
    written = write_mined(mined, out, _corpus(task), later=later, suites=SUITES)
    if arguments.json:
        write_json(report_content(mined.report, written))
        return 0
    for line in _lines(mined.report, written):
        write(line)
    return 0


def _test_queries(arguments: argparse.Namespace, data: Dataset) -> set[int]:
    """Keys of the texts of a suite's judged queries: they are the test, and not trained on."""
    from benchharness.data.similarity import text_key

    if arguments.suite is None:
        return set()
    judged = set(data.qrels.query_ids)
    return {text_key(text) for query_id, text in data.queries.items() if query_id in judged}


def _task(arguments: argparse.Namespace) -> Task:
    """The one task whose corpus is meant. Raises UsageError."""
    if arguments.suite is None and arguments.data is None:
        raise UsageError(
            "say which corpus the log is of", remedy="--suite NAME|FILE, or --data beir:DIR"
        )
    tasks = tasks_of(arguments, models=(), default_model=_NO_MODEL)
    if len({(task.suite.dataset, task.base) for task in tasks}) > 1:
        names = ", ".join(task.suite.name for task in tasks)
        raise UsageError(
            f"{arguments.suite} holds suites of different corpora: {names}",
            remedy=f"--suite {tasks[0].suite.name}",
        )
    return tasks[0]


def _corpus(task: Task) -> Path | None:
    """The file of the corpus as JSON lines, where the data set has one."""
    options = dict(task.suite.dataset.options)
    if task.suite.dataset.kind == "beir":
        return task.base / str(options["path"]) / "corpus.jsonl"
    if task.suite.dataset.kind == "jsonl":
        return task.base / str(options["corpus"])
    return None


def _settings(arguments: argparse.Namespace) -> Settings:
    """Raises UsageError for a number out of its range, DataError for a wrong curve."""
    from benchharness.pairs.clicks.curve_file import read_curve
    from benchharness.pairs.clicks.log import parse_columns
    from benchharness.pairs.clicks.settings import BY_COMPONENT, BY_QUERY, Settings

    if arguments.split_by not in (BY_QUERY, BY_COMPONENT):
        raise UsageError(
            f"--split-by {arguments.split_by!r} is unknown",
            remedy=did_you_mean(arguments.split_by, (BY_QUERY, BY_COMPONENT)),
        )
    splits = arguments.split_at is not None or arguments.later is not None
    if not splits and (arguments.later_out or arguments.split_by != BY_QUERY):
        raise UsageError("nothing is split by time", remedy="add --later 0.2, or --split-at TIME")
    _check_numbers(arguments)
    return Settings(
        max_clicks_per_session=arguments.max_clicks_per_session,
        min_dwell_s=arguments.min_dwell,
        max_rank=arguments.max_rank,
        curve=None if arguments.curve is None else read_curve(Path(arguments.curve)),
        eta=arguments.eta,
        debias=not arguments.no_debias,
        clip=arguments.clip,
        min_score=arguments.min_score,
        min_impressions=arguments.min_impressions,
        min_clicks=arguments.min_clicks,
        split_at=_time(arguments.split_at),
        later=arguments.later,
        split_by=arguments.split_by,
        columns=parse_columns(arguments.columns),
    )


def _check_numbers(arguments: argparse.Namespace) -> None:
    for name, (fits, wanted) in _RANGES.items():
        value = getattr(arguments, name)
        if value is not None and not fits(value):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is {value}", remedy=f"{option} is {wanted}")


def _time(spelled: str | None) -> float | None:
    from benchharness.pairs.clicks.fields import Wrong, timestamp

    if spelled is None:
        return None
    try:
        seconds = timestamp(spelled)
    except Wrong as wrong:
        raise UsageError(f"--split-at is {spelled!r}", remedy=str(wrong)) from None
    if math.isnan(seconds):
        raise UsageError("--split-at is empty", remedy="--split-at 2026-01-31")
    return seconds


def _lines(report: Report, written: Written) -> Iterator[str]:
    from benchharness.judge.numbers import format_count, format_threshold
    from benchharness.report.wording import one_line

    yield one_line(
        f"{report.log}: {format_count(report.rows, 'row')}, "
        f"{format_count(report.impressions, 'impression')}"
    )
    for one in report.filters:
        unit = one.unit.removesuffix("s")
        done = f"not run: {one.not_run}" if one.not_run else format_count(one.removed, unit)
        yield f"  removed, {one.name}: {done}"
    yield (
        f"  left: {format_count(report.kept_rows, 'row')} of "
        f"{format_count(report.kept_impressions, 'impression')} to train on"
    )
    yield from _curve_lines(report)
    yield (
        f"  thresholds: score {format_threshold(report.min_score)}, "
        f"{format_count(report.min_impressions, 'impression')}, "
        f"{format_count(report.min_clicks, 'click')}; of "
        f"{format_count(report.candidates, 'shown pair')} {format_count(report.enough)} have "
        f"impressions and clicks enough, {format_count(report.pairs)} the score too"
    )
    yield (
        f"  {format_count(report.pairs, 'pair')} of "
        f"{format_count(report.queries, 'query', 'queries')} and "
        f"{format_count(report.documents, 'document')}; no negatives: what was not clicked may "
        "not have been looked at"
    )
    if report.test_pairs:
        yield (
            f"  left out: {format_count(report.test_pairs, 'pair')} of "
            f"{format_count(report.test_queries, 'query', 'queries')} that the suite tests with"
        )
    share = math.floor(1000 * report.kept_of_raw + 1e-9) / 10
    yield f"  {share:g} % of as many pairs of the highest raw click-through are among them"
    if report.split is not None:
        yield from _split_lines(report.split)
    yield one_line(f"  wrote {written.pairs} and {written.report}")
    if written.later is not None:
        yield one_line(
            f"  wrote {written.later}; a suite in {SUITES}/ evaluates on it: dataset={written.how}"
        )


def _curve_lines(report: Report) -> Iterator[str]:
    from benchharness.judge.numbers import format_count
    from benchharness.pairs.clicks.curve import NONE

    curve = report.curve
    if curve.source == NONE:
        yield "  position: NOT CORRECTED (--no-debias): what stood high counts as good"
        return
    moved = format_count(curve.swapped, "document")
    yield f"  position: {curve.source}; {moved} changed rank for a query"
    rows = [
        [
            str(one.rank),
            f"{one.examination:.4f}",
            f"±{one.standard_error:.4f}" if one.standard_error else "",
            *map(format_count, (one.impressions, one.clicks, one.cells)),
        ]
        for one in curve.ranks
    ]
    head = ["rank", "examination", "std. error", "impressions", "clicks", "moved documents"]
    yield from table_lines(head, rows)
    low = sum(one.examination < report.clip for one in curve.ranks)
    if low:
        yield f"  {format_count(low, 'rank')} below {report.clip:g} count as {report.clip:g}"


def _split_lines(split: Split) -> Iterator[str]:
    from benchharness.judge.numbers import format_count
    from benchharness.pairs.clicks.writing import shown_time

    yield (
        f"  later, from {shown_time(split.at)}: {format_count(split.impressions, 'impression')}; "
        f"removed {format_count(split.seen_queries, 'query', 'queries')} asked earlier "
        f"({format_count(split.seen_rows, 'row')}), "
        f"{format_count(split.connected_queries)} joined to earlier ones by documents"
    )
    yield (
        f"  to evaluate on: {format_count(split.queries, 'query', 'queries')}, "
        f"{format_count(split.positives, 'positive')}; {format_count(split.shared_documents)} of "
        f"their {format_count(split.documents, 'document')} are trained on with other queries"
    )
