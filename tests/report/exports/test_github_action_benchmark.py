"""Entries of github-action-benchmark."""

from __future__ import annotations

import json
import math

from benchharness.report.exports.github_action_benchmark import github_benchmark_text
from benchharness.report.model import Report


def test_an_entry_has_the_fields_that_the_action_reads(assess):
    """name, unit and value are required, range and extra are text (its README, custom tools)."""
    one = assess("faq", "minilm", hits=[1.0] * 2 + [0.0])

    entries = json.loads(github_benchmark_text(Report.of([one])))

    assert entries[0] == {
        "name": "faq / minilm / recall@10", "unit": "recall", "value": 2 / 3,
        "range": "[0.207, 0.939]", "extra": "3 queries; 95 % interval: wilson",
    }  # fmt: skip
    assert [entry["name"] for entry in entries][1:] == ["faq / minilm / ndcg@10"]


def test_names_are_unique_keys_of_charts(assess):
    report = Report.of([assess("faq", "a"), assess("faq", "b"), assess("code", "a")])

    names = [entry["name"] for entry in json.loads(github_benchmark_text(report))]

    assert len(set(names)) == len(names) == 6


def test_what_is_no_number_has_no_entry(assess):
    """JSON has no nan, and a chart no place for it."""
    text = github_benchmark_text(Report.of([assess(hits=[math.nan, 1.0])]))

    assert json.loads(text, parse_constant=lambda _: 1 / 0) == []


def test_a_name_cannot_break_a_line(assess):
    (entry, _) = json.loads(github_benchmark_text(Report.of([assess("a\nb", "c\x1b")])))

    assert entry["name"] == "a\\nb / c\\x1b / recall@10"
