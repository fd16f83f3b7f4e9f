"""The spelling of measures: one way to write each, and a hint for every other."""

import pytest

from benchharness.errors import SuiteError
from benchharness.measures import Measure, parse_measure


@pytest.mark.parametrize(
    ("spelled", "measure"),
    [
        ("recall@10", Measure("recall", 10)),
        ("ndcg@5", Measure("ndcg", 5)),
        ("map@100", Measure("map", 100)),
        ("r-precision", Measure("r-precision")),
        ("f1@3", Measure("f1", 3)),
        ("rbp.95", Measure("rbp", None, "95")),
    ],
)
def test_a_measure_parses_and_prints_as_spelled(spelled, measure):
    assert parse_measure(spelled) == measure
    assert str(measure) == spelled


@pytest.mark.parametrize(
    ("spelled", "hint"),
    [
        ("recal@10", "did you mean recall?"),
        ("Recall@10", "did you mean recall@10?"),
        ("hit_rate@10", "did you mean hit@10?"),
        ("RR@10", "did you mean mrr@10?"),
        ("ndcg", "say the cut-off: ndcg@10"),
        ("recall@0", "the cut-off is at least 1"),
        ("rbp", "rbp.95"),
        ("recall.5@10", "rbp.95"),
        ("recall 10", "recall@10"),
        ("", "recall@10"),
        (10, "recall@10"),
    ],
)
def test_a_wrong_spelling_says_what_was_meant(spelled, hint):
    with pytest.raises(SuiteError) as caught:
        parse_measure(spelled)

    assert hint in str(caught.value)
