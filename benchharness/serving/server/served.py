"""The encoder behind a server: opened, tried out, and how it reads a text with and without a role.

A client that names a role (`prompt_name`) gets what the local model gives for that role. One that
names none is taken to have put its own prompt before the text: the model puts none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from benchharness.errors import ModelError, UsageError
from benchharness.models.encoder import Encoder, Role, is_encoder, is_pipeline
from benchharness.models.registry import open_model
from benchharness.models.spec import parse_spec
from benchharness.serving.server.refusal import Refusal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROLES: tuple[Role, Role] = ("query", "document")
_TRIAL = "a text to try the model with"
_UNIT = 1e-6  # a length that differs by less from 1 is 1: such a vector keeps its bits


@dataclass(frozen=True)
class Reading:
    """One way of reading a text: by which encoder, in which role, behind which prompt."""

    encoder: Encoder
    role: Role
    prompt: str

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The tokens of each text with its prompt, nothing cut off; [n]."""
        return self.encoder.token_counts([self.prompt + text for text in texts])


@dataclass(frozen=True)
class Served:
    """An encoder that has encoded.

    dim:        components of its vectors.
    prompts:    role -> what it puts before each text.
    readings:   prompt name -> how such a text is read; None is the key of a text without one, and
                is not there where the encoder cannot leave its prompts out.
    """

    spec: str
    fingerprint: str
    dim: int
    max_length: int | None
    details: Mapping[str, str]
    prompts: Mapping[str, str]
    readings: Mapping[str | None, Reading]

    @property
    def names(self) -> frozenset[str]:
        """What a client may call it: the spec, without options, and a directory's last part."""
        name = parse_spec(self.spec).name
        return frozenset({self.spec, name, PurePath(name).name, self.fingerprint})

    def reading(self, prompt_name: str | None) -> Reading:
        """How a text with this `prompt_name` is read. Raises Refusal."""
        found = self.readings.get(prompt_name)
        if found is None:
            raise Refusal(
                422, "Validation", "this model puts a prompt before every text: name `prompt_name`,"
                ' "query" or "document"',
            )  # fmt: skip
        return found


def open_served(spec: str) -> Served:
    """The encoder that the spec names, loaded and tried out with one text for each role.

    Raises UsageError for a system that gives no vectors, and what opening and encoding raise.
    """
    system = open_model(spec)
    if not is_encoder(system):
        what = "is a pipeline" if is_pipeline(system) else "ranks documents by itself"
        raise UsageError(
            f"{spec} {what}; it has no vectors to serve",
            where=spec,
            remedy="serve an encoder, such as minilm or a model's directory",
        )
    return serve_encoder(system)


def serve_encoder(encoder: Encoder) -> Served:
    """The encoder after it has encoded a text for each role. Raises ModelError."""
    dims = {_trial(encoder, role) for role in _ROLES}
    if len(dims) > 1:
        raise ModelError(
            f"queries and documents have {' and '.join(map(str, sorted(dims)))} components",
            where=encoder.spec,
            remedy="serve a model whose queries and documents share one space",
        )
    details = dict(encoder.details)
    prompts: dict[str, str] = {role: details.get(f"{role} prompt", "") for role in _ROLES}
    readings: dict[str | None, Reading] = {
        role: Reading(encoder, role, prompts[role]) for role in _ROLES
    }
    bare = encoder if not any(prompts.values()) else _without_prompts(encoder)
    if bare is not None:
        readings[None] = Reading(bare, "document", "")
    return Served(
        encoder.spec, encoder.fingerprint, dims.pop(), encoder.max_length, details, prompts,
        readings,
    )  # fmt: skip


def finished(
    vectors: NDArray[np.float32], *, dimensions: int | None, normalize: bool
) -> NDArray[np.float32]:
    """The first components of each vector, at length 1 where that is asked for; float32.

    A cut vector of length 1 gets length 1 again, as a model with `dim` gives it. A vector that has
    length 1 keeps its bits, and a zero vector stays zero.
    """
    import numpy as np

    lengths = _lengths(vectors)
    if dimensions is not None and dimensions < vectors.shape[1]:
        was_unit = np.abs(lengths - 1) < _UNIT
        vectors = np.ascontiguousarray(vectors[:, :dimensions])
        lengths = _lengths(vectors)
        normalize = normalize or bool(was_unit.all())
    if not normalize or (np.abs(lengths - 1) < _UNIT).all():
        return vectors
    lengths[lengths == 0] = 1.0
    unit: NDArray[np.float32] = (vectors.astype(np.float64) / lengths[:, None]).astype(np.float32)
    return unit


def _lengths(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    import numpy as np

    exact = vectors.astype(np.float64)
    lengths: NDArray[np.float64] = np.sqrt((exact * exact).sum(axis=1))
    return lengths


def _trial(encoder: Encoder, role: Role) -> int:
    """Components of the encoder's vectors; loads what it loads when it first encodes."""
    import numpy as np

    found = [vectors for _, vectors in encoder.encode([_TRIAL], role)]
    if len(found) != 1 or found[0].ndim != 2 or not np.isfinite(found[0]).all():
        raise ModelError(
            f"the model does not give one finite vector for a {role}",
            where=encoder.spec,
            remedy="try @dtype=float32, or save the model again",
        )
    return int(found[0].shape[1])


def _without_prompts(encoder: Encoder) -> Encoder | None:
    """The same loaded encoder that puts nothing before a text; None where it must."""
    from benchharness.models.sentence_transformer import SentenceTransformerEncoder

    if not isinstance(encoder, SentenceTransformerEncoder):
        return None
    return encoder.without_prompts()
