"""The Anthropic API as a user meets it: a real client, real sockets, a service that misbehaves."""

from __future__ import annotations

import traceback

import pytest

from benchharness.errors import LLMError
from benchharness.llm.anthropic_api import AnthropicModel
from benchharness.llm.model import Request, Usage
from benchharness.llm.spending import estimate

QUESTION = Request("k1", "the rules", "a passage about cats", max_tokens=100)
SOON = {"retry-after-ms": "1"}


@pytest.fixture
def model():
    return AnthropicModel("some-model", max_retries=2, timeout_seconds=20)


def test_an_answer_holds_the_json_and_what_it_cost(anthropic_service, model, schema):
    anthropic_service()

    answer = model.ask(QUESTION, schema)

    assert answer.outcome == "ok"
    assert answer.content == {
        "queries": ["queries 1: a passage about cats", "queries 2: a passage about cats"]
    }
    # By the server's rule: 10 and a quarter of the 29 characters; the JSON has 81 characters.
    assert answer.usage == Usage(17, 21)


def test_the_request_has_a_schema_cached_rules_and_no_temperature(anthropic_service, model, schema):
    service = anthropic_service()

    model.ask(QUESTION, schema)

    body = service.requests()[0]["body"]
    assert body["system"] == [
        {"type": "text", "text": "the rules", "cache_control": {"type": "ephemeral"}}
    ]
    assert body["messages"] == [{"role": "user", "content": "a passage about cats"}]
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert body["max_tokens"] == 100
    assert "temperature" not in body


def test_tokens_of_the_cache_count_as_read(anthropic_service, model, schema):
    anthropic_service(rules=[{"cache_write": 30, "cache_read": 4}])

    answer = model.ask(QUESTION, schema)

    assert answer.usage == Usage(17 + 30 + 4, 21, 30, 4)


def test_a_block_of_thinking_before_the_answer_is_passed_over(anthropic_service, model, schema):
    anthropic_service(rules=[{"thinking": True}])

    answer = model.ask(QUESTION, schema)

    assert answer.outcome == "ok"


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ({"stop_reason": "refusal"}, "refused"),
        ({"stop_reason": "max_tokens"}, "truncated"),
        ({"stop_reason": "model_context_window_exceeded"}, "truncated"),
        ({"stop_reason": "pause_turn"}, "malformed"),
        ({"text": '{"queries": ["a'}, "malformed"),
        ({"text": "Sure! Here are some queries."}, "malformed"),
        ({"text": ""}, "malformed"),
        ({"content": {"questions": ["a"]}}, "malformed"),
        ({"content": {"queries": "a"}}, "malformed"),
    ],
)
def test_every_end_of_an_answer_has_its_name_and_is_paid(
    anthropic_service, model, schema, rule, outcome
):
    anthropic_service(rules=[rule])

    answer = model.ask(QUESTION, schema)

    assert (answer.outcome, answer.content) == (outcome, None)
    assert answer.usage.input_tokens == 17


def test_a_malformed_answer_says_what_does_not_fit(anthropic_service, model, schema):
    anthropic_service(rules=[{"content": {"queries": ["a", 3]}}])

    answer = model.ask(QUESTION, schema)

    assert "queries.1: Input should be a valid string" in answer.detail


@pytest.mark.parametrize("status", [429, 500, 529])
def test_a_passing_error_is_retried_and_paid_once(anthropic_service, model, schema, status):
    service = anthropic_service(rules=[{"status": status, "times": 2, "headers": SOON}])

    answer = model.ask(QUESTION, schema)

    assert answer.outcome == "ok"
    assert service.paid() == {"a passage about cats": 1}
    assert service.seen()["requests"] == 3


@pytest.mark.parametrize("status", [429, 500, 529])
def test_an_error_that_does_not_pass_makes_the_request_fail(
    anthropic_service, model, schema, status
):
    service = anthropic_service(rules=[{"status": status, "headers": SOON}])

    answer = model.ask(QUESTION, schema)

    assert (answer.outcome, answer.usage) == ("failed", Usage())
    assert answer.detail.startswith(f"{status}: ")
    assert service.seen()["requests"] == 3


def test_a_connection_lost_in_mid_answer_is_asked_again(anthropic_service, schema):
    service = anthropic_service(rules=[{"drop": True, "times": 1}])

    answer = AnthropicModel("some-model", max_retries=1).ask(QUESTION, schema)

    assert answer.outcome == "ok"
    assert service.seen()["requests"] == 2


def test_a_connection_that_is_always_lost_makes_the_request_fail(anthropic_service, schema):
    anthropic_service(rules=[{"drop": True}])

    answer = AnthropicModel("some-model", max_retries=0).ask(QUESTION, schema)

    assert answer.outcome == "failed"
    assert answer.detail


def test_a_slow_answer_makes_the_request_fail(anthropic_service, schema):
    anthropic_service(rules=[{"delay_seconds": 5}])

    answer = AnthropicModel("some-model", max_retries=0, timeout_seconds=0.2).ask(QUESTION, schema)

    assert answer.outcome == "failed"
    assert "timed out" in answer.detail


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_error_of_one_request_rejects_it_without_a_retry(
    anthropic_service, model, schema, status
):
    service = anthropic_service(
        rules=[{"status": status, "error_type": "invalid_request_error", "message": "too long"}]
    )

    answer = model.ask(QUESTION, schema)

    assert (answer.outcome, answer.detail) == ("rejected", f"{status}: too long")
    assert service.seen()["requests"] == 1


@pytest.mark.parametrize(
    ("rule", "remedy"),
    [
        ({"status": 401, "error_type": "authentication_error"}, "set ANTHROPIC_API_KEY"),
        ({"status": 402, "error_type": "billing_error"}, "add credit"),
        ({"status": 403, "error_type": "permission_error"}, "access"),
        ({"status": 404, "error_type": "not_found_error"}, "name of the model"),
        (
            {"status": 400, "error_type": "invalid_request_error", "message": "credit balance low"},
            "add credit",
        ),
        (
            {"status": 400, "error_code": "organization_on_hold"},
            "add credit",
        ),
        (
            {"status": 429, "error_code": "enforced_spend_limit_reached", "headers": SOON},
            "raise the limit",
        ),
    ],
)
def test_an_error_of_the_account_or_model_concerns_every_request(
    anthropic_service, model, schema, rule, remedy
):
    service = anthropic_service(rules=[rule])

    with pytest.raises(LLMError) as caught:
        model.ask(QUESTION, schema)

    assert remedy in caught.value.remedy
    assert service.url in caught.value.where
    assert service.paid() == {}


def test_a_check_costs_nothing_and_proves_key_and_model(anthropic_service, model):
    service = anthropic_service()

    model.check()

    assert [request["path"] for request in service.requests()] == ["/v1/models/some-model"]
    assert service.paid() == {}


def test_a_check_without_a_key_names_the_variable_before_any_network(
    anthropic_service, model, monkeypatch
):
    service = anthropic_service()
    monkeypatch.delenv("ANTHROPIC_API_KEY")

    with pytest.raises(LLMError, match="ANTHROPIC_API_KEY is not set"):
        model.check()

    assert service.requests() == []


def test_the_other_variable_is_a_key_too(anthropic_service, model, monkeypatch, key):
    anthropic_service(key=key)
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", key)

    model.check()


def test_a_check_with_a_wrong_key_says_so(anthropic_service, model):
    anthropic_service(key="another")

    with pytest.raises(LLMError, match="401") as caught:
        model.check()

    assert "valid key" in caught.value.remedy


def test_a_check_of_an_unknown_model_says_so(anthropic_service, model):
    anthropic_service(unknown_models=["some-model"])

    with pytest.raises(LLMError, match="some-model cannot be asked: 404") as caught:
        model.check()

    assert "name of the model" in caught.value.remedy


def test_a_check_without_a_network_names_the_url(key, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://user:secret@127.0.0.1:9/path")

    with pytest.raises(LLMError, match="cannot be reached") as caught:
        AnthropicModel("some-model", max_retries=0).check()

    assert caught.value.where.startswith("http://127.0.0.1:9/path")
    assert "secret" not in str(caught.value)


def test_an_ageing_model_is_a_notice_and_no_exception(anthropic_service, schema):
    """Rule: the warning of the SDK would be an error here, as warnings are in these tests."""
    from anthropic.resources.messages import DEPRECATED_MODELS

    anthropic_service()
    name = sorted(DEPRECATED_MODELS)[0]
    model = AnthropicModel(name)

    answer = model.ask(QUESTION, schema)

    assert answer.outcome == "ok"
    assert len(model.notices) == 1
    assert name in model.notices[0]
    assert str(DEPRECATED_MODELS[name]) in model.notices[0]


def test_a_model_that_the_service_calls_deprecated_is_a_notice(anthropic_service, model):
    anthropic_service(lifecycle={"some-model": "deprecated"})
    before = model.notices

    model.check()

    assert before == ()
    assert model.notices == ("the model some-model is deprecated; its end is on 2027-01-31",)


def test_tokens_are_counted_by_the_service_with_rules_and_schema(anthropic_service, model, schema):
    service = anthropic_service()

    tokens = model.count_tokens(QUESTION, schema)

    body = service.requests()[0]["body"]
    assert tokens == 17
    assert body["system"][0]["text"] == "the rules"
    assert "output_config" in body
    assert service.paid() == {}


def test_half_a_surrogate_pair_is_asked_as_a_question_mark(anthropic_service, model, schema):
    service = anthropic_service()

    answer = model.ask(Request("k1", "", "a broken \ud83d text", 100), schema)

    assert answer.outcome == "ok"
    assert service.paid() == {"a broken ? text": 1}


def test_a_request_without_rules_has_no_empty_block_of_them(anthropic_service, model, schema):
    """Rule: the API refuses an empty text, and more so one that is to be cached."""
    service = anthropic_service()

    model.ask(Request("k1", "", "a text", 100), schema)

    assert "system" not in service.requests()[0]["body"]


def test_an_estimate_through_the_service_pays_nothing(anthropic_service, model, schema):
    service = anthropic_service()
    requests = [Request(f"k{n}", "the rules", "x" * (40 + 4 * n), 100) for n in range(8)]

    told = estimate(requests, model, schema, None, sample=3)

    paths = [request["path"] for request in service.requests()]
    assert paths == ["/v1/messages/count_tokens"] * 3
    assert (told.requests, told.sampled, told.is_rough) == (8, 3, False)
    assert service.paid() == {}


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_key_that_the_service_echoes_is_seen_nowhere(
    anthropic_service, schema, status, key, caplog
):
    """Rule: no key in any message, detail, repr or log, whatever the service answers."""
    anthropic_service(rules=[{"status": status, "echo": True, "headers": SOON}])
    model = AnthropicModel("some-model", max_retries=0)
    caplog.set_level("DEBUG")

    try:
        shown = repr(model.ask(QUESTION, schema))
    except LLMError as error:
        shown = repr(error) + "".join(traceback.format_exception(error))

    assert "authorization was" in shown
    assert key not in shown + repr(model) + model.spec + caplog.text


def test_a_check_keeps_an_echoed_key_to_itself(anthropic_service, model, key):
    anthropic_service(key="another")

    with pytest.raises(LLMError) as caught:
        model.check()

    assert "authorization was Bearer [key]" in str(caught.value)
    assert key not in repr(caught.value)


def test_opening_and_naming_a_model_needs_no_key():
    assert repr(AnthropicModel("some-model")) == "AnthropicModel('some-model')"
    assert AnthropicModel("some-model").spec == "anthropic:some-model"
