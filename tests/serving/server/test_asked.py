"""What a request may ask for, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from benchharness.serving.server.asked import (
    dimensions_of,
    flag,
    json_object,
    prompt_name_of,
    texts_of,
)
from benchharness.serving.server.refusal import Refusal

SECRET = "the patient's name"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"[" * 5000],
    ids=["empty", "cut", "word", "nan", "not-utf8", "lone-surrogate", "deep"],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Rule: 400, and the parser's own words, which quote the body, are left out."""
    with pytest.raises(Refusal) as caught:
        json_object(body)

    assert caught.value.status == 400
    assert caught.value.message == "the body is not valid JSON in UTF-8"


@pytest.mark.parametrize(("body", "kind"), [(b"[1]", "a list"), (b'"a"', "a string")])
def test_a_body_is_an_object(body: bytes, kind: str) -> None:
    with pytest.raises(Refusal, match=f"the body is {kind}"):
        json_object(body)


def test_a_string_is_a_list_of_one() -> None:
    assert texts_of({"inputs": "a"}, "inputs", 4, wrong=422) == ["a"]
    assert texts_of({"inputs": ["a", " "]}, "inputs", 4, wrong=422) == ["a", " "]


@pytest.mark.parametrize(
    ("value", "status", "kind", "message"),
    [
        ([], 400, "Empty", "`inputs` cannot be empty"),
        (["a"] * 5, 413, "Validation", "batch size 5 > maximum allowed batch size 4"),
        (None, 422, "Validation", "`inputs` is null, not a string or a list"),
        ({"a": SECRET}, 422, "Validation", "`inputs` is an object"),
        (7, 422, "Validation", "`inputs` is a number"),
        ([SECRET, None], 422, "Validation", r"`inputs\[1\]` is null, not a string"),
        ([True], 422, "Validation", r"`inputs\[0\]` is a boolean, not a string"),
        ([1, 2], 422, "Validation", "token ids at position 0; this server reads strings only"),
        ([[1, 2]], 422, "Validation", "token ids at position 0"),
        ("", 422, "Validation", "an empty string at position 0"),
        ([SECRET, ""], 422, "Validation", "an empty string at position 1"),
    ],
)
def test_other_inputs_are_refused(value: Any, status: int, kind: str, message: str) -> None:
    """Rule: the position is named, the text never is."""
    with pytest.raises(Refusal, match=message) as caught:
        texts_of({"inputs": value}, "inputs", 4, wrong=422)

    assert (caught.value.status, caught.value.kind) == (status, kind)
    assert SECRET not in caught.value.message


def test_a_missing_field_is_named() -> None:
    with pytest.raises(Refusal, match="the field `input` is missing"):
        texts_of({"inputs": "a"}, "input", 4, wrong=400)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("query", "query"), ("document", "document"), ("passage", "document"), (None, None)],
)
def test_prompt_names_are_roles(value: str | None, expected: str | None) -> None:
    """Rule: none is none; no role is guessed."""
    assert prompt_name_of({"prompt_name": value}, wrong=422) == expected


@pytest.mark.parametrize("value", ["classification", "", 3])
def test_other_prompt_names_are_refused(value: object) -> None:
    with pytest.raises(Refusal, match="`prompt_name` is"):
        prompt_name_of({"prompt_name": value}, wrong=422)


@pytest.mark.parametrize("value", [0, -1, 65, 1.0, "8", True])
def test_dimensions_are_those_of_the_model(value: object) -> None:
    with pytest.raises(Refusal, match="`dimensions` is"):
        dimensions_of({"dimensions": value}, 64, wrong=422)


def test_dimensions_up_to_the_model_s_own_are_taken() -> None:
    assert [dimensions_of({"dimensions": one}, 64, wrong=422) for one in (1, 64, None)] == [
        1, 64, None,
    ]  # fmt: skip


def test_a_flag_is_true_or_false() -> None:
    """Rule: null is the default, a number is wrong."""
    assert flag({"truncate": False}, "truncate", True, wrong=422) is False  # noqa: FBT003
    assert flag({"truncate": None}, "truncate", True, wrong=422) is True  # noqa: FBT003
    with pytest.raises(Refusal, match="`truncate` is a number, not true or false"):
        flag({"truncate": 1}, "truncate", True, wrong=422)  # noqa: FBT003
