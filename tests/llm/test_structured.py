"""From written text to content that fits a schema."""

from __future__ import annotations

from typing import Literal

import jsonschema
import pydantic
import pytest

from benchharness.llm.model import Usage
from benchharness.llm.structured import closed_schema, validated


class Item(pydantic.BaseModel):
    text: str
    kind: Literal["a", "b"] = "a"


class Items(pydantic.BaseModel):
    items: list[Item]
    default: str


PAID = Usage(3, 4)


def test_json_that_fits_is_the_content():
    text = '{"items": [{"text": "x", "kind": "b"}], "default": "d"}'

    answer = validated("k", text, Items, PAID)

    assert answer.outcome == "ok"
    assert answer.content == {"items": [{"text": "x", "kind": "b"}], "default": "d"}
    assert answer.usage == PAID


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"items": [{"text": "x", "kind": "c"}], "default": "d"}', "items.0.kind"),
        ('{"items": []}', "default"),
        ("[]", ""),
        ("", "Invalid JSON"),
        ('{"items": [', "Invalid JSON"),
    ],
)
def test_json_that_does_not_fit_is_malformed_and_says_where(text, place):
    answer = validated("k", text, Items, PAID)

    assert (answer.outcome, answer.content, answer.usage) == ("malformed", None, PAID)
    assert place in answer.detail


def test_a_closed_schema_wants_every_field_and_no_other():
    """Rule: checked with an independent validator."""
    schema = closed_schema(Items)
    whole = {"items": [{"text": "x", "kind": "b"}], "default": "d"}

    valid = jsonschema.Draft202012Validator(schema).is_valid

    assert valid(whole)
    assert not valid({**whole, "more": 1})
    assert not valid({"items": []})
    assert not valid({**whole, "items": [{"text": "x"}]})
    assert not valid({**whole, "items": [{"text": "x", "kind": "b", "more": 1}]})


def test_a_closed_schema_keeps_a_field_that_is_called_default():
    schema = closed_schema(Items)

    assert sorted(schema["properties"]) == ["default", "items"]
    assert "default" not in schema["$defs"]["Item"]["properties"]["kind"]
