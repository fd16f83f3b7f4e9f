"""How fast one model is beside another, by a clock that the tests set."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from benchharness.evaluation import throughput
from benchharness.evaluation.throughput import RelativeSpeed, relative_speed

TEXTS = ["one", "two", "three"]


class Clock:
    """Seconds that pass only where an encoder says so."""

    def __init__(self):
        self.now = 100.0
        self.log = []

    def perf_counter(self):
        return self.now


class Timed:
    """An encoder that takes the next of these seconds for each call, the last one for ever."""

    def __init__(self, clock, name, *seconds):
        self.clock, self.name, self.seconds = clock, name, list(seconds)

    def encode(self, texts, role):
        assert role == "document"
        self.clock.log.append((self.name, tuple(texts)))
        taken = self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        for row in range(len(texts)):
            self.clock.now += taken / len(texts)
            yield np.array([row]), np.zeros((1, 2), dtype=np.float32)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(throughput, "time", SimpleNamespace(perf_counter=made.perf_counter))
    return made


def calls(clock):
    return "".join(name for name, _ in clock.log)


def test_a_model_that_takes_half_the_time_has_twice_the_throughput(clock):
    """Every round alike: the interval is the ratio itself."""
    found = relative_speed(Timed(clock, "a", 1.0), Timed(clock, "b", 2.0), TEXTS, 0.8)

    assert found.ratio == pytest.approx(2.0)
    assert found.interval == pytest.approx((2.0, 2.0))
    assert (found.rounds, found.texts) == (5, 3)


def test_both_encode_the_same_texts_once_unmeasured_and_then_take_turns(clock):
    """Who goes first alternates, so that what the first leaves behind favours neither."""
    relative_speed(Timed(clock, "a", 1.0), Timed(clock, "b", 1.5), TEXTS, 0.8)

    assert calls(clock) == "ab" + "ab" + "ba" + "ab" + "ba" + "ab"
    assert {texts for _, texts in clock.log} == {tuple(TEXTS)}


def test_the_first_pass_is_not_measured(clock):
    """Loading weights takes a minute there."""
    slow_start = Timed(clock, "a", 60.0, 1.0)

    found = relative_speed(slow_start, Timed(clock, "b", 90.0, 1.0), TEXTS, 0.8)

    assert found.ratio == pytest.approx(1.0)


def test_the_interval_is_student_s_t_on_the_logarithms(clock):
    """The ratio is the geometric mean; scipy's 90 % interval of five logarithms."""
    own = [1.0, 1.0, 1.1, 0.9, 1.2, 0.8]

    found = relative_speed(Timed(clock, "a", *own), Timed(clock, "b", 2.0), TEXTS, 0.5)

    logs = np.log(2.0 / np.array(own[1:]))
    expected = stats.ttest_1samp(logs, 0.0).confidence_interval(0.9)
    assert found.rounds == 5
    assert found.ratio == pytest.approx(math.exp(logs.mean()))
    assert found.interval == pytest.approx((math.exp(expected.low), math.exp(expected.high)))


NOISY = [1.0, *[0.5, 2.0] * 8]  # the ratio 1 lies within the interval, however many rounds


def test_more_rounds_are_run_while_the_limit_lies_within_the_interval(clock):
    """5, then 9, then 15; after that nothing is settled."""
    found = relative_speed(Timed(clock, "a", *NOISY), Timed(clock, "b", 1.0), TEXTS, 1.0)

    assert found.rounds == 15
    assert found.interval[0] < 1.0 <= found.interval[1]
    assert len(clock.log) == 2 + 2 * 15


def test_rounds_end_as_soon_as_the_limit_is_outside(clock):
    """Five noisy rounds do not settle 0.8, nine of which the last four are steady do."""
    own = [1.0, 0.9, 1.45, 0.9, 1.4, 0.9, 1.0]

    found = relative_speed(Timed(clock, "a", *own), Timed(clock, "b", 1.0), TEXTS, 0.8)

    assert found.rounds == 9
    assert found.interval[0] > 0.8


@pytest.mark.parametrize("limit", [0.1, 10.0])
def test_a_limit_that_is_far_away_costs_five_rounds(clock, limit):
    """On either side."""
    found = relative_speed(Timed(clock, "a", *NOISY), Timed(clock, "b", 1.0), TEXTS, limit)

    assert found.rounds == 5


def test_a_clock_that_stands_still_divides_by_nothing(clock):
    found = relative_speed(Timed(clock, "a", 0.0), Timed(clock, "b", 0.0), TEXTS, 0.8)

    assert found == RelativeSpeed(1.0, (1.0, 1.0), 5, 3)
