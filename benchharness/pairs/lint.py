"""What is wrong or odd about files of training pairs, found before hours are spent on them.

An error would teach the wrong thing or make the result worthless; a warning costs something and
may be wanted; a note is a fact. Texts are compared without regard to case and blanks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.data.dataset import Dataset
from benchharness.data.lint import Finding
from benchharness.data.similarity import near_duplicates
from benchharness.judge.numbers import format_count, format_share
from benchharness.models.encoder import Encoder
from benchharness.pairs.batches import SIZES, Epoch, epoch_of, largest_without_loss
from benchharness.pairs.census import (
    LONGEST_QUERY,
    SHORTEST_QUERY,
    Census,
    SourceTally,
    Tally,
    take_census,
)
from benchharness.pairs.groups import joined, repeated_rows, several
from benchharness.pairs.suite_leaks import leak_findings
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class PairsReport:
    """What the lint says of files of pairs.

    findings:  errors first, then warnings, then notes.
    sources:   source -> its pairs, in order of size.
    queries, positives: distinct texts. most_of_one: pairs of the positive that has most.
    epochs:    of the batch sizes 16, 32, 64 and 128.
    largest_batch: the largest of the sizes tried that leaves nothing out.
    """

    pairs: int
    findings: tuple[Finding, ...]
    sources: tuple[tuple[str, SourceTally], ...] = ()
    queries: int = 0
    positives: int = 0
    most_of_one: int = 0
    epochs: tuple[Epoch, ...] = ()
    largest_batch: int = 0


def lint_pairs(
    paths: Sequence[Path],
    tests: Sequence[Dataset] = (),
    model: Encoder | None = None,
    listener: Listener = silent,
) -> PairsReport:
    """Everything to know of the files together, as one training would read them.

    tests: data sets that must not be trained on. model: whose length positives are held against.

    The files are read once and, with `tests`, once again. Near duplicates share at least 90 % of
    their word triples; above 20,000 distinct queries they are sought in a sample that the texts
    alone decide. Raises DataError where a file is not there, ModelError.
    """
    import numpy as np

    census = take_census(paths, model, listener)
    if not len(census):
        empty = Finding(
            "no-pairs", "error", "the files hold no pair", ", ".join(map(str, paths)),
            'write one object a line: {"query": "…", "positive": "…"}',
        )  # fmt: skip
        return PairsReport(0, (*_unreadable(census), empty))
    found = [
        *_unreadable(census),
        *_alone(census),
        *_lengths(census, model),
        *_repetitions(census),
        *_negatives(census),
        *_near(census),
        *(one for test in tests for one in leak_findings(census, test)),
    ]
    listener(Step("fill batches", 0, 0))
    rows = census.batch_rows()
    counts = np.unique(census.column("positives"), return_counts=True)[1]
    sources = sorted(census.sources.items(), key=lambda one: (-one[1].pairs, one[0]))
    return PairsReport(
        pairs=len(census),
        findings=tuple(sorted(found, key=lambda one: _SEVERITIES.index(one.severity))),
        sources=tuple(sources),
        queries=len(np.unique(census.column("queries"))),
        positives=len(counts),
        most_of_one=int(counts.max()),
        epochs=tuple(epoch_of(rows, size) for size in SIZES),
        largest_batch=largest_without_loss(rows),
    )


def _unreadable(census: Census) -> Iterator[Finding]:
    if census.unreadable.count:
        lines = format_count(census.unreadable.count, "line")
        yield Finding(
            "unreadable", "error", f"{lines} cannot be read; the first: {census.first_reason}",
            ", ".join(census.unreadable.places), "correct or remove them: training stops there",
        )  # fmt: skip


# --- what is seen in a pair alone ---------------------------------------------------------------


# name -> (severity, what the pairs have, remedy).
_ALONE = {
    "short-query": (
        "warning", f"a query of fewer than {SHORTEST_QUERY} characters", "remove them",
    ),
    "long-query": (
        "warning", f"a query of more than {LONGEST_QUERY} words",
        "are these what people ask? Shorten or remove them",
    ),
    "identical-sides": (
        "warning", "a positive with the query's own text", "remove them: nothing is learnt there",
    ),
    "query-in-positive": (
        "note", "a query that stands word for word in its positive", "",
    ),
    "query-as-negative": (
        "warning", "the query's own text among the negatives", "remove it from them",
    ),
    "repeated-negative": (
        "warning", "the same negative twice", "keep each once: a column more shows nothing new",
    ),
}  # fmt: skip


def _alone(census: Census) -> Iterator[Finding]:
    for name, (severity, what, remedy) in _ALONE.items():
        tally = census.tallies.get(name, Tally())
        if tally.count:
            counted = _of(tally.count, len(census), "pair")
            yield Finding(name, severity, f"{counted} have {what}", ", ".join(tally.places), remedy)


def _lengths(census: Census, model: Encoder | None) -> Iterator[Finding]:
    if model is None:
        return
    if model.max_length is None:
        yield Finding("truncated-positives", "note", f"{model.spec} reads texts of any length")
        return
    counted = _of(census.truncated.count, census.positive_texts, "distinct positive")
    is_odd = census.truncated.count > 0
    yield Finding(
        "truncated-positives", "warning" if is_odd else "note",
        f"{model.spec} reads {model.max_length} tokens: {counted} are longer and are cut off",
        ", ".join(census.truncated.places),
        "raise @max_length if the model allows it, or split the documents" if is_odd else "",
    )  # fmt: skip


# --- what is seen in several pairs --------------------------------------------------------------


def _repetitions(census: Census) -> Iterator[Finding]:
    queries, positives = census.column("queries"), census.column("positives")
    query_ids, doc_ids = census.column("query_ids"), census.column("doc_ids")
    again = repeated_rows(joined(queries, positives))
    if len(again):
        yield Finding(
            "duplicate-pairs", "warning",
            f"{_of(len(again), len(census), 'pair')} repeat both texts of an earlier pair",
            census.places(again), "keep each once; `weight` shows a pair more often",
        )  # fmt: skip
    kinds = (
        ("several-positives", "note", queries, positives,
         ("query", "queries"), "have several positives", ""),
        ("text-under-ids", "warning", positives, doc_ids,
         ("positive", ""), "stand under several doc_ids",
         "give a text one doc_id: as two documents one may become a negative of the other"),
        ("doc-id-with-texts", "note", doc_ids, positives,
         ("doc_id", ""), "have several texts: passages of one document, or ids given twice", ""),
        ("query-id-with-texts", "warning", query_ids, queries,
         ("query_id", ""), "have several texts", "give each query a query_id of its own"),
    )  # fmt: skip
    for name, severity, own, others, noun, what, remedy in kinds:
        count, rows = several(own, others)
        if count:
            text = f"{format_count(count, *filter(None, noun))} {what}"
            yield Finding(name, severity, text, census.places(rows), remedy)


def _negatives(census: Census) -> Iterator[Finding]:
    """Positives among the negatives of their query, and columns of unequal length."""
    import numpy as np

    starts = np.array(census.starts, dtype=np.int64)
    widths: NDArray[np.int64] = starts[1:] - starts[:-1]
    rows = np.repeat(np.arange(len(census)), widths)
    queries = census.column("queries")
    answers = joined(queries, census.column("positives"))
    given = joined(queries[rows], census.column("negatives"))
    wrong = np.unique(rows[np.isin(given, answers)])
    if len(wrong):
        yield Finding(
            "positive-as-negative", "error",
            f"{_of(len(wrong), len(census), 'pair')} have a negative that is a positive of the "
            "same query, in this pair or another",
            census.places(wrong), "remove those negatives, or mine new ones: benchharness mine",
        )  # fmt: skip
    if len(np.unique(widths)) > 1:
        yield Finding(
            "uneven-negatives", "warning",
            f"pairs have from {widths.min()} to {widths.max()} negatives, and a column holds one "
            "of each",
            census.places(np.flatnonzero(widths == widths.min())),
            f"fill them up: benchharness mine FILE --per-query {widths.max()}",
        )  # fmt: skip


def _near(census: Census) -> Iterator[Finding]:
    """Queries that are nearly the same text and share no positive."""
    import numpy as np

    keys = sorted(census.query_sample)
    groups = near_duplicates([census.query_sample[key] for key in keys])
    members = {keys[place] for group in groups for place in group}
    queries = census.column("queries")
    first: dict[int, int] = {}
    positives: dict[int, set[int]] = {}
    for row in np.flatnonzero(np.isin(queries, np.array(sorted(members), np.uint64))).tolist():
        first.setdefault(int(queries[row]), row)
        positives.setdefault(int(queries[row]), set()).add(census.positives[row])
    apart = [
        group
        for group in ([keys[place] for place in own] for own in groups)
        if not set.intersection(*(positives[key] for key in group))
    ]
    total = len(np.unique(queries))
    scope = "" if total == len(keys) else f" (sought in a sample of {len(keys):,} of {total:,})"
    if apart:
        count = sum(map(len, apart))
        yield Finding(
            "near-queries", "note",
            f"{format_count(count, 'query', 'queries')} are near duplicates of another that has "
            f"other positives{scope}",
            census.places([first[key] for key in apart[0]]),
        )  # fmt: skip
    elif scope:
        yield Finding("near-queries", "note", f"no near-duplicate queries were found{scope}")


def _of(count: int, total: int, noun: str) -> str:
    return f"{count:,} of {format_count(total, noun)} ({format_share(count, total)})"
