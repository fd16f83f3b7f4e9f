"""A small stored index: vectors, ids and the manifest that keeps another model out.

    <folder>/manifest.json            which model, which corpus, which files; written last
    <folder>/vectors-<sha256>.npy     [documents, dim] float32, read as a memory map
    <folder>/ids-<sha256>.jsonl       one id a line, in order of id, as the rows of the vectors

The files' names are of their content and the manifest names them: an index is the one before or
the one after a change, never half of both. Search is exact, in the order (-score, doc_id).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.data.lines import numbered_lines
from benchharness.errors import DataError, UsageError, shortened
from benchharness.evaluation.search import search
from benchharness.files import write_atomically
from benchharness.models.cache import EmbeddingCache
from benchharness.models.checks import check_vectors
from benchharness.progress import Listener, silent
from benchharness.serving.manifest import (
    MANIFEST,
    Manifest,
    check_model,
    check_vectors_of,
    describe,
    grown,
    read_manifest,
    write_manifest,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.data.texts import TextTable
    from benchharness.models.encoder import Encoder

_BLOCK_ROWS = 65_536
_READ_BYTES = 1 << 20
_NAME_DIGITS = 16


@dataclass(frozen=True)
class Found:
    """A document that answers a query, with the dot product of both vectors."""

    doc_id: str
    score: float


@dataclass(frozen=True, eq=False)
class StoredIndex:
    """An index as it lies in a folder.

    ids:     of the documents, in order; [documents].
    vectors: a memory map in the same order; [documents, dim] float32.
    """

    folder: Path
    manifest: Manifest
    ids: tuple[str, ...]
    vectors: NDArray[np.float32]

    @classmethod
    def open(cls, folder: Path) -> StoredIndex:
        """The index of a folder; vectors are read when they are searched.

        Raises DataError where there is none, or where its files are not those of the manifest.
        """
        import numpy as np

        manifest = read_manifest(folder)
        names = {name.partition("-")[0]: name for name in manifest.files}
        if not {"vectors", "ids"} <= names.keys():
            raise DataError(
                f"{MANIFEST} is of an index that benchharness did not build",
                where=str(folder),
                remedy="search it with the program that built it; check_model is for that",
            )
        ids = _read_ids(folder / names["ids"])
        place = folder / names["vectors"]
        try:
            vectors = np.load(place, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise _broken(place, f"the vectors cannot be read ({error})") from error
        wanted = (manifest.documents, manifest.dim)
        if vectors.shape != wanted or vectors.dtype != np.float32 or len(ids) != len(vectors):
            raise _broken(place, f"the vectors are {vectors.shape} and the manifest says {wanted}")
        if manifest.dtype != "float32":
            raise _broken(place, f"the vectors are float32 and the manifest says {manifest.dtype}")
        return cls(folder, manifest, ids, vectors)

    def search(
        self,
        encoder: Encoder,
        queries: Sequence[str],
        k: int = 10,
        *,
        cache: EmbeddingCache | None = None,
    ) -> tuple[tuple[Found, ...], ...]:
        """The k best documents of each query, ties by doc_id; fewer where there are fewer.

        A query without a token finds nothing. Raises ModelError where the encoder is not the
        model of the index.
        """
        check_model(self.manifest, encoder, str(self.folder))
        if not queries or not len(self.vectors):
            return ((),) * len(queries)
        keeper = cache or EmbeddingCache.none()
        asked = keeper.encode(encoder, queries, "query")
        mute = check_vectors(asked, [shortened(text) for text in queries], queries, encoder)
        check_vectors_of(self.manifest, encoder.fingerprint, asked.shape[1], str(self.folder))
        hits = search(asked, self.vectors, k, unranked=self._without_tokens)
        return tuple(
            ()
            if is_mute
            else tuple(Found(self.ids[row], score) for row, score in zip(rows, scores, strict=True))
            for is_mute, rows, scores in zip(
                mute.tolist(), hits.rows.tolist(), hits.scores.tolist(), strict=True
            )
        )

    def add(
        self,
        encoder: Encoder,
        corpus: TextTable,
        *,
        cache: EmbeddingCache | None = None,
        listener: Listener = silent,
    ) -> StoredIndex:
        """The index with the documents of a further corpus, as it lies in the folder now.

        Nothing is kept of an addition that fails; another process that adds is waited for.
        Raises ModelError where the encoder is not the model of the index, and DataError where a
        document is there already.
        """
        import numpy as np

        check_model(self.manifest, encoder, str(self.folder))
        vectors = _encoded(encoder, corpus, cache, listener)
        with _locked(self.folder):
            now = StoredIndex.open(self.folder)
            check_model(now.manifest, encoder, str(self.folder))
            check_vectors_of(now.manifest, encoder.fingerprint, vectors.shape[1], str(self.folder))
            ids = [*now.ids, *corpus.ids]
            order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
            in_order = [ids[row] for row in order.tolist()]
            _refuse_repeats(in_order, str(self.folder))
            files = _write(self.folder, in_order, _merged(now.vectors, vectors, order))
            write_manifest(
                grown(now.manifest, documents=len(ids), corpus=corpus.fingerprint, files=files),
                self.folder,
            )
            _remove(self.folder, now.manifest.files.keys() - files.keys())
        return StoredIndex.open(self.folder)

    def damage(self) -> tuple[str, ...]:
        """A sentence for each file whose bytes are not those of the manifest; reads all of them."""
        return tuple(
            f"{name} is not the file that the manifest was written for"
            for name, digest in sorted(self.manifest.files.items())
            if _sha256(self.folder / name) != digest
        )

    @cached_property
    def _without_tokens(self) -> NDArray[np.bool_]:
        """Which documents have the zero vector of a text without a token; they rank last."""
        import numpy as np

        blocks = range(0, len(self.vectors), _BLOCK_ROWS)
        found = [~self.vectors[start : start + _BLOCK_ROWS].any(axis=1) for start in blocks]
        return np.concatenate(found)


def build_index(
    encoder: Encoder,
    corpus: TextTable,
    folder: Path,
    *,
    cache: EmbeddingCache | None = None,
    listener: Listener = silent,
) -> StoredIndex:
    """The index of a corpus, written into a folder that holds none yet.

    Raises UsageError where there is one already: vectors of two models never stand in one index,
    and the old one is what a release falls back to. Raises ModelError for vectors that are not
    finite.
    """
    _refuse_existing(folder)
    vectors = _encoded(encoder, corpus, cache, listener)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            _refuse_existing(folder)
            blocks = (vectors[start : start + _BLOCK_ROWS] for start in _starts(len(vectors)))
            files = _write(folder, list(corpus.ids), blocks)
            manifest = describe(encoder, vectors, corpus=corpus.fingerprint, files=files)
            write_manifest(manifest, folder)
    except OSError as error:
        raise UsageError(
            f"the index cannot be written: {error.strerror}",
            where=str(error.filename or folder),
            remedy="name a folder that can be written with --out",
        ) from error
    return StoredIndex.open(folder)


def _refuse_existing(folder: Path) -> None:
    if (folder / MANIFEST).exists():
        raise UsageError(
            f"there is an index already, of {read_manifest(folder).spec}",
            where=str(folder),
            remedy="build into another folder, and delete this one when nobody searches it",
        )


def _encoded(
    encoder: Encoder, corpus: TextTable, cache: EmbeddingCache | None, listener: Listener
) -> NDArray[np.float32]:
    if not len(corpus):
        raise DataError("there is no document", where=corpus.source, remedy="check the corpus")
    keeper = cache or EmbeddingCache.none()
    vectors = keeper.encode(encoder, corpus.texts, "document", listener)
    check_vectors(vectors, corpus.ids, corpus.texts, encoder)
    return vectors


def _merged(
    before: NDArray[np.float32], added: NDArray[np.float32], order: NDArray[np.int64]
) -> Iterator[NDArray[np.float32]]:
    """The rows of both, one behind the other, in that order; a block at a time."""
    import numpy as np

    for start in _starts(len(order)):
        rows = order[start : start + _BLOCK_ROWS]
        is_old = rows < len(before)
        block = np.empty((len(rows), before.shape[1]), dtype=np.float32)
        block[is_old] = before[rows[is_old]]
        block[~is_old] = added[rows[~is_old] - len(before)]
        yield block


def _write(
    folder: Path, ids: Sequence[str], blocks: Iterable[NDArray[np.float32]]
) -> dict[str, str]:
    """name -> sha256 of both files, after writing them under the names of their content."""
    lines = [json.dumps(doc_id, ensure_ascii=False) + "\n" for doc_id in ids]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    name = f"ids-{digest[:_NAME_DIGITS]}.jsonl"
    write_atomically(folder / name, lines)
    vectors, vectors_digest = _write_vectors(folder, len(ids), blocks)
    return {name: digest, vectors: vectors_digest}


def _write_vectors(
    folder: Path, documents: int, blocks: Iterable[NDArray[np.float32]]
) -> tuple[str, str]:
    from numpy.lib import format as npy

    draft = folder / f".vectors.{os.getpid()}.tmp"
    try:
        with draft.open("wb") as file:
            for number, block in enumerate(blocks):
                if not number:
                    shape = (documents, block.shape[1])
                    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                    npy.write_array_header_1_0(file, header)
                file.write(block.astype("<f4", order="C").tobytes())
        digest = _sha256(draft)
        name = f"vectors-{digest[:_NAME_DIGITS]}.npy"
        draft.replace(folder / name)
    finally:
        draft.unlink(missing_ok=True)
    return name, digest


def _sha256(path: Path) -> str:
    """Of a file's bytes; empty where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()


def _read_ids(path: Path) -> tuple[str, ...]:
    try:
        ids = tuple(json.loads(line) for _, line in numbered_lines(path))
    except ValueError as error:
        raise _broken(path, f"the ids cannot be read ({error})") from error
    if not all(isinstance(doc_id, str) for doc_id in ids):
        raise _broken(path, "an id in it is no string")
    return ids


def _refuse_repeats(in_order: Sequence[str], place: str) -> None:
    repeated = [one for one, other in itertools.pairwise(in_order) if one == other]
    if repeated:
        more = f" (and {len(repeated) - 1} more)" if len(repeated) > 1 else ""
        raise DataError(
            f"document {repeated[0]!r}{more} is in the index already",
            where=place,
            remedy="add only what is new; where texts changed, build a new index",
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; the operating system drops it however the process ends."""
    import filelock

    with filelock.FileLock(folder / ".lock"):
        yield


def _remove(folder: Path, names: Iterable[str]) -> None:
    # A reader may have them open; on Windows they then stay, and harm nobody.
    for name in names:
        with suppress(OSError):
            (folder / name).unlink()


def _starts(rows: int) -> range:
    return range(0, rows, _BLOCK_ROWS)


def _broken(place: Path, message: str) -> DataError:
    return DataError(message, where=str(place), remedy="build the index again")
