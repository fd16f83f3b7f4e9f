"""The measures, against hand-computed values, trec_eval (pytrec_eval) and ranx."""

import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.data.dataset import Qrels, Relevance
from benchharness.evaluation import metrics, ranx_measures
from benchharness.evaluation.result import Run
from benchharness.measures import parse_measure

SPELLED = ["recall@10", "ndcg@10", "mrr@10", "map@100", "hit@10", "precision@10", "ndcg@3"]


def relevance_of(qrels, documents):
    """The judgments as the pipeline sees them: rows in order of doc_id, -1 for dangling ones."""
    row_of = {doc_id: row for row, doc_id in enumerate(sorted(documents))}
    query_ids = tuple(sorted(q for q, judged in qrels.items() if max(judged.values()) > 0))
    positives = [
        [(row_of.get(doc_id, -1), grade) for doc_id, grade in qrels[q].items() if grade > 0]
        for q in query_ids
    ]
    flat = [pair for pairs in positives for pair in pairs]
    return Relevance(
        query_ids,
        np.cumsum([0, *(len(pairs) for pairs in positives)]),
        np.array([row for row, _ in flat], dtype=np.int64),
        np.array([grade for _, grade in flat], dtype=np.int64),
    )


def graded(qrels, ranking, documents):
    relevance = relevance_of(qrels, documents)
    row_of = {doc_id: row for row, doc_id in enumerate(sorted(documents))}
    width = max(len(docs) for docs in ranking.values())
    rows = np.full((len(relevance), width), -1)
    for at, query_id in enumerate(relevance.query_ids):
        for place, doc_id in enumerate(ranking.get(query_id, [])):
            rows[at, place] = row_of[doc_id]
    return metrics.grade(rows, relevance)


DOCS = [f"d{number:02}" for number in range(20)]


@pytest.mark.parametrize(
    ("measure", "qrels", "ranking", "expected"),
    [
        ("recall@2", {"d00": 1, "d01": 1}, ["d05", "d00"], 1 / 2),
        ("recall@10", {"d00": 1, "gone": 1}, ["d00"], 1 / 2),
        ("recall@10", dict.fromkeys(DOCS, 1), DOCS, 1 / 2),
        ("precision@10", {"d00": 1}, ["d00"], 1 / 10),
        ("hit@1", {"d00": 1}, ["d01", "d00"], 0.0),
        ("mrr@10", {"d00": 1}, ["d01", "d02", "d00"], 1 / 3),
        ("mrr@2", {"d00": 1}, ["d01", "d02", "d00"], 0.0),
        (
            "map@10",
            {"d00": 1, "d01": 1, "d02": 1, "d03": 1},
            ["d00", "d09", "d01"],
            (1 + 2 / 3) / 4,
        ),
        (
            "ndcg@10",
            {"d00": 3, "d01": 2, "d02": 1},
            ["d02", "d01", "d00"],
            (1 + 2 / math.log2(3) + 3 / 2) / (3 + 2 / math.log2(3) + 1 / 2),
        ),
        ("ndcg@10", {"d00": 1, "d01": 0, "d02": -1}, ["d01", "d02", "d00"], 1 / 2),
    ],
    ids=[
        "recall-divides-by-all-relevant",
        "recall-counts-documents-missing-from-the-corpus",
        "recall-is-not-capped",
        "precision-divides-by-k",
        "hit-is-zero-beyond-the-cut",
        "mrr-is-the-first-relevant",
        "mrr-is-cut",
        "map-divides-by-all-relevant",
        "ndcg-has-linear-gain",
        "grades-of-zero-and-below-gain-nothing",
    ],
)
def test_values_by_hand(measure, qrels, ranking, expected):
    found = metrics.values(parse_measure(measure), graded({"q": qrels}, {"q": ranking}, DOCS))

    assert found == pytest.approx([expected], abs=1e-12)


def test_an_unanswered_query_counts_as_zero():
    """trec_eval drops such a query from the mean unless asked; here it is always in."""
    qrels = {"q1": {"d00": 1}, "q2": {"d01": 1}}

    found = metrics.values(parse_measure("recall@10"), graded(qrels, {"q1": ["d00"]}, DOCS))

    assert found.tolist() == [1.0, 0.0]


def test_capped_recall_of_a_perfect_ranking_is_one():
    seen = graded({"q": dict.fromkeys(DOCS, 1)}, {"q": DOCS}, DOCS)

    assert metrics.capped_recall(seen, 10).tolist() == [1.0]


def test_the_ceiling_is_what_a_perfect_ranker_reaches():
    """20 relevant documents cap recall@10 at 1/2; a dangling positive cannot be reached."""
    qrels = {"a": dict.fromkeys(DOCS, 1), "b": {"d00": 1, "gone": 1}, "c": {"d01": 1}}

    ceiling = metrics.recall_ceiling(relevance_of(qrels, DOCS), 10)

    assert ceiling == pytest.approx((1 / 2 + 1 / 2 + 1) / 3, abs=1e-15)


def random_task(rng, queries, documents, depth):
    """Random graded judgments (every query has a positive) and rankings without ties."""
    names = [f"d{number:04}" for number in range(documents)]
    qrels, ranking = {}, {}
    for number in range(queries):
        judged = rng.choice(documents, size=rng.integers(1, 30), replace=False)
        grades = rng.integers(-1, 4, size=len(judged))
        grades[rng.integers(len(judged))] = rng.integers(1, 4)
        qrels[f"q{number:05}"] = {
            names[doc]: int(grade) for doc, grade in zip(judged, grades, strict=True)
        }
        pool = np.concatenate([judged, rng.choice(documents, size=depth, replace=False)])
        kept = list(dict.fromkeys(rng.permutation(pool).tolist()))[: rng.integers(1, depth + 1)]
        ranking[f"q{number:05}"] = [names[doc] for doc in kept]
    return qrels, ranking, names


def test_measures_equal_trec_eval_on_ten_thousand_random_graded_runs():
    """10,000 runs; scores distinct in float32, because pytrec_eval holds scores as float32."""
    qrels, ranking, names = random_task(np.random.default_rng(0), 10_000, 400, 100)
    seen = graded(qrels, ranking, names)
    run = {
        query_id: {doc_id: float(1000 - place) for place, doc_id in enumerate(docs)}
        for query_id, docs in ranking.items()
    }
    top10 = {query_id: dict(list(scores.items())[:10]) for query_id, scores in run.items()}
    wanted = {"recall.10", "ndcg_cut.3,10", "map_cut.100", "P.10", "success.10"}

    theirs = pytrec_eval.RelevanceEvaluator(qrels, wanted).evaluate(run)
    their_mrr = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(top10)

    names_there = {
        "recall@10": "recall_10", "ndcg@10": "ndcg_cut_10", "ndcg@3": "ndcg_cut_3",
        "map@100": "map_cut_100", "precision@10": "P_10", "hit@10": "success_10",
    }  # fmt: skip
    for spelled in SPELLED:
        ours = metrics.values(parse_measure(spelled), seen)
        if spelled == "mrr@10":
            expected = [their_mrr[q]["recip_rank"] for q in sorted(qrels)]
        else:
            expected = [theirs[q][names_there[spelled]] for q in sorted(qrels)]
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9, err_msg=spelled)


@pytest.mark.filterwarnings("ignore")
def test_measures_equal_ranx_on_ten_thousand_random_graded_runs():
    """The same through ranx, by its door in `ranx_measures`."""
    qrels, ranking, names = random_task(np.random.default_rng(1), 10_000, 400, 100)
    seen = graded(qrels, ranking, names)
    rows = [
        (query_id, doc_id, grade, 0)
        for query_id, judged in qrels.items()
        for doc_id, grade in judged.items()
    ]
    run = Run(
        query_ids=tuple(sorted(qrels)),
        doc_ids=tuple(tuple(ranking[q]) for q in sorted(qrels)),
        scores=tuple(tuple(float(-p) for p, _ in enumerate(ranking[q])) for q in sorted(qrels)),
        depth=100,
    )
    measures = [parse_measure(spelled) for spelled in SPELLED if not spelled.startswith("hit")]

    theirs = ranx_measures.values(measures, run, Qrels.of(rows))

    for measure in measures:
        ours = metrics.values(measure, seen)
        np.testing.assert_allclose(
            ours, theirs[str(measure)], rtol=0, atol=1e-9, err_msg=str(measure)
        )


@given(st.integers(0, 2**32 - 1), st.sampled_from(SPELLED))
@settings(max_examples=60, deadline=None)
def test_values_lie_between_zero_and_one_and_a_perfect_ranking_is_best(seed, spelled):
    rng = np.random.default_rng(seed)
    qrels, ranking, names = random_task(rng, 5, 60, 20)
    perfect = {
        query_id: sorted(judged, key=lambda doc_id: -judged[doc_id])
        for query_id, judged in qrels.items()
    }
    measure = parse_measure(spelled)

    found = metrics.values(measure, graded(qrels, ranking, names))
    best = metrics.values(measure, graded(qrels, perfect, names))

    assert ((found >= 0) & (found <= 1 + 1e-12)).all()
    assert (best >= found - 1e-12).all()
