"""The embedding cache: each text is encoded once for each model, whatever the run or process.

    <folder>/embeddings/<model fingerprint>/<role>/*.safetensors     see `models.shards`
    <folder>/locks/<model fingerprint>-<role>.lock                   held while encoding

Keys are content: vectors of two fingerprints never stand in one folder, and a changed corpus
only costs its changed texts. On a full hit nothing heavy is imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from benchharness.errors import CacheError, ModelError
from benchharness.models.batches import text_keys
from benchharness.models.encoder import Encoder, Role, cut_of, whole_of
from benchharness.models.shards import CacheWarning, Shelf
from benchharness.models.wanted import Wanted
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CacheInfo", "CacheWarning", "CachedModel", "EmbeddingCache", "default_cache_folder"]

_UNITS = {"query": "queries", "document": "documents", "pair": "pairs"}
_HEX = re.compile(r"[0-9a-f]{64}")


def default_cache_folder() -> Path:
    """`$BENCHHARNESS_CACHE`, else the platform's cache folder for benchharness."""
    chosen = os.environ.get("BENCHHARNESS_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_path("benchharness", appauthor=False))


def key_of(encoder: Encoder) -> str:
    """Under what an encoder's vectors are kept: its fingerprint, unless it says otherwise.

    Those of a view are kept as the whole vectors that they are cut from.

    A model in batches of a size of its own (`@batch_size=1`) is the same model, and its vectors
    differ in the last bits: they must not be taken for the others.
    """
    whole = whole_of(encoder)
    return str(getattr(whole, "cache_key", whole.fingerprint))


@dataclass(frozen=True)
class CachedModel:
    """What is kept of one model and role; `last_used` in seconds since the epoch."""

    fingerprint: str
    role: str
    spec: str
    entries: int
    size_bytes: int
    last_used: float


@dataclass(frozen=True)
class CacheInfo:
    """What the cache holds, least recently used first."""

    folder: Path | None
    models: tuple[CachedModel, ...]
    max_bytes: int

    @property
    def entries(self) -> int:
        return sum(model.entries for model in self.models)

    @property
    def size_bytes(self) -> int:
        return sum(model.size_bytes for model in self.models)


class Vectors(Protocol):
    """Where vectors come from: a cache, or what stands before one."""

    def encode(
        self, encoder: Encoder, texts: Sequence[str], role: Role, listener: Listener = silent
    ) -> NDArray[np.float32]:
        """The vector of each text, in order; [len(texts), dim]."""
        ...


@dataclass(eq=False)
class EmbeddingCache:
    """Vectors by model fingerprint, role and text; shared by processes, bounded in size.

    folder:        where they lie; None keeps nothing.
    max_bytes:     above this, what was used least recently goes.
    flush_rows, flush_seconds: finished vectors are written at the latest after so many rows or
                   seconds; a killed process loses no more than that.
    """

    folder: Path | None
    max_bytes: int = 20 << 30
    flush_rows: int = 4096
    flush_seconds: float = 5.0

    @classmethod
    def none(cls) -> EmbeddingCache:
        """The cache that keeps nothing."""
        return cls(None)

    def encode(
        self, encoder: Encoder, texts: Sequence[str], role: Role, listener: Listener = silent
    ) -> NDArray[np.float32]:
        """The vector of each text, in order; [len(texts), dim] float32.

        Equal texts are encoded once, known ones not at all; another process that encodes for
        the same model and role is waited for. What is finished is kept whatever happens,
        Ctrl-C included. Beyond 2 GiB the array is a memory map. Raises what the encoder raises,
        and ModelError where it leaves a text out or changes its dimension.

        Of a view (`SPEC@dim=64`) the whole vectors are kept, so that one encode serves every cut.
        """
        return cut_of(encoder, self._whole(whole_of(encoder), texts, role, listener))

    def _whole(
        self, encoder: Encoder, texts: Sequence[str], role: Role, listener: Listener
    ) -> NDArray[np.float32]:
        wanted = Wanted(texts, encoder.spec)
        progress = _Progress(listener, role, len(wanted))
        if self.folder is None:
            self._encode_missing(encoder, wanted, role, progress, None)
            return wanted.result()
        shelf = self._shelf(key_of(encoder), role)
        seen: set[str] = set()
        wanted.fill(shelf, seen)
        if wanted.missing():
            with self._lock(shelf, progress) as is_held:
                if is_held:
                    shelf.sweep()
                wanted.fill(shelf, seen)
                shelf_to_write = shelf if is_held else None
                self._encode_missing(encoder, wanted, role, progress, shelf_to_write)
                shelf.touch()
                if is_held and seen != set(shelf.names()):
                    self._prune_after_writing(shelf)
        else:
            shelf.touch()
            progress.report(len(wanted))
        return wanted.result()

    def missing(
        self, encoder: Encoder, texts: Sequence[str], role: Role
    ) -> tuple[NDArray[np.int64], int]:
        """(positions of the texts that would be encoded, how many distinct texts there are).

        Of equal texts the first one. Nothing is encoded; the encoder is asked who it is.
        """
        import numpy as np

        keys, first = np.unique(text_keys(texts), return_index=True)
        absent = np.ones(len(keys), dtype=bool)
        if self.folder is not None:
            shelf = self._shelf(key_of(encoder), role)
            for shard in shelf.read(shelf.names()):
                absent &= ~np.isin(keys, shard.keys)
        return np.sort(first[absent]).astype(np.int64), len(keys)

    def encode_paths(self, encoder: Encoder, role: Role) -> tuple[str, ...]:
        """How the kept vectors of a model were made: devices, versions, batch plans; sorted."""
        if self.folder is None:
            return ()
        headers = self._shelf(key_of(encoder), role).headers()
        return tuple(sorted({about.get("encode_path", "") for _, about in headers}))

    def info(self) -> CacheInfo:
        """What is kept, read from the files' headers."""
        models = []
        for shelf in self._shelves():
            headers = list(shelf.headers())
            models.append(
                CachedModel(
                    fingerprint=shelf.folder.parent.name,
                    role=shelf.folder.name,
                    spec=next((about["spec"] for _, about in headers if about.get("spec")), ""),
                    entries=sum(rows for rows, _ in headers),
                    size_bytes=shelf.size_bytes(),
                    last_used=shelf.last_used(),
                )
            )
        models.sort(key=lambda model: (model.last_used, model.fingerprint, model.role))
        return CacheInfo(self.folder, tuple(models), self.max_bytes)

    def prune(self, max_bytes: int | None = None, *, all: bool = False) -> int:
        """Deletes the least recently used models and roles until `max_bytes` are left.

        Returns the bytes freed. What is being encoded is left alone. `all` deletes everything
        else, models exported for other backends included. Raises CacheError where files cannot be
        deleted.
        """
        allowed = 0 if all else self.max_bytes if max_bytes is None else max_bytes
        freed = self._delete_exports() if all else 0
        return freed + self._prune(allowed, spare=None)

    # --- inside ---------------------------------------------------------------------------------

    def _shelf(self, fingerprint: str, role: str) -> Shelf:
        assert self.folder is not None  # noqa: S101 (callers have looked)
        # An encoder from a plug-in may have any string; a folder's name must be a plain one.
        is_plain = _HEX.fullmatch(fingerprint) is not None
        name = fingerprint if is_plain else hashlib.sha256(fingerprint.encode()).hexdigest()
        return Shelf(self.folder / "embeddings" / name / role)

    def _shelves(self) -> list[Shelf]:
        if self.folder is None:
            return []
        found = (self.folder / "embeddings").glob("*/*")
        return [Shelf(path) for path in sorted(found) if path.is_dir()]

    def _lock_path(self, shelf: Shelf) -> Path:
        # Not inside of the shelf: deleting a locked file would let two holders in.
        assert self.folder is not None  # noqa: S101 (a shelf has a folder)
        return self.folder / "locks" / f"{shelf.folder.parent.name}-{shelf.folder.name}.lock"

    @contextlib.contextmanager
    def _lock(self, shelf: Shelf, progress: _Progress) -> Iterator[bool]:
        """Holds the shelf's lock; False where the folder cannot be written to.

        The operating system drops the lock when its process ends, however it ends.
        """
        import filelock

        path = self._lock_path(shelf)
        lock = filelock.FileLock(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                progress.waiting()
                lock.acquire(poll_interval=0.1)
        except (OSError, NotImplementedError) as error:
            _warn_not_kept(shelf.folder, error)
        # Yielded out here, so that an error of the encoder does not seem to follow from this one.
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def _encode_missing(
        self,
        encoder: Encoder,
        wanted: Wanted,
        role: Role,
        progress: _Progress,
        shelf: Shelf | None,
    ) -> None:
        rows = wanted.missing_rows()
        done = len(wanted) - len(rows)
        progress.report(done)
        if not len(rows):
            return
        keeper = _Keeper(shelf, encoder, self.flush_rows, self.flush_seconds)
        try:
            for positions, vectors in encoder.encode(wanted.selection(rows), role):
                wanted.put(rows[positions], vectors)
                keeper.add(wanted.keys[rows[positions]], vectors)
                done += len(positions)
                progress.report(done)
        finally:
            keeper.flush()
        left_out = len(wanted.missing_rows())
        if left_out:
            raise ModelError(
                f"{encoder.spec} gave no vector for {left_out} of {len(rows)} texts",
                remedy="an encoder yields every position once; this is a defect of the encoder",
            )

    def _prune_after_writing(self, shelf: Shelf) -> None:
        try:
            self._prune(self.max_bytes, spare=shelf)
        except CacheError as error:
            warnings.warn(f"the cache is above its size: {error}", CacheWarning, stacklevel=2)

    def _prune(self, allowed: int, spare: Shelf | None) -> int:
        sizes = {shelf: shelf.size_bytes() for shelf in self._shelves()}
        total, freed = sum(sizes.values()), 0
        for shelf in sorted(sizes, key=lambda shelf: (shelf.last_used(), str(shelf.folder))):
            if total - freed <= allowed:
                break
            if shelf != spare and self._delete(shelf):
                freed += sizes[shelf]
        return freed

    def _delete_exports(self) -> int:
        """Deletes what `models.backends` keeps beside the vectors; the bytes freed."""
        if self.folder is None:
            return 0
        folder = self.folder / "exports"
        freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise _not_deleted(error, folder) from error
        return freed

    def _delete(self, shelf: Shelf) -> bool:
        """Deletes a shelf unless somebody encodes for it."""
        import filelock

        path = self._lock_path(shelf)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(path).acquire(timeout=0):
                for file in list(shelf.folder.iterdir()):
                    file.unlink(missing_ok=True)
        except filelock.Timeout:
            return False
        except OSError as error:
            raise _not_deleted(error, shelf.folder) from error
        # A reader may just have marked the shelf as used; the model's other role may be there.
        with contextlib.suppress(OSError):
            shelf.folder.rmdir()
            shelf.folder.parent.rmdir()
        return True


def _not_deleted(error: OSError, folder: Path) -> CacheError:
    return CacheError(
        f"what is cached cannot be deleted: {error.strerror}",
        where=str(folder),
        remedy="check the permissions of the folder, or delete it by hand",
    )


@dataclass(eq=False)
class _Keeper:
    """Collects finished vectors and writes them to a shelf now and then; None keeps nothing."""

    shelf: Shelf | None
    encoder: Encoder
    flush_rows: int
    flush_seconds: float
    _keys: list[NDArray[np.bytes_]] = field(default_factory=list)
    _vectors: list[NDArray[np.float32]] = field(default_factory=list)
    _since: float = field(default_factory=time.monotonic)

    def add(self, keys: NDArray[np.bytes_], vectors: NDArray[np.float32]) -> None:
        import numpy as np

        if self.shelf is None:
            return
        # A vector that is not finite stops the run; kept, it would stop every later one too.
        finite = np.isfinite(vectors).all(axis=1)
        self._keys.append(keys[finite])
        self._vectors.append(vectors[finite])
        full = sum(len(batch) for batch in self._keys) >= self.flush_rows
        if full or time.monotonic() - self._since >= self.flush_seconds:
            self.flush()

    def flush(self) -> None:
        import numpy as np

        keys, vectors = self._keys, self._vectors
        self._keys, self._vectors, self._since = [], [], time.monotonic()
        if self.shelf is None or not any(len(batch) for batch in keys):
            return
        about = {"spec": self.encoder.spec, "encode_path": self.encoder.encode_path}
        try:
            self.shelf.write(np.concatenate(keys), np.concatenate(vectors), about)
        except OSError as error:
            _warn_not_kept(self.shelf.folder, error)
            self.shelf = None


@dataclass(eq=False)
class _Progress:
    """Reports of one encoding to the listener."""

    listener: Listener
    role: Role
    total: int

    def report(self, done: int) -> None:
        unit = _UNITS[self.role]
        work = "score" if self.role == "pair" else "encode"
        self.listener(Step(f"{work} {unit}", done, self.total, unit))

    def waiting(self) -> None:
        self.listener(Step("wait for another process that encodes the same", 0, 0))


def _warn_not_kept(folder: Path, error: Exception) -> None:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    warnings.warn(
        f"vectors are not kept, the next run encodes them again: {reason}: {folder} "
        "(set BENCHHARNESS_CACHE to a folder that can be written to)",
        CacheWarning,
        stacklevel=3,
    )
