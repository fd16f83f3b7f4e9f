"""The cut into batches depends on the texts alone and wastes no padding."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchharness.models.batches import Budget, cut, text_keys, windows

TEXTS = st.lists(st.text(alphabet="ab c", max_size=12), max_size=40)


def _batches(texts: list[str], budget: Budget) -> list[list[str]]:
    counts = np.array([len(text) for text in texts], dtype=np.int64)
    return [[texts[row] for row in batch] for batch in cut(texts, counts, budget)]


@given(TEXTS, st.randoms(use_true_random=False), st.integers(1, 30), st.integers(1, 5))
def test_batches_do_not_depend_on_the_order_of_the_texts(
    texts: list[str], random: object, tokens: int, size: int
) -> None:
    """A shuffled corpus is cut into the same batches."""
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    budget = Budget(tokens, size)

    assert _batches(texts, budget) == _batches(shuffled, budget)


@given(TEXTS, st.integers(1, 30), st.integers(1, 5))
def test_batches_hold_every_text_once_within_the_budget(
    texts: list[str], tokens: int, size: int
) -> None:
    """Padded to the longest text, a batch stays within its tokens unless it is one text."""
    batches = _batches(texts, Budget(tokens, size))

    assert sorted(text for batch in batches for text in batch) == sorted(texts)
    for batch in batches:
        assert len(batch) <= size
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= tokens


def test_the_longest_texts_come_first_and_equals_in_order_of_text() -> None:
    """By hand: lengths 3, 2, 2, 1 with at most two texts a batch."""
    assert _batches(["c", "bb", "aaa", "ab"], Budget(100, 2)) == [["aaa", "ab"], ["bb", "c"]]


@given(TEXTS, st.randoms(use_true_random=False))
def test_windows_do_not_depend_on_the_order_of_the_texts(texts: list[str], random: object) -> None:
    """Each window holds the same texts however the corpus is shuffled."""
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def cut_by(given_texts: list[str]) -> list[list[str]]:
        return [[given_texts[row] for row in window] for window in windows(given_texts, 7)]

    assert cut_by(texts) == cut_by(shuffled)
    assert sorted(text for window in cut_by(texts) for text in window) == sorted(texts)


def test_a_key_is_the_sha256_of_the_text() -> None:
    """All 32 bytes of it, half surrogate pairs included."""
    keys = text_keys(["word", "\ud800", ""])

    assert keys.tobytes() == b"".join(
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        for text in ("word", "\ud800", "")
    )
