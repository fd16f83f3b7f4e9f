"""ranx behind one door, with its traps closed."""

import numpy as np
import pytest

from benchharness.data.dataset import Qrels
from benchharness.errors import DataError
from benchharness.evaluation import ranx_measures
from benchharness.evaluation.result import Run
from benchharness.measures import parse_measure

pytestmark = pytest.mark.filterwarnings("ignore")


def run_of(ranking):
    query_ids = tuple(sorted(ranking))
    return Run(
        query_ids,
        tuple(tuple(ranking[query_id]) for query_id in query_ids),
        tuple(tuple(1.0 for _ in ranking[query_id]) for query_id in query_ids),
        depth=10,
    )


def qrels_of(judged):
    return Qrels.of([(q, d, grade, 0) for q, docs in judged.items() for d, grade in docs.items()])


def values(spelled, ranking, judged):
    measure = parse_measure(spelled)
    return ranx_measures.values([measure], run_of(ranking), qrels_of(judged))[spelled].tolist()


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("hits@2", 1.0),
        ("f1@2", 2 * (1 / 2) * (1 / 2) / (1 / 2 + 1 / 2)),
        ("r-precision", 1 / 2),
        ("dcg@3", 1 + 2 / 2),
        ("dcg_burges@3", 1 + 3 / 2),
        ("rbp.50", 0.5 * (1 + 2 * 0.25)),
    ],
)
def test_other_measures_are_ranx_own(spelled, expected):
    """By hand: the ranking is relevant (1), not, relevant (2), of two relevant documents."""
    found = values(spelled, {"q": ["a", "x", "b"]}, {"q": {"a": 1, "b": 2}})

    assert found == pytest.approx([expected])


def test_queries_are_paired_by_id_whatever_the_order():
    """Plain dicts handed to ranx are paired by position: a perfect run scored 0.0."""
    judged = {"q2": {"b": 1}, "q1": {"a": 1}}

    assert values("hits@1", {"q1": ["a"], "q2": ["b"]}, judged) == [1.0, 1.0]


def test_equal_scores_keep_our_order():
    """ranx sorts ties by insertion; it is given our ranks instead of the tied scores."""
    assert values("rbp.50", {"q": ["x", "a"]}, {"q": {"a": 1}}) == pytest.approx([0.25])


def test_an_unanswered_query_counts_as_zero():
    judged = {"q1": {"a": 1}, "q2": {"b": 1}}

    assert values("hits@1", {"q1": ["a"], "q2": []}, judged) == [1.0, 0.0]


def test_a_run_without_any_answer_is_all_zero():
    assert values("hits@1", {"q1": []}, {"q1": {"a": 1}}) == [0.0]


def test_a_measure_without_a_value_is_refused_with_the_query():
    """bpref without a judged non-relevant document divides by zero; NaN must judge nothing."""
    with pytest.raises(DataError, match="bpref is undefined for 1 of 1") as caught:
        values("bpref", {"q7": ["a"]}, {"q7": {"a": 1}})

    assert "q7" in caught.value.where


def test_values_are_plain_float64():
    found = ranx_measures.values(
        [parse_measure("bpref")], run_of({"q": ["a"]}), qrels_of({"q": {"a": 1, "b": 0}})
    )

    assert found["bpref"].dtype == np.float64
