"""Limits that make sense, and those that do not."""

from __future__ import annotations

import math

import pytest

from benchharness.errors import UsageError
from benchharness.serving.server.limits import Limits


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("batch_tokens", 0, "--max-batch-tokens 0"),
        ("batch_texts", -1, "--max-batch-texts -1"),
        ("wait_ms", -0.1, "--max-wait-ms -0.1"),
        ("wait_ms", math.nan, "--max-wait-ms nan"),
        ("body_bytes", 0, "--max-body-bytes 0"),
        ("texts", 0, "--max-texts 0"),
        ("queue", 0, "--max-queue 0"),
        ("request_seconds", 0.0, "request_seconds 0.0"),
    ],
)
def test_a_limit_that_lets_nothing_through_is_refused(name: str, value: float, shown: str) -> None:
    """Rule: named as the option that sets it."""
    with pytest.raises(UsageError, match=shown):
        Limits(**{name: value})  # type: ignore[arg-type]


def test_no_wait_is_a_wait() -> None:
    """Zero milliseconds switch waiting off."""
    assert Limits(wait_ms=0).wait_ms == 0
