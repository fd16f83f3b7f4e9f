"""The exact search: one total order, whatever the blocks, batches and threads."""

import json
import os
import subprocess
import sys
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchharness.evaluation import search as search_module
from benchharness.evaluation.search import UNRANKED_SCORE, Hits, drop, rank, search, ties_at

# Few distinct values make many exact ties, and vectors that differ only in their last bits.
COARSE = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0, 0.5 + 2**-24, 1.0 - 2**-24])


def brute_force(queries, documents, k):
    """The definition, pair by pair in Python: float64 dot product rounded to float32."""
    found = []
    for query in queries.astype(np.float64):
        scores = [np.float32(query @ row) for row in documents.astype(np.float64)]
        order = sorted(range(len(documents)), key=lambda row: (-scores[row], row))[:k]
        found.append([(row, scores[row]) for row in order])
    return found


def as_pairs(hits):
    return [
        [(int(row), score) for row, score in zip(rows, scores, strict=True) if row >= 0]
        for rows, scores in zip(hits.rows, hits.scores, strict=True)
    ]


@st.composite
def problems(draw):
    dim, n, m = draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.integers(1, 40))
    queries = draw(arrays(np.float32, (n, dim), elements=COARSE))
    documents = draw(arrays(np.float32, (m, dim), elements=COARSE))
    return queries, documents, draw(st.integers(1, 45))


@given(problems(), st.integers(1, 8), st.integers(1, 50), st.sampled_from([0, 7, 1 << 20]))
@settings(max_examples=300, deadline=None)
def test_search_is_brute_force_for_every_block_size(problem, query_block, document_block, pending):
    """Blocks and scoring early bound memory; the ranking is the definition's, ties by row."""
    queries, documents, k = problem

    with patch.object(search_module, "_PENDING_PAIRS", pending):
        hits = search(queries, documents, k, query_block=query_block, document_block=document_block)

    assert as_pairs(hits) == brute_force(queries, documents, k)


@pytest.mark.parametrize("order", ["best last", "best first", "all equal"])
def test_memory_is_bounded_whatever_the_order_of_the_documents(order, monkeypatch):
    """Where every document is better than those before, or as good, none can be left out early."""
    monkeypatch.setattr(search_module, "_PENDING_PAIRS", 1000)
    scores = np.linspace(0.1, 1, 5000, dtype=np.float32)
    scores = {"best last": scores, "best first": scores[::-1], "all equal": scores * 0 + 1}[order]
    held = []

    class Watched(search_module._Pool):
        def _settle(self):
            held.append(self._pairs)
            super()._settle()

    monkeypatch.setattr(search_module, "_Pool", Watched)

    hits = search(np.ones((3, 1), np.float32), scores[:, None], 10, document_block=500)

    wanted = {"best last": range(4999, 4989, -1)}.get(order, range(10))
    assert hits.rows.tolist() == [list(wanted)] * 3
    assert max(held) <= 1000 + 3 * 500


@given(problems(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_queries_changes_nothing(problem, random):
    queries, documents, k = problem
    order = list(range(len(queries)))
    random.shuffle(order)

    shuffled = search(queries[order], documents, k)

    straight = search(queries, documents, k)
    np.testing.assert_array_equal(shuffled.rows, straight.rows[order])
    np.testing.assert_array_equal(shuffled.scores, straight.scores[order])


def test_near_ties_that_a_matrix_product_reorders_are_settled_by_the_exact_score():
    """Random unit vectors, many of them copies: the product's bits differ, the ranking not."""
    rng = np.random.default_rng(7)
    documents = rng.normal(size=(600, 384)).astype(np.float32)
    documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    documents[300:] = documents[:300]  # every document twice: 300 ties across any cut
    queries = documents[:20] + np.float32(1e-7) * rng.normal(size=(20, 384)).astype(np.float32)

    hits = search(queries.astype(np.float32), documents, 11)

    assert as_pairs(hits) == brute_force(queries.astype(np.float32), documents, 11)
    assert ties_at(hits, 1) == 20


_ONE_RUN = """
import json, sys
import numpy as np
from benchharness.evaluation.search import search
rng = np.random.default_rng(3)
d = rng.normal(size=(3000, 96)).astype("f4"); d[1500:] = d[:1500]
q = rng.normal(size=(40, 96)).astype("f4")
hits = search(q, d, 50, document_block=int(sys.argv[1]))
print(json.dumps([hits.rows.tolist(), hits.scores.view("i4").tolist()]))
"""


def test_threads_and_blas_kernels_change_no_bit():
    """Other thread counts and another kernel give other product bits, and the same ranking."""
    settings_of_runs = [
        ({"OPENBLAS_NUM_THREADS": "1"}, "8192"),
        ({"OPENBLAS_NUM_THREADS": "2"}, "8192"),
        ({"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Haswell"}, "97"),
    ]

    printed = [
        subprocess.run(
            [sys.executable, "-c", _ONE_RUN, block],
            env=os.environ | env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for env, block in settings_of_runs
    ]

    assert printed[0] == printed[1] == printed[2]
    assert len(json.loads(printed[0])[0]) == 40


def test_documents_without_a_token_rank_after_all_others():
    """A zero vector scores 0, which would beat a negative score; `unranked` puts it last."""
    documents = np.array([[0, 0], [-1, 0], [1, 0]], dtype=np.float32)
    queries = np.array([[1, 0]], dtype=np.float32)

    hits = search(queries, documents, 3, unranked=np.array([True, False, False]))

    assert hits.rows.tolist() == [[2, 1, 0]]
    assert hits.scores[0, 2] == np.float32(UNRANKED_SCORE)


def test_rank_leaves_out_documents_that_score_minus_infinity():
    scores = np.array([-np.inf, 2.0, -np.inf, 2.0, 1.0], dtype=np.float32)

    hits = rank([scores], 4)

    assert hits.rows.tolist() == [[1, 3, 4, -1]]


def test_rank_breaks_ties_across_the_cut_by_row():
    hits = rank([np.ones(30, dtype=np.float32)], 5)

    assert hits.rows.tolist() == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("dropped", "k", "left"),
    [
        (7, 2, [5, 3]),
        (5, 2, [7, 3]),
        (99, 2, [7, 5]),
        (-1, 2, [7, 5]),
        (-1, 3, [7, 5, 3]),
        (5, 3, [7, 3, -1]),
    ],
    ids=["first", "second", "not-retrieved", "none", "small-corpus", "small-corpus-dropped"],
)
def test_drop_takes_one_document_out_and_keeps_the_order(dropped, k, left):
    hits = Hits(np.array([[7, 5, 3]]), np.array([[3.0, 2.0, 1.0]], dtype=np.float32))

    found = drop(hits, np.array([dropped]), k)

    assert found.rows.tolist() == [left]
    assert (found.scores[found.rows < 0] == -np.inf).all()


def test_ties_at_counts_equal_scores_on_both_sides_of_the_cut():
    rows = np.array([[0, 1, 2], [0, 1, 2], [0, 1, -1]])
    scores = np.array([[3, 2, 2], [3, 3, 2], [3, -np.inf, -np.inf]], dtype=np.float32)

    assert ties_at(Hits(rows, scores), 2) == 1
    assert ties_at(Hits(rows, scores), 3) == 0
