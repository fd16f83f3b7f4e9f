"""MaxSim against the sum of maxima by hand, in float64."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchharness.evaluation.search import UNRANKED_SCORE
from benchharness.models.max_sim import LAST, TokenVectors, max_sim


def _tokens(random: np.random.Generator, lengths: list[int], dim: int) -> TokenVectors:
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return TokenVectors(random.normal(size=(starts[-1], dim)).astype(np.float32), starts)


def _by_hand(query: NDArray[np.float32], documents: TokenVectors) -> list[float]:
    """Every product in float64, in the order in which numpy adds up a row."""
    scores = []
    for start, stop in zip(documents.starts[:-1], documents.starts[1:], strict=True):
        total = 0.0
        for token in query.astype(np.float64):
            total += max((token * other).sum() for other in documents.vectors[start:stop])
        scores.append(total)
    return scores


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 9),
    st.lists(st.integers(1, 5), min_size=1, max_size=6),
    st.integers(1, 400),
)
def test_max_sim_is_exact_whatever_the_block(
    seed: int, tokens: int, dim: int, lengths: list[int], block_bytes: int
) -> None:
    """Rule: the float32 of the sum of float64 maxima, bit for bit, however much is held at once."""
    random = np.random.default_rng(seed)
    documents = _tokens(random, lengths, dim)
    query = random.normal(size=(tokens, dim)).astype(np.float32)

    found = max_sim(query, documents, block_bytes=block_bytes)

    np.testing.assert_array_equal(found, np.array(_by_hand(query, documents), dtype=np.float32))
    np.testing.assert_array_equal(found, max_sim(query, documents))


def test_the_nearest_token_is_found_where_float32_cannot_tell_it() -> None:
    """2^24 + 1 - 2^24 is 1, though float32 makes 0 of it; the other token has 0.5."""
    query = np.array([[1.0, 1.0, -1.0]], dtype=np.float32)
    tokens = np.array([[2.0**24, 1.0, 2.0**24], [0.0, 0.5, 0.0]], dtype=np.float32)

    found = max_sim(query, TokenVectors(tokens, np.array([0, 2])))

    assert found.tolist() == [1.0]


def test_texts_without_a_token_rank_last_or_retrieve_nothing() -> None:
    """Rule: such a document scores as the search's unranked ones do; such a query finds nothing."""
    random = np.random.default_rng(0)
    documents = _tokens(random, [0, 2, 0, 1, 0], 3)
    query = random.normal(size=(2, 3)).astype(np.float32)

    found = max_sim(query, documents, block_bytes=1)
    mute = max_sim(query[:0], documents)

    assert (found == LAST).tolist() == [True, False, True, False, True]
    assert np.isneginf(mute).all()
    assert LAST == UNRANKED_SCORE


def test_a_mean_is_over_the_querys_tokens() -> None:
    """MeanMaxSim: the sum divided by their number, before it is rounded."""
    random = np.random.default_rng(1)
    documents, query = _tokens(random, [2, 3], 4), random.normal(size=(3, 4)).astype(np.float32)

    found = max_sim(query, documents, is_mean=True)

    np.testing.assert_array_equal(found, (np.array(_by_hand(query, documents)) / 3).astype("f4"))
