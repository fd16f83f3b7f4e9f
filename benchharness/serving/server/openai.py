"""The protocol of OpenAI: `POST /v1/embeddings`, `GET /v1/models` and its errors.

Source: https://platform.openai.com/docs/api-reference/embeddings. Beyond it a request may name a
`prompt_name`, as TEI's does; without one a text is encoded as it stands.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchharness.errors import shortened
from benchharness.serving.server.asked import (
    Asked,
    dimensions_of,
    json_object,
    prompt_name_of,
    texts_of,
)
from benchharness.serving.server.limits import Limits
from benchharness.serving.server.refusal import Refusal
from benchharness.serving.server.served import Served

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WRONG = 400
# Refusal's kind -> `type` and `code` of an OpenAI error.
_TYPES = {
    "Empty": ("invalid_request_error", None),
    "Validation": ("invalid_request_error", None),
    "Tokenizer": ("invalid_request_error", None),
    "NotFound": ("invalid_request_error", "model_not_found"),
    "Unauthorized": ("invalid_request_error", "invalid_api_key"),
    "Overloaded": ("requests", "rate_limit_exceeded"),
    "Backend": ("server_error", None),
    "Unhealthy": ("server_error", None),
}


def read(body: bytes, model: Served, limits: Limits) -> Asked:
    """What a body of `/v1/embeddings` asks for. Raises Refusal.

    `model` may be left out; another model than the served one is refused, so that no client gets
    vectors of a model that it did not name.
    """
    given = json_object(body)
    named = given.get("model")
    if named is not None and named not in model.names:
        shown = shortened(named) if isinstance(named, str) else "that"
        raise Refusal(
            404, "NotFound", f"the model {shown} is not served here; {model.spec!r} is"
        )  # fmt: skip
    encoding = given.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise Refusal(_WRONG, "Validation", '`encoding_format` is neither "float" nor "base64"')
    return Asked(
        texts=texts_of(given, "input", limits.texts, wrong=_WRONG),
        prompt_name=prompt_name_of(given, wrong=_WRONG),
        dimensions=dimensions_of(given, model.dim, wrong=_WRONG),
        is_base64=encoding == "base64",
    )


def answer(vectors: NDArray[np.float32], tokens: int, asked: Asked, model: Served) -> bytes:
    """OpenAI's list of embeddings, in the order of the texts, and the tokens that were read."""
    import orjson

    rows: list[Any] = list(vectors)
    if asked.is_base64:
        rows = [base64.b64encode(row.astype("<f4").tobytes()).decode("ascii") for row in rows]
    content = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": row}
            for index, row in enumerate(rows)
        ],
        "model": model.spec,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def error(refusal: Refusal) -> Mapping[str, Any]:
    kind, code = _TYPES[refusal.kind]
    return {"error": {"message": refusal.message, "type": kind, "param": None, "code": code}}


def models(model: Served) -> Mapping[str, Any]:
    """What `/v1/models` says: the one model, with its fingerprint."""
    one = {
        "id": model.spec, "object": "model", "created": 0, "owned_by": "benchharness",
        "fingerprint": model.fingerprint, "dimension": model.dim,
    }  # fmt: skip
    return {"object": "list", "data": [one]}


SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["input"],
    "properties": {
        "input": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "model": {"type": ["string", "null"], "default": None},
        "encoding_format": {"enum": ["float", "base64"], "default": "float"},
        "dimensions": {"type": ["integer", "null"], "minimum": 1, "default": None},
        "prompt_name": {"enum": ["query", "document", None], "default": None},
    },
}
