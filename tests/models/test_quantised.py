"""Codes of fewer bits score as an index of that precision does, from one full encode."""

import itertools

import numpy as np
import pytest
from sentence_transformers.util.quantization import quantize_embeddings

from benchharness.errors import UsageError
from benchharness.evaluation.search import search
from benchharness.models.cache import EmbeddingCache
from benchharness.models.quantised import Quantised
from benchharness.models.registry import open_model
from benchharness.models.truncated import Truncated
from benchharness.testing import TINY_WORDS, HashEncoder

TEXTS = [" ".join(pair) for pair in itertools.combinations(TINY_WORDS[20:35], 2)]
QUERIES = [f"{one} runs" for one in TINY_WORDS[20:30]]


def vectors_of(encoder, texts, role="document"):
    return EmbeddingCache.none().encode(encoder, texts, role)


def quantised(encoder, precision, calibration=TEXTS):
    return Quantised(encoder, precision, calibration, EmbeddingCache.none())


def decoded(vectors, ranges):
    """The middle of each step: offset + (code + 128.5) * width, in float64."""
    low, high = ranges.astype(np.float64)
    codes = quantize_embeddings(vectors, "int8", ranges=ranges).astype(np.float64)
    return low + (codes + 128.5) * (high - low) / 255


def test_int8_scores_are_those_of_decoded_documents(static_model):
    """Rule: full queries against the middles of the documents' 256 steps, on their ranges."""
    encoder = open_model(str(static_model))
    full, asked = vectors_of(encoder, TEXTS), vectors_of(encoder, QUERIES, "query")
    ranges = np.stack([full.min(axis=0), full.max(axis=0)])
    view = quantised(encoder, "int8")

    found = vectors_of(view, QUERIES, "query") @ vectors_of(view, TEXTS).T

    assert np.allclose(found, asked @ decoded(full, ranges).T, atol=1e-6)
    widths = (ranges[1] - ranges[0]) / 255
    assert (np.abs(vectors_of(view, TEXTS) - full) <= widths * 0.51).all()


def test_int8_loses_next_to_nothing(static_model):
    """Rule: the first document stays the first; the bare product of codes would change it."""
    encoder = open_model(str(static_model))
    view = quantised(encoder, "int8")
    first = [
        search(vectors_of(one, QUERIES, "query"), vectors_of(one, TEXTS), 1).rows
        for one in (encoder, view)
    ]

    assert np.mean(first[0] == first[1]) >= 0.9


def test_a_component_without_a_range_keeps_its_value(static_model):
    """Rule: one text alone has no range; nothing is divided by 0."""
    encoder = open_model(str(static_model))

    found = vectors_of(quantised(encoder, "int8", TEXTS[:1]), TEXTS[:1])

    assert np.array_equal(found, vectors_of(encoder, TEXTS[:1]))


def test_int8_ranges_are_those_of_the_calibration_texts_only(static_model):
    """Rule: other documents, other ranges; what lies outside of them is clipped."""
    encoder = open_model(str(static_model))
    few = vectors_of(encoder, TEXTS[:3])
    ranges = np.stack([few.min(axis=0), few.max(axis=0)])
    expected = decoded(vectors_of(encoder, TEXTS), ranges)

    found = vectors_of(quantised(encoder, "int8", TEXTS[:3]), TEXTS)

    assert np.allclose(found, expected, atol=1e-6)
    assert (found <= ranges[1] + 1e-2).all()
    assert not np.array_equal(found, vectors_of(quantised(encoder, "int8"), TEXTS))


@pytest.mark.parametrize("dim", [32, 13])
def test_binary_scores_rank_as_hamming_distances_of_packed_bits(static_model, dim):
    """Rule: score = dim - 2 * distance, where the last byte is not full too."""
    encoder = Truncated(open_model(str(static_model)), dim, EmbeddingCache.none())
    packed, own = (
        quantize_embeddings(vectors_of(encoder, texts, role), "ubinary")
        for texts, role in ((TEXTS, "document"), (QUERIES, "query"))
    )
    distances = np.bitwise_count(own[:, None, :] ^ packed[None, :, :]).sum(axis=2).astype(np.int64)
    view = quantised(encoder, "binary")
    left, right = vectors_of(view, QUERIES, "query"), vectors_of(view, TEXTS)

    hits = search(left, right, 10)

    assert np.array_equal(left @ right.T, dim - 2 * distances)
    by_distance = np.argsort(distances, axis=1, kind="stable")[:, :10]
    assert np.array_equal(hits.rows, by_distance)


def test_binary_codes_are_the_signs_of_the_components(static_model):
    encoder = open_model(str(static_model))

    found = vectors_of(quantised(encoder, "binary"), TEXTS)

    assert np.array_equal(found, np.where(vectors_of(encoder, TEXTS) > 0, 1.0, -1.0))


def test_each_side_has_its_prompt_and_ranges_are_the_documents(static_model):
    """Rule: a query stays as it is encoded; documents are decoded on the ranges of documents."""
    encoder = open_model(f"{static_model}@query_prompt=one ,document_prompt=two ")
    documents = vectors_of(encoder, TEXTS)
    ranges = np.stack([documents.min(axis=0), documents.max(axis=0)])
    view = quantised(encoder, "int8")

    asked, found = vectors_of(view, QUERIES, "query"), vectors_of(view, QUERIES, "document")

    assert np.array_equal(asked, vectors_of(encoder, QUERIES, "query"))
    own = decoded(vectors_of(encoder, QUERIES, "document"), ranges)
    assert np.allclose(found, own, atol=1e-6)


@pytest.mark.parametrize("precision", ["int8", "binary"])
def test_a_text_without_a_token_stays_a_vector_of_zeros(precision):
    """Rule: it must rank last, not as a text whose components are all small."""
    found = vectors_of(quantised(HashEncoder(), precision, ["red fox", "dog"]), ["", "red fox"])

    assert not found[0].any()
    assert found[1].any()


def test_blocks_change_no_code(static_model, monkeypatch):
    whole = vectors_of(quantised(open_model(str(static_model)), "int8"), TEXTS)
    monkeypatch.setattr("benchharness.models.quantised._BLOCK_ROWS", 7)

    found = vectors_of(quantised(open_model(str(static_model)), "int8"), TEXTS)

    assert np.array_equal(found, whole)


@pytest.mark.parametrize(
    ("dim", "precision", "expected"),
    [(64, "int8", 64), (64, "binary", 8), (13, "int8", 13), (13, "binary", 2), (1, "binary", 1)],
)
def test_bytes_of_a_vector(dim, precision, expected):
    """Rule: a byte a component, or a bit, in whole bytes."""
    cut = Truncated(HashEncoder(), dim, EmbeddingCache.none())

    costs = quantised(cut, precision).costs

    assert costs == {"dimension": dim, "size": 4.0 * 64, "bytes_per_vector": expected}


def test_identity_is_the_encoder_the_precision_and_the_calibration():
    """Rule: binary codes need no calibration; its order and repeats are no part of it."""
    one, other = HashEncoder(), HashEncoder(salt="b")

    made = [
        quantised(encoder, precision, texts).fingerprint
        for encoder in (one, other)
        for precision, texts in (("int8", ["a", "b"]), ("int8", ["a"]), ("binary", ["a"]))
    ]

    assert len({*made, one.fingerprint, other.fingerprint}) == 8
    assert quantised(one, "int8", ["b", "a", "b"]).fingerprint == made[0]
    assert quantised(one, "binary", ["c"]).fingerprint == made[2]


def test_all_else_is_the_encoders_own(bert_model):
    encoder = open_model(f"{bert_model}@max_length=16")

    view = quantised(encoder, "int8")

    assert view.spec == f"{bert_model}@max_length=16, int8"
    assert view.max_length == 16
    assert not view.trainable
    assert view.details == {**encoder.details, "precision": "int8"}
    assert view.encode_path == encoder.encode_path
    assert view.token_counts(TEXTS).tolist() == encoder.token_counts(TEXTS).tolist()
    assert view.tokens_per_word(["cat"]).tolist() == encoder.tokens_per_word(["cat"]).tolist()


def test_an_unknown_precision_is_refused_with_the_model_named():
    with pytest.raises(UsageError) as caught:
        quantised(HashEncoder(), "int7")

    assert caught.value.where == "hash"
    assert "int8" in str(caught.value.remedy)


def test_int8_needs_documents():
    with pytest.raises(UsageError, match="range of each component"):
        quantised(HashEncoder(), "int8", [])
