"""How long is waited, and who waits."""

from __future__ import annotations

import threading
import time

import pytest

from benchharness.models.endpoint.parallel import in_parallel
from benchharness.models.endpoint.patience import Pace, Patience, Stopped, retry_after_s

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 23:13:50 +0100"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers, seconds):
    """Rule: as HTTP has it (RFC 9110, 10.2.3), and in milliseconds as some services add."""
    assert retry_after_s(headers, NOW) == seconds


def test_pauses_grow_and_are_bounded():
    """Rule: doubled after each failure, at least half of that, never beyond the longest."""
    patience = Patience(first_s=1.0, longest_s=8.0)

    for failures, usual in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (9, 8)]:
        pauses = [patience.pause_s(failures, None) for _ in range(100)]
        assert all(usual / 2 <= pause <= usual for pause in pauses)
        assert len(set(pauses)) > 50  # clients do not come back together
    assert 5.0 <= patience.pause_s(1, 5.0) <= 6.0


def test_a_held_pace_holds_everybody():
    """Rule: what the service asks of one request it means for all."""
    pace = Pace()
    pace.hold(0.2)
    begun = time.monotonic()

    threads = [threading.Thread(target=pace.wait, args=(threading.Event(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - begun >= 0.2


def test_who_waits_can_be_stopped():
    """Rule: at once, whatever the pause."""
    pace, stop = Pace(), threading.Event()
    pace.hold(60)
    threading.Timer(0.05, stop.set).start()

    with pytest.raises(Stopped):
        pace.wait(stop)


def test_parts_come_back_as_they_are_finished():
    """Rule: each once, in any order, no more than so many under way."""
    under_way, most, mutex = 0, 0, threading.Lock()

    def work(part: int) -> int:
        nonlocal under_way, most
        with mutex:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.001 * (part % 3))
        with mutex:
            under_way -= 1
        return part * part

    found = list(in_parallel(work, range(50), 4, threading.Event()))

    assert sorted(found) == [part * part for part in range(50)]
    assert most <= 4


def test_parts_are_drawn_as_they_are_needed():
    """Rule: texts of a large corpus are not all in memory at once."""
    drawn = []

    def parts():
        for part in range(100):
            drawn.append(part)
            yield part

    work = in_parallel(lambda part: part, parts(), 3, threading.Event())
    next(work)

    assert len(drawn) <= 3
    work.close()


def test_after_a_failure_what_is_under_way_comes_first():
    """Rule: nothing new is begun, nothing finished is lost, the first error is raised."""
    release, begun = threading.Event(), []

    def work(part: int) -> int:
        begun.append(part)
        if part == 0:
            raise ValueError("first")
        release.wait(5)
        return part

    stop = threading.Event()
    threading.Timer(0.1, release.set).start()
    with pytest.raises(ValueError, match="first"):
        list(in_parallel(work, range(10), 3, stop))

    assert sorted(begun) == [0, 1, 2]
    assert stop.is_set()


def test_the_results_under_way_are_yielded_before_the_error():
    """Rule: a caller that keeps what it gets keeps them too."""
    release = threading.Event()

    def work(part: int) -> int:
        if part == 0:
            raise ValueError("first")
        release.wait(5)
        return part

    threading.Timer(0.1, release.set).start()
    results = in_parallel(work, range(10), 3, threading.Event())
    found = [next(results), next(results)]
    with pytest.raises(ValueError, match="first"):
        next(results)

    assert sorted(found) == [1, 2]
