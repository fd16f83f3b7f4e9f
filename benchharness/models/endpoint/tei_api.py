"""Text Embeddings Inference: GET /info, POST /embed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from benchharness.models.encoder import Role
from benchharness.models.endpoint.line import Line, TooMuch
from benchharness.models.endpoint.options import EndpointOptions
from benchharness.models.endpoint.service import Answer, Declared
from benchharness.models.endpoint.vectors import array_of

_NO_TEI = "check that the URL is that of a TEI server; one that speaks OpenAI's API is openai:…"
# What of /info makes the vectors; the rest says how the server was started.
_IDENTITY = ("model_id", "model_sha", "model_dtype", "max_input_length")
_REMARKS = ("version", "docker_label", "auto_truncate")


class TEIService:
    """The `Service` of a TEI server with options."""

    path = "/embed"

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options

    def declared(self, line: Line) -> Declared:
        """What /info says. Raises ModelError, also where the server serves no embedding model."""
        try:
            info = line.ask("/info", patience=line.patience.quick())
        except TooMuch as refusal:
            raise line.error(f"/info is refused: {refusal}", _NO_TEI) from None
        if not isinstance(info, dict) or not info.get("model_id"):
            raise line.error("/info names no model", _NO_TEI)
        told = info.get("model_type")
        kinds = {str(name).lower(): told[name] for name in told} if isinstance(told, dict) else {}
        if kinds and "embedding" not in kinds:
            raise line.error(
                f"the server serves a {' and '.join(kinds)}, which gives no vectors",
                "start it with an embedding model",
            )
        identity = _texts(info, _IDENTITY)
        if kinds:
            identity["model_type"] = json.dumps(kinds, sort_keys=True)
        return Declared(
            identity,
            _texts(info, _REMARKS),
            max_length=_whole(info.get("max_input_length")),
            most_texts=_whole(info.get("max_client_batch_size")),
        )

    def form(self, role: Role) -> str:
        return self._options.prompt_names.get(role) or ""

    def body(self, texts: Sequence[str], role: Role) -> dict[str, object]:
        body: dict[str, object] = {
            "inputs": list(texts),
            "truncate": True,
            "normalize": self._options.similarity == "cosine",
        }
        if self.form(role):
            body["prompt_name"] = self.form(role)
        if self._options.dim is not None:
            body["dimensions"] = self._options.dim
        return body

    def read(self, answer: object, count: int, line: Line) -> Answer:
        """The vectors in the order of the texts: they have no numbers. Raises ModelError."""
        if not isinstance(answer, list):
            raise line.error("the answer is no list of vectors", _NO_TEI)
        return Answer(array_of(answer, count, line))


def _texts(info: Mapping[str, object], names: Sequence[str]) -> dict[str, str]:
    found = {name: info.get(name) for name in names}
    return {name: str(value) for name, value in found.items() if value is not None}


def _whole(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None
