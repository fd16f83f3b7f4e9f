"""Requests that fail: which are tried again, which are refused, and in what words."""

from __future__ import annotations

import socket
import threading
import time
from email.utils import formatdate

import pytest

from benchharness.errors import ModelError
from benchharness.models.endpoint.patience import Patience

TEXTS = ["red apple", "green pear", "blue car"]


@pytest.fixture
def ready(server, opened):
    """An encoder that knows its service; what is sent from now on is counted."""
    encoder = opened(server.openai)
    _ = encoder.fingerprint
    server.seen.clear()
    return encoder


def encoded(encoder) -> int:
    return sum(len(rows) for rows, _ in encoder.encode(TEXTS, "document"))


@pytest.mark.parametrize("status", [408, 409, 424, 425, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(server, ready, fault, status):
    """Rule: too many requests, and errors of the server."""
    server.faults = [fault(status=status, times=2)]

    assert encoded(ready) == 3
    assert len(server.asked()) == 3


@pytest.mark.parametrize(
    "broken",
    [
        {"drop": True},
        {"cut": 0.5},
        {"body": '{"data": [{"index": 0, "embed'},
        {"body": ""},
        {"hold_s": 0.4},
    ],
    ids=["dropped", "truncated-body", "half-json", "empty", "too-late"],
)
def test_an_answer_that_is_not_whole_is_asked_for_again(server, opened, fault, broken):
    """Rule: a lost connection, half an answer and none in time may be chance."""
    encoder = opened(f"{server.openai}@timeout=0.2")
    _ = encoder.fingerprint
    server.seen.clear()
    server.faults = [fault(times=1, **broken)]

    assert encoded(encoder) == 3
    assert len(server.asked()) == 2


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"status": 503}, "no answer in 3 tries: 503 fault 503"),
        ({"drop": True}, "no answer in 3 tries: the connection failed"),
        ({"cut": 0.5}, "no answer in 3 tries: the connection failed"),
        ({"body": "[1, 2"}, "no answer in 3 tries: the answer of 5 bytes is no whole JSON"),
        ({"hold_s": 0.4}, "no answer in 3 tries: nothing for 0.2 seconds"),
    ],
)
def test_tries_come_to_an_end(server, opened, fault, broken, said):
    """Rule: the last failure is told, with what to do."""
    encoder = opened(f"{server.openai}@timeout=0.2")
    _ = encoder.fingerprint
    server.faults = [fault(**broken)]

    with pytest.raises(ModelError) as caught:
        encoded(encoder)

    assert said in caught.value.message
    assert caught.value.where == server.openai
    assert "type the same command again" in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "set OPENAI_API_KEY to a valid key"),
        (402, "add credit"),
        (403, "ask the service for access"),
        (404, "check the name of the model"),
        (405, "check the name of the model, and the URL"),
    ],
)
def test_what_every_request_would_meet_is_not_tried_again(server, ready, fault, status, remedy):
    """Rule: one request, one message, the remedy."""
    server.faults = [fault(status=status)]

    with pytest.raises(ModelError) as caught:
        encoded(ready)

    assert f"{status} fault {status}" in caught.value.message
    assert remedy in caught.value.remedy
    assert len(server.asked()) == 1


def test_an_empty_account_is_no_moment(server, ready, fault):
    """Rule: OpenAI says 429 for no credit left as well; waiting would not help."""
    body = '{"error": {"message": "You exceeded your quota", "type": "insufficient_quota"}}'
    server.faults = [fault(status=429, body=body)]

    with pytest.raises(ModelError, match="You exceeded your quota"):
        encoded(ready)

    assert len(server.asked()) == 1


def test_a_key_is_named_where_tei_wants_one(server, opened):
    """Rule: a TEI server has no variable of its own; the option is shown."""
    server.key = "wanted"

    with pytest.raises(ModelError) as caught:
        _ = opened(server.tei).fingerprint

    assert "@key_env=NAME_OF_THE_VARIABLE" in caught.value.remedy


def test_a_key_of_another_variable_is_sent(server, opened, monkeypatch):
    """Rule: key_env names the variable; an empty one sends no key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("MY_KEY", "wanted")
    server.key = "wanted"

    assert encoded(opened(f"{server.openai}@key_env=MY_KEY")) == 3
    assert encoded(opened(f"{server.tei}@key_env=MY_KEY")) == 3
    server.key = ""
    server.seen.clear()
    assert encoded(opened(f"{server.openai}@key_env=")) == 3
    assert all("authorization" not in one["headers"] for one in server.seen)


@pytest.mark.parametrize("asked", ["0.3", "date"])
def test_retry_after_is_obeyed(server, ready, fault, asked):
    """Rule: seconds or a date; no thread begins a request before."""
    value = asked if asked != "date" else formatdate(time.time() + 2, usegmt=True)
    server.faults = [fault(status=429, headers={"Retry-After": value}, times=1)]
    ready.line.patience = Patience(tries=3, first_s=0.01, longest_s=0.01)
    begun = time.monotonic()

    encoded(ready)

    assert time.monotonic() - begun >= (0.3 if asked != "date" else 0.9)
    assert len(server.asked()) == 2


def test_a_pause_that_is_too_long_is_told_and_not_waited(server, ready, fault):
    """Rule: an hour is for the user to decide on."""
    server.faults = [fault(status=429, headers={"Retry-After": "3600"})]

    with pytest.raises(ModelError, match="asks to wait 3600 seconds"):
        encoded(ready)

    assert len(server.asked()) == 1


def test_a_rate_spaces_requests(server, opened):
    """Rule: at equal distances, over all threads; 600 a minute are 0.1 seconds apart."""
    encoder = opened(f"{server.openai}@rate=600,batch_size=1,concurrency=4")
    begun = time.monotonic()

    encoded(encoder)

    # The probe's eight requests of two texts and three more: ten distances.
    assert len(server.asked()) == 11
    assert time.monotonic() - begun >= 10 * 0.1 - 0.01


def test_a_web_page_is_no_answer(server, opened, fault):
    """Rule: a wrong URL is told at once; a page with an error's status is that error."""
    page = "<!DOCTYPE html><html><body>Welcome</body></html>"
    server.faults = [fault(body=page)]

    with pytest.raises(ModelError, match="a web page came in place of JSON") as caught:
        _ = opened(server.openai).fingerprint

    assert "check the URL" in caught.value.remedy
    assert len(server.asked()) == 1
    server.faults = [fault(status=502, body=page)]
    with pytest.raises(ModelError, match=r"no answer in 3 tries: 502 \(a web page\)"):
        _ = opened(server.openai).fingerprint


def test_a_redirect_is_told_and_not_followed(server, opened, fault, key):
    """Rule: a key goes to the URL that was named, and nowhere else."""
    place = f"{server.root}/elsewhere?token=abc"
    server.faults = [fault(status=307, headers={"Location": place})]

    with pytest.raises(ModelError, match="sends elsewhere: http://127") as caught:
        _ = opened(server.openai).fingerprint

    assert "token" not in caught.value.message
    assert {one["path"] for one in server.seen} == {"/v1/embeddings"}


def test_a_service_that_does_not_run_is_told_soon(opened):
    """Rule: the first request is tried three times at most; somebody waits for the message."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(ModelError, match="no answer in 3 tries: the connection failed") as caught:
        _ = opened(f"openai:small@http://127.0.0.1:{port}/v1", Patience(9, 0.01, 0.01)).fingerprint

    assert "check that the service runs" in caught.value.remedy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: {**p, "data": p["data"][:-1]}, "3 vectors came for 4 texts"),
        (lambda p: {**p, "data": [*p["data"], p["data"][0]]}, "two vectors have the index 0"),
        (lambda p: {**p, "data": [{**one, "index": 0} for one in p["data"]]}, "have the index 0"),
        (lambda p: {**p, "data": [{**one, "index": 9} for one in p["data"]]}, "the index 9, for 4"),
        (
            lambda p: {**p, "data": [{"embedding": one["embedding"]} for one in p["data"]]},
            "the index None",
        ),
        (lambda p: _with(p, [float("nan")] * 32), "1 of 4 vectors hold NaN"),
        (lambda p: _with(p, [None] * 32), "1 of 4 vectors hold NaN"),
        (lambda p: _with(p, [1e300] * 32), "1 of 4 vectors hold NaN, infinity"),
        (lambda p: _with(p, [0.1] * 31), "have 31 and 32 components"),
        (lambda p: _with(p, []), "have 0 and 32 components"),
        (lambda p: _with(p, ["0.1"] * 32), "neither a list of numbers nor base64"),
        (lambda p: _with(p, [[0.1]] * 32), "neither a list of numbers nor base64"),
        (lambda p: _with(p, "not base64!"), "neither a list of numbers nor base64"),
        (lambda p: _with(p, "AAA="), "neither a list of numbers nor base64"),
        (lambda p: _with(p, None), "neither a list of numbers nor base64"),
        (lambda _: {"vectors": 3}, 'no list "data"'),
        (lambda _: [1, 2], 'no list "data"'),
        (lambda p: {**p, "data": [3, 4, 5, 6]}, "the index None"),
    ],
)
def test_an_answer_that_cannot_be_true_is_refused_by_name(server, ready, fault, change, said):
    """Rule: nothing of it is kept; it is not asked for again, since it would be paid again."""
    server.faults = [fault(change=change)]

    with pytest.raises(ModelError, match=said):
        encoded(ready)

    assert len(server.asked()) == 1


def _with(payload, embedding):
    data = [*payload["data"][:-1], {**payload["data"][-1], "embedding": embedding}]
    return {**payload, "data": data}


def test_vectors_in_another_order_are_put_right(server, ready, fault):
    """Rule: `index` says whose vector it is."""
    ((positions, straight),) = ready.encode(TEXTS, "document")
    server.faults = [fault(change=lambda p: {**p, "data": p["data"][::-1]})]

    ((again, found),) = ready.encode(TEXTS, "document")

    assert positions.tolist() == again.tolist()
    assert (found == straight).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[:-1], "3 vectors came for 4 texts"),
        (lambda _: {"error": "x"}, "no list of vectors"),
        (lambda rows: [[*rows[0][:-1], float("nan")], *rows[1:]], "hold NaN"),
    ],
)
def test_answers_of_tei_are_checked_alike(server, opened, fault, change, said):
    """Rule: the same checks for both services."""
    encoder = opened(server.tei)
    _ = encoder.fingerprint
    server.faults = [fault(match="apple", change=change)]

    with pytest.raises(ModelError, match=said):
        encoded(encoder)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"model_type": {"reranker": {}}, "model_id": "m"}, "serves a reranker"),
        ({"version": "1"}, "names no model"),
        ([], "names no model"),
    ],
)
def test_a_server_without_an_embedding_model_is_named(server, opened, info, said):
    """Rule: by what /info says, before a text is sent."""
    server.info = info

    with pytest.raises(ModelError, match=said):
        _ = opened(server.tei).fingerprint

    assert server.asked() == []


def test_ctrl_c_does_not_wait_for_pauses(server, ready, fault):
    """Rule: who leaves ends what waits for its turn."""
    server.faults = [fault(status=503, match="blue")]
    ready.line.patience = Patience(tries=9, first_s=30, longest_s=30)
    begun = time.monotonic()
    work = ready.encode([*TEXTS, "red one", "red two"], "document")
    thread = threading.Timer(0.2, lambda: None)
    thread.start()
    thread.join()

    work.close()

    assert time.monotonic() - begun < 5
