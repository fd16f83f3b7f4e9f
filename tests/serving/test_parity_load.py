"""What many clients see: every request is counted, answered or not."""

from __future__ import annotations

import itertools
import math
import threading

import pytest

from benchharness.errors import ModelError
from benchharness.serving.parity_load import percentile_ms, under_load
from benchharness.testing import HashEncoder


class Watched(HashEncoder):
    """Notes what it is asked; fails from its n-th request on, counting from 1."""

    fails_from = 10**9
    error: Exception = ModelError("the queue is full")

    def __init__(self):
        super().__init__()
        self.asked = []

    def encode(self, texts, role):
        self.asked.append((threading.get_ident(), tuple(texts), role))
        if len(self.asked) >= self.fails_from:
            raise self.error
        yield from super().encode(texts, role)


class Busy(Watched):
    fails_from = 4


class Broken(Watched):
    fails_from = 3
    error = ZeroDivisionError("a defect")


class Deaf(Watched):
    fails_from = 1


def ticking(seconds=1.0):
    """A clock that goes on by that much whenever it is read."""
    ticks = itertools.count()
    lock = threading.Lock()

    def read():
        with lock:
            return next(ticks) * seconds

    return read


def opened(kind, made):
    def make():
        made.append(kind())
        return made[-1]

    return make


def test_each_client_has_an_encoder_and_a_place_to_start():
    """Rule: one text a request, as queries, in turn; the first one of each is not counted."""
    made = []
    texts = [f"text {row}" for row in range(8)]

    found = under_load(opened(Watched, made), texts, clients=4, seconds=9, clock=ticking())

    assert len(made) == 4
    assert found.requests == sum(len(one.asked) - 1 for one in made) > 0
    assert {one.asked[0][1] for one in made} == {(texts[row],) for row in (0, 2, 4, 6)}
    assert {role for one in made for _, _, role in one.asked} == {"query"}
    assert len({thread for one in made for thread, _, _ in one.asked}) == 4
    for one in made:
        first = texts.index(one.asked[0][1][0])
        expected = [(texts[(first + row) % 8],) for row in range(len(one.asked))]
        assert [asked for _, asked, _ in one.asked] == expected


def test_requests_that_fail_are_counted_and_told():
    """Rule: they are no latency, and the client goes on."""
    made = []

    found = under_load(opened(Busy, made), ["a"], clients=1, seconds=20, clock=ticking())

    assert found.requests == 2
    assert found.errors == len(made[0].asked) - 3 > 1
    assert found.first_error == "the queue is full"


def test_a_server_that_never_answers_is_no_number():
    made = []

    found = under_load(opened(Deaf, made), ["a"], clients=2, seconds=20, clock=ticking())

    assert (found.requests, found.errors) == (0, 2)
    assert math.isnan(found.p50_ms)


def test_a_defect_is_not_hidden_by_its_thread():
    """Rule: only what a user can mend is counted as a failure."""
    with pytest.raises(ZeroDivisionError):
        under_load(opened(Broken, []), ["a"], clients=2, seconds=20, clock=ticking())


def test_a_server_that_cannot_be_opened_is_a_failure():
    def refused():
        raise ModelError("the server cannot be reached")

    found = under_load(refused, ["a"], clients=3, seconds=20, clock=ticking())

    assert found.errors == 3
    assert found.first_error == "the server cannot be reached"


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50_000), (0.95, 95_000), (0.99, 99_000), (1.0, 100_000)]
)
def test_percentiles_are_latencies_that_were_seen(share, expected):
    """Rule: nearest rank, in milliseconds: of 100 the 95th is that of 95 %."""
    assert percentile_ms([float(second) for second in range(1, 101)], share) == expected


def test_the_percentile_of_few_is_the_slowest():
    assert percentile_ms([0.1, 0.3], 0.99) == 300
