"""`release.json`: what a candidate is, what it was held against, and what its release asks for.

All but the table "timings" is the same, byte for byte, whenever the same model is measured on the
same suite in the same environment.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import DataError, UsageError
from benchharness.files import write_atomically
from benchharness.judge.preflight import sample_rows
from benchharness.models.encoder import Encoder

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset
    from benchharness.judge.bench import Assessment
    from benchharness.judge.verdict import Estimate, Verdict

SCHEMA = 1
RELEASE = "release.json"
# Documents that the rate is measured on, in blocks; after this time no further block is begun.
_SAMPLED = 512
_BLOCKS = 8
_ENOUGH_SECONDS = 2.0
_WRONG = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Old:
    """The version that the candidate takes the place of.

    corpora: suite -> fingerprint of the corpus that it was released on; empty where only the
             model is known.
    place:   the file that this was read from; empty for a model.
    """

    model: str
    fingerprint: str
    corpora: Mapping[str, str]
    place: str = ""


@dataclass(frozen=True)
class Rate:
    """How fast the candidate encodes documents here; nothing came from a cache."""

    documents_per_second: float
    documents: int


@dataclass(frozen=True)
class Reembedding:
    """What must be embedded anew before the candidate can answer: `documents` of `of`."""

    documents: int
    of: int
    why: str


def release_content(
    found: Assessment,
    encoder: Encoder,
    dataset: Dataset,
    *,
    granted: bool,
    why: str,
    allowed: str | None,
    old: Old | None,
    rate: Rate,
) -> dict[str, object]:
    """What stands in release.json.

    granted, why: what the release line says of the gates.
    allowed: why a candidate is released whose gates are not met; None where nobody allowed it.
    """
    result = found.result
    details = encoder.details
    again = reembedding(result.fingerprints.model, old, result.suite, dataset)
    return {
        "schema": SCHEMA,
        "model": result.model,
        "fingerprint": result.fingerprints.model,
        "dimension": _whole(result.costs.get("dimension")),
        "dtype": details.get("dtype", ""),
        "max_length": encoder.max_length,
        "prompts": {role: details.get(f"{role} prompt", "") for role in ("query", "document")},
        "pooling": details.get("pooling", ""),
        "similarity": details.get("similarity", ""),
        "details": dict(sorted(details.items())),
        "released": {
            "granted": granted,
            "why": why,
            "failed_allowed": None if allowed is None else {"reason": allowed},
        },
        "evaluation": {
            "suite": result.suite,
            "data": {
                name: value
                for name, value in asdict(result.fingerprints).items()
                if name != "model"
            },
            "documents": len(dataset.corpus),
            "measures": {name: _estimate(one) for name, one in found.estimates.items()},
            "decision": found.decision.outcome,
            "gates": [_gate(verdict) for verdict in found.verdicts],
        },
        "old": None if old is None else {"model": old.model, "fingerprint": old.fingerprint},
        "reembed": asdict(again),
        "versions": dict(sorted(result.environment.items())),
        "timings": _timings(again, rate),
    }


def reembedding(fingerprint: str, old: Old | None, suite: str, dataset: Dataset) -> Reembedding:
    """Which documents the candidate needs vectors of: all, unless the old model is the same."""
    total = len(dataset.corpus)
    if old is None:
        return Reembedding(total, total, "no old version was named: everything is new")
    if old.fingerprint != fingerprint:
        why = f"{old.model} is another model: no vector of it may stay in the index"
        return Reembedding(total, total, why)
    corpus = old.corpora.get(suite)
    if corpus is not None and corpus != dataset.fingerprint.corpus:
        why = "the model is the same, and the corpus is another: what is new or changed in it"
        return Reembedding(0, total, why)
    return Reembedding(0, total, "the model is the same: its vectors stay valid")


def measured_rate(encoder: Encoder, texts: Sequence[str]) -> Rate:
    """Documents a second, on up to 512 texts that stand for all, after the weights were loaded."""
    rows = sample_rows(len(texts), _SAMPLED)
    blocks = [rows[start::_BLOCKS] for start in range(_BLOCKS)]
    _encode(encoder, [texts[row] for row in rows[:1]])
    spent, done = 0.0, 0
    for block in blocks:
        chosen = [texts[row] for row in block]
        begun = time.perf_counter()
        _encode(encoder, chosen)
        spent += time.perf_counter() - begun
        done += len(chosen)
        if spent >= _ENOUGH_SECONDS:
            break
    return Rate(done / max(spent, 1e-9), done)


def write_release(content: Mapping[str, object], path: Path) -> Path:
    """The path, after writing the file atomically. Raises UsageError where it cannot be."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        write_atomically(path, [text])
    except OSError as error:
        raise UsageError(
            f"the release cannot be written: {error.strerror}",
            where=str(path),
            remedy="name a file that can be written with --out",
        ) from error
    return path


def read_release(path: Path) -> Old:
    """What a later candidate must know of a release. Raises DataError for anything else."""
    try:
        content: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema is {content['schema']!r}, this version reads {SCHEMA}")
        evaluation = content["evaluation"]
        old = Old(
            model=content["model"],
            fingerprint=content["fingerprint"],
            corpora={evaluation["suite"]: evaluation["data"]["corpus"]},
            place=str(path),
        )
        if not all(isinstance(one, str) and one for one in (old.model, old.fingerprint)):
            raise TypeError("it names no model")
    except (OSError, *_WRONG) as error:
        reason = str(error) if not isinstance(error, KeyError) else f"it has no {error}"
        raise DataError(
            f"this is no release of benchharness: {reason}",
            where=str(path),
            remedy="name a release.json that `benchharness release` wrote, or a model spec",
        ) from error
    return old


def _encode(encoder: Encoder, texts: Sequence[str]) -> None:
    for _ in encoder.encode(texts, "document"):
        pass


def _timings(again: Reembedding, rate: Rate) -> dict[str, object]:
    return {
        "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "documents_per_second": rate.documents_per_second,
        "documents_timed": rate.documents,
        "reembed_seconds": again.documents / rate.documents_per_second,
    }


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _finite(number: float | None) -> float | None:
    """JSON has no other numbers."""
    return number if number is not None and math.isfinite(number) else None


def _estimate(found: Estimate) -> dict[str, object]:
    return {
        "value": _finite(found.value),
        "ci95": [_finite(one) for one in found.ci95],
        "ceiling": _finite(found.ceiling),
        "n": found.n,
        "method": found.method,
    }


def _gate(verdict: Verdict) -> dict[str, object]:
    numbers = ("value", "minimum", "margin", "delta")
    return {
        "gate": verdict.gate,
        "outcome": verdict.outcome,
        "met": not verdict.breached,
        "measure": verdict.measure,
        **{name: _finite(getattr(verdict, name)) for name in numbers},
        "ci90": None if verdict.ci90 is None else [_finite(one) for one in verdict.ci90],
        "against": verdict.comparison.reference if verdict.comparison else None,
        "line": verdict.line,
    }
