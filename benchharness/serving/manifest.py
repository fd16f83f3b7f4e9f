"""`manifest.json` beside a stored index: which model its vectors are of, and the check that holds.

Vectors of two models may have the same dimension, and a search over both fails silently: it finds
something. So whoever adds to an index or searches it asks the manifest first, whatever the index
is made of (ours, a faiss file, a database's dump).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import DataError, ModelError, UsageError
from benchharness.files import write_atomically

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.models.encoder import Encoder

MANIFEST = "manifest.json"
SCHEMA = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNIT = 1e-3  # how far from 1 the length of a normalised vector may be
_BLOCK_ROWS = 65_536
# What reading something else than a manifest raises.
_WRONG = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Manifest:
    """What must be known of vectors before others are put beside them.

    fingerprint: of the model (sha256, hex): weights, tokenizer, prompts, pooling, dimension …
    spec:        the model spec that it was opened from; a name, not an identity.
    dim, dtype:  components of a vector and their type in the index.
    similarity:  "cosine" or "dot"; empty where the model does not say, as for the prompts.
    prompts:     role -> what is put before each text.
    normalised:  whether every vector has length 1 (or is the zero vector of a text without a
                 token).
    documents:   vectors in the index.
    corpus:      fingerprint of the corpus that it was built from; empty where nobody said.
    added:       fingerprints of the corpora that were added later, oldest first.
    created:     when it was built, in UTC: `2026-11-25T14:02:11Z`.
    benchharness: the version that wrote this.
    files:       name -> sha256 of the files beside the manifest that hold the index.
    """

    fingerprint: str
    spec: str
    dim: int
    dtype: str
    similarity: str
    prompts: Mapping[str, str]
    normalised: bool
    documents: int
    corpus: str = ""
    added: tuple[str, ...] = ()
    created: str = ""
    benchharness: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


def describe(
    encoder: Encoder,
    vectors: NDArray[np.generic],
    *,
    corpus: str = "",
    files: Mapping[str, str] | None = None,
) -> Manifest:
    """The manifest of an encoder's vectors, [documents, dim], as they stand in the index.

    corpus: fingerprint of the documents (`dataset.fingerprint.corpus`).
    files:  name -> sha256 of what holds the index.
    Raises DataError where the vectors are no matrix.
    """
    if vectors.ndim != 2:
        raise DataError(
            f"vectors of shape {vectors.shape} are no matrix",
            where=encoder.spec,
            remedy="give one row for each document",
        )
    details = encoder.details
    return Manifest(
        fingerprint=encoder.fingerprint,
        spec=encoder.spec,
        dim=int(vectors.shape[1]),
        dtype=str(vectors.dtype),
        similarity=details.get("similarity", ""),
        prompts={role: details.get(f"{role} prompt", "") for role in ("query", "document")},
        normalised=_is_normalised(vectors),
        documents=len(vectors),
        corpus=corpus,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        benchharness=version("benchharness"),
        files=dict(files or {}),
    )


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """The path of `manifest.json` in the folder of an index, after writing it atomically.

    Raises UsageError where the folder cannot be written.
    """
    content = {"schema": SCHEMA, **asdict(manifest)}
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        write_atomically(folder / MANIFEST, [text])
    except OSError as error:
        raise UsageError(
            f"the manifest cannot be written: {error.strerror}",
            where=str(folder / MANIFEST),
            remedy="name a folder that can be written",
        ) from error
    return folder / MANIFEST


def read_manifest(folder: Path) -> Manifest:
    """What stands in the manifest of an index. Raises DataError where it is none, or damaged."""
    place = folder / MANIFEST
    try:
        content = json.loads(place.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"there is no {MANIFEST}: nobody knows which model these vectors are of",
            where=str(folder),
            remedy="benchharness index build MODEL --data … --out DIR, or write one with "
            "benchharness.serving.manifest where the index is built",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(place, f"it cannot be read ({error})") from error
    try:
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema is {content['schema']!r}, this version reads {SCHEMA}")
        if not isinstance(content["added"], list):
            raise TypeError(f"added is {content['added']!r}")
        known = {one.name for one in fields(Manifest)}
        return _checked(Manifest(**{k: v for k, v in content.items() if k in known}))
    except _WRONG as error:
        raise _damaged(place, str(error)) from error


def difference(manifest: Manifest, encoder: Encoder) -> str:
    """Why the encoder is not the model of the index, with both fingerprints; empty where it is."""
    if encoder.fingerprint == manifest.fingerprint:
        return ""
    same_dim = getattr(encoder, "dim", None) == manifest.dim
    alike = f" (both have {manifest.dim} components, so that no search would notice)" * same_dim
    return (
        f"the index holds vectors of {manifest.spec}, {_short(manifest.fingerprint)}, and this is "
        f"{encoder.spec}, {_short(encoder.fingerprint)}: another model{alike}"
    )


def check_model(manifest: Manifest, encoder: Encoder, place: str) -> None:
    """Nothing where the encoder is the model of the index; `place` is the index, for the message.

    Raises ModelError for any other model, also one whose vectors have the same dimension, with
    both fingerprints and what to do next.
    """
    found = difference(manifest, encoder)
    if found:
        raise ModelError(
            found,
            where=place,
            remedy="use the model that it was built with, or build a new index beside it: "
            f"benchharness index build '{encoder.spec}' --data … --out DIR",
        )


def check_vectors_of(manifest: Manifest, fingerprint: str, dim: int, place: str) -> None:
    """Nothing where vectors of that fingerprint and dimension belong into the index.

    For indexes that others search: call it before vectors are added or asked with. Raises
    ModelError with both fingerprints.
    """
    if fingerprint != manifest.fingerprint:
        raise ModelError(
            f"the index holds vectors of {manifest.spec}, {_short(manifest.fingerprint)}, and "
            f"these are of {_short(fingerprint) or 'an unknown model'}",
            where=place,
            remedy="encode with the model of the index, or build a new index",
        )
    if dim != manifest.dim:
        raise ModelError(
            f"the index holds vectors of {manifest.dim} components, and these have {dim}",
            where=place,
            remedy="the same model was cut: leave @dim as it was when the index was built",
        )


def grown(manifest: Manifest, *, documents: int, corpus: str, files: Mapping[str, str]) -> Manifest:
    """The manifest after documents of another corpus were added."""
    return replace(
        manifest, documents=documents, added=(*manifest.added, corpus), files=dict(files)
    )


def _short(fingerprint: str) -> str:
    """The first 16 digits: enough to find it in release.json and verdict.json."""
    return fingerprint[:16]


def _is_normalised(vectors: NDArray[np.generic]) -> bool:
    import numpy as np

    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = np.asarray(vectors[start : start + _BLOCK_ROWS], dtype=np.float64)
        lengths = np.linalg.norm(block, axis=1)
        if not ((np.abs(lengths - 1) <= _UNIT) | (lengths == 0)).all():
            return False
    return True


def _checked(found: Manifest) -> Manifest:
    """The manifest with the types that it says. Raises ValueError or TypeError."""
    texts = (found.fingerprint, found.spec, found.dtype, found.similarity, found.corpus)
    if not all(isinstance(one, str) for one in (*texts, found.created, found.benchharness)):
        raise TypeError("a text in it is none")
    if not found.fingerprint:
        raise ValueError("it names no fingerprint")
    for name in ("dim", "documents"):
        number = getattr(found, name)
        if type(number) is not int or number < 0:
            raise TypeError(f"{name} is {number!r}")
    if type(found.normalised) is not bool:
        raise TypeError(f"normalised is {found.normalised!r}")
    return replace(
        found,
        prompts=_texts(found.prompts),
        files=_named_files(_texts(found.files)),
        added=tuple(str(one) for one in found.added),
    )


def _texts(found: Any) -> dict[str, str]:
    if not all(isinstance(value, str) for value in found.values()):
        raise TypeError("a text in it is none")
    return dict(found)


def _named_files(files: dict[str, str]) -> dict[str, str]:
    """The files, which stand beside the manifest and nowhere else."""
    for name, digest in files.items():
        if Path(name).name != name or name in ("", ".", "..") or not _SHA256.fullmatch(digest):
            raise ValueError(f"it names the file {name!r}")
    return files


def _damaged(place: Path, reason: str) -> DataError:
    return DataError(
        f"the manifest cannot be used: {reason}",
        where=str(place),
        remedy="build the index again",
    )
