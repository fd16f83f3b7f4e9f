"""OpenAI's API for embeddings, as it and many other servers speak it: POST /embeddings."""

from __future__ import annotations

from collections.abc import Sequence

from benchharness.models.encoder import Role
from benchharness.models.endpoint.line import Line
from benchharness.models.endpoint.options import EndpointOptions
from benchharness.models.endpoint.service import Answer, Declared
from benchharness.models.endpoint.vectors import array_of

_NO_ANSWER = "check that the URL is that of a service that speaks OpenAI's API for embeddings"


class OpenAIService:
    """The `Service` of a model's name and options."""

    path = "/embeddings"

    def __init__(self, model: str, options: EndpointOptions) -> None:
        self.model = model
        self._options = options

    def declared(self, line: Line) -> Declared:  # noqa: ARG002 (there is nothing to ask)
        """The name alone; the API has no way to ask which weights stand behind it."""
        return Declared({"model": self.model})

    def form(self, role: Role) -> str:  # noqa: ARG002 (the API knows no roles)
        return ""

    def body(self, texts: Sequence[str], role: Role) -> dict[str, object]:  # noqa: ARG002
        body: dict[str, object] = {"model": self.model, "input": list(texts)}
        # Every service writes plain numbers unless told otherwise; some know no name for that.
        if self._options.encoding != "float":
            body["encoding_format"] = self._options.encoding
        if self._options.dim is not None:
            body["dimensions"] = self._options.dim
        return body

    def read(self, answer: object, count: int, line: Line) -> Answer:
        """The vectors by their `index`, whatever their order. Raises ModelError."""
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(data, list):
            raise line.error('the answer has no list "data"', _NO_ANSWER)
        rows: dict[int, object] = {}
        for one in data:
            index = one.get("index") if isinstance(one, dict) else None
            if type(index) is not int or not 0 <= index < count:
                raise line.error(
                    f"a vector has the index {index!r}, for {count} texts: whose is it?", _NO_ANSWER
                )
            if index in rows:
                raise line.error(f"two vectors have the index {index}", _NO_ANSWER)
            rows[index] = one.get("embedding")
        ordered = [rows[index] for index in sorted(rows)]
        model = answer.get("model")
        return Answer(array_of(ordered, count, line), model if isinstance(model, str) else "")
