"""From what a model wrote to content that fits the schema, or the reason why it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchharness.errors import shortened
from benchharness.llm.model import Answer, Usage

if TYPE_CHECKING:
    from pydantic import BaseModel


def validated(key: str, text: str, schema: type[BaseModel], usage: Usage) -> Answer:
    """The answer "ok" with the content of this JSON, or "malformed" with what does not fit."""
    import pydantic

    try:
        content = schema.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        why = f"{place}: {first['msg']}" if place else first["msg"]
        return Answer(key, "malformed", usage=usage, detail=f"{why}, in {shortened(text)}")
    return Answer(key, "ok", content.model_dump(mode="json"), usage)


def closed_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema in which objects have all of their fields and no others, and no defaults."""
    closed: dict[str, Any] = _closed(schema.model_json_schema())
    return closed


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    # The names below "properties" and "$defs" are the user's: "default" may be a field.
    inner = {
        name: {field: _closed(value) for field, value in part.items()}
        if name in ("properties", "$defs")
        else _closed(part)
        for name, part in node.items()
        if name != "default"
    }
    if "properties" in inner:
        inner |= {"additionalProperties": False, "required": sorted(inner["properties"])}
    return inner
