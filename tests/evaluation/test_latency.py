"""How long one query takes in several systems, by a clock that the tests set."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.data.texts import TextTable
from benchharness.evaluation import latency
from benchharness.evaluation.latency import Latency, latencies
from benchharness.evaluation.retrieval import searcher_of
from benchharness.models.cache import EmbeddingCache
from benchharness.testing import HashEncoder

QUERIES = {f"q{number:03}": f"text {number}" for number in range(200)}


class Clock:
    """Seconds that pass only where a searcher says so."""

    def __init__(self):
        self.now = 100.0
        self.log = []

    def perf_counter(self):
        return self.now


class Timed:
    """A searcher that takes the next of these seconds for each query, the last one for ever."""

    def __init__(self, clock, name, *seconds):
        self.clock, self.name, self.seconds = clock, name, list(seconds)

    def search(self, texts, ids, depth):
        assert len(texts) == len(ids) == 1
        assert texts == [QUERIES[ids[0]]]
        self.clock.log.append((self.name, ids[0], depth))
        self.clock.now += self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=made.perf_counter))
    return made


def asked(clock, name):
    return [query_id for who, query_id, _ in clock.log if who == name]


def test_a_latency_is_milliseconds_and_a_ratio_to_the_first(clock):
    """Every query alike: the percentiles are the time itself."""
    found = latencies({"a": Timed(clock, "a", 0.002), "b": Timed(clock, "b", 0.005)}, QUERIES, 7)

    assert list(found) == ["a", "b"]
    assert found["a"].p50_ms == found["a"].p95_ms == pytest.approx(2.0)
    assert found["b"].p50_ms == found["b"].p95_ms == pytest.approx(5.0)
    assert (found["a"].ratio, found["b"].ratio) == pytest.approx((1.0, 2.5))
    assert found["a"].queries == found["b"].queries == 50
    assert {depth for _, _, depth in clock.log} == {7}


def test_percentiles_are_times_that_were_seen(clock):
    """Rule: nearest rank; of 20 times the 10th and the 19th, by hand.

    One unmeasured round of ten and its spare query come first, then two of ten with theirs.
    """
    unmeasured = [9.0] * 11
    rounds = [9.0, *range(1, 11)], [9.0, *range(11, 21)]
    timed = Timed(clock, "a", *unmeasured, *rounds[0], *rounds[1])

    found = latencies({"a": timed}, QUERIES, 10, count=20)["a"]

    assert (found.p50_ms, found.p95_ms) == pytest.approx((10_000.0, 19_000.0))
    assert found.queries == 20


def test_the_first_round_and_the_first_query_of_a_turn_are_not_measured(clock):
    """Loading weights takes a minute there, and a turn begins with what the others left."""
    slow = [60.0, *[30.0] * 10]  # the round before
    turns = [3.0, *[0.001] * 10] * 5

    found = latencies({"a": Timed(clock, "a", *slow, *turns)}, QUERIES, 10)["a"]

    assert (found.p50_ms, found.p95_ms) == pytest.approx((1.0, 1.0))


def test_all_systems_answer_the_same_queries_in_turns_of_ten(clock):
    """Who goes first moves on from round to round; each measured query is asked of all."""
    timed = {name: Timed(clock, name, 0.1) for name in "abc"}

    latencies(timed, QUERIES, 10, count=30)

    turns = [clock.log[start][0] for start in range(0, len(clock.log), 11)]
    assert "".join(turns) == "abc" + "bca" + "cab" + "abc"
    assert asked(clock, "a") == asked(clock, "b") == asked(clock, "c")
    assert len(clock.log) == 3 * 4 * 11


@given(order=st.permutations(sorted(QUERIES)))
def test_the_queries_are_the_same_in_whatever_order_they_come(order):
    """Rule: chosen by a hash of the ids; 50 and the one that is never measured."""
    clock = Clock()

    latencies({"a": Timed(clock, "a", 0.1)}, {one: QUERIES[one] for one in order}, 10)

    first = Clock()
    latencies({"a": Timed(first, "a", 0.1)}, QUERIES, 10)
    assert clock.log == first.log
    assert len(set(asked(clock, "a"))) == 51


@pytest.mark.parametrize(("there", "measured"), [(1, 1), (2, 1), (12, 11), (51, 50), (200, 50)])
def test_few_queries_are_all_measured_but_the_spare_one(clock, there, measured):
    few = dict(list(QUERIES.items())[:there])

    found = latencies({"a": Timed(clock, "a", 0.1)}, few, 10)

    assert found["a"].queries == measured


def test_without_queries_or_systems_nothing_is_measured(clock):
    assert latencies({"a": Timed(clock, "a", 1.0)}, {}, 10) == {}
    assert latencies({}, QUERIES, 10) == {}
    assert clock.log == []


def test_a_clock_that_stands_still_divides_by_nothing(clock):
    found = latencies({"a": Timed(clock, "a", 0.0), "b": Timed(clock, "b", 0.0)}, QUERIES, 10)

    assert found["b"] == Latency(pytest.approx(1e-6), pytest.approx(1e-6), 1.0, 50)


def test_the_listener_sees_every_turn(clock):
    steps = []

    latencies({name: Timed(clock, name, 0.1) for name in "ab"}, QUERIES, 10, count=20,
              listener=steps.append)  # fmt: skip

    assert [(step.done, step.total) for step in steps] == [(done, 6) for done in range(1, 7)]


def test_queries_are_encoded_anew_and_documents_come_from_the_cache(tmp_path):
    """Each of the 50 once, the first ten once more, the spare one in every turn."""
    encoded = []

    class Counting(HashEncoder):
        def encode(self, texts, role):
            encoded.extend((role, text) for text in texts)
            yield from super().encode(texts, role)

    cache = EmbeddingCache(tmp_path)
    corpus = TextTable.of([(f"d{number}", f"text {number}") for number in range(30)])
    cache.encode(Counting(32), corpus.texts, "document")
    cache.encode(Counting(32), list(QUERIES.values()), "query")
    encoded.clear()
    searcher = searcher_of(Counting(32), corpus, cache=cache, query_cache=EmbeddingCache.none())

    found = latencies({"hash": searcher}, QUERIES, 5)["hash"]

    assert {role for role, _ in encoded} == {"query"}
    assert len(encoded) == 50 + 10 + 6
    assert 0 < found.p50_ms <= found.p95_ms
    assert np.isfinite(found.p95_ms)
