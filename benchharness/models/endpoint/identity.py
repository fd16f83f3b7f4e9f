"""Which model answers, and whether it is still the one that answered before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.errors import ModelError
from benchharness.models.encoder import Role
from benchharness.models.endpoint.line import Line, TooMuch
from benchharness.models.endpoint.memory import Encounter, Memory, Remembered
from benchharness.models.endpoint.options import EndpointOptions
from benchharness.models.endpoint.probe import TEXTS, TOLERANCE, agreement, coarse
from benchharness.models.endpoint.service import Declared, Service
from benchharness.models.endpoint.vectors import unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROLES: tuple[Role, ...] = ("query", "document")


@dataclass(frozen=True, eq=False)
class Identity:
    """A service's model as it was found.

    declared: what the service says of itself, the name under which it answers included.
    answers_as: that name; "" where it gives none.
    known:    the vectors that the probe's texts have, and their coarse form.
    """

    declared: Declared
    names: Mapping[str, str]
    answers_as: str
    known: Remembered

    @property
    def dim(self) -> int:
        return int(next(iter(self.known.vectors.values())).shape[1])


def identify(
    service: Service,
    line: Line,
    options: EndpointOptions,
    memory: Memory,
    fingerprint: Callable[[Identity], str],
    spec: str,
) -> Identity:
    """The identity, remembered from now on; asks what the service is, and for the probe's texts.

    Raises ModelError where the service cannot be used, and where it declares what it declared
    before and gives other vectors: its model was changed silently.
    """
    declared = service.declared(line)
    asked = {}
    answers_as = ""
    for form, role in {service.form(role): role for role in _ROLES}.items():
        asked[form], answers_as = _probed(service, line, options, role, declared.most_texts)
    found = Remembered(_coarse(asked), asked)
    names = dict(declared.identity) | ({"answers as": answers_as} if answers_as else {})
    question = {
        "dimensions": str(options.dim or ""),
        "similarity": options.similarity,
        "prompts": ",".join(f"{role}={service.form(role)}" for role in _ROLES),
    }
    encounter = Encounter(line.address, question, names)
    now = Identity(declared, names, answers_as, found)
    with memory.held(encounter):
        before = memory.recall(encounter)
        if before is None:
            memory.keep(encounter, found)
            return now
    then = Identity(declared, names, answers_as, before)
    least = _least_agreement(found, before, options)
    if least < TOLERANCE:
        raise _changed(line, spec, fingerprint(then), fingerprint(now), least)
    return then


def _probed(
    service: Service,
    line: Line,
    options: EndpointOptions,
    role: Role,
    most_texts: int | None,
) -> tuple[NDArray[np.float32], str]:
    """(vectors of the probe's texts, the name under which the service answers)."""
    import numpy as np

    # In requests of the size that texts come in later, so that a server's limit holds for both.
    size = min(options.batch_size + 1, most_texts or len(TEXTS))
    parts, answers_as = [], ""
    for start in range(0, len(TEXTS), size):
        texts = TEXTS[start : start + size]
        body = service.body(texts, role)
        try:
            told = line.ask(service.path, body, patience=line.patience.quick())
        except TooMuch as refusal:
            raise line.error(
                f"the service refuses a request of {len(texts)} short texts: {refusal}",
                "check the model's name and the options; a smaller @batch_size may help",
            ) from None
        answer = service.read(told, len(texts), line)
        parts.append(answer.vectors)
        answers_as = answer.model or answers_as
    sizes = sorted({part.shape[1] for part in parts})
    if len(sizes) > 1:
        raise line.error(f"vectors have {sizes[0]} and {sizes[1]} components", _TWO_MODELS)
    vectors = np.concatenate(parts)
    check_dim(vectors, options, line)
    mute = np.flatnonzero(~vectors.any(axis=1))
    if len(mute):
        raise line.error(
            f"the vector of {TEXTS[int(mute[0])]!r} is zero", "look at the service's log"
        )
    return (unit(vectors) if options.similarity == "cosine" else vectors), answers_as


_TWO_MODELS = "two models answer at this URL; name one that serves a single model"


def check_dim(vectors: NDArray[np.float32], options: EndpointOptions, line: Line) -> None:
    """Raises ModelError where vectors have other components than were asked for."""
    if options.dim is not None and vectors.shape[1] != options.dim:
        raise line.error(
            f"{options.dim} components were asked for, and {vectors.shape[1]} came",
            "the service does not know `dimensions` for this model: leave @dim out",
        )


def _least_agreement(found: Remembered, before: Remembered, options: EndpointOptions) -> float:
    length = options.similarity == "dot"
    return min(
        float(agreement(vectors, before.vectors[form], length=length).min())
        if form in before.vectors
        else -1.0
        for form, vectors in found.vectors.items()
    )


def _coarse(vectors: Mapping[str, NDArray[np.float32]]) -> str:
    return " ".join(coarse(vectors[form]) for form in sorted(vectors))


def _changed(line: Line, spec: str, then: str, now: str, least: float) -> ModelError:
    alike = ", alike to that degree" if then == now else ""
    return line.error(
        f"the model was changed silently: it says of itself what it said before, and its vectors "
        f"of the probe's texts are others (least cosine {least:.4f}, {TOLERANCE} is the same "
        f"model; fingerprint {then[:12]} then, {now[:12]} now{alike})",
        f"to take the model as it is now: benchharness cache forget {quoted(spec)}",
    )


def quoted(text: str) -> str:
    """The text as a shell reads it back."""
    import shlex

    return shlex.quote(text)


@dataclass(eq=False)
class Acquaintance:
    """An identity that is asked for once, by whichever thread comes first."""

    ask: Callable[[], Identity]
    _found: Identity | None = None

    def __post_init__(self) -> None:
        self._mutex = threading.Lock()

    @property
    def known(self) -> Identity | None:
        """The identity, None where nobody has asked yet."""
        return self._found

    def made(self) -> Identity:
        """The identity; asks the service the first time. Raises ModelError."""
        with self._mutex:
            if self._found is None:
                self._found = self.ask()
            return self._found
