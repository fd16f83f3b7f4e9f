"""Vectors cut to fewer components are those of `SPEC@dim=…`, from one full encode."""

import json
import shutil

import numpy as np
import pytest

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.texts import TextTable
from benchharness.errors import UsageError
from benchharness.evaluation.measure import measure_system
from benchharness.measures import parse_measure
from benchharness.models.cache import EmbeddingCache
from benchharness.models.registry import open_model
from benchharness.models.truncated import Truncated
from benchharness.testing import TINY_WORDS, HashEncoder

TEXTS = ["the red cat sleeps", "a dog", "zebra", "one two three", "a red fox eats a fish", ""]


def vectors_of(encoder, texts=TEXTS, role="document"):
    found = {}
    for rows, batch in encoder.encode(texts, role):
        found |= dict(zip(rows.tolist(), batch, strict=True))
    return np.array([found[row] for row in range(len(texts))])


@pytest.mark.parametrize("dim", [1, 8, 31, 32])
@pytest.mark.parametrize("kind", ["static_model", "bert_model"])
def test_vectors_are_those_of_a_model_opened_with_that_dim(kind, dim, request):
    """Rule: to 1e-6, for both roles, each with its prompt."""
    folder = request.getfixturevalue(kind)
    cut = Truncated(open_model(f"{folder}@query_prompt=one "), dim, EmbeddingCache.none())
    opened = open_model(f"{folder}@query_prompt=one ,dim={dim}")

    for role in ("query", "document"):
        found = vectors_of(cut, role=role)

        assert found.dtype == np.float32
        np.testing.assert_allclose(found, vectors_of(opened, role=role), atol=1e-6)


@pytest.mark.parametrize("kind", ["static_model", "bert_model"])
def test_it_ranks_as_a_model_opened_with_that_dim(kind, request):
    """Rule: the same run and the same values over a small corpus."""
    folder = request.getfixturevalue(kind)
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(TINY_WORDS, 4, replace=False)) for _ in range(80)]
    data = Dataset(
        "small",
        TextTable.of((f"d{row:02}", text) for row, text in enumerate(texts)),
        {f"q{row:02}": " ".join(text.split()[1:3]) for row, text in enumerate(texts[:20])},
        Qrels.of((f"q{row:02}", f"d{row:02}", 1, 0) for row in range(20)),
    )

    cut, opened = (
        measure_system(data, system, [parse_measure("ndcg@10")], name="x",
                       cache=EmbeddingCache.none())
        for system in (Truncated(open_model(str(folder)), 8, EmbeddingCache.none()),
                       open_model(f"{folder}@dim=8"))
    )  # fmt: skip

    assert [docs[:10] for docs in cut.run.doc_ids] == [docs[:10] for docs in opened.run.doc_ids]
    assert cut.values["ndcg@10"].tolist() == opened.values["ndcg@10"].tolist()
    assert 0 < cut.values["ndcg@10"].mean() < 1


def test_a_dot_product_model_keeps_its_lengths(static_model, tmp_path):
    """Rule: lengths are part of its scores, cut or not; the docstring promises `@dim=…`."""
    folder = shutil.copytree(static_model, tmp_path / "dot")
    config = folder / "config_sentence_transformers.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"similarity_fn_name": "dot"}))

    found = vectors_of(Truncated(open_model(str(folder)), 8, EmbeddingCache.none()))

    np.testing.assert_allclose(found, vectors_of(open_model(f"{folder}@dim=8")), atol=1e-5)


class Counting(HashEncoder):
    """An encoder that counts the texts that it encodes."""

    encoded = 0

    def encode(self, texts, role):
        self.encoded += len(texts)
        yield from super().encode(texts, role)


def test_one_full_encode_serves_every_dimension(tmp_path):
    """Rule: the full vectors come from the cache, so three dimensions cost one encode."""
    encoder, cache = Counting(), EmbeddingCache(tmp_path)

    for dim in (32, 16, 8):
        vectors_of(Truncated(encoder, dim, cache))

    assert encoder.encoded == len(TEXTS)


def test_vectors_are_of_length_one_and_a_zero_stays_zero():
    """Rule: no division by zero where the first components are."""
    encoder = HashEncoder(dim=64)

    found = vectors_of(Truncated(encoder, 4, EmbeddingCache.none()))

    full = vectors_of(encoder)[:, :4]
    lengths = np.linalg.norm(found, axis=1)
    is_zero = ~full.any(axis=1)
    assert is_zero.any()
    assert not is_zero.all()
    np.testing.assert_allclose(lengths, np.where(is_zero, 0.0, 1.0), atol=1e-6)


def test_no_texts_are_no_vectors():
    batches = list(Truncated(HashEncoder(), 8, EmbeddingCache.none()).encode([], "query"))

    assert sum(len(rows) for rows, _ in batches) == 0


def test_identity_is_the_encoder_and_the_dimension():
    """Rule: no two of them share a place in a cache, nor with the full one."""
    made = [
        Truncated(HashEncoder(salt=salt), dim, EmbeddingCache.none())
        for salt in ("", "b") for dim in (8, 16)
    ]  # fmt: skip

    prints = {one.fingerprint for one in made} | {HashEncoder().fingerprint}

    assert len(prints) == 5
    assert Truncated(HashEncoder(), 8, EmbeddingCache.none()).fingerprint == made[0].fingerprint


def test_all_else_is_the_encoders_own(bert_model):
    encoder = open_model(f"{bert_model}@max_length=16")

    cut = Truncated(encoder, 8, EmbeddingCache.none())

    assert cut.spec == f"{bert_model}@max_length=16 cut to 8"
    assert cut.max_length == 16
    assert not cut.trainable
    assert cut.details == {**encoder.details, "dimension": "8"}
    assert cut.encode_path == encoder.encode_path
    assert cut.token_counts(TEXTS).tolist() == encoder.token_counts(TEXTS).tolist()
    assert cut.tokens_per_word(["cat"]).tolist() == encoder.tokens_per_word(["cat"]).tolist()


def test_its_costs_are_the_encoders_but_for_the_dimension():
    cut = Truncated(HashEncoder(), 8, EmbeddingCache.none())

    assert cut.costs == {"dimension": 8.0, "size": 256.0}


class Reticent:
    """Says its dimension by its vectors alone."""

    def __init__(self):
        self._encoder = HashEncoder()

    def __getattr__(self, name):
        if name == "dim":
            raise AttributeError(name)
        return getattr(self._encoder, name)


def test_an_encoder_that_does_not_know_its_dimension_is_not_cut_beyond_it():
    """Rule: a cut that cuts nothing would be the full vectors under a wrong name."""
    cut = Truncated(Reticent(), 65, EmbeddingCache.none())

    with pytest.raises(UsageError, match="vectors of 64 components cannot be cut to 65"):
        list(cut.encode(["red fox"], "document"))
