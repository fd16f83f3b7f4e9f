"""Which queries move, and in which order."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.errors import UsageError
from benchharness.serving.shift_routing import is_moved, moved, parse_steps, place_of

IDS = [f"q{number}" for number in range(10_000)]
PERCENT = st.floats(0, 100)


def test_the_place_is_the_first_64_bits_of_a_sha256():
    """Rule: anybody can compute it, in any language."""
    digest = hashlib.sha256(b"blue\x00q7").hexdigest()

    assert place_of("q7", "blue") == int(digest[:16], 16) / 2**64


def test_nobody_moves_at_0_and_everybody_at_100():
    assert not any(moved(IDS, 0))
    assert all(moved(IDS, 100))


@given(st.text(), PERCENT, PERCENT, st.text(max_size=3))
def test_who_has_moved_stays_there(query_id, one, other, salt):
    """Rule: monotone: at every larger share the query is still on the new index."""
    low, high = sorted((one, other))

    assert is_moved(query_id, high, salt) or not is_moved(query_id, low, salt)


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_the_share_is_met(percent):
    """Rule: within 5 standard deviations of a binomial count."""
    count = sum(moved(IDS, percent))

    spread = (len(IDS) * percent / 100 * (1 - percent / 100)) ** 0.5
    assert abs(count - len(IDS) * percent / 100) < 5 * spread


def test_another_salt_is_another_order():
    one, other = (moved(IDS, 10, salt) for salt in ("a", "b"))

    both = sum(a and b for a, b in zip(one, other, strict=True))
    assert 50 < both < 150  # of 1,000 each: 100 by chance


def test_steps_are_read():
    assert parse_steps("0, 0.5,10,100") == (0.0, 0.5, 10.0, 100.0)


@pytest.mark.parametrize(
    "spelled", ["", "0", "0,50", "1,100", "0,10,10,100", "0,50,10,100", "0,a,100", "0,nan,100"]
)
def test_steps_that_do_not_rise_from_0_to_100_are_refused(spelled):
    with pytest.raises(UsageError) as caught:
        parse_steps(spelled)

    assert caught.value.remedy == "--steps 0,1,10,50,100"
