"""Requests that were on their way when a run was killed: counted, and charged to the limit."""

import pytest

from benchharness.errors import DataError, UsageError
from benchharness.llm.asking import ask_all
from benchharness.llm.in_flight import InFlight
from benchharness.llm.journal import Journal
from benchharness.llm.model import Answer, Request, Usage
from benchharness.llm.spending import Limits, worst_case

IDENTITY = {"llm": "fake"}
WORST = Usage(10, 5, cache_write_tokens=10)


class Answering:
    """A model that answers everything, each time at its worst."""

    spec, notices = "fake:model", ()

    def check(self):
        return None

    def count_tokens(self, request, schema):
        return None

    def ask(self, request, schema):
        worst = worst_case(request, schema)
        return Answer(request.key, "ok", {"queries": []}, Usage(worst.input_tokens, 10))


@pytest.fixture
def answering():
    return Answering()


@pytest.fixture
def opened(tmp_path):
    """Opens the journal and what was in flight, as a new process would."""
    return lambda: Journal(tmp_path / "answers.jsonl", IDENTITY)


def test_what_was_sent_and_not_answered_is_in_flight(opened):
    with opened() as journal, InFlight(journal) as flight:
        for key in ("a", "b", "c"):
            flight.note(key, WORST)
        journal.append(Answer("b", "ok", {}, Usage(3, 1)))

    with opened() as journal, InFlight(journal) as flight:
        found = (flight.count, flight.usage)

    assert found == (2, WORST + WORST)


def test_what_is_asked_again_and_answered_was_lost_once(opened):
    """Rule: each time that a request was sent counts, and each answer, served or not."""
    with opened() as journal, InFlight(journal) as flight:
        flight.note("a", WORST)
    with opened() as journal, InFlight(journal) as flight:
        flight.note("a", WORST)
        journal.append(Answer("a", "failed"))
        flight.note("a", WORST)
        journal.append(Answer("a", "ok", {}, Usage(3, 1)))

    with opened() as journal, InFlight(journal) as flight:
        assert (flight.count, flight.usage) == (1, WORST)


def test_a_run_that_ended_has_nothing_in_flight(opened, schema, answering):
    requests = [Request(f"k{n}", "rules", "text", 10) for n in range(9)]
    with opened() as journal:
        first = ask_all(requests, answering, schema, journal, Limits(), concurrency=3)
    with opened() as journal:
        again = ask_all(requests, answering, schema, journal, Limits(), concurrency=3)

    assert (first.counts, again.kept) == ({"ok": 9}, 9)
    assert (first.lost, again.lost) == (0, 0)


def test_what_was_lost_counts_against_the_limit(opened, schema, answering):
    """Rule: a limit that all requests would fit into without it stops before the last one."""
    requests = [Request(f"k{n}", "rules", "text", 10) for n in range(2)]
    worst = worst_case(requests[0], schema)
    limits = Limits(tokens=2 * worst.tokens)
    with opened() as journal, InFlight(journal) as flight:
        flight.note("k0", worst)

    with opened() as journal:
        asked = ask_all(requests, answering, schema, journal, limits, concurrency=1)

    assert (asked.lost, asked.lost_usage) == (1, worst)
    assert asked.counts == {"ok": 1}
    assert asked.stopped


def test_another_run_in_the_place_is_refused(opened, tmp_path):
    with opened() as journal, InFlight(journal):
        pass
    (tmp_path / "answers.jsonl").unlink()

    with (
        Journal(tmp_path / "answers.jsonl", {"llm": "other"}) as journal,
        pytest.raises(UsageError),
    ):
        InFlight(journal)


def test_a_damaged_line_is_named(opened, tmp_path):
    with opened() as journal, InFlight(journal) as flight:
        flight.note("a", WORST)
    with (tmp_path / "answers.jsonl.asked").open("a") as file:
        file.write('{"key": "b"}\n')

    with opened() as journal, pytest.raises(DataError, match="no request that was sent") as caught:
        InFlight(journal)

    assert caught.value.where.endswith("answers.jsonl.asked:3")
