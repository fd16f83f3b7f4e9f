"""A shelf of cached vectors: one folder of shards for each model fingerprint and role.

A shard is one safetensors file with `keys` (sha256 of each text, [n, 32] bytes) and `vectors`
([n, dim] float32), written under a temporary name and then renamed, so that a reader sees all of
it or nothing. Its checksum is verified whenever it is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMAT = "1"
_SUFFIX = ".safetensors"
_UNFINISHED = ".unfinished"
_HEADER_LIMIT = 1 << 20
_LAST_USED = "last-used"


class CacheWarning(UserWarning):
    """Vectors were not kept, or kept ones could not be used; results are not affected."""


@dataclass(frozen=True, eq=False)
class Shard:
    """Verified vectors by key: keys [n] of 32 bytes, vectors [n, dim]."""

    keys: NDArray[np.bytes_]
    vectors: NDArray[np.float32]
    encode_path: str


@dataclass(frozen=True)
class Shelf:
    """The folder of one fingerprint and role; it exists once something was written."""

    folder: Path

    def names(self) -> tuple[str, ...]:
        """The shards that are there now, sorted."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(path.name for path in self.folder.glob(f"*{_SUFFIX}")))

    def read(self, names: tuple[str, ...]) -> Iterator[Shard]:
        """The shards of these names; damaged ones are deleted with a warning and left out."""
        for name in names:
            path = self.folder / name
            try:
                shard = _read(path)
            except FileNotFoundError:
                continue  # pruned by another process since it was listed
            except OSError as error:
                warnings.warn(
                    f"cached vectors cannot be read and are encoded again: {path}: {error}",
                    CacheWarning,
                    stacklevel=2,
                )
                continue
            if shard is not None:
                yield shard
                continue
            with contextlib.suppress(OSError):
                path.unlink()
            warnings.warn(
                f"a damaged file of cached vectors was deleted; its texts are encoded again: "
                f"{path}",
                CacheWarning,
                stacklevel=2,
            )

    def write(
        self, keys: NDArray[np.bytes_], vectors: NDArray[np.float32], about: dict[str, str]
    ) -> None:
        """Adds a shard, whole or not at all. Raises OSError."""
        import numpy as np
        from safetensors.numpy import save

        raw_keys = np.ascontiguousarray(keys).view(np.uint8).reshape(len(keys), 32)
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        metadata = about | {"format": _FORMAT, "checksum": _checksum(raw_keys, vectors)}
        content = save({"keys": raw_keys, "vectors": vectors}, metadata=metadata)
        self.folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        unfinished = self.folder / f"{name}{_UNFINISHED}"
        try:
            with unfinished.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(self.folder / f"{name}{_SUFFIX}")
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Deletes what a killed process left unfinished; only for the holder of the lock."""
        for path in self.folder.glob(f"*{_UNFINISHED}"):
            with contextlib.suppress(OSError):
                path.unlink()

    def touch(self) -> None:
        """Notes that the shelf was used now."""
        with contextlib.suppress(OSError):
            if self.folder.is_dir():
                (self.folder / _LAST_USED).touch()

    def last_used(self) -> float:
        """Seconds since the epoch; 0 where nothing was ever used."""
        for path in (self.folder / _LAST_USED, self.folder):
            with contextlib.suppress(OSError):
                return path.stat().st_mtime
        return 0.0

    def size_bytes(self) -> int:
        total = 0
        for path in self.folder.glob("*"):
            with contextlib.suppress(OSError):
                total += path.stat().st_size
        return total

    def headers(self) -> Iterator[tuple[int, dict[str, str]]]:
        """(vectors, metadata) of each shard, from its header alone; unreadable ones left out."""
        for name in self.names():
            header = _header(self.folder / name)
            if header is not None:
                rows, metadata = header
                yield rows, metadata


def _read(path: Path) -> Shard | None:
    """The shard, None where it is damaged. Raises OSError where the file cannot be read."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = path.read_bytes()
    metadata = _metadata(content)
    try:
        arrays = load(content)
        keys, vectors = arrays["keys"], arrays["vectors"]
    except (SafetensorError, KeyError, ValueError):
        return None
    sound = (
        keys.dtype == np.uint8
        and keys.ndim == 2
        and keys.shape[1] == 32
        and vectors.dtype == np.float32
        and vectors.ndim == 2
        and len(vectors) == len(keys)
        and metadata.get("format") == _FORMAT
        and metadata.get("checksum") == _checksum(keys, vectors)
    )
    if not sound:
        return None
    flat = np.ascontiguousarray(keys).reshape(-1).view("S32")
    return Shard(flat, vectors, metadata.get("encode_path", ""))


def _checksum(keys: NDArray[np.uint8], vectors: NDArray[np.float32]) -> str:
    digest = hashlib.sha256()
    digest.update(f"{keys.shape} {vectors.shape}".encode())
    digest.update(keys.data)
    digest.update(vectors.data)
    return digest.hexdigest()


def _metadata(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + size])
    except ValueError:
        return {}
    found = header.get("__metadata__") if isinstance(header, dict) else None
    return found if isinstance(found, dict) else {}


def _header(path: Path) -> tuple[int, dict[str, str]] | None:
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(size, _HEADER_LIMIT)))
        return int(header["vectors"]["shape"][0]), dict(header.get("__metadata__") or {})
    except (OSError, ValueError, KeyError, TypeError):
        return None
