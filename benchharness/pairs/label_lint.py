"""What is wrong or odd about files of labelled texts: how even the labels are, and what repeats."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchharness.data.lines import find_file, numbered_lines
from benchharness.data.lint import Finding
from benchharness.data.similarity import text_key
from benchharness.errors import DataError, shortened
from benchharness.judge.numbers import format_count, format_share
from benchharness.pairs.census import SHOWN, Tally
from benchharness.pairs.labelled import labelled_rows

_LARGEST_SHARE = 0.5  # of one label, above which its texts are most of what is learnt


@dataclass(frozen=True)
class LabelReport:
    """What the lint says of a file of labelled texts.

    counts:   label -> its texts, largest first. single: labels with one text, in order.
    findings: errors first, then warnings, then notes.
    """

    path: str
    texts: int
    counts: tuple[tuple[str, int], ...]
    single: tuple[str, ...]
    findings: tuple[Finding, ...]


def is_labelled(path: Path) -> bool:
    """Whether the file holds labelled texts, told by its name or its first line."""
    if ".csv" in path.suffixes:
        return True
    try:
        _, line = next(numbered_lines(find_file(path)), (0, ""))
        row = json.loads(line)
    except (ValueError, RecursionError, DataError):
        return False
    return isinstance(row, dict) and {"text", "label"} <= row.keys()


def lint_labels(path: Path) -> LabelReport:
    """The balance of the labels, and texts that are given twice, with one label or with two."""
    counts: Counter[str] = Counter()
    label_of: dict[int, str] = {}
    repeated, torn = Tally(), Tally()
    broken: list[Finding] = []
    try:
        for where, text, label in labelled_rows(find_file(path)):
            counts[label] += 1
            key = text_key(text)
            if key in label_of:
                (repeated if label_of[key] == label else torn).add(where)
            label_of.setdefault(key, label)
    except DataError as error:
        broken = [Finding("unreadable", "error", error.message, error.where, error.remedy)]
    ordered = tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
    single = tuple(sorted(label for label, count in counts.items() if count == 1))
    found = (*broken, *_findings(path, ordered, single, repeated, torn))
    return LabelReport(str(path), counts.total(), ordered, single, found)


def _findings(
    path: Path,
    counts: Sequence[tuple[str, int]],
    single: Sequence[str],
    repeated: Tally,
    torn: Tally,
) -> Iterator[Finding]:
    total = sum(count for _, count in counts)
    if len(counts) < 2:
        message = f"{format_count(len(counts), 'label')}: there is nothing to tell apart"
        yield Finding("one-label", "error", message, str(path), "give texts of two labels or more")
        return
    if torn.count:
        yield Finding(
            "text-with-labels", "warning",
            f"{format_count(torn.count, 'text')} of {total:,} stood before with another label",
            ", ".join(torn.places), "decide for one of them",
        )  # fmt: skip
    if repeated.count:
        yield Finding(
            "repeated-texts", "warning",
            f"{format_count(repeated.count, 'text')} of {total:,} stood before with their label",
            ", ".join(repeated.places), "keep each once",
        )  # fmt: skip
    if single:
        named = ", ".join(map(shortened, single[:SHOWN]))
        yield Finding(
            "single-text", "warning",
            f"{len(single):,} of {len(counts):,} labels have one text: nothing is near to it that "
            "could be learnt",
            f"{path}: {named}", "give each label two texts or more, or join labels",
        )  # fmt: skip
    label, largest = counts[0]
    is_heavy = largest / total > _LARGEST_SHARE
    yield Finding(
        "balance", "warning" if is_heavy else "note",
        f"{format_count(len(counts), 'label')} of {counts[-1][1]:,} to {largest:,} texts; the "
        f"largest, {shortened(label)}, has {format_share(largest, total)}",
        "", "give the other labels more texts" if is_heavy else "",
    )  # fmt: skip
