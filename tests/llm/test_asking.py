"""Many requests at once: paid once, kept at once, stopped cleanly."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest

from benchharness.errors import DataError, LLMError, UsageError
from benchharness.llm import asking
from benchharness.llm.anthropic_api import AnthropicModel
from benchharness.llm.asking import ask_all
from benchharness.llm.journal import Journal
from benchharness.llm.model import Answer, Request, Usage
from benchharness.llm.spending import Limits, Price, worst_case

NO_LIMITS = Limits()
PAID = Usage(10, 5)


class Double:
    """A model in this process that answers by a rule and notes what happens at once."""

    spec = "double"

    def __init__(self, rule=None):
        self.rule = rule or (lambda request: Answer(request.key, "ok", {"queries": []}, PAID))
        self.mutex = threading.Lock()
        self.asked = []
        self.at_once = self.most_at_once = 0

    def check(self):
        pass

    def count_tokens(self, request, schema):
        return None

    def ask(self, request, schema):
        with self.mutex:
            self.asked.append(request.key)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self.rule(request)
        finally:
            with self.mutex:
                self.at_once -= 1


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "run" / "answers.jsonl", {"model": "m"}) as opened:
        yield opened


def test_every_request_is_answered_and_paid_once(anthropic_service, journal, schema, requests_of):
    service = anthropic_service()
    model = AnthropicModel("some-model")

    asked = ask_all(requests_of(50), model, schema, journal, NO_LIMITS, concurrency=8)

    assert asked.counts == {"ok": 50}
    assert (asked.kept, asked.stopped) == (0, "")
    assert service.paid() == {f"passage number {number}": 1 for number in range(50)}
    assert asked.usage == asked.usage_in_all == journal.usage
    assert journal.answer("k7").content["queries"][0] == "queries 1: passage number 7"


def test_what_the_journal_has_settled_is_not_asked(journal, schema, requests_of):
    journal.append(Answer("k0", "ok", {}, Usage(1, 1)))
    journal.append(Answer("k1", "refused", usage=Usage(1, 1)))
    journal.append(Answer("k2", "failed"))
    model = Double()

    asked = ask_all(requests_of(4), model, schema, journal, NO_LIMITS)

    assert sorted(model.asked) == ["k2", "k3"]
    assert (asked.counts, asked.kept) == ({"ok": 2}, 2)
    assert asked.usage == Usage(20, 10)
    assert asked.usage_in_all == Usage(22, 12)


def test_equal_keys_are_asked_once(journal, schema, requests_of):
    model = Double()

    asked = ask_all(requests_of(3) * 3, model, schema, journal, NO_LIMITS)

    assert sorted(model.asked) == ["k0", "k1", "k2"]
    assert (asked.counts, asked.kept) == ({"ok": 3}, 0)


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_no_more_than_the_concurrency_are_in_flight(journal, schema, requests_of, concurrency):
    together = threading.Barrier(concurrency)

    def rule(request):
        together.wait(timeout=20)  # broken where fewer were ever in flight
        return Answer(request.key, "ok", {})

    model = Double(rule)

    ask_all(
        requests_of(concurrency * 4), model, schema, journal, NO_LIMITS, concurrency=concurrency
    )

    assert model.most_at_once == concurrency


def test_requests_are_taken_one_by_one(journal, schema, requests_of):
    """Rule: never more are taken than are answered, in flight, or about to be."""
    taken = []
    model = Double()

    def lazily():
        for request in requests_of(40):
            taken.append(request.key)
            assert len(taken) <= len(journal) + 3 + 1
            yield request

    asked = ask_all(lazily(), model, schema, journal, NO_LIMITS, concurrency=3)

    assert asked.counts == {"ok": 40}


def test_an_answer_is_in_the_journal_before_its_worker_asks_the_next(journal, schema, requests_of):
    def rule(request):
        number = int(request.key[1:])
        assert all(journal.settled(f"k{before}") for before in range(number))
        return Answer(request.key, "ok", {})

    asked = ask_all(requests_of(20), Double(rule), schema, journal, NO_LIMITS, concurrency=1)

    assert asked.counts == {"ok": 20}


def test_progress_counts_what_was_kept_and_knows_the_total(journal, schema, requests_of):
    journal.append(Answer("k0", "ok", {}))
    steps = []

    ask_all(requests_of(3), Double(), schema, journal, NO_LIMITS, listener=steps.append)

    assert [(step.done, step.total) for step in steps] == [(2, 3), (3, 3)]


def test_a_limit_stops_before_it_is_exceeded_and_keeps_what_was_in_flight(
    journal, schema, requests_of
):
    requests = requests_of(50)
    worst = worst_case(requests[0], schema).tokens
    limits = Limits(tokens=worst + 10 * PAID.tokens)

    asked = ask_all(requests, Double(), schema, journal, limits, concurrency=4)

    # After 10 answers the worst case of one more still fits, after 11 it does not; the texts of
    # k10 and later have a byte more, which takes the last one.
    assert asked.counts == {"ok": 10}
    assert "limit of" in asked.stopped
    assert journal.usage.tokens <= limits.tokens


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_no_concurrency_exceeds_a_limit_of_cost(journal, schema, requests_of, concurrency):
    """Rule: even where every answer costs its worst case."""
    price = Price(3.0, 15.0)
    limits = Limits(cost=0.05, price=price)
    model = Double(
        lambda request: Answer(request.key, "refused", usage=worst_case(request, schema))
    )

    asked = ask_all(requests_of(50), model, schema, journal, limits, concurrency=concurrency)

    one = price.cost(worst_case(requests_of(1)[0], schema))
    assert 0.05 - 1.01 * one <= price.cost(journal.usage) <= 0.05
    assert asked.stopped


def test_a_limit_counts_what_earlier_runs_have_spent(journal, schema, requests_of):
    journal.append(Answer("earlier", "ok", {}, Usage(10_000, 0)))
    model = Double()

    asked = ask_all(requests_of(2), model, schema, journal, Limits(tokens=10_500))

    assert model.asked == []
    assert "10,000 are spent" in asked.stopped


def test_an_error_that_concerns_all_stops_the_asking_and_keeps_what_was_in_flight(
    journal, schema, requests_of
):
    together = threading.Barrier(3)
    known = threading.Event()

    def rule(request):
        if request.key in ("k0", "k1", "k2"):
            together.wait(timeout=20)
        if request.key == "k0":
            known.set()
            raise LLMError("no credit")
        known.wait(timeout=20)
        return Answer(request.key, "ok", {})

    model = Double(rule)

    with pytest.raises(LLMError, match="no credit"):
        ask_all(requests_of(500), model, schema, journal, NO_LIMITS, concurrency=3)

    assert {answer.key for answer in journal.answers()} == set(model.asked) - {"k0"}
    assert {"k1", "k2"} <= set(model.asked)
    assert len(model.asked) < 500


def test_a_defect_is_raised_as_it_is(journal, schema, requests_of):
    def rule(request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask_all(requests_of(3), Double(rule), schema, journal, NO_LIMITS)


def test_an_error_of_the_source_keeps_what_was_in_flight(journal, schema, requests_of):
    def source():
        yield from requests_of(2)
        raise DataError("line 3 is damaged")

    with pytest.raises(DataError, match="line 3"):
        ask_all(source(), Double(), schema, journal, NO_LIMITS)

    assert journal.counts == {"ok": 2}


@pytest.mark.parametrize("outcome", ["failed", "rejected"])
def test_many_failures_in_a_row_stop_the_run(journal, schema, requests_of, outcome):
    """Rule: 3 x concurrency in a row, so that an outage does not burn through all passages."""
    model = Double(lambda request: Answer(request.key, outcome, detail="529: overloaded"))

    with pytest.raises(LLMError, match="6 requests in a row") as caught:
        ask_all(requests_of(100), model, schema, journal, NO_LIMITS, concurrency=2)

    assert "529: overloaded" in caught.value.message
    assert 6 <= len(model.asked) <= 8


def test_failures_that_are_not_in_a_row_stop_nothing(journal, schema, requests_of):
    def rule(request):
        lucky = int(request.key[1:]) % 3 == 2
        return Answer(request.key, "ok", {}) if lucky else Answer(request.key, "failed")

    asked = ask_all(requests_of(30), Double(rule), schema, journal, NO_LIMITS, concurrency=1)

    assert asked.counts == {"ok": 10, "failed": 20}


def test_a_journal_that_cannot_be_written_stops_the_run(journal, schema, requests_of, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    model = Double()

    with pytest.raises(DataError, match="No space left"):
        ask_all(requests_of(100), model, schema, journal, NO_LIMITS, concurrency=2)

    assert len(model.asked) <= 4


@pytest.fixture
def ctrl_c():
    """Ctrl-C interrupts, as in a terminal; workers of pytest-xdist ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_keeps_what_was_in_flight(journal, schema, requests_of):
    interrupted = threading.Event()

    def rule(request):
        if request.key == "k1":
            os.kill(os.getpid(), signal.SIGINT)
            interrupted.wait(timeout=0.3)
        return Answer(request.key, "ok", {})

    with pytest.raises(KeyboardInterrupt):
        ask_all(requests_of(10_000), Double(rule), schema, journal, NO_LIMITS, concurrency=2)

    assert journal.settled("k1")
    assert len(journal) < 10_000


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_does_not_wait_for_a_service_that_does_not_answer(
    journal, schema, requests_of, monkeypatch
):
    monkeypatch.setattr(asking, "GRACE_SECONDS", 0.1)
    never = threading.Event()

    def rule(request):
        os.kill(os.getpid(), signal.SIGINT)
        never.wait(timeout=60)
        return Answer(request.key, "ok", {})

    with pytest.raises(KeyboardInterrupt):
        ask_all(requests_of(1), Double(rule), schema, journal, NO_LIMITS, concurrency=1)

    assert len(journal) == 0
    never.set()


def test_a_concurrency_below_1_is_a_usage_error(journal, schema):
    with pytest.raises(UsageError):
        ask_all([], Double(), schema, journal, NO_LIMITS, concurrency=0)


def test_no_requests_are_no_work(journal, schema):
    asked = ask_all(iter(()), Double(), schema, journal, NO_LIMITS)

    assert (asked.counts, asked.kept, asked.usage, asked.stopped) == ({}, 0, Usage(), "")


def test_a_service_that_misbehaves_in_many_ways_loses_and_repeats_nothing(
    anthropic_service, journal, schema, requests_of
):
    soon = {"retry-after-ms": "1"}
    service = anthropic_service(
        rules=[
            {"match": "number 3", "times": 2, "status": 429, "headers": soon},
            {"match": "number 4", "times": 1, "status": 529, "headers": soon},
            {"match": "number 5", "times": 1, "stop_reason": "refusal"},
            {"match": "number 6", "times": 1, "text": "no"},
            {"match": "number 7", "times": 1, "thinking": True},
            {"match": "number 8", "times": 1, "stop_reason": "max_tokens"},
            {"match": "number 9", "times": 1, "status": 400},
        ]
    )

    asked = ask_all(requests_of(10), AnthropicModel("m", max_retries=3), schema, journal, NO_LIMITS)

    assert asked.counts == {"ok": 6, "refused": 1, "malformed": 1, "truncated": 1, "rejected": 1}
    assert service.paid() == {f"passage number {number}": 1 for number in range(9)}


@pytest.mark.parametrize("pay_first", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_killed_run_goes_on_and_pays_for_nothing_twice(
    anthropic_service, begin, tmp_path, requests_of, schema, key, pay_first
):
    """Rule: what was on its way at kill -9 is left out, whether the service charged it or not,
    until somebody says that it is to be asked again.
    """
    service = anthropic_service(hold_after=10, pay_first=pay_first)
    process = begin("all", 24, 8)
    service.wait_for(held=8)
    # The server has sent 10 answers; each is kept before its worker is the one that is held.
    process.kill()
    told = "".join(process.communicate())
    paid_first = service.paid()
    service.script({})
    place, identity = tmp_path / "run" / "answers.jsonl", {"model": "anthropic:some-model"}
    model, all_requests = AnthropicModel("some-model"), requests_of(24)

    with Journal(place, identity) as journal:
        second = ask_all(all_requests, model, schema, journal, NO_LIMITS, concurrency=8)
        paid_second = service.paid()
        third = ask_all(
            all_requests, model, schema, journal, NO_LIMITS, concurrency=8, ask_again=True
        )
        answered = {answer.key for answer in journal.answers() if answer.outcome == "ok"}

    assert len(paid_first) == (18 if pay_first else 10)
    assert (second.counts, second.kept, second.stopped) == ({"ok": 6}, 10, "")
    assert len(second.left_out) == second.lost.count == 8
    assert set(paid_second.values()) == {1}
    assert len(paid_second) == len(paid_first) + 6
    assert (third.counts, third.kept, third.left_out) == ({"ok": 8}, 16, {})
    assert answered == {request.key for request in all_requests}
    twice = {text for text, times in service.paid().items() if times > 1}
    assert len(twice) == (8 if pay_first else 0)
    _no_key_in(tmp_path / "run", told, key)


@pytest.mark.slow
def test_no_kill_at_any_moment_pays_for_a_request_twice(anthropic_service, begin, tmp_path):
    """Rule: the server counts. Whatever it answered that the journal does not hold is left out."""
    service = anthropic_service(rules=[{"match": "", "delay_seconds": 0.02}])
    for round_ in range(5):
        process = begin("all", 200, 8)
        service.wait_for(requests=30 * (round_ + 1))
        process.kill()
        process.communicate()
        while sum(service.paid().values()) < service.seen()["requests"]:
            time.sleep(0.02)  # what the server works on although nobody listens
    paid, held = service.paid(), _texts_answered(tmp_path / "run")

    told, errors = begin("all", 200, 8).communicate(timeout=120)
    paid_once = service.paid()
    again, _ = begin("again", 200, 8).communicate(timeout=120)

    left_out = int(told.split()[-1])
    unheard = set(paid) - held
    assert errors == ""
    assert unheard
    assert len(unheard) <= left_out <= 5 * 8
    assert set(paid_once.values()) == {1}
    assert len(paid_once) == 200 - left_out + len(unheard)
    assert again == f"{{'ok': {left_out}}} {200 - left_out} 0\n"
    assert {text for text, times in service.paid().items() if times > 1} == unheard
    assert len(_texts_answered(tmp_path / "run")) == 200


def _texts_answered(folder):
    whole_lines = (folder / "answers.jsonl").read_text().split("\n")[1:-1]
    return {f"passage number {json.loads(line)['key'][1:]}" for line in whole_lines}


def test_an_echoed_key_is_in_no_file_and_on_no_terminal(anthropic_service, begin, tmp_path, key):
    anthropic_service(
        rules=[
            {"match": "number 1", "status": 400, "echo": True},
            {"match": "number 5", "status": 401, "echo": True},
        ]
    )

    process = begin("all", 6, 4)
    told, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "authorization was" in told
    answers = (tmp_path / "run" / "answers.jsonl").read_text()
    assert "authorization was" in answers
    _no_key_in(tmp_path / "run", told + errors, key)


def _no_key_in(folder, shown, key):
    assert key not in shown
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert key.encode() not in file.read_bytes()


def test_every_line_of_the_journal_is_json_while_threads_write(
    journal, schema, requests_of, tmp_path
):
    ask_all(requests_of(200), Double(), schema, journal, NO_LIMITS, concurrency=16)

    lines = (tmp_path / "run" / "answers.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == 201


def test_a_request_without_room_waits_for_those_in_flight(journal, schema):
    """Rule: a limit is used as far as it is certain, whatever the concurrency."""
    request = [Request(f"k{n}", "", "x" * 100, 10) for n in range(4)]
    worst = worst_case(request[0], schema).tokens

    asked = ask_all(request, Double(), schema, journal, Limits(tokens=2 * worst), concurrency=4)

    assert asked.counts == {"ok": 4}
    assert asked.stopped == ""
