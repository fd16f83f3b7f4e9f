"""Pipelines: systems made of other systems, as data. `evaluation.retrieval` makes them answer.

    hybrid(A,B,…)@fusion=rrf,top=100      what the parts retrieve, fused
    rerank(FIRST,SECOND)@top=100          what FIRST retrieves, in the order of SECOND
    int8(ENCODER), binary(ENCODER)        an encoder's vectors as codes of fewer bits

Two-stage retrieval is a reranking by full vectors: `rerank(minilm@dim=64,minilm)`,
`rerank(binary(minilm),minilm)`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from benchharness.errors import UsageError
from benchharness.models.cross_encoder import is_cross_encoder, open_cross_encoder
from benchharness.models.encoder import Encoder, PairScorer, System, is_encoder, scores_pairs
from benchharness.models.fusion_spec import FUSION_OPTIONS, Fusion
from benchharness.models.quantised import CODE_BITS
from benchharness.models.registry import open_model
from benchharness.models.spec import ModelSpec

# How many documents of a first stage, or of each part of a hybrid, are looked at.
TOP = 100
_FLOAT_BYTES = 4


@dataclass(frozen=True, eq=False)
class Hybrid:
    """What several systems retrieve, fused into one ranking.

    top: the documents of each part that are fused; no other is retrieved.
    """

    spec: str
    parts: tuple[System, ...]
    fusion: Fusion
    top: int = TOP
    trainable = False

    @cached_property
    def fingerprint(self) -> str:
        parts = [part.fingerprint for part in self.parts]
        return _fingerprint("hybrid", parts, {**self.fusion.identity(), "top": self.top})

    @property
    def details(self) -> Mapping[str, str]:
        own = {"kind": "hybrid", "fusion": str(self.fusion), "fused": f"{self.top} of each part"}
        return own | _details(self.parts)

    @property
    def costs(self) -> Mapping[str, float]:
        """The "bytes_per_vector" of all parts together, where each is known."""
        return _costs([bytes_per_document(part) for part in self.parts])

    @property
    def encode_path(self) -> str:
        return "; ".join(part.encode_path for part in self.parts)


@dataclass(frozen=True, eq=False)
class Reranked:
    """The first `top` documents of one system, in the order of another's scores.

    second: an encoder, whose full vectors are compared, or what reads a query and a text together.
            Documents beyond `top` are not retrieved.
    """

    spec: str
    first: System
    second: Encoder | PairScorer
    top: int = TOP
    trainable = False

    @property
    def parts(self) -> tuple[System, ...]:
        second = _as_system(self.second)
        return (self.first,) if second is None else (self.first, second)

    @cached_property
    def fingerprint(self) -> str:
        parts = [self.first.fingerprint, self.second.fingerprint]
        return _fingerprint("rerank", parts, {"top": self.top})

    @property
    def details(self) -> Mapping[str, str]:
        own = {"kind": "rerank", "reranked": f"the first {self.top}", "reranker": self.second.spec}
        return own | _details(self.parts)

    @property
    def costs(self) -> Mapping[str, float]:
        """The "bytes_per_vector" of both stages, where known; a cross-encoder keeps no vectors."""
        second = _as_system(self.second)
        held = 0.0 if second is None else bytes_per_document(second)
        return _costs([bytes_per_document(self.first), held])

    @property
    def encode_path(self) -> str:
        second = _as_system(self.second)
        path = self.second.spec if second is None else second.encode_path
        return f"{self.first.encode_path}; {path}"


@dataclass(frozen=True, eq=False)
class Coded:
    """An encoder's vectors as an index of int8 or binary codes holds them; see `Quantised`.

    int8 codes are calibrated on the documents of the corpus that is searched.
    """

    spec: str
    encoder: Encoder
    precision: str
    trainable = False

    @property
    def parts(self) -> tuple[System, ...]:
        return (self.encoder,)

    @cached_property
    def fingerprint(self) -> str:
        return _fingerprint(self.precision, [self.encoder.fingerprint], {})

    @property
    def details(self) -> Mapping[str, str]:
        return {**self.encoder.details, "precision": self.precision}

    @property
    def costs(self) -> Mapping[str, float]:
        found = dict(getattr(self.encoder, "costs", {}))
        if "dimension" in found:
            bits = found["dimension"] * CODE_BITS[self.precision]
            found["bytes_per_vector"] = float(-(-bits // 8))
        return found

    @property
    def encode_path(self) -> str:
        return self.encoder.encode_path


def open_pipeline(spec: ModelSpec, base: Path | None) -> Hybrid | Reranked | Coded:
    """The pipeline of a spec, its parts opened; relative directories start at `base`.

    Raises UsageError for a wrong number of parts, a part that cannot do what is asked of it, and
    a wrong option; and what `open_model` raises.
    """
    if spec.name == "hybrid":
        return _hybrid(spec, base)
    if spec.name == "rerank":
        return _reranked(spec, base)
    return _coded(spec, base)


def bytes_per_document(system: System) -> float | None:
    """What an index holds of one document, without what the index adds; None where unknown."""
    costs: Mapping[str, float] = getattr(system, "costs", {})
    if "bytes_per_vector" in costs:
        return costs["bytes_per_vector"]
    return _FLOAT_BYTES * costs["dimension"] if "dimension" in costs else None


def _as_system(second: Encoder | PairScorer) -> System | None:
    """A second stage that holds something of each document; None where it only reads texts."""
    holds = is_encoder(second) or hasattr(type(second), "scores")
    return cast("System", second) if holds else None


def _hybrid(spec: ModelSpec, base: Path | None) -> Hybrid:
    if len(spec.parts) < 2:
        raise _wrong_parts(spec, "two or more", "hybrid(bm25,minilm)")
    if len(set(spec.parts)) < len(spec.parts):
        raise UsageError(
            "a part is named twice", where=spec.text, remedy="name each system once; weights=…"
        )
    spec.refuse_options((*FUSION_OPTIONS, "top"))
    fusion = Fusion.of(dict(spec.options), len(spec.parts), spec.text)
    parts = tuple(open_model(part, base) for part in spec.parts)
    return Hybrid(spec.text, parts, fusion, _top(spec))


def _reranked(spec: ModelSpec, base: Path | None) -> Reranked:
    if len(spec.parts) != 2:
        raise _wrong_parts(spec, "two", "rerank(bm25,minilm)")
    spec.refuse_options(("top",))
    second: System | PairScorer = (
        open_cross_encoder(spec.parts[1], base)
        if is_cross_encoder(spec.parts[1], base)
        else open_model(spec.parts[1], base)
    )
    if not (is_encoder(second) or scores_pairs(second)):
        raise UsageError(
            f"{second.spec} cannot rerank: it neither gives vectors nor reads pairs",
            where=spec.text,
            remedy="the second part is an encoder, a cross-encoder or a late-interaction model",
        )
    return Reranked(spec.text, open_model(spec.parts[0], base), second, _top(spec))


def _coded(spec: ModelSpec, base: Path | None) -> Coded:
    if len(spec.parts) != 1:
        raise _wrong_parts(spec, "one", f"{spec.name}(minilm)")
    spec.refuse_options()
    encoder = open_model(spec.parts[0], base)
    if not is_encoder(encoder):
        raise UsageError(
            f"{encoder.spec} gives no vectors that could become {spec.name} codes",
            where=spec.text,
            remedy=f"write {spec.name}(ENCODER), such as {spec.name}(minilm)",
        )
    return Coded(spec.text, encoder, spec.name)


def _wrong_parts(spec: ModelSpec, wanted: str, example: str) -> UsageError:
    return UsageError(
        f"{spec.name} has {len(spec.parts)} parts, and {wanted} are needed",
        where=spec.text,
        remedy=f"write {example}",
    )


def _top(spec: ModelSpec) -> int:
    value = spec.option("top")
    if value is None:
        return TOP
    if not value.isdecimal() or int(value) < 1:
        raise UsageError(
            f"top={value!r} is not a whole number of at least 1",
            where=spec.text,
            remedy=f"top is how many documents are looked at; default {TOP}",
        )
    return int(value)


def _fingerprint(kind: str, parts: Sequence[str], options: Mapping[str, object]) -> str:
    identity = {"pipeline": f"{kind}/1", "parts": list(parts), "options": dict(options)}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _details(parts: Sequence[System]) -> dict[str, str]:
    """What the parts say of themselves, each under its spec."""
    return {f"{part.spec}: {name}": text for part in parts for name, text in part.details.items()}


def _costs(stages: Sequence[float | None]) -> dict[str, float]:
    known = [stage for stage in stages if stage is not None]
    return {"bytes_per_vector": sum(known)} if len(known) == len(stages) else {}
