"""Requests that were on their way when a run was killed: charged to the limit, and left out."""

import os

import pytest

from benchharness.errors import DataError, LLMError, UsageError
from benchharness.llm.asking import ask_all
from benchharness.llm.in_flight import InFlight, Lost, lost_of
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


def test_what_was_sent_and_not_answered_is_lost(opened):
    with opened() as journal, InFlight(journal) as flight:
        for key in ("a", "b", "c"):
            flight.note(key, WORST)
        journal.append(Answer("b", "ok", {}, Usage(3, 1)))

    with opened() as journal:
        lost = lost_of(journal)

    assert lost == Lost(2, WORST + WORST, {"a": WORST, "c": WORST})


def test_what_is_asked_again_and_answered_was_lost_once(opened):
    """Rule: each time that a request was sent counts, and each answer, served or not."""
    with opened() as journal, InFlight(journal) as flight:
        flight.note("a", WORST)
    with opened() as journal, InFlight(journal) as flight:
        flight.note("a", WORST)
        journal.append(Answer("a", "failed"))
        flight.note("a", WORST)
        journal.append(Answer("a", "ok", {}, Usage(3, 1)))

    with opened() as journal:
        assert lost_of(journal) == Lost(1, WORST, {})


def test_what_was_answered_without_success_is_not_lost(opened):
    """Rule: it cost nothing, so the next run asks it as before; another loss is none of its."""
    with opened() as journal, InFlight(journal) as flight:
        flight.note("a", WORST)
        journal.append(Answer("a", "failed"))
        flight.note("b", WORST)
        journal.append(Answer("b", "failed"))
        flight.note("b", WORST)

    with opened() as journal:
        assert lost_of(journal) == Lost(1, WORST, {"b": WORST})


def test_a_request_that_is_lost_twice_is_one_request_and_charged_twice(opened):
    """Rule: at worst by its dearest sending; asking once more costs it once."""
    small = Usage(10, 3, cache_write_tokens=10)
    for worst in (WORST, small):
        with opened() as journal, InFlight(journal) as flight:
            flight.note("a", worst)

    with opened() as journal:
        assert lost_of(journal) == Lost(2, WORST + WORST, {"a": WORST})


def test_an_answer_in_a_batch_makes_up_for_no_sending_outside_of_one(opened):
    """Rule: a row that expired says nothing of what was on its way before."""
    with opened() as journal, InFlight(journal) as flight:
        flight.note("a", WORST)
        journal.append(Answer("a", "expired"), batch=True)
        flight.note("b", WORST)
        journal.append(Answer("b", "ok", {}), batch=True)

    with opened() as journal:
        assert lost_of(journal) == Lost(2, WORST + WORST, {"a": WORST})


def test_a_sending_that_cost_nothing_is_not_lost(opened):
    """Rule: of two sendings, one lost and one free, the first still counts."""
    with opened() as journal, InFlight(journal) as flight:
        flight.note("a", WORST)
        flight.free("a")
        flight.note("b", WORST)
        flight.note("b", WORST)
        flight.free("b")

    with opened() as journal:
        assert lost_of(journal) == Lost(1, WORST, {"b": WORST})


def test_looking_back_makes_no_file_where_nothing_was_sent(opened, tmp_path):
    with opened() as journal:
        lost = lost_of(journal)

    assert lost == Lost(0, Usage(), {})
    assert not (tmp_path / "answers.jsonl.asked").exists()


def test_a_request_is_on_the_disk_before_it_is_sent(opened, monkeypatch):
    """Rule: a machine that loses its power must not forget what it has paid for."""
    forced = []
    with opened() as journal, InFlight(journal) as flight:
        monkeypatch.setattr(os, "fsync", forced.append)
        flight.note("a", WORST)
        before = len(forced)
        flight.free("a")

    assert (before, len(forced)) == (1, 1)


def test_the_marks_of_an_older_version_are_read(opened, tmp_path):
    """Rule: lines as 0.1 wrote them, whose lost requests are left out now."""
    (tmp_path / "answers.jsonl.asked").write_text(
        '{"asked":1,"identity":{"llm":"fake"}}\n'
        '{"key":"a","worst":[10,5]}\n{"key":"b","worst":[10,5]}\n'
    )
    with opened() as journal:
        journal.append(Answer("a", "ok", {}, Usage(3, 1)))

        assert lost_of(journal) == Lost(1, WORST, {"b": WORST})


def test_a_run_that_ended_has_lost_nothing(opened, schema, answering):
    requests = [Request(f"k{n}", "rules", "text", 10) for n in range(9)]
    with opened() as journal:
        first = ask_all(requests, answering, schema, journal, Limits(), concurrency=3)
    with opened() as journal:
        again = ask_all(requests, answering, schema, journal, Limits(), concurrency=3)

    assert (first.counts, again.kept) == ({"ok": 9}, 9)
    assert (first.lost, again.lost) == (Lost(), Lost())


def lose(opened, schema, *requests):
    """A run that is killed while these are on their way."""
    with opened() as journal, InFlight(journal) as flight:
        for request in requests:
            flight.note(request.key, worst_case(request, schema))


def test_what_was_lost_is_left_out_until_it_is_asked_again(opened, schema, answering):
    """Rule: two runs leave it out, a third is told to ask and the fourth has it."""
    requests = [Request(f"k{n}", "rules", "text", 10) for n in range(4)]
    worst = worst_case(requests[0], schema)
    lose(opened, schema, requests[0], requests[2])
    asked = []

    for ask_again in (False, False, True, False):
        with opened() as journal:
            asked.append(
                ask_all(requests, answering, schema, journal, Limits(), ask_again=ask_again)
            )

    left_out = {"k0": worst, "k2": worst}
    assert [one.counts for one in asked] == [{"ok": 2}, {}, {"ok": 2}, {}]
    assert [one.left_out for one in asked] == [left_out, left_out, {}, {}]
    assert [one.kept for one in asked] == [0, 2, 2, 4]
    assert [one.lost.count for one in asked] == [2, 2, 2, 2]
    assert {one.stopped for one in asked} == {""}


def test_what_is_asked_again_and_lost_again_is_left_out_again(opened, schema, answering):
    request = Request("k0", "rules", "text", 10)
    lose(opened, schema, request)
    lose(opened, schema, request)

    with opened() as journal:
        asked = ask_all([request], answering, schema, journal, Limits())

    assert (asked.counts, set(asked.left_out), asked.lost.count) == ({}, {"k0"}, 2)


def test_progress_arrives_at_the_total_although_some_are_left_out(opened, schema, answering):
    requests = [Request(f"k{n}", "rules", "text", 10) for n in range(3)]
    lose(opened, schema, requests[0])
    steps = []

    with opened() as journal:
        ask_all(requests, answering, schema, journal, Limits(), listener=steps.append)

    assert [(step.done, step.total) for step in steps] == [(2, 3), (3, 3)]


def test_an_error_that_concerns_all_is_no_loss(opened, schema, answering):
    """Rule: no credit is an answer that cost nothing: what was refused with it is asked again."""
    requests = [Request(f"k{n}", "rules", "text", 10) for n in range(6)]

    def no_credit(request, schema):
        raise LLMError("no credit")

    poor = Answering()
    poor.ask = no_credit
    with opened() as journal, pytest.raises(LLMError, match="no credit"):
        ask_all(requests, poor, schema, journal, Limits(), concurrency=3)

    with opened() as journal:
        asked = ask_all(requests, answering, schema, journal, Limits(), concurrency=3)

    assert (asked.counts, asked.lost, asked.left_out) == ({"ok": 6}, Lost(), {})


def test_an_answer_that_could_not_be_written_is_lost(opened, schema, answering, monkeypatch):
    """Rule: it was paid for, and nothing else knows it."""
    requests = [Request(f"k{n}", "rules", "text", 10) for n in range(2)]

    def full(*_):
        raise DataError("No space left on device")

    with opened() as journal, monkeypatch.context() as patch:
        patch.setattr(journal, "append", full)
        with pytest.raises(DataError, match="No space left"):
            ask_all(requests, answering, schema, journal, Limits(), concurrency=1)

    with opened() as journal:
        assert set(lost_of(journal).unanswered) == {"k0"}


@pytest.mark.parametrize("ask_again", [False, True])
def test_what_was_lost_counts_against_the_limit(opened, schema, answering, ask_again):
    """Rule: a limit that all requests would fit into without it stops before the last one."""
    requests = [Request(f"k{n}", "rules", "text", 10) for n in range(3)]
    worst = worst_case(requests[0], schema)
    lose(opened, schema, requests[0])

    with opened() as journal:
        limits = Limits(tokens=2 * worst.tokens)
        asked = ask_all(
            requests, answering, schema, journal, limits, concurrency=1, ask_again=ask_again
        )

    assert (asked.lost.count, asked.lost.usage) == (1, worst)
    assert asked.counts == {"ok": 1}
    assert "the limit of" in asked.stopped


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
