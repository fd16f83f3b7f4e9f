"""How near two backends' vectors are."""

from pathlib import Path

import numpy as np
import pytest

from benchharness.models.backends.agreement import (
    Agreement,
    agreement_of,
    keep_agreement,
    read_agreement,
)


def test_the_cosines_are_averaged_and_the_lowest_is_kept() -> None:
    """By hand: equal directions 1, a right angle 0, an angle of 60 degrees 1/2."""
    one = np.array([[2, 0], [1, 0], [1, 0]], dtype=np.float32)
    other = np.array([[5, 0], [0, 3], [1, 3**0.5]], dtype=np.float32)

    found = agreement_of(one, other)

    assert found.texts == 3
    assert found.mean == pytest.approx(0.5)
    assert found.lowest == pytest.approx(0.0)
    assert str(found) == "cosine 0.5000 on average, 0.0000 at least, on 3 texts"


def test_two_zero_vectors_agree_and_one_alone_does_not() -> None:
    """A text without tokens has no direction on either side."""
    zero, one = np.zeros((1, 2), dtype=np.float32), np.ones((1, 2), dtype=np.float32)

    assert agreement_of(zero, zero).lowest == 1.0
    assert agreement_of(zero, one).lowest == 0.0


def test_what_is_no_number_is_no_agreement() -> None:
    """NaN stays NaN, and is above no threshold."""
    broken = np.array([[np.nan, 1]], dtype=np.float32)

    assert not agreement_of(np.ones((1, 2), dtype=np.float32), broken).lowest >= -1


def test_a_kept_agreement_is_read_back(tmp_path: Path) -> None:
    """Exactly; nothing or nonsense in its place is None."""
    found = Agreement(16, 0.99212345678, 0.985)

    keep_agreement(tmp_path, found)

    assert read_agreement(tmp_path) == found
    assert read_agreement(tmp_path / "elsewhere") is None
    (tmp_path / "agreement.json").write_text('{"texts": 1}')
    assert read_agreement(tmp_path) is None
