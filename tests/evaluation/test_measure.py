"""The one pipeline: from a dataset and a system to values query by query."""

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.texts import TextTable
from benchharness.errors import ModelError
from benchharness.evaluation.measure import measure_system
from benchharness.measures import parse_measure
from benchharness.models.cache import EmbeddingCache
from benchharness.testing import HashEncoder

MEASURES = [parse_measure(name) for name in ("recall@10", "mrr@10", "recall@1")]


class Compass:
    """An encoder whose vectors are written in the texts: "1 0" is the vector (1, 0)."""

    spec = "compass"
    trainable = False
    max_length = None
    fingerprint = "0" * 64
    encode_path = "by hand"
    details = MappingProxyType({})

    def encode(self, texts, role):
        rows = [[float(part) for part in text.split()] or [0.0, 0.0] for text in texts]
        yield np.arange(len(texts)), np.array(rows, dtype=np.float32)

    def token_counts(self, texts):
        return np.array([len(text.split()) for text in texts])

    def tokens_per_word(self, words):
        return self.token_counts(words)


def dataset(corpus, queries, qrels):
    rows = [(q, d, grade, 0) for q, judged in qrels.items() for d, grade in judged.items()]
    return Dataset("toy", TextTable.of(corpus.items()), queries, Qrels.of(rows))


def measure(data, system=None, **options):
    given = {"name": "toy", "cache": EmbeddingCache.none()} | options
    return measure_system(data, system or Compass(), MEASURES, **given)


TOY = dataset(
    {"north": "0 1", "east": "1 0", "south": "0 -1", "west": "-1 0"},
    {"up": "0.1 1", "right": "1 0.1", "lost": "1 1"},
    {"up": {"north": 1}, "right": {"west": 1}, "silent": {"east": 1}, "lost": {"east": 0}},
)


def test_values_are_in_order_of_query_id_and_every_judged_query_counts():
    """`silent` has no text and counts as 0; `lost` has no relevant document and is left out."""
    result = measure(TOY)

    assert result.query_ids == ("right", "silent", "up")
    assert result.values["recall@1"].tolist() == [0.0, 0.0, 1.0]
    assert result.values["mrr@10"].tolist() == [pytest.approx(1 / 4), 0.0, 1.0]
    assert result.counts["queries_without_positive"] == 1
    assert result.counts["queries_without_text"] == 1


def test_the_run_holds_the_documents_in_order_with_their_exact_scores():
    result = measure(TOY)

    at = result.query_ids.index("right")
    assert result.run.doc_ids[at] == ("east", "north", "south", "west")
    assert result.run.scores[at] == tuple(np.array([1, 0.1, -0.1, -1], np.float32).tolist())
    assert result.run.doc_ids[result.query_ids.index("silent")] == ()


def test_equal_scores_stand_in_order_of_doc_id_whatever_the_order_of_the_file():
    documents = {"b": "1 0", "c": "1 0", "a": "1 0"}
    reversed_file = dict(reversed(documents.items()))
    found = [
        measure(dataset(corpus, {"q": "1 0"}, {"q": {"a": 1}}))
        for corpus in (documents, reversed_file)
    ]

    assert [result.run.doc_ids[0] for result in found] == [("a", "b", "c")] * 2
    assert found[0].fingerprints == found[1].fingerprints
    assert found[0].ties[1] == 1


def test_a_document_with_the_query_s_id_is_dropped_only_on_request():
    data = dataset({"same": "1 0", "other": "0.9 0"}, {"same": "1 0"}, {"same": {"other": 1}})

    kept, dropped = measure(data), measure(data, drop_same_id=True)

    assert kept.run.doc_ids[0] == ("same", "other")
    assert dropped.run.doc_ids[0] == ("other",)
    assert dropped.values["recall@1"].tolist() == [1.0]


def test_a_document_without_a_token_ranks_last_and_is_counted():
    data = dataset({"a": "", "b": "-1 0", "c": "1 0"}, {"q": "1 0"}, {"q": {"c": 1}})

    result = measure(data)

    assert result.run.doc_ids[0] == ("c", "b", "a")
    assert result.counts["documents_without_tokens"] == 1


def test_a_query_without_a_token_is_answered_by_nothing_and_counts_as_zero():
    data = dataset({"a": "1 0"}, {"q": "", "r": "1 0"}, {"q": {"a": 1}, "r": {"a": 1}})

    result = measure(data)

    assert result.values["recall@10"].tolist() == [0.0, 1.0]
    assert result.counts["queries_without_tokens"] == 1


@pytest.mark.parametrize("broken", ["nan 0", "inf 0", "0 0"], ids=["nan", "infinite", "zero"])
def test_a_broken_vector_stops_the_run_with_the_document_s_id(broken):
    """torch and numpy rank NaN first: one broken document would head every list."""
    data = dataset({"good": "1 0", "bad": broken}, {"q": "1 0"}, {"q": {"good": 1}})

    with pytest.raises(ModelError) as caught:
        measure(data)

    assert "bad" in str(caught.value)


def test_dangling_positives_stay_in_the_denominator_and_lower_the_ceiling():
    data = dataset({"a": "1 0"}, {"q": "1 0"}, {"q": {"a": 1, "gone": 1}})

    result = measure(data)

    assert result.values["recall@10"].tolist() == [0.5]
    assert result.ceilings["recall@10"] == 0.5
    assert result.counts["dangling_positives"] == 1


def test_a_limit_keeps_the_same_queries_every_time_and_is_on_the_result():
    words = {f"q{number}": "1 0" for number in range(40)}
    data = dataset({"a": "1 0"}, words, {query: {"a": 1} for query in words})

    first, second = measure(data, limit=7), measure(data, limit=7)

    assert first.query_ids == second.query_ids
    assert len(first.query_ids) == len(first.values["recall@10"]) == 7
    assert first.limit == 7
    assert first.query_ids != tuple(sorted(words))[:7], "chosen by a hash, not by name"


def test_a_limit_that_leaves_nothing_out_is_none():
    assert measure(TOY, limit=3).limit is None


def test_cold_and_warm_caches_give_the_same_result(tmp_path: Path):
    cache = EmbeddingCache(tmp_path)
    texts = {f"d{n}": f"word{n % 7} word{n % 11} end" for n in range(100)}
    data = dataset(texts, {"q": "word1 word2"}, {"q": {"d1": 1}})

    cold = measure(data, HashEncoder(), cache=cache)
    warm = measure(data, HashEncoder(), cache=cache)

    assert warm.run.scores == cold.run.scores
    assert warm.environment == cold.environment
    assert cold.timings["documents_encoded"] == len(set(texts.values()))
    assert "documents_encoded" not in warm.timings


def test_the_run_is_as_deep_as_the_largest_cut_off():
    texts = {f"d{n:03}": "1 0" for n in range(50)}
    data = dataset(texts, {"q": "1 0"}, {"q": {"d001": 1}})

    measures, cache = [parse_measure("recall@20")], EmbeddingCache.none()

    result = measure_system(data, Compass(), measures, name="t", cache=cache, depth=1)

    assert len(result.run.doc_ids[0]) == 20


def test_the_facts_of_a_query_are_its_digest_the_ranks_of_what_is_relevant_and_its_groups():
    """Ranks from 1, as deep as the run; a relevant document that was not retrieved has none."""
    texts = {"near": "1 0", "next": "0.9 0.1", "far": "-1 0", "low": "-1 -0.1"}
    plain = dataset(
        texts,
        {"q": "1 0", "r": "0 1", "s": ""},
        {
            "q": {"far": 1, "near": 2, "next": 0, "gone": 1},
            "r": {"low": 1},
            "s": {"near": 1},
        },
    )
    data = Dataset(
        plain.name, plain.corpus, plain.queries, plain.qrels, groups={"q": {"lang": "de"}}
    )

    result = measure(data)

    assert [fact.relevant for fact in result.facts] == [{"near": 1, "far": 3}, {"low": 4}, {}]
    assert [fact.groups for fact in result.facts] == [{"lang": "de"}, {}, {}]
    assert [fact.digest for fact in result.facts] == list(data.query_digests.values())


def test_ranks_are_those_after_a_document_of_the_query_s_id_was_dropped():
    data = dataset({"same": "1 0", "other": "0.9 0"}, {"same": "1 0"}, {"same": {"other": 1}})

    kept, dropped = measure(data), measure(data, drop_same_id=True)

    assert kept.facts[0].relevant == {"other": 2}
    assert dropped.facts[0].relevant == {"other": 1}
    assert (kept.drop_same_id, dropped.drop_same_id) == (False, True)


def test_a_limited_result_keeps_the_facts_of_its_own_queries():
    words = {f"q{number}": f"1 0.{number}" for number in range(20)}
    data = dataset({"a": "1 0"}, words, {query: {"a": 1} for query in words})

    result = measure(data, limit=5)

    digests = data.query_digests
    assert [fact.digest for fact in result.facts] == [digests[name] for name in result.query_ids]


def test_costs_are_what_the_system_says_and_nothing_where_it_says_none():
    assert measure(TOY, HashEncoder(dim=32)).costs == {"dimension": 32.0, "size": 128.0}
    assert measure(TOY).costs == {}
