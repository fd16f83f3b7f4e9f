"""The account of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchharness.data.texts import TextTable
from benchharness.llm.journal import Journal
from benchharness.llm.model import Answer, Usage
from benchharness.llm.spending import Limits, Price
from benchharness.models.cache import EmbeddingCache
from benchharness.pairs.written.corpora import Corpus
from benchharness.pairs.written.plan import JOURNAL, Plan
from benchharness.pairs.written.run import Written, write_queries

ONE = "red apples grow on old trees near the quiet river bank"
OTHER = "green pears fall early when summer storms shake the garden"
THIRD = "blue cars need new tyres after ten thousand miles of gravel"
DOCUMENTS = {"a": ONE, "b": OTHER, "c": THIRD, "e": " ", "f": "a few words", "g": ONE}
BY_TEXT = {
    ONE: [("question", "apples river"), ("question", "quiet water fruit"), ("keywords", "")],
    OTHER: [("how-to", "stop pears falling in storms"), ("how-to", "see this passage on pears")],
}


@pytest.fixture
def report(
    plan_of: Callable[..., Plan], corpus_of: Callable[..., Any], scripted: Callable[..., Any]
) -> Callable[..., Any]:
    def made(**options: Any) -> Any:
        llm = scripted(BY_TEXT, {THIRD: "refused"})
        plan = plan_of(corpus_of(DOCUMENTS), llm, **options)
        written: Written = write_queries(
            plan, llm, Limits(tokens=10**9), cache=EmbeddingCache.none()
        )
        return json.loads((Path(written.folder) / "report.json").read_text())

    return made


def test_every_passage_and_query_is_accounted_for(report: Callable[..., Any]) -> None:
    """Rule: nothing vanishes without a count; numbers by hand."""
    found = report()

    passages, answers, queries = found["passages"], found["answers"], found["queries"]
    assert found["corpus"]["documents"] == 6
    assert found["corpus"]["without_text"] == 1
    assert (passages["all"], passages["too_short"], passages["repeated"]) == (5, 1, 1)
    assert passages["asked_about"] == 3
    assert (answers["ok"], answers["refused"], answers["passages_left"]) == (2, 1, 0)
    assert (queries["wanted"], queries["written"], queries["answers_with_fewer"]) == (6, 5, 1)
    removed = {reason: one["queries"] for reason, one in found["removed"].items() if one["queries"]}
    assert removed == {"empty": 1, "phrase": 1}
    assert found["pairs"] == found["kept"]["queries"] == 3
    assert found["kept"]["by_type"]["question"] == 2
    assert found["complete"] is True


def test_words_shared_with_the_passage_are_counted(report: Callable[..., Any]) -> None:
    """Rule: shares 2/2, 1/3 and 2/5: what queries give away; by hand."""
    overlap = report()["word_overlap"]

    assert overlap["by_type"]["question"] == pytest.approx((1 + 1 / 3) / 2)
    assert overlap["by_type"]["how-to"] == pytest.approx(2 / 5)
    assert overlap["by_type"]["misspelt"] is None
    assert overlap["mean"] == pytest.approx((1 + 1 / 3 + 2 / 5) / 3)


def test_the_cost_is_that_of_all_answers(report: Callable[..., Any]) -> None:
    """Rule: three answers of 50 tokens read, two of 10 written."""
    found = report(price=Price(1.0, 5.0))["llm"]

    assert found["usage"]["input_tokens"] == 150
    assert found["cost"] == pytest.approx((150 * 1.0 + 20 * 5.0) / 1e6)
    assert found["spec"] == "scripted:model"


def test_what_was_paid_in_batches_costs_half(
    plan_of: Callable[..., Plan], scripted: Callable[..., Any], report: Callable[..., Any]
) -> None:
    """Rule: one answer of 1,000 and 100 tokens in a batch, and what `report` asks for besides."""
    plan = plan_of(plan_corpus(), scripted())
    with Journal(plan.folder / JOURNAL, plan.identity) as journal:
        key = next(iter(plan.requests())).key
        journal.append(Answer(key, "refused", usage=Usage(1000, 100)), batch=True)

    found = report(price=Price(1.0, 5.0))["llm"]

    assert found["usage_in_batches"]["input_tokens"] == 1000
    whole = found["usage"]
    asked = (whole["input_tokens"] - 1000) * 1.0 + (whole["output_tokens"] - 100) * 5.0
    assert found["cost"] == pytest.approx((asked + 0.5 * (1000 * 1.0 + 100 * 5.0)) / 1e6)


def plan_corpus() -> Corpus:
    return Corpus("small", TextTable.of(DOCUMENTS.items()))


def test_no_price_no_cost(report: Callable[..., Any]) -> None:
    assert report()["llm"]["cost"] is None


def test_the_round_trip_is_told_with_its_caution(report: Callable[..., Any]) -> None:
    found = report(round_trip=20)["round_trip"]

    assert (found["k"], found["model"]) == (20, "hash")
    assert [one["bucket"] for one in found["ranks"]] == ["1", "2-5", "6-20", "beyond"]
    assert sum(one["queries"] for one in found["ranks"]) == 3
    assert "keep it generous" in found["caution"]
    assert report(round_trip=0)["round_trip"] is None
