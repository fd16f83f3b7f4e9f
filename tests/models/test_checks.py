"""Vectors that cannot be ranked stop the run with the document's id."""

import numpy as np
import pytest

from benchharness.errors import ModelError
from benchharness.models.checks import check_vectors
from benchharness.testing import HashEncoder

TEXTS = ["red fox", "", "blue sky"]
IDS = ["d1", "d2", "d3"]


def _vectors() -> np.ndarray:
    return np.array([[1, 0], [0, 0], [0, 1]], dtype=np.float32)


def test_a_text_without_tokens_is_marked() -> None:
    """Its zero vector is right: it is to rank last."""
    mask = check_vectors(_vectors(), IDS, TEXTS, HashEncoder(2))

    assert mask.tolist() == [False, True, False]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_names_the_document(value: float) -> None:
    """A top-k would rank NaN first."""
    vectors = _vectors()
    vectors[2, 1] = value

    with pytest.raises(ModelError, match="NaN or infinity for a text") as caught:
        check_vectors(vectors, IDS, TEXTS, HashEncoder(2))

    assert caught.value.where == "d3"


def test_a_zero_vector_of_a_text_with_tokens_names_the_document() -> None:
    """A zero vector has no direction, so its rank would be an accident."""
    vectors = _vectors()
    vectors[0] = 0

    with pytest.raises(ModelError, match="zero vector for a text that has tokens") as caught:
        check_vectors(vectors, IDS, TEXTS, HashEncoder(2))

    assert caught.value.where == "d1"


def test_many_broken_vectors_name_the_first_three() -> None:
    """A message stays readable whatever went wrong."""
    ids = [f"d{n}" for n in range(9)]

    with pytest.raises(ModelError, match="for 9 texts") as caught:
        check_vectors(np.full((9, 2), np.nan, np.float32), ids, ids, HashEncoder(2))

    assert caught.value.where == "d0, d1, d2, …"


@pytest.mark.parametrize("shape", [(2, 2), (3,), (3, 2, 1)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    """One row for each text."""
    with pytest.raises(ModelError, match="for 3 texts"):
        check_vectors(np.ones(shape, np.float32), IDS, TEXTS, HashEncoder(2))
