"""The protocol of Text Embeddings Inference: `POST /embed`, `GET /info` and its errors.

Source: https://huggingface.github.io/text-embeddings-inference (1.9).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from benchharness.serving.server.asked import (
    Asked,
    dimensions_of,
    flag,
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

_WRONG = 422  # what is JSON, and not of the type that a field has


def read(body: bytes, model: Served, limits: Limits) -> Asked:
    """What a body of `/embed` asks for. Raises Refusal."""
    given = json_object(body)
    return Asked(
        texts=texts_of(given, "inputs", limits.texts, wrong=_WRONG),
        prompt_name=prompt_name_of(given, wrong=_WRONG),
        truncate=flag(given, "truncate", True, wrong=_WRONG),  # noqa: FBT003
        normalize=flag(given, "normalize", True, wrong=_WRONG),  # noqa: FBT003
        dimensions=dimensions_of(given, model.dim, wrong=_WRONG),
    )


def answer(vectors: NDArray[np.float32], tokens: int, asked: Asked, model: Served) -> bytes:
    """The vectors as a JSON list of lists, also for one text."""
    del tokens, asked, model
    import orjson

    return orjson.dumps(vectors, option=orjson.OPT_SERIALIZE_NUMPY)


def error(refusal: Refusal) -> Mapping[str, Any]:
    return {"error": refusal.message, "error_type": refusal.kind}


def info(model: Served, limits: Limits) -> Mapping[str, Any]:
    """What `/info` says: TEI's fields, and the prompts and the dimension beside them.

    `model_sha` is benchharness' fingerprint: of weights, tokenizer, prompts and options.
    `max_input_length` is null for a model that reads texts of any length.
    """
    details = model.details
    return {
        "model_id": model.spec,
        "model_sha": model.fingerprint,
        "model_dtype": details.get("dtype", "float32"),
        "model_type": {"embedding": {"pooling": details.get("pooling", "unknown")}},
        "max_concurrent_requests": limits.queue,
        "max_input_length": model.max_length,
        "max_batch_tokens": limits.batch_tokens,
        "max_batch_requests": limits.batch_texts,
        "max_client_batch_size": limits.texts,
        "auto_truncate": True,
        "tokenization_workers": 1,
        "version": version("benchharness"),
        "sha": None,
        "docker_label": None,
        "server": "benchharness",
        "dimension": model.dim,
        "prompts": dict(model.prompts),
    }


SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "inputs": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "truncate": {"type": "boolean", "default": True},
        "normalize": {"type": "boolean", "default": True},
        "prompt_name": {"enum": ["query", "document", None], "default": None},
        "dimensions": {"type": ["integer", "null"], "minimum": 1, "default": None},
    },
}
