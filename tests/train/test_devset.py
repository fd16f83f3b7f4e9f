"""The queries that pick a step, and the part of the corpus that they are searched in."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.texts import TextTable
from benchharness.evaluation.measure import measure_system
from benchharness.measures import parse_measure
from benchharness.models.cache import EmbeddingCache
from benchharness.testing import HashEncoder
from benchharness.train.devset import DevSet, make_dev_set

WORDS = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "ibis", "jay"]


def big_dataset(n=300, qrels=None):
    """n documents of a number and two words; query q<k> asks for the words of document k."""
    corpus = {f"d{row:03}": f"n{row} {WORDS[row % 10]} {WORDS[row // 10 % 10]}" for row in range(n)}
    queries = {f"q{row}": f"{WORDS[row % 10]} {WORDS[row // 10 % 10]}" for row in range(40)}
    judged = qrels or [(f"q{row}", f"d{row:03}", 1) for row in range(40)]
    return Dataset(
        "big", TextTable.of(corpus.items()), queries, Qrels.of([(*row, 0) for row in judged])
    )


def result_of(data, encoder=None):
    return measure_system(
        data, encoder or HashEncoder(), [parse_measure("ndcg@10")], name="base",
        cache=EmbeddingCache.none(),
    )  # fmt: skip


def dev_of(data, ids, documents, base=None):
    return make_dev_set(data, ids, base or result_of(data), documents, "ndcg@10").dataset


def test_only_the_dev_queries_and_their_judgments_are_there():
    """Rule: none of the others, whatever they are judged on."""
    data = big_dataset(qrels=[("q1", "d001", 2), ("q2", "d001", 1), ("q3", "d001", 1)])

    dev = dev_of(data, frozenset({"q1", "q2"}), 50)

    assert dict(dev.queries) == {"q1": data.queries["q1"], "q2": data.queries["q2"]}
    assert dev.qrels.query_ids == ("q1", "q2")
    assert dev.qrels.relevance.tolist() == [2, 1]


@pytest.mark.parametrize("documents", [10, 60, 150])
def test_every_relevant_and_every_first_document_of_the_base_is_there(documents):
    """Rule: what the base model ranks in its first 5, and what is judged, however small."""
    data, ids = big_dataset(), frozenset({"q3", "q17"})
    base = result_of(data)

    dev = dev_of(data, ids, documents, base)

    wanted = {"d003", "d017"}
    for query_id in ids:
        wanted |= set(base.run.doc_ids[base.run.query_ids.index(query_id)][:5])
    assert wanted <= set(dev.corpus.ids)
    assert len(dev.corpus) == max(documents, len(wanted))


def test_what_the_base_finds_first_for_other_queries_changes_nothing():
    data = big_dataset()
    base = result_of(data)
    rows = tuple(
        docs if query_id == "q1" else ("d299", "d298")
        for query_id, docs in zip(base.run.query_ids, base.run.doc_ids, strict=True)
    )
    other = replace(base, run=replace(base.run, doc_ids=rows))

    one, two = (dev_of(data, frozenset({"q1"}), 30, known) for known in (base, other))

    assert list(one.corpus.ids) == list(two.corpus.ids)


def test_texts_and_order_are_those_of_the_corpus():
    """Rule: ties are broken by id, so the part is in order of id."""
    data = big_dataset()

    dev = dev_of(data, frozenset({"q3"}), 60)

    whole = dict(zip(data.corpus.ids, data.corpus.texts, strict=True))
    ids = list(dev.corpus.ids)
    assert ids == sorted(ids)
    assert list(dev.corpus.texts) == [whole[one] for one in ids]


def test_the_rest_is_drawn_alike_every_time_and_not_from_one_end():
    """Rule: a corpus is often sorted by topic; the same question gets the same part."""
    data, ids = big_dataset(), frozenset({"q3"})

    one, again = (dev_of(data, ids, 90) for _ in range(2))

    rows = [int(doc_id[1:]) for doc_id in one.corpus.ids]
    assert one.fingerprint == again.fingerprint
    assert 120 < np.mean(rows) < 180
    assert max(rows) > 270


def test_a_larger_part_holds_the_smaller_one():
    """Rule: more documents only add some."""
    data, ids = big_dataset(), frozenset({"q3", "q4"})

    small, large = dev_of(data, ids, 60), dev_of(data, ids, 120)

    assert set(small.corpus.ids) < set(large.corpus.ids)


@pytest.mark.parametrize("documents", [300, 301, 100_000])
def test_a_corpus_that_fits_is_taken_whole(documents):
    data = big_dataset()

    assert dev_of(data, frozenset({"q1"}), documents).corpus.fingerprint == data.corpus.fingerprint


def test_a_relevant_document_that_is_not_there_still_counts_as_missed():
    """Rule: it stays in the denominator of recall, as on the whole corpus."""
    data = big_dataset(qrels=[("q1", "d001", 1), ("q1", "gone", 1)])

    dev = make_dev_set(data, frozenset({"q1"}), result_of(data), 30, "recall@10")

    assert dev.values(HashEncoder()).tolist() == [0.5]


def test_a_dev_set_of_the_whole_corpus_gives_the_values_of_the_suite():
    """Rule: the same pipeline measures; only the part of the corpus is smaller."""
    data = big_dataset()
    base = result_of(data)

    dev = make_dev_set(data, frozenset(data.queries), base, 1000, "ndcg@10")

    assert dev.values(HashEncoder()).tolist() == base.values["ndcg@10"].tolist()


def test_values_on_a_part_are_never_below_those_on_the_whole():
    """Rule: the base's are equal, for its first 20 are there; another model's are higher."""
    data, other = big_dataset(), HashEncoder(dim=8)
    base, whole = result_of(data), result_of(data, other).values["ndcg@10"]

    dev = make_dev_set(data, frozenset(data.queries), base, 60, "ndcg@10")

    assert dev.values(HashEncoder()).tolist() == base.values["ndcg@10"].tolist()
    assert (dev.values(other) >= whole - 1e-12).all()
    assert dev.values(other).mean() > whole.mean()


# Evaluations


def test_an_evaluation_is_the_mean_value_and_the_mean_similarity():
    """Rule: the mean cosine of all pairs of different documents, by hand."""
    data = big_dataset(n=40)
    dev = make_dev_set(data, frozenset(data.queries), result_of(data), 1000, "ndcg@10")
    encoder = HashEncoder(dim=16)

    found = dev.evaluate(encoder, 7, 0.5)

    ((_, vectors),) = encoder.encode(list(dev.dataset.corpus.texts), "document")
    cosines = vectors.astype(np.float64) @ vectors.T
    apart = cosines[~np.eye(len(cosines), dtype=bool)]
    assert (found.step, found.epoch) == (7, 0.5)
    assert found.value == pytest.approx(dev.values(encoder).mean(), abs=1e-12)
    assert found.similarity == pytest.approx(apart.mean(), abs=1e-6)


class Fixed(HashEncoder):
    """An encoder that gives every text the same vector, scaled by the text's length."""

    vector = (3.0, 4.0)

    def encode(self, texts, role):
        sizes = np.array([[len(text)] for text in texts])
        yield np.arange(len(texts)), (sizes * np.array(self.vector)).astype(np.float32)


def test_vectors_that_all_point_one_way_have_similarity_one():
    """Rule: a cosine, whatever the lengths; that is how a collapse is seen."""
    data = big_dataset(n=40)
    dev = make_dev_set(data, frozenset({"q1"}), result_of(data), 1000, "ndcg@10")

    assert dev.evaluate(Fixed(), 0, 0.0).similarity == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("bad", [(math.nan, 0.0), (math.inf, 1.0), (0.0, 0.0)], ids=str)
def test_vectors_that_are_none_have_no_value(bad):
    """Rule: nan, so that no such step is ever the best; no exception ends the training."""
    data = big_dataset(n=40)
    dev = make_dev_set(data, frozenset({"q1"}), result_of(data), 1000, "ndcg@10")
    encoder = Fixed()
    encoder.vector = bad

    found = dev.evaluate(encoder, 3, 1.0)

    assert (found.step, found.epoch) == (3, 1.0)
    assert math.isnan(found.value)
    assert math.isnan(found.similarity)


def test_a_corpus_of_one_document_has_no_two_to_compare():
    """Rule: no warning, no division by zero."""
    data = Dataset(
        "one", TextTable.of([("d", "ant bee")]), {"q": "ant"}, Qrels.of([("q", "d", 1, 0)])
    )

    found = DevSet(data, "recall@10").evaluate(HashEncoder(), 0, 0.0)

    assert found.value == 1.0
    assert math.isnan(found.similarity)
