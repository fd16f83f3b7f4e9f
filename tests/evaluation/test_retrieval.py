"""Retrieval: what each kind of system answers, checked against brute force and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.data.texts import TextTable
from benchharness.evaluation.retrieval import Clock, searcher_of
from benchharness.evaluation.search import UNRANKED_SCORE
from benchharness.models.cache import EmbeddingCache
from benchharness.models.pipelines import Coded, Reranked
from benchharness.models.registry import open_model
from benchharness.testing import HashEncoder, install_doubles

WORDS = ("ash", "birch", "cedar", "elm", "fir", "larch", "maple", "oak", "pine", "yew")
NONE = EmbeddingCache.none()


@pytest.fixture(autouse=True)
def _doubles():
    install_doubles()


def corpus_of(texts):
    return TextTable.of([(f"d{row:03d}", text) for row, text in enumerate(texts)])


def random_texts(size, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=rng.integers(1, 6))) for _ in range(size)]


def found_by(system, texts, queries, depth=10, cache=NONE):
    opened = open_model(system) if isinstance(system, str) else system
    searcher = searcher_of(opened, corpus_of(texts), cache=cache)
    return searcher.search(queries, [f"q{n}" for n in range(len(queries))], depth)


def vectors(encoder, texts):
    return np.concatenate([part for _, part in encoder.encode(texts, "document")])


class Lengths:
    """Reads pairs: the longer the text, the better; remembers what it was asked."""

    spec = "lengths"
    fingerprint = "1" * 64

    def __init__(self):
        self.asked = []

    def pair_scores(self, pairs, listener=None):
        self.asked += pairs
        return np.array([len(text) for _, text in pairs], dtype=np.float32)


def test_two_stages_with_a_wide_first_are_the_second_alone():
    """Rule: where every document passes the first stage, only the second ranks."""
    texts, queries = random_texts(60), random_texts(8, seed=1)

    both = found_by("rerank(binary(hash@salt=b),hash@salt=b)@top=60", texts, queries)
    alone = found_by("hash@salt=b", texts, queries)

    assert both.rows.tolist() == alone.rows.tolist()
    assert both.scores.tolist() == alone.scores.tolist()


@settings(max_examples=25, deadline=None)
@given(top=st.integers(1, 20), depth=st.integers(1, 30), seed=st.integers(0, 5))
def test_the_second_stage_orders_what_the_first_found(top, depth, seed):
    """Against brute force: the first stage's documents by the second's scores, ties by id."""
    texts, queries = random_texts(40, seed), random_texts(3, seed + 100)

    hits = found_by(f"rerank(binary(hash@salt=b),hash@salt=b)@top={top}", texts, queries, depth)

    first = found_by("binary(hash@salt=b)", texts, queries, top).rows
    encoder = HashEncoder(salt="b")
    exact = vectors(encoder, queries).astype(float) @ vectors(encoder, texts).astype(float).T
    exact = exact.astype(np.float32)
    for query, row in enumerate(hits.rows.tolist()):
        wanted = sorted(first[query].tolist(), key=lambda doc: (-exact[query, doc], doc))[:depth]
        assert row[: len(wanted)] == wanted
        assert all(doc == -1 for doc in row[len(wanted) :])


def test_what_reads_pairs_orders_the_first_hits():
    texts = ["oak", "oak elm fir", "oak elm", "pine pine pine pine pine"]
    reader = Lengths()
    pipeline = Reranked("rerank(bm25,lengths)", open_model("bm25"), reader, top=10)

    hits = found_by(pipeline, texts, ["oak", "pine"], depth=3)

    assert hits.rows.tolist() == [[1, 2, 0], [3, -1, -1]]
    assert hits.scores[0].tolist() == [11.0, 7.0, 3.0]
    assert hits.scores[1].tolist() == [24.0, -np.inf, -np.inf]
    assert sorted(reader.asked) == [
        ("oak", "oak"), ("oak", "oak elm"), ("oak", "oak elm fir"),
        ("pine", "pine pine pine pine pine"),
    ]  # fmt: skip


def test_a_pair_is_read_once_whatever_the_run(tmp_path):
    texts, cache = random_texts(30), EmbeddingCache(tmp_path)
    reader = Lengths()

    def run(queries, top):
        pipeline = Reranked("rerank(hash,lengths)", HashEncoder(), reader, top=top)
        return found_by(pipeline, texts, queries, cache=cache)

    first = run(["oak elm"], 10)
    again = run(["oak elm"], 10)
    asked = len(reader.asked)
    run(["oak elm", "fir"], 10)

    assert first.rows.tolist() == again.rows.tolist()
    assert first.scores.tolist() == again.scores.tolist()
    assert asked == len(set(reader.asked[:asked])) <= 10
    assert all(query == "fir" for query, _ in reader.asked[asked:])


def test_pairs_are_told_apart_whatever_stands_in_them():
    """Rule: `a:` with `b` and `a` with `:b` are two pairs, though end to end they read alike."""
    reader = Lengths()
    pipeline = Reranked("rerank(all,lengths)", HashEncoder(), reader, top=10)

    found_by(pipeline, ["b c", ":b c", "1:b c"], ["a:", "a", "1:a"], depth=3)

    assert len(reader.asked) == len(set(reader.asked)) == 9
    assert ("a:", ":b c") in reader.asked
    assert ("a", "1:b c") in reader.asked


@pytest.mark.parametrize(
    "spec",
    ["hash", "bm25", "hybrid(bm25,hash)", "hybrid(bm25,hash)@fusion=wsum", "int8(hash)",
     "binary(hash)", "rerank(bm25,hash)@top=5", "rerank(binary(hash),hash)@top=5"],
)  # fmt: skip
def test_queries_one_by_one_are_ranked_as_together(spec):
    """Rule: neither the other queries nor the depth change a ranking."""
    texts, queries = random_texts(40), random_texts(6, seed=3)
    searcher = searcher_of(open_model(spec), corpus_of(texts), cache=NONE)

    together = searcher.search(queries, queries, 20)
    singly = [searcher.search([query], [query], 7) for query in queries]

    assert together.rows[:, :7].tolist() == [one.rows[0].tolist() for one in singly]
    assert together.scores[:, :7].tolist() == [one.scores[0].tolist() for one in singly]


def test_a_hybrid_looks_at_the_first_of_each_part():
    """By hand: rrf with k=60 of the two orders of one document each."""
    texts = ["oak", "oak oak elm", "elm"]

    hits = found_by("hybrid(bm25,hash@dim=64)@top=1", texts, ["elm"], depth=3)

    assert hits.rows[0].tolist() == [2, -1, -1]
    assert hits.scores[0, 0] == pytest.approx(2 / 61)


def test_binary_codes_rank_by_hamming_distance():
    texts, queries = random_texts(50), random_texts(4, seed=9)

    hits = found_by("binary(hash@dim=32)", texts, queries)

    encoder = HashEncoder(32)
    signs = [np.where(vectors(encoder, side) > 0, 1, -1) for side in (queries, texts)]
    exact = signs[0] @ signs[1].T
    for query, row in enumerate(hits.rows.tolist()):
        wanted = sorted(range(50), key=lambda doc: (-exact[query, doc], doc))[:10]
        assert row == wanted


def test_full_vectors_serve_their_codes(tmp_path):
    """Rule: one encode of the full vectors serves every precision and stage."""
    texts, cache = random_texts(30), EmbeddingCache(tmp_path)
    found_by("hash", texts, ["oak"], cache=cache)
    before = sorted(path.name for path in tmp_path.rglob("*.safetensors"))
    clock = Clock()

    for spec in ("int8(hash)", "binary(hash)", "rerank(binary(hash),hash)"):
        searcher = searcher_of(open_model(spec), corpus_of(texts), cache=cache, clock=clock)
        searcher.search(["oak"], ["q"], 5)

    assert sorted(path.name for path in tmp_path.rglob("*.safetensors")) == before


def test_a_fresh_query_cache_encodes_queries_anew(tmp_path):
    """Rule: latency is that of an encode, whatever the cache holds."""
    texts, cache = random_texts(30), EmbeddingCache(tmp_path)
    counted = Counting()
    searcher_of(counted, corpus_of(texts), cache=cache).search(["oak"], ["q"], 5)
    counted.texts.clear()

    fresh = searcher_of(counted, corpus_of(texts), cache=cache, query_cache=NONE)
    fresh.search(["oak"], ["q"], 5)
    fresh.search(["oak"], ["q"], 5)

    assert counted.texts == ["oak", "oak"]


class Counting(HashEncoder):
    """Remembers every text that it encodes."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def encode(self, texts, role):
        self.texts += list(texts)
        return super().encode(texts, role)


def test_a_text_without_a_token_ranks_last_in_a_second_stage_too():
    texts = ["...", "oak", "elm"]

    hits = found_by("rerank(hash@dim=8,hash@dim=64)", texts, ["oak elm", "!!"], depth=3)

    assert set(hits.rows[0, :2].tolist()) == {1, 2}
    assert hits.rows[0, 2] == 0
    assert hits.scores[0, 2] == np.float32(UNRANKED_SCORE)
    assert hits.rows[1].tolist() == [-1, -1, -1]


def test_counts_of_texts_without_tokens_are_told_of_every_stage():
    searcher = searcher_of(
        open_model("hybrid(bm25,rerank(hash@dim=8,hash))"), corpus_of(["...", "oak"]), cache=NONE
    )
    searcher.search(["oak", "?"], ["a", "b"], 2)

    assert searcher.counts == {"documents_without_tokens": 1, "queries_without_tokens": 1}


def test_no_query_is_no_hit():
    for spec in ("hash", "bm25", "hybrid(bm25,hash)", "rerank(bm25,hash)", "int8(hash)"):
        hits = found_by(spec, ["oak", "elm"], [], depth=2)

        assert hits.rows.shape[0] == 0


def test_a_pipeline_measured_is_a_result_like_any_other():
    from benchharness.data.dataset import Dataset, Qrels
    from benchharness.evaluation.measure import measure_system
    from benchharness.measures import parse_measure

    texts = ["oak ash", "elm fir", "yew pine"]
    queries = {"q1": "oak", "q2": "yew"}
    qrels = Qrels(("q1", "q2"), ("d000", "d002"), np.array([1, 1]), (0, 0))
    data = Dataset("woods", corpus_of(texts), queries, qrels)

    result = measure_system(
        data, open_model("rerank(hybrid(bm25,hash),hash@salt=b)"), [parse_measure("mrr@10")],
        name="woods", cache=NONE,
    )  # fmt: skip

    assert result.values["mrr@10"].tolist() == [1.0, 1.0]
    assert result.model == "rerank(hybrid(bm25,hash),hash@salt=b)"
    assert not result.trainable
    assert result.details["kind"] == "rerank"
    assert result.costs["bytes_per_vector"] > 4 * (64 + 64)  # both vectors, and BM25's index
    assert set(result.timings) >= {"encode_documents_s", "search_s", "fuse_s"}


def test_stages_of_one_model_encode_a_query_once():
    """Rule: a service would encode it once too, so a second encode is no part of its latency."""
    counted = Counting()
    pipeline = Reranked("two", Coded("binary(hash)", counted, "binary"), counted, top=5)
    searcher = searcher_of(pipeline, corpus_of(random_texts(20)), cache=NONE)
    counted.texts.clear()

    searcher.search(["oak"], ["q"], 5)
    searcher.search(["oak"], ["q"], 5)

    assert counted.texts == ["oak", "oak"]
