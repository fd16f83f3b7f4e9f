"""TREC runs: our order, as trec_eval reads it."""

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from benchharness.evaluation.result import Run
from benchharness.report.run_file import strictly_decreasing, trec_lines

float32s = st.floats(
    width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**99), max_value=2.0**99
)


def _run(*rows):
    """A run of one query for each list of (doc_id, score)."""
    return Run(
        query_ids=tuple(f"q{number}" for number in range(len(rows))),
        doc_ids=tuple(tuple(doc_id for doc_id, _ in row) for row in rows),
        scores=tuple(tuple(float(np.float32(score)) for _, score in row) for row in rows),
        depth=100,
    )


def _parsed(run):
    found: dict[str, dict[str, float]] = {}
    for line in trec_lines(run):
        query_id, zero, doc_id, _, score, _ = line.split()
        assert zero == "Q0"
        found.setdefault(query_id, {})[doc_id] = float(score)
    return found


def test_line_has_six_columns():
    """query_id Q0 doc_id rank score tag."""
    lines = list(trec_lines(_run([("d1", 0.9), ("d2", 0.7)])))

    assert lines == ["q0 Q0 d1 1 0.9 benchharness\n", "q0 Q0 d2 2 0.7 benchharness\n"]


@pytest.mark.parametrize("doc_ids", [["a", "b", "c", "d"], ["d", "c", "b", "a"]])
def test_trec_eval_sees_our_order_in_ties(doc_ids):
    """trec_eval breaks ties by its own rule; each document's reciprocal rank shows ours."""
    run = _parsed(_run([(doc_id, 0.5) for doc_id in doc_ids]))

    ranks = []
    for doc_id in doc_ids:
        evaluator = pytrec_eval.RelevanceEvaluator({"q0": {doc_id: 1}}, {"recip_rank"})
        ranks.append(round(1 / evaluator.evaluate(run)["q0"]["recip_rank"]))

    assert ranks == [1, 2, 3, 4]


@given(st.lists(float32s, min_size=1, max_size=8).map(lambda row: sorted(row, reverse=True)))
def test_trec_eval_sees_our_order_whatever_the_scores(scores):
    """The same for any scores, near and far, with ties and zeros."""
    run = _parsed(_run([(f"d{rank}", score) for rank, score in enumerate(scores)]))
    wanted = len(scores) - 1

    evaluator = pytrec_eval.RelevanceEvaluator({"q0": {f"d{wanted}": 1}}, {"recip_rank"})
    found = evaluator.evaluate(run)["q0"]["recip_rank"]

    assert round(1 / found) == len(scores)


@given(st.lists(float32s, min_size=1, max_size=30).map(lambda row: sorted(row, reverse=True)))
def test_scores_strictly_decrease_in_float32(scores):
    """Each below the one before, the first as it was, none raised."""
    found = strictly_decreasing(scores)

    assert found.dtype == np.float32
    assert (np.diff(found) < 0).all()
    assert found[0] == np.float32(scores[0])
    assert (found <= np.asarray(scores, dtype=np.float32)).all()


def test_scores_without_ties_are_unchanged():
    """Only a tie costs a last bit."""
    scores = np.array([0.9, 0.5, 0.1], dtype=np.float32)

    assert strictly_decreasing(scores.tolist()).tolist() == scores.tolist()


def test_documents_that_rank_last_keep_a_finite_score():
    """-inf is no number in a TREC file; the order stays."""
    found = strictly_decreasing([0.1, -np.inf, -np.inf])

    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()


def test_white_space_in_an_id_does_not_shift_the_columns():
    """Ids with spaces are percent-encoded; others stand as they are."""
    (line,) = trec_lines(_run([("a b\t100%", 0.5)]))

    assert line == "q0 Q0 a%20b%09100% 1 0.5 benchharness\n"


def test_unanswered_query_has_no_line():
    """A query without documents is in per_query.jsonl only."""
    assert list(trec_lines(_run([]))) == []
