"""Batches: half the price, and none of them paid twice whatever is killed when."""

from __future__ import annotations

import json
import time

import pytest

from benchharness.errors import LLMError, UsageError
from benchharness.llm import batching
from benchharness.llm.anthropic_api import AnthropicModel
from benchharness.llm.batching import ask_in_batches
from benchharness.llm.in_flight import InFlight
from benchharness.llm.journal import Journal
from benchharness.llm.model import Answer, Request, Usage
from benchharness.llm.openai_api import OpenAIModel
from benchharness.llm.spending import Limits, Price, worst_case

NO_LIMITS = Limits()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def journal(folder):
    with Journal(folder / "answers.jsonl", {"model": "anthropic:some-model"}) as opened:
        yield opened


@pytest.fixture
def run(folder, journal, schema):
    """Asks these requests in batches, without long waits."""

    def asked(requests, limits=NO_LIMITS, **settings):
        model = AnthropicModel("some-model", max_retries=1)
        settings = {"poll_seconds": 0.01, **settings}
        return ask_in_batches(requests, model, schema, journal, limits, folder=folder, **settings)

    return asked


def created(service):
    """The keys of every batch that was sent, in their order."""
    return [
        [row["custom_id"] for row in request["body"]["requests"]]
        for request in service.requests()
        if request["path"] == "/v1/messages/batches" and request["body"]
    ]


def once(count):
    return {f"k{number}": 1 for number in range(count)}


def test_every_request_is_answered_and_paid_once_in_batches_of_the_size(
    anthropic_service, run, requests_of, journal
):
    service = anthropic_service(batch={"polls": 2, "order": "reversed"})

    asked = run(requests_of(25), per_batch=10)

    assert asked.counts == {"ok": 25}
    assert (asked.kept, asked.stopped) == (0, "")
    assert [len(keys) for keys in created(service)] == [10, 10, 5]
    assert service.paid() == once(25)
    assert journal.answer("k24").content["queries"][1] == "queries 2: passage number 24"
    assert asked.usage == journal.usage == journal.batch_usage


def test_a_row_of_a_batch_is_the_same_request_as_a_single_one(
    anthropic_service, run, requests_of, schema
):
    service = anthropic_service()
    run(requests_of(1))

    AnthropicModel("some-model").ask(requests_of(1)[0], schema)

    bodies = {request["path"]: request["body"] for request in service.requests()}
    row = next(
        request["body"]["requests"][0]
        for request in service.requests()
        if request["body"].get("requests")
    )
    assert row == {"custom_id": "k0", "params": bodies["/v1/messages"]}


def test_what_the_journal_has_settled_is_not_sent(anthropic_service, run, requests_of, journal):
    service = anthropic_service()
    journal.append(Answer("k1", "ok", {}))

    asked = run([*requests_of(3), *requests_of(3)])

    assert created(service) == [["k0", "k2"]]
    assert asked.kept == 1


@pytest.mark.parametrize(
    ("fate", "outcome", "sent"),
    [
        ({"type": "expired"}, "expired", 3),
        ({"type": "canceled"}, "expired", 3),
        ({"type": "errored", "error_type": "api_error"}, "failed", 3),
        ({"type": "errored", "error_type": "overloaded_error"}, "failed", 3),
        ({"type": "errored", "error_type": "billing_error"}, "failed", 3),
        ({"type": "errored", "error_type": "invalid_request_error"}, "rejected", 1),
    ],
)
def test_a_row_that_is_not_answered_is_sent_again_where_that_may_help(
    anthropic_service, run, requests_of, journal, fate, outcome, sent
):
    service = anthropic_service(batch={"rows": [{"match": "k1", **fate}]})

    asked = run(requests_of(3))

    assert asked.counts == {"ok": 2, outcome: 1}
    assert created(service) == [["k0", "k1", "k2"], *[["k1"]] * (sent - 1)]
    assert journal.answer("k1").outcome == outcome
    assert service.paid() == {"k0": 1, "k2": 1}


def test_a_row_that_expired_once_is_answered_in_a_later_batch(anthropic_service, run, requests_of):
    service = anthropic_service(batch={"rows": [{"match": "k1", "times": 2, "type": "expired"}]})

    asked = run(requests_of(3))

    assert asked.counts == {"ok": 3}
    assert service.paid() == once(3)


@pytest.mark.parametrize("clean", [True, False], ids=["short", "broken-off"])
def test_results_that_end_early_are_read_again_and_not_paid_again(
    anthropic_service, run, requests_of, clean
):
    """Rule: rows that are missing are in the batch; only the service may say that they are not."""
    cut = {"times": 2, "after": 7, "clean": clean}
    service = anthropic_service(batch={"cut_results": cut})

    asked = run(requests_of(20))

    assert asked.counts == {"ok": 20}
    assert service.paid() == once(20)
    assert len(created(service)) == 1


def test_results_that_stay_short_stop_the_run_and_are_read_by_the_next(
    anthropic_service, run, requests_of, journal
):
    service = anthropic_service(batch={"cut_results": {"times": 3, "after": 7, "clean": True}})

    with pytest.raises(LLMError, match="gave 7 of 20 results, read 3 times"):
        run(requests_of(20))
    asked = run(requests_of(20))

    assert asked.counts == {"ok": 13}
    assert len(journal) == 20
    assert service.paid() == once(20)
    assert len(created(service)) == 1


def test_ends_of_answers_have_the_same_names_as_single_ones(anthropic_service, run, requests_of):
    anthropic_service(
        rules=[
            {"match": "number 0", "stop_reason": "refusal"},
            {"match": "number 1", "stop_reason": "max_tokens"},
            {"match": "number 2", "text": "no"},
            {"match": "number 3", "thinking": True},
        ]
    )

    asked = run(requests_of(4))

    assert asked.counts == {"refused": 1, "truncated": 1, "malformed": 1, "ok": 1}


def test_a_limit_cuts_batches_and_is_not_exceeded(
    anthropic_service, run, requests_of, journal, schema
):
    """Rule: the worst case of what is sent is reserved, at the price of batches."""
    service = anthropic_service()
    price = Price(2.0, 10.0)
    one = price.cost(worst_case(requests_of(1)[0], schema), batch=True)

    limit = 3.5 * one

    asked = run(requests_of(60), Limits(cost=limit, price=price))

    # All the texts of k10 and later have a byte more.
    assert created(service)[0] == ["k0", "k1", "k2"]
    # A rest of less than a twentieth of what was sent is not worth another round.
    assert limit - 4 * one < price.cost(journal.usage, batch=True) <= limit
    assert "USD" in asked.stopped
    assert asked.counts["ok"] == len(service.paid()) < 60
    assert all(
        len(keys) >= sum(map(len, created(service)[:number])) / 20
        for number, keys in enumerate(created(service))
    )


def test_nothing_is_sent_where_the_limit_is_spent(anthropic_service, run, requests_of, journal):
    service = anthropic_service()
    journal.append(Answer("earlier", "ok", {}, Usage(1000, 0)))

    asked = run(requests_of(2), Limits(tokens=1500))

    assert created(service) == []
    assert asked.stopped


def test_batches_are_cut_at_the_size_that_the_service_takes(
    anthropic_service, run, requests_of, monkeypatch, schema
):
    service = anthropic_service()
    size = AnthropicModel("some-model").request_bytes(requests_of(1)[0], schema)
    monkeypatch.setattr(batching, "_MOST_BYTES", 2 * (size + 1))

    run(requests_of(5))

    assert created(service) == [["k0", "k1"], ["k2", "k3"], ["k4"]]


def test_no_more_batches_are_open_than_may_be(anthropic_service, run, requests_of, monkeypatch):
    monkeypatch.setattr(batching, "_MOST_OPEN", 2)
    service = anthropic_service()

    asked = run(requests_of(7), per_batch=1)

    paths = [request["path"] for request in service.requests()]
    kinds = ["send" if path.endswith("batches") else "other" for path in paths]
    assert kinds[:3] == ["send", "send", "other"]
    assert asked.counts == {"ok": 7}


def test_a_model_without_batches_is_a_usage_error(journal, folder, schema):
    model = OpenAIModel("m", "http://127.0.0.1:9/v1")

    with pytest.raises(UsageError, match="takes no batches"):
        ask_in_batches([], model, schema, journal, NO_LIMITS, folder=folder)


@pytest.mark.parametrize("size", [0, 100_001])
def test_a_batch_has_1_to_100_000_requests(run, size):
    with pytest.raises(UsageError, match="100,000"):
        run([], per_batch=size)


@pytest.mark.parametrize("fate", [{"drop": "after"}, {"status": 504, "made": True}])
def test_a_batch_whose_answer_was_lost_is_found_and_not_sent_again(
    anthropic_service, run, requests_of, monkeypatch, fate
):
    """Rule: the service had made the batch before the connection or a gateway gave up."""
    monkeypatch.setattr("benchharness.llm.batching.time.sleep", lambda _: None)
    service = anthropic_service(batch={"create": [{"times": 1, **fate}]})

    asked = run(requests_of(3))

    assert asked.counts == {"ok": 3}
    assert service.seen()["batches"] == 1
    assert service.paid() == once(3)


def test_a_batch_that_was_lost_on_its_way_is_sent_again(
    anthropic_service, run, requests_of, monkeypatch
):
    monkeypatch.setattr("benchharness.llm.batching.time.sleep", lambda _: None)
    service = anthropic_service(batch={"create": [{"times": 2, "drop": "before"}]})

    asked = run(requests_of(3))

    assert asked.counts == {"ok": 3}
    assert len(created(service)) == 3
    assert service.paid() == once(3)


@pytest.mark.parametrize("status", [429, 529, 500])
def test_a_service_without_room_is_asked_again_a_few_times(
    anthropic_service, run, requests_of, monkeypatch, status
):
    monkeypatch.setattr("benchharness.llm.batching.time.sleep", lambda _: None)
    service = anthropic_service(batch={"create": [{"status": status}]})

    with pytest.raises(LLMError, match="6 times in a row") as caught:
        run(requests_of(3))

    assert len(created(service)) == 6
    assert "not sent twice" in caught.value.remedy


def test_an_account_without_credit_stops_at_once_and_can_go_on_later(
    anthropic_service, run, requests_of
):
    service = anthropic_service(
        batch={"create": [{"times": 1, "status": 402, "error_type": "billing_error"}]}
    )

    with pytest.raises(LLMError, match="402"):
        run(requests_of(3))
    asked = run(requests_of(3))

    assert asked.counts == {"ok": 3}
    assert service.paid() == once(3)


def test_a_batch_that_the_service_has_deleted_is_told_with_a_remedy(
    anthropic_service, run, requests_of, folder
):
    anthropic_service()
    _log(folder, {"step": "sent", "number": 1, "batch_id": "msgbatch_gone"}, keys=["k0"])

    with pytest.raises(LLMError, match="no batch msgbatch_gone") as caught:
        run(requests_of(1))

    assert "batches.jsonl" in caught.value.remedy


def test_batches_of_others_are_not_taken_for_ones_own(
    anthropic_service, run, requests_of, folder, schema
):
    """Rule: an intent without an id is matched by the keys in the batch, not by its size alone."""
    service = anthropic_service()
    others = [Request(f"other{number}", "", "x", 10) for number in range(3)]
    AnthropicModel("some-model").submit(others, schema)
    _log(folder, keys=["k0", "k1", "k2"])

    asked = run(requests_of(3))

    assert asked.counts == {"ok": 3}
    assert service.paid() == {**once(3), "other0": 1, "other1": 1, "other2": 1}


def test_a_row_of_an_earlier_runs_batch_that_expired_is_sent_again(
    anthropic_service, run, requests_of, folder, schema
):
    service = anthropic_service(batch={"rows": [{"match": "k1", "times": 1, "type": "expired"}]})
    batch = AnthropicModel("some-model").submit(requests_of(3), schema)
    _log(folder, {"step": "sent", "number": 1, "batch_id": batch.batch_id}, keys=["k0", "k1", "k2"])

    asked = run(requests_of(4))

    assert asked.counts == {"ok": 4}
    assert service.paid() == once(4)


def test_an_earlier_runs_batch_is_kept_though_its_requests_are_not_asked_now(
    anthropic_service, run, requests_of, folder, schema, journal
):
    service = anthropic_service()
    batch = AnthropicModel("some-model").submit(requests_of(3), schema)
    _log(folder, {"step": "sent", "number": 1, "batch_id": batch.batch_id}, keys=["k0", "k1", "k2"])

    asked = run([])

    assert asked.counts == {"ok": 3}
    assert journal.settled("k2")
    assert service.paid() == once(3)


def test_what_is_in_flight_from_an_earlier_run_counts_against_the_limit(
    anthropic_service, run, requests_of, folder, schema
):
    service = anthropic_service(batch={"polls": 1})
    batch = AnthropicModel("some-model").submit(requests_of(1), schema)
    _log(folder, {"step": "sent", "number": 1, "batch_id": batch.batch_id}, keys=["k0"])
    worst = worst_case(requests_of(1)[0], schema).tokens

    run(requests_of(2), Limits(tokens=10_000 + worst - 1))

    paths = [(request["path"], bool(request["body"])) for request in service.requests()]
    asked_first = paths.index(("/v1/messages/batches/msgbatch_1/results", False))
    sent_second = [n for n, path in enumerate(paths) if path == ("/v1/messages/batches", True)][1]
    assert asked_first < sent_second


def _log(folder, *steps, keys):
    """What a killed run has left: an intent, and what came after it."""
    intent = {
        "step": "intent",
        "number": 1,
        "time": "2026-01-01T00:00:00+00:00",
        "worst": [5_000, 5_000],
        "keys": keys,
    }
    header = {"batches": 1, "identity": {"model": "anthropic:some-model"}}
    lines = [json.dumps(line) + "\n" for line in (header, intent, *steps)]
    (folder / "batches.jsonl").write_text("".join(lines))


@pytest.mark.parametrize(
    "script",
    [
        # Killed after the service made the batch, before its id was known.
        {"batch": {"create": [{"times": 1, "hold": True}]}},
        # Killed while the results were read, in mid-line.
        pytest.param(
            {"batch": {"order": "reversed", "cut_results": {"times": 1, "after": 4, "hold": True}}},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["before-the-id", "in-the-results"],
)
def test_a_killed_run_goes_on_and_pays_for_nothing_twice(
    anthropic_service, begin, folder, script, key
):
    """Rule: kill -9; what was sent is waited for and not sent again, and nothing is missing."""
    service = anthropic_service(**script)
    first = begin("batches", 10, 10)
    service.wait_for(held=1)
    rows = script["batch"].get("cut_results", {"after": 1})["after"]
    # The client reads a row ahead.
    _wait_for_lines(folder / "answers.jsonl", 1 + rows - 1)
    first.kill()
    first.communicate()
    service.script({})

    second = begin("batches", 10, 10)
    told, errors = second.communicate(timeout=60)

    assert (second.returncode, errors) == (0, "")
    assert service.seen()["batches"] == 1
    assert service.paid() == once(10)
    with Journal(folder / "answers.jsonl", {"model": "anthropic:some-model"}) as journal:
        assert journal.counts == {"ok": 10}
        assert journal.usage == journal.batch_usage
    lines = (folder / "answers.jsonl").read_text().splitlines()
    assert len(lines) == 11
    for file in folder.rglob("*"):
        assert key.encode() not in file.read_bytes()
    assert key not in told


@pytest.mark.slow
def test_a_run_killed_while_it_polls_takes_its_batches_up(anthropic_service, begin, folder):
    service = anthropic_service(batch={"polls": 1_000_000})
    first = begin("batches", 10, 4)
    service.wait_for(batches=3)
    first.kill()
    first.communicate()
    service.script({})

    second = begin("batches", 12, 4)
    told, _ = second.communicate(timeout=60)

    assert second.returncode == 0
    assert told == "{'ok': 12} 0\n"
    assert service.seen()["batches"] == 4
    assert service.paid() == once(12)


def _wait_for_lines(file, number):
    end = time.monotonic() + 30
    while file.read_text().count("\n") < number:
        assert time.monotonic() < end, file.read_text()
        time.sleep(0.02)


def test_what_was_lost_outside_of_batches_is_left_out_and_counts_against_the_limit(
    anthropic_service, run, requests_of, journal, schema
):
    """Rule: room for two at half the price is room for none where one may have been charged."""
    service = anthropic_service()
    requests = requests_of(3)
    worst = worst_case(requests[0], schema)
    with InFlight(journal) as flight:
        flight.note("k0", worst)
    steps = []

    stopped = run(requests, Limits(tokens=worst.tokens))
    asked = run(requests, listener=steps.append)
    again = run(requests, ask_again=True)

    assert "the limit of" in stopped.stopped
    assert (asked.counts, asked.left_out, asked.lost.count) == ({"ok": 2}, {"k0": worst}, 1)
    assert (steps[-1].done, steps[-1].total) == (3, 3)
    assert (again.counts, again.left_out) == ({"ok": 1}, {})
    assert created(service) == [["k1", "k2"], ["k0"]]
