"""What a kind of service must be able to say: how it is asked, and how it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from benchharness.models.encoder import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.models.endpoint.line import Line


@dataclass(frozen=True)
class Declared:
    """What a service says of itself before it is asked for vectors.

    identity:   what makes the model; part of the fingerprint.
    remarks:    what else a reader may want to know: version of the server …
    max_length: tokens that it reads of a text; None where it does not say.
    most_texts: that it takes in a request; None where it does not say.
    """

    identity: Mapping[str, str]
    remarks: Mapping[str, str] = field(default_factory=dict)
    max_length: int | None = None
    most_texts: int | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """Vectors in the order of the texts, [n, dim] float32, finite, and the model that says so."""

    vectors: NDArray[np.float32]
    model: str = ""


class Service(Protocol):
    """One API for vectors."""

    path: str

    def declared(self, line: Line) -> Declared:
        """What the service says of itself. Raises ModelError."""
        ...

    def form(self, role: Role) -> str:
        """What a question for this role has besides the texts; equal ones give equal vectors."""
        ...

    def body(self, texts: Sequence[str], role: Role) -> dict[str, object]:
        """The question."""
        ...

    def read(self, answer: object, count: int, line: Line) -> Answer:
        """The answer to a question of `count` texts. Raises ModelError where it is none."""
        ...
