"""Why a served model disagrees: guesses that are tried on a sample, not read off a list.

A guess is the local model with one thing changed: a prompt left out, other pooling, fewer tokens.
Where the changed model agrees with what is served, the guess is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchharness.errors import BenchError
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder, is_encoder
from benchharness.models.registry import open_model
from benchharness.models.spec import encode_value, with_option
from benchharness.serving.parity_agreement import cosines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Side = Literal["query", "document"]
_POOLINGS = ("cls", "mean", "lasttoken", "max")
_LENGTHS = (128, 256, 512)
# Vectors this near are of the same weights, computed with fewer bits.
_REDUCED = 0.98


@dataclass(frozen=True, eq=False)
class Sample:
    """Texts of one role with the vectors of both sides; [n, dim] each."""

    role: Side
    texts: Sequence[str]
    ids: Sequence[str]
    local: NDArray[np.float32]
    served: NDArray[np.float32]


@dataclass(frozen=True)
class Cause:
    """What is likely wrong, and what to do.

    confirmed: whether the local model, changed in that way, agrees with what is served.
    """

    what: str
    remedy: str
    confirmed: bool = False


@dataclass(frozen=True)
class _Guess:
    option: str
    value: str
    what: str
    remedy: str


def causes_of(
    samples: Sequence[Sample], local: Encoder, served: Encoder, min_cosine: float, base: Path
) -> tuple[Cause, ...]:
    """The likely causes of samples that do not agree, each once; empty where all agree.

    Loads the local model again for each guess, until one is right. Raises nothing of its own: a
    guess that cannot be tried is left out.
    """
    found: list[Cause] = []
    for sample in samples:
        if sample.local.shape[1] != sample.served.shape[1]:
            found.append(_other_dimension(sample, local))
        elif cosines(sample.local, sample.served, sample.ids).lowest < min_cosine:
            found.append(
                _confirmed(sample, local, served, min_cosine, base)
                or _by_length(sample, local, min_cosine)
                or _guessed(sample)
            )
    return tuple(dict.fromkeys(found))


def _other_dimension(sample: Sample, local: Encoder) -> Cause:
    own, other = sample.local.shape[1], sample.served.shape[1]
    if other < own:
        return Cause(
            f"the server gives {other} of {own} components: it serves another model, or cuts",
            f"serve {local.spec} without cutting, or compare with '{local.spec}@dim={other}'",
        )
    return Cause(
        f"the server gives {other} components, {local.spec} has {own}: it serves another model, "
        "or yours is cut here and not there",
        f"look at what it serves; with dim={own} behind the @ of its spec a server that can cut "
        "does",
    )


def _confirmed(
    sample: Sample, local: Encoder, served: Encoder, min_cosine: float, base: Path
) -> Cause | None:
    """The first guess that makes the local model agree."""
    for guess in _guesses(sample.role, local, served):
        try:
            changed = open_model(with_option(local.spec, guess.option, guess.value), base)
            if not is_encoder(changed) or changed.fingerprint == local.fingerprint:
                continue
            vectors = EmbeddingCache.none().encode(changed, sample.texts, sample.role)
        except BenchError:
            continue  # this model has no such option, or cannot do it
        if vectors.shape != sample.served.shape:
            continue
        if cosines(vectors, sample.served, sample.ids).lowest >= min_cosine:
            return Cause(guess.what, guess.remedy, confirmed=True)
    return None


def _guesses(role: Side, local: Encoder, served: Encoder) -> Iterator[_Guess]:
    details = local.details
    prompt = details.get(f"{role} prompt", "")
    named = {"query": "queries", "document": "documents"}[role]
    if prompt:
        value = encode_value(prompt)
        yield _Guess(
            f"{role}_prompt", "",
            f"the server does not put the prompt {prompt!r} before {named}",
            f"add {role}_prompt={value} behind the @ of its spec, or {role}_prompt_name where it "
            "knows the prompt by name",
        )  # fmt: skip
    other = {"query": "document", "document": "query"}[role]
    swapped = details.get(f"{other} prompt", "")
    if swapped and swapped != prompt:
        yield _Guess(
            f"{role}_prompt", swapped,
            f"the server puts the prompt of the other role before {named}: {swapped!r}",
            "name the prompt of each role in its spec, and none as the server's default",
        )  # fmt: skip
    yield from _lengths(local, served)
    for pooling in _POOLINGS:
        if pooling != details.get("pooling"):
            yield _Guess(
                "pooling", pooling,
                f"the server pools by {pooling}, the local model by {details.get('pooling')}",
                "start the server with the model's own pooling (TEI: --pooling)",
            )  # fmt: skip


def _lengths(local: Encoder, served: Encoder) -> Iterator[_Guess]:
    own = local.max_length
    if own is None:
        return
    said = [served.max_length] if served.max_length else []
    for length in dict.fromkeys([*said, *_LENGTHS]):
        if length != own:
            yield _Guess(
                "max_length", str(length),
                f"the server reads {length} tokens of a text, the local model {own}",
                f"set the server to {own} tokens, or compare with "
                f"'{with_option(local.spec, 'max_length', str(length))}'",
            )  # fmt: skip


def _by_length(sample: Sample, local: Encoder, min_cosine: float) -> Cause | None:
    """Truncation, where exactly the long texts disagree."""
    import numpy as np

    counts = local.token_counts(sample.texts)
    pairs = zip(sample.local, sample.served, sample.ids, strict=True)
    agrees = np.array(
        [
            cosines(one[None], other[None], (name,)).lowest >= min_cosine
            for one, other, name in pairs
        ]
    )
    if agrees.all() or not agrees.any():
        return None
    longest, shortest = int(counts[agrees].max()), int(counts[~agrees].min())
    if longest >= shortest:
        return None
    return Cause(
        f"texts of up to {longest} tokens agree and those from {shortest} do not: the server reads "
        "another number of tokens",
        f"let it read {local.max_length or 'as many tokens as there are'}"
        + (" tokens" if local.max_length else ""),
    )


def _guessed(sample: Sample) -> Cause:
    found = cosines(sample.local, sample.served, sample.ids)
    if found.lowest >= _REDUCED:
        return Cause(
            f"all {sample.role} vectors are near (lowest cosine {found.lowest:.5f}): the same "
            "weights in float16, bfloat16 or int8",
            "serve in float32, or allow it with --min-cosine and let the margin judge",
        )
    return Cause(
        f"the {sample.role} vectors are of another model, or of other weights of this one "
        f"(mean cosine {found.mean:.3f})",
        "look at what the server loaded: its revision, its adapter, and the text it gets",
    )
