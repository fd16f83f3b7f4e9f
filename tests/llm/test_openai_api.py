"""The OpenAI API and servers that speak like it: a real client, real sockets."""

from __future__ import annotations

import sys
import traceback

import pytest

from benchharness.errors import LLMError, MissingDependency
from benchharness.llm.batch import BatchModel
from benchharness.llm.model import Request, Usage
from benchharness.llm.openai_api import OpenAIModel

QUESTION = Request("k1", "the rules", "a passage about cats", max_tokens=100)
SOON = {"retry-after-ms": "1"}


@pytest.fixture
def served(start):
    """Starts a server and opens its model `m`."""

    def opened(max_retries=2, **script):
        service = start(**script)
        return service, OpenAIModel("m", f"{service.url}/v1", max_retries=max_retries)

    return opened


def test_an_answer_holds_the_json_and_what_it_cost(served, schema):
    _, model = served()

    answer = model.ask(QUESTION, schema)

    assert answer.outcome == "ok"
    assert answer.content == {
        "queries": ["queries 1: a passage about cats", "queries 2: a passage about cats"]
    }
    assert answer.usage == Usage(17, 21)


def test_the_request_has_a_strict_schema_and_a_limit(served, schema):
    service, model = served()

    model.ask(QUESTION, schema)

    body = service.requests()[0]["body"]
    assert body["messages"] == [
        {"role": "system", "content": "the rules"},
        {"role": "user", "content": "a passage about cats"},
    ]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["max_tokens"] == 100
    assert "temperature" not in body


def test_the_official_service_gets_the_newer_name_of_the_limit(start, schema, monkeypatch, key):
    service = start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"{service.url}/v1")

    OpenAIModel("m").ask(QUESTION, schema)

    body = service.requests()[0]["body"]
    assert body["max_completion_tokens"] == 100
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ({"stop_reason": "refusal"}, "refused"),
        ({"stop_reason": "content_filter"}, "refused"),
        ({"stop_reason": "max_tokens"}, "truncated"),
        ({"text": '{"queries": ["a'}, "malformed"),
        ({"content": {"queries": "a"}}, "malformed"),
    ],
)
def test_every_end_of_an_answer_has_its_name_and_is_paid(served, schema, rule, outcome):
    _, model = served(rules=[rule])

    answer = model.ask(QUESTION, schema)

    assert (answer.outcome, answer.content) == (outcome, None)
    assert answer.usage.input_tokens == 17


@pytest.mark.parametrize(
    ("rule", "outcome", "asked"),
    [
        ({"status": 429, "times": 2, "headers": SOON}, "ok", 3),
        ({"status": 503, "headers": SOON}, "failed", 3),
        ({"status": 400, "message": "too long"}, "rejected", 1),
        ({"status": 413, "message": "too long"}, "rejected", 1),
    ],
)
def test_errors_of_one_request_have_the_same_outcomes(served, schema, rule, outcome, asked):
    service, model = served(rules=[rule])

    answer = model.ask(QUESTION, schema)

    assert answer.outcome == outcome
    assert service.seen()["requests"] == asked


def test_a_lost_connection_makes_the_request_fail(served, schema):
    _, model = served(max_retries=0, rules=[{"drop": True}])

    answer = model.ask(QUESTION, schema)

    assert answer.outcome == "failed"


@pytest.mark.parametrize(
    "rule",
    [
        {"status": 401},
        {"status": 403},
        {"status": 404},
        {"status": 429, "error_code": "insufficient_quota", "headers": SOON},
    ],
)
def test_an_error_of_the_account_or_model_concerns_every_request(served, schema, rule):
    service, model = served(rules=[rule])

    with pytest.raises(LLMError) as caught:
        model.ask(QUESTION, schema)

    assert service.url in caught.value.where
    assert caught.value.remedy


def test_a_server_of_ones_own_needs_no_key(served, schema):
    service, model = served()

    answer = model.ask(QUESTION, schema)

    assert answer.outcome == "ok"
    assert service.requests()[0]["headers"]["authorization"] == "Bearer no-key"


def test_the_official_service_needs_a_key():
    with pytest.raises(LLMError, match="OPENAI_API_KEY is not set"):
        OpenAIModel("m").check()


def test_a_check_passes_where_the_service_lists_the_model_or_has_no_list(served):
    for script in ({"models": ["m", "n"]}, {"no_model_list": True}):
        service, model = served(**script)

        model.check()

        assert service.seen()["requests"] == 0


def test_a_check_of_a_model_that_is_not_listed_names_those_that_are(served):
    _, model = served(models=["n", "o"])

    with pytest.raises(LLMError, match="no model 'm'") as caught:
        model.check()

    assert caught.value.remedy == "it has n, o"


def test_a_check_of_a_service_that_does_not_run_names_the_url():
    with pytest.raises(LLMError, match="cannot be reached") as caught:
        OpenAIModel("m", "http://127.0.0.1:9/v1", max_retries=0).check()

    assert caught.value.where.startswith("http://127.0.0.1:9/v1")


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_key_that_the_service_echoes_is_seen_nowhere(served, schema, status, key, caplog):
    _, model = served(max_retries=0, rules=[{"status": status, "echo": True}])
    caplog.set_level("DEBUG")

    try:
        shown = repr(model.ask(QUESTION, schema))
    except LLMError as error:
        shown = repr(error) + "".join(traceback.format_exception(error))

    assert "authorization was" in shown
    assert key not in shown + repr(model) + model.spec + caplog.text


def test_without_the_package_the_remedy_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)

    with pytest.raises(MissingDependency, match="openai") as caught:
        OpenAIModel("m", "http://127.0.0.1:9/v1").check()

    assert caught.value.remedy == "pip install 'benchharness[openai]'"


def test_the_service_cannot_count_tokens_and_takes_no_batches(schema):
    model = OpenAIModel("m", "http://127.0.0.1:9/v1")

    assert model.count_tokens(QUESTION, schema) is None
    assert model.notices == ()
    assert not isinstance(model, BatchModel)
