"""The probe: what its coarse form and its tolerance tell apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.models.endpoint.probe import SENTINELS, TEXTS, TOLERANCE, agreement, coarse


def vectors(seed: int, dim: int = 384) -> np.ndarray:
    random = np.random.default_rng(seed)
    # As models have them: all vectors share a direction.
    found = random.standard_normal((16, dim)) + 0.7 * random.standard_normal(dim)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def disturbed(given: np.ndarray, share: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    error = random.standard_normal(given.shape) / np.sqrt(given.shape[1])
    return (given + share * error * np.linalg.norm(given, axis=1, keepdims=True)).astype(np.float32)


def test_the_texts_are_these():
    """Rule: sixteen different ones; a change of any changes every fingerprint."""
    import hashlib

    assert len(set(TEXTS)) == 16
    assert all(len(text) <= 52 for text in TEXTS[:SENTINELS])
    assert hashlib.sha256("\n".join(TEXTS).encode()).hexdigest()[:12] == "89795f4c1acc"


@pytest.mark.parametrize(("share", "most"), [(1e-6, 0), (1e-4, 4), (1e-3, 25)])
def test_small_noise_seldom_changes_the_coarse_form(share, most):
    """Rule: of 400 pairs of noisy probes of 400 models, so many differ at most."""
    pairs = [
        {coarse(disturbed(vectors(n), share, seed)) for seed in (2 * n, 2 * n + 1)}
        for n in range(400)
    ]
    differ = sum(len(pair) > 1 for pair in pairs)

    assert differ <= most


def test_the_coarse_form_tells_models_apart():
    """Rule: none of 200 models is taken for another; neither is one whose vectors are turned."""
    digests = {coarse(vectors(seed)) for seed in range(200)}
    turn, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((384, 384)))

    assert len(digests) == 200
    assert coarse((vectors(0) @ turn).astype(np.float32)) != coarse(vectors(0))
    assert coarse(vectors(0, 64)) != coarse(vectors(0)[:, :64] * 0 + vectors(0, 65)[:, :64])


@settings(max_examples=30)
@given(st.floats(1e-3, 1e3), st.integers(0, 50))
def test_length_is_no_part_of_the_coarse_form(scale, seed):
    """Property: vectors of another length point alike."""
    assert coarse((vectors(seed) * scale).astype(np.float32)) == coarse(vectors(seed))


def test_agreement_is_the_cosine():
    """Rule: by hand: 1, 0, -1, and -1 where there is no direction."""
    left = np.array([[1, 0], [1, 0], [2, 0], [0, 0]], dtype=np.float32)
    right = np.array([[3, 0], [0, 1], [-1, 0], [1, 0]], dtype=np.float32)

    assert agreement(left, right, length=False).tolist() == [1.0, 0.0, -1.0, -1.0]
    assert agreement(left, right[:, :1], length=False).tolist() == [-1.0] * 4


def test_length_may_count():
    """Rule: one per cent is the same length, two are not."""
    one = np.ones((1, 4), dtype=np.float32)

    assert agreement(one * 1.005, one, length=True)[0] > 0.999
    assert agreement(one * 1.02, one, length=True)[0] == -1.0


def test_the_tolerance_lies_between_noise_and_change():
    """Rule: bfloat16 (cosine 0.99994) is noise; a hundredth of the angle's square is a change."""
    given = vectors(3)

    assert agreement(disturbed(given, 0.011, 1), given, length=False).min() > TOLERANCE
    assert agreement(disturbed(given, 0.06, 1), given, length=False).min() < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "same"), [("minilm@dtype=bfloat16", True),
                                            ("minilm@max_length=128", False),
                                            ("minilm@pooling=cls", False)])  # fmt: skip
def test_a_real_model_is_known_again(spec, same):
    """Rule: less precise arithmetic is the same model; another length or pooling is another."""
    from benchharness.models.registry import open_model

    def probed(one: str) -> np.ndarray:
        found = np.zeros((16, 384), dtype=np.float32)
        for rows, batch in open_model(one).encode(TEXTS, "document"):
            found[rows] = batch
        return found

    plain, other = probed("minilm"), probed(spec)

    assert bool(agreement(other, plain, length=False).min() >= TOLERANCE) is same
    assert (coarse(other) == coarse(plain)) is same
