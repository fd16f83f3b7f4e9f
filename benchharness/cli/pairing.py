"""`benchharness pairs lint` and `pairs judged`: files of training pairs, looked at and written."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli import PASS, WRONG_INPUT
from benchharness.cli.linting import counted, finding_lines
from benchharness.cli.output import progress, table_lines, write, write_json
from benchharness.cli.task import Task, need_task, suite_tasks, tasks_of
from benchharness.data.lines import COMPRESSED
from benchharness.errors import UsageError

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset
    from benchharness.models.encoder import Encoder
    from benchharness.pairs.label_lint import LabelReport
    from benchharness.pairs.lint import PairsReport
    from benchharness.progress import Listener

# Needed to name a data set's suite; no model is opened.
_NO_MODEL = "bm25"
_LABELS_SHOWN = 10
_LONGEST = 60


def lint(arguments: argparse.Namespace) -> int:
    """2 where a finding is an error, else 0."""
    from benchharness.pairs.label_lint import is_labelled, lint_labels
    from benchharness.pairs.lint import lint_pairs

    files = [Path(name) for name in dict.fromkeys(arguments.files)]
    labelled = [path for path in files if is_labelled(path)]
    pairs = [path for path in files if path not in labelled]
    with progress(quiet=arguments.quiet or arguments.json) as listener:
        labels = [lint_labels(path) for path in labelled]
        found = None
        if pairs:
            tests = _tests(arguments.suites, listener)
            found = lint_pairs(pairs, tests, _encoder(arguments.model), listener)
    if arguments.json:
        told = [dataclasses.asdict(one) for one in labels]
        write_json({"pairs": found and _content(pairs, found), "labels": told})
    else:
        for line in _lines_of(pairs, found) if found is not None else ():
            write(line)
        for line in (line for one in labels for line in _label_lines(one)):
            write(line)
    findings = [*(found.findings if found is not None else ())]
    findings += [finding for one in labels for finding in one.findings]
    return WRONG_INPUT if any(one.severity == "error" for one in findings) else PASS


def judged(arguments: argparse.Namespace) -> int:
    """Writes a pair for each relevant document of the training side; 0."""
    from benchharness.files import write_atomically
    from benchharness.judge.bench import Bench
    from benchharness.judge.numbers import format_count
    from benchharness.pairs.pair import pair_lines
    from benchharness.train.material import judged_pairs, training_reference

    need_task(arguments)
    out = pairs_file(arguments.out)
    task = one_task(arguments)
    # --data names its split itself; a suite knows where its training side is.
    is_named = arguments.data is not None
    reference = task.suite.dataset if is_named else training_reference(task.suite)
    if reference is None:
        raise UsageError(
            f"the training side of suite {task.suite.name!r} is files of pairs already",
            where=task.place,
            remedy=f"use them: {', '.join(task.suite.pairs)}",
        )
    with progress(quiet=arguments.quiet) as listener:
        data = Bench(listener=listener).dataset(reference, task.base)
    pairs = list(judged_pairs(data))
    if not pairs:
        raise UsageError(
            "no query of it has a relevant document that is there",
            where=str(reference), remedy="name a split that has judgments: --split NAME",
        )  # fmt: skip
    digest = write_atomically(out, pair_lines(pairs))
    queries = len({pair.query_id for pair in pairs})
    if arguments.json:
        content = {"pairs": len(pairs), "queries": queries, "data": str(reference)}
        write_json({**content, "out": str(out), "sha256": digest})
    else:
        both = f"{format_count(len(pairs), 'pair')} of {format_count(queries, 'query', 'queries')}"
        write(f"{both} from {reference}")
        write(f"{out}")
    return PASS


def one_task(arguments: argparse.Namespace) -> Task:
    """The one suite or data set. Raises UsageError where a suite file holds several."""
    tasks = tasks_of(arguments, models=(), default_model=_NO_MODEL)
    if len(tasks) > 1:
        names = ", ".join(task.suite.name for task in tasks)
        raise UsageError(f"{len(tasks)} suites: {names}", remedy="name one with --suite")
    return tasks[0]


def pairs_file(name: str, *inputs: str) -> Path:
    """Where pairs are written.

    Raises UsageError for a compressed file, a folder, one of the inputs, and a file that is there
    and holds something else than pairs: a corpus, queries, a log.
    """
    path = Path(name)
    if any(path.resolve() == Path(one).resolve() for one in inputs):
        raise UsageError(
            "this file is read, and would be overwritten", where=name, remedy="name another --out"
        )
    if path.suffix in COMPRESSED:
        raise UsageError(
            "files of pairs are written uncompressed",
            where=name, remedy=f"write {path.with_suffix('')}, and compress it yourself",
        )  # fmt: skip
    if path.is_dir():
        raise UsageError("this is a folder", where=name, remedy=f"name a file: {name}/pairs.jsonl")
    if path.is_file() and path.stat().st_size and not _holds_pairs(path):
        raise UsageError(
            "this file is there, and holds no pairs", where=name,
            remedy="name another --out, or move the file away",
        )  # fmt: skip
    return path


def _holds_pairs(path: Path) -> bool:
    from benchharness.errors import DataError
    from benchharness.pairs.pair import numbered_pairs

    try:
        return next(numbered_pairs(path), None) is not None
    except DataError:
        return False


def _tests(suites: Sequence[str], listener: Listener) -> list[Dataset]:
    """The test side of each suite, under the suite's name."""
    from benchharness.judge.bench import Bench

    bench = Bench(listener=listener)
    return [
        dataclasses.replace(bench.dataset(task.suite.dataset, task.base), name=task.suite.name)
        for name in suites
        for task in suite_tasks(name)
    ]


def _encoder(spec: str | None) -> Encoder | None:
    from benchharness.models.encoder import is_encoder
    from benchharness.models.registry import open_model

    if spec is None:
        return None
    system = open_model(spec)
    if not is_encoder(system):
        raise UsageError(
            f"{spec} encodes nothing, so nothing is too long for it",
            remedy="name a model that turns texts into vectors, such as minilm",
        )
    return system


# --- what is printed ----------------------------------------------------------------------------


def _lines_of(paths: Sequence[Path], found: PairsReport) -> Iterator[str]:
    from benchharness.judge.numbers import format_count, format_share

    named = ", ".join(map(str, paths))
    yield f"{named}: {format_count(found.pairs, 'pair')}, {counted(found.findings)}"
    yield from finding_lines(found.findings)
    if not found.pairs:
        return
    yield "  sources"
    sources = [
        (_shown(name), f"{one.pairs:,}", format_share(one.synthetic, one.pairs),
         format_share(one.with_negatives, one.pairs))
        for name, one in found.sources
    ]  # fmt: skip
    head = ("source", "pairs", "synthetic", "with negatives")
    yield from (f"  {line}" for line in table_lines(head, sources))
    yield (
        f"  batches in which no text comes twice: {found.positives:,} distinct positives, so at "
        f"most as many rows; one positive has {format_count(found.most_of_one, 'pair')}"
    )
    epochs = [
        (f"{one.batch_size}", f"{one.batches:,}", f"{one.full:,}",
         f"{one.left_out:,} ({format_share(one.left_out, found.pairs)})")
        for one in found.epochs
    ]  # fmt: skip
    head = ("batch size", "batches", "full", "rows left out of an epoch")
    yield from (f"  {line}" for line in table_lines(head, epochs))
    yield f"    largest batch size tried that leaves nothing out: {found.largest_batch:,}"


def _label_lines(found: LabelReport) -> Iterator[str]:
    from benchharness.judge.numbers import format_count, format_share

    texts = format_count(found.texts, "labelled text")
    yield f"{found.path}: {texts}, {counted(found.findings)}"
    yield from finding_lines(found.findings)
    shown = found.counts[:_LABELS_SHOWN]
    rows = [
        (_shown(label), f"{count:,}", format_share(count, found.texts)) for label, count in shown
    ]
    yield from (f"  {line}" for line in table_lines(("label", "texts", "share"), rows))
    if len(found.counts) > len(shown):
        yield f"    and {format_count(len(found.counts) - len(shown), 'label')} more"


def _shown(name: str) -> str:
    """A name of a file on one line, nothing of it a terminal's command; a long one is cut."""
    from benchharness.report.wording import one_line

    line = one_line(name)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _content(paths: Sequence[Path], found: PairsReport) -> dict[str, object]:
    return {
        "files": [str(path) for path in paths],
        "pairs": found.pairs,
        "queries": found.queries,
        "positives": found.positives,
        "most_of_one": found.most_of_one,
        "findings": [dataclasses.asdict(finding) for finding in found.findings],
        "sources": {name: dataclasses.asdict(one) for name, one in found.sources},
        "epochs": [dataclasses.asdict(one) for one in found.epochs],
        "largest_batch": found.largest_batch,
    }
