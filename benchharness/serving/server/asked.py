"""What a request asks for, whatever protocol it speaks, and the checks of single fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchharness.serving.server.refusal import Refusal


@dataclass(frozen=True)
class Asked:
    """Texts to encode.

    prompt_name: "query" or "document"; None for a text that is encoded as it stands.
    truncate:    whether a text that is too long is cut off, or else refused.
    normalize:   whether vectors are brought to length 1; False leaves them as the model gives them.
    dimensions:  first components that are kept; None for all.
    is_base64:   whether vectors are written as base64 of little-endian float32.
    """

    texts: list[str]
    prompt_name: str | None = None
    truncate: bool = True
    normalize: bool = False
    dimensions: int | None = None
    is_base64: bool = False


def json_object(body: bytes) -> Mapping[str, Any]:
    """The body's JSON object. Raises Refusal (400)."""
    import orjson

    try:
        found = orjson.loads(body)
    except ValueError:
        # The parser's message may quote the body.
        raise Refusal(400, "Validation", "the body is not valid JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise Refusal(400, "Validation", f"the body is {_kind(found)}, not a JSON object")
    return found


def texts_of(given: Mapping[str, Any], name: str, most: int, *, wrong: int) -> list[str]:
    """The strings of the field `name`, one or a list.

    most: strings that it may hold. wrong: the status of what is no string.
    Raises Refusal.
    """
    if name not in given:
        raise Refusal(wrong, "Validation", f"the field `{name}` is missing")
    value = given[name]
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list):
        raise Refusal(wrong, "Validation", _wanted(name, "a string or a list of strings", value))
    if not found:
        raise Refusal(400, "Empty", f"`{name}` cannot be empty")
    if len(found) > most:
        raise Refusal(
            413, "Validation", f"batch size {len(found)} > maximum allowed batch size {most}"
        )
    for position, text in enumerate(found):
        if isinstance(text, int | list) and not isinstance(text, bool):
            raise Refusal(
                wrong, "Validation",
                f"`{name}` holds token ids at position {position}; this server reads strings only",
            )  # fmt: skip
        if not isinstance(text, str):
            raise Refusal(
                wrong, "Validation", _wanted(f"{name}[{position}]", "a string", text)
            )  # fmt: skip
        if not text:
            raise Refusal(
                wrong, "Validation", f"`{name}` holds an empty string at position {position}"
            )
    return found


def flag(given: Mapping[str, Any], name: str, default: bool, *, wrong: int) -> bool:
    """A field that is true or false; null is its default. Raises Refusal."""
    value = given.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Refusal(wrong, "Validation", _wanted(name, "true or false", value))
    return value


def dimensions_of(given: Mapping[str, Any], most: int, *, wrong: int) -> int | None:
    """The field `dimensions`, from 1 to the model's own. Raises Refusal."""
    value = given.get("dimensions")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal(wrong, "Validation", _wanted("dimensions", "a whole number", value))
    if not 1 <= value <= most:
        raise Refusal(
            wrong, "Validation", f"`dimensions` is {value}; the model has 1 to {most} of them"
        )
    return value


def prompt_name_of(given: Mapping[str, Any], *, wrong: int) -> str | None:
    """The field `prompt_name`: "query", "document" or None. Raises Refusal.

    `passage` and `corpus` are other models' names for "document".
    """
    value = given.get("prompt_name")
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refusal(wrong, "Validation", _wanted("prompt_name", "a string", value))
    if value == "query":
        return "query"
    if value in ("document", "passage", "corpus"):
        return "document"
    raise Refusal(
        wrong, "Validation", '`prompt_name` is neither "query" nor "document"; without one a text '
        "is encoded as it stands",
    )  # fmt: skip


def _wanted(name: str, expected: str, value: object) -> str:
    return f"`{name}` is {_kind(value)}, not {expected}"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string",
             list: "a list", dict: "an object"}  # fmt: skip
    return names.get(type(value), "something else")
