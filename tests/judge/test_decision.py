"""The decision: which side of the two thresholds the whole interval lies on."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchharness.evaluation.result import QueryFacts
from benchharness.judge.decision import decide
from benchharness.judge.statistics import estimate
from benchharness.suite import Thresholds

DEFAULT = Thresholds()


@pytest.mark.parametrize(
    ("ones", "n", "outcome"),
    [
        (310, 1000, "tune"),
        (619, 1000, "tune"),  # Wilson's upper end is 0.6486
        (850, 1000, "skip"),
        (720, 1000, "optional"),
        (667, 1000, "undecided"),
        (800, 1000, "undecided"),
        (1, 1, "undecided"),
        (36, 50, "undecided"),  # reaches across both
    ],
)
def test_the_whole_interval_decides(make_result, share, ones, n, outcome):
    """Below 0.65 tune, above 0.80 skip, between optional, across a threshold undecided."""
    assert decide(make_result(share(ones, n)), DEFAULT, {}).outcome == outcome


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 400), st.data())
def test_outcome_is_that_of_the_printed_ci95(make_result, n, data):
    """The rule of the design, written again from the interval that is stored."""
    ones = data.draw(st.integers(0, n))
    decision = decide(make_result([1.0] * ones + [0.0] * (n - ones)), DEFAULT, {})

    low, high = decision.estimate.ci95
    if high < 0.65:
        expected = "tune"
    elif low > 0.80:
        expected = "skip"
    elif low >= 0.65 and high <= 0.80:
        expected = "optional"
    else:
        expected = "undecided"
    assert decision.outcome == expected
    assert decision.estimate == estimate([1.0] * ones + [0.0] * (n - ones), 1.0)
    assert (decision.queries_needed or n + 1) > n


def test_ends_on_the_thresholds_are_optional(make_result, share):
    """lo >= tune and hi <= skip: the ends themselves count as between."""
    result = make_result(share(720, 1000))
    low, high = estimate(result.values["recall@10"]).ci95

    assert decide(result, Thresholds(low, high), {}).outcome == "optional"
    assert decide(result, Thresholds(high, 1.0), {}).outcome == "undecided"
    assert decide(result, Thresholds(0.1, low), {}).outcome == "undecided"


def test_undecided_says_how_many_queries_would_decide(make_result, share):
    """n * (half-width / distance)^2 to the nearest threshold inside the interval."""
    decision = decide(make_result(share(667, 1000)), DEFAULT, {})

    low, high = decision.estimate.ci95
    expected = 1000 * ((high - low) / 2 / (0.667 - 0.65)) ** 2
    assert decision.queries_needed == int(expected) + 1
    assert "about 3,000 judged queries would tell it from 0.65" in decision.advice
    assert "measure all labelled queries and tune with 5 folds" in decision.advice


def test_undecided_names_both_thresholds(make_result, share):
    """50 queries reach across both; the nearer one sets the number of queries."""
    decision = decide(make_result(share(36, 50)), DEFAULT, {})

    assert decision.why.endswith("reaches across 0.65 and 0.80")
    assert "tell it from 0.65" in decision.advice
    low, high = decision.estimate.ci95
    assert decision.queries_needed == int(50 * ((high - low) / 2 / (0.72 - 0.65)) ** 2) + 1


@pytest.mark.parametrize("ones", [651, 650])
def test_out_of_reach_is_not_with_this_suite(make_result, share, ones):
    """Above 20 n, and at the threshold itself, no number of queries is promised."""
    decision = decide(make_result(share(ones, 1000)), DEFAULT, {})

    assert decision.queries_needed is None
    assert decision.advice.startswith("not with this suite")


def test_below_the_ceiling_capped_recall_decides(make_result, share):
    """TREC-COVID: recall@10 0.013 of 0.027 possible says nothing, capped recall does."""
    result = make_result([0.013] * 500, ceiling=0.0267, capped=share(425, 500))

    decision = decide(result, DEFAULT, {})

    assert decision.measure == "capped recall@10"
    assert decision.outcome == "skip"
    assert decision.estimate == estimate(share(425, 500))
    assert "no ranker gets beyond recall@10 0.0267 here" in decision.why


@pytest.mark.parametrize(
    ("model", "ones", "said"),
    [
        ("bm25", 300, "nothing to tune"),
        ("bm25@stemmer=none", 900, "nothing to tune"),
        ("openai:text-embedding-3-small@http://localhost/v1", 300, "distil"),
        ("openai:text-embedding-3-small@http://localhost/v1", 900, "keep the model"),
    ],
)
def test_untrainable_system_keeps_its_outcome(make_result, share, model, ones, said):
    """`trainable: false` changes the advice, not the outcome."""
    result = make_result(share(ones, 1000), model=model, trainable=False)

    decision = decide(result, DEFAULT, {})

    assert decision.outcome == ("tune" if ones == 300 else "skip")
    assert decision.trainable is False
    assert said in decision.advice


@pytest.mark.parametrize(
    ("model", "written"),
    [
        ("openai:small@http://h/v1", "openai:small@http://h/v1"),
        ("tei:http://h@query_prompt=find ", "'tei:http://h@query_prompt=find '"),
    ],
)
def test_a_model_behind_a_url_is_offered_distillation(make_result, share, model, written):
    """Rule: with the command that does it, as a shell reads it; a local system has no such way."""
    offered = decide(make_result(share(300, 1000), model=model, trainable=False), DEFAULT, {})
    local = decide(make_result(share(300, 1000), model="other", trainable=False), DEFAULT, {})

    command = f"benchharness tune --suite NAME --model LOCAL --teacher {written}"
    assert offered.advice.endswith(command)
    assert "--teacher" not in local.advice


def test_queries_written_by_an_llm_are_labelled(make_result, share):
    """The decision says what it rests on."""
    labelled = decide(make_result(share(300, 1000), query_origin="llm"), DEFAULT, {})
    plain = decide(make_result(share(300, 1000)), DEFAULT, {})

    assert "written by an LLM" in labelled.why
    assert "written by an LLM" not in plain.why


def test_where_users_asked_others_the_written_queries_are_counted(make_result, share):
    """Rule: how many of how many; the origin stands in each query's metadata."""
    facts = tuple(QueryFacts(groups={"origin": "llm"} if row < 3 else {}) for row in range(10))
    result = dataclasses.replace(make_result(share(3, 10), query_origin="llm"), facts=facts)

    decision = decide(result, DEFAULT, {})

    assert "it rests on 3 of 10 queries written by an LLM, not by users" in decision.why


def test_limited_result_is_labelled(make_result, share):
    """A quick look never reads as the whole suite."""
    decision = decide(make_result(share(30, 100), limit=100), DEFAULT, {})

    assert "only 100 queries measured, by a limit" in decision.why


@pytest.mark.parametrize(
    ("bm25", "said"),
    [(0.7, "recall@10 0.7000 against 0.6670"), (0.66701, "recall@10 0.66701 against 0.6670")],
)
def test_bm25_ahead_is_said_with_both_numbers(make_result, share, bm25, said):
    """Both numbers, with as many digits as it takes to tell them apart."""
    decision = decide(make_result(share(667, 1000)), DEFAULT, {"bm25": {"recall@10": bm25}})

    assert "BM25 is ahead" in decision.why
    assert said in decision.why


@pytest.mark.parametrize("bm25", [0.667, 0.5])
def test_bm25_not_ahead_is_not_said(make_result, share, bm25):
    """Equal is not ahead."""
    decision = decide(make_result(share(667, 1000)), DEFAULT, {"bm25": {"recall@10": bm25}})

    assert "BM25" not in decision.why


def test_bm25_is_compared_in_the_measure_that_decides(make_result, share):
    """Capped against capped; where BM25 has only recall@10, plain against plain."""
    result = make_result([0.2] * 500, ceiling=0.4, capped=share(250, 500))

    capped = decide(result, DEFAULT, {"bm25": {"recall@10": 0.1, "capped recall@10": 0.6}})
    plain = decide(result, DEFAULT, {"bm25": {"recall@10": 0.3}})

    assert "capped recall@10 0.6000 against 0.5000" in capped.why
    assert "ahead of this model, recall@10 0.3000 against 0.2000" in plain.why


def test_evidence_is_json_as_it_will_be_read_back(make_result, share):
    """Tuples become lists at once, so that a decision read from a file equals the one written."""
    given_ = {"tokens": {"corpus": 1.8, "most_split": ({"term": "a", "tokens": 3},)}}

    decision = decide(make_result(share(300, 1000)), DEFAULT, given_)

    assert json.loads(json.dumps(decision.evidence)) == decision.evidence
    assert decision.evidence["thresholds"] == {"tune": 0.65, "skip": 0.80}


def test_why_never_contradicts_the_outcome_in_print(make_result):
    """A value just below the threshold is printed below it."""
    values = np.full(100_000, 0.0)
    values[:64_704] = 1.0  # upper end 0.64999…
    decision = decide(make_result(values), DEFAULT, {})

    assert decision.outcome == "tune"
    assert "0.650]" not in decision.why
