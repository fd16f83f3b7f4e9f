"""Lines of text files, plain or compressed, with their numbers."""

from __future__ import annotations

import gzip
import io
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from benchharness.errors import DataError, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer as Buffer
    from zstandard import ZstdDecompressor

COMPRESSED = (".gz", ".zst")


def find_file(path: Path) -> Path:
    """`path` itself, or with `.gz` or `.zst` added, whichever exists first in that order.

    Raises DataError with the names that were looked for.
    """
    candidates = [path, *(path.with_name(path.name + suffix) for suffix in COMPRESSED)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if path.is_dir():
        raise DataError(
            "this is a folder", where=str(path), remedy="name a file, perhaps one in it"
        )
    names = ", ".join(candidate.name for candidate in candidates)
    if not path.parent.is_dir():
        raise DataError(
            f"there is no such file, and no folder {path.parent} (looked for {names})",
            where=str(path),
            remedy="check the path; relative paths start at the suite file's folder",
        )
    raise DataError(
        f"there is no such file (looked for {names})",
        where=str(path),
        remedy="check the path and the spelling of the file's name",
    )


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields (line number from 1, line without its end) of a UTF-8 file, plain, .gz or .zst.

    Lines end at a line feed only; a carriage return before it and a byte order mark at the start
    are dropped. Blank lines are skipped and counted as lines.

    Raises DataError with `path:line` where a line is not UTF-8 or the file cannot be read.
    """
    number = 0
    try:
        with _opened(path) as stream:
            for number, raw in enumerate(stream, start=1):
                line = _decoded(raw, path, number)
                if line and not line.isspace():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _unreadable(path, number, f"the compressed file is damaged ({error})") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise _unreadable(path, number, f"the file cannot be read: {reason}") from error


def _unreadable(path: Path, last: int, message: str) -> DataError:
    return DataError(message, where=f"{path}:{last + 1}", remedy="copy or compress the file again")


def _decoded(raw: bytes, path: Path, number: int) -> str:
    try:
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"not UTF-8: byte 0x{error.object[error.start]:02x} at byte {error.start + 1} "
            "of the line",
            where=f"{path}:{number}",
            remedy="convert the file, for instance: iconv -f latin1 -t utf-8 FILE > FILE.utf8",
        ) from error
    return line.rstrip("\r\n")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as stream:
            yield cast("BinaryIO", stream)
    elif path.suffix == ".zst":
        yield from _zstandard(path)
    else:
        with path.open("rb") as stream:
            yield stream


def _zstandard(path: Path) -> Iterator[BinaryIO]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingDependency.of(
            "zstandard", extra="zstd", wanted_for=f"reading {path}"
        ) from error
    with path.open("rb") as packed:
        try:
            yield cast("BinaryIO", io.BufferedReader(_Frames(packed, zstandard.ZstdDecompressor())))
        except zstandard.ZstdError as error:
            raise EOFError(str(error)) from error


class _Frames(io.RawIOBase):
    """The content of a Zstandard file of one or more frames.

    The library's own reader takes the end of a truncated file for the end of the data, which
    would silently lose documents.
    """

    def __init__(self, packed: BinaryIO, decompressor: ZstdDecompressor) -> None:
        self._packed = packed
        self._decompressor = decompressor
        self._frame = decompressor.decompressobj()
        self._unread = b""  # packed bytes behind the end of a frame
        self._inside = False  # whether a frame was begun and not ended
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        while not self._ready:
            packed = self._unread or self._packed.read(1 << 16)
            if not packed:
                if self._inside:
                    raise EOFError("it ends inside a compressed frame")
                return 0
            self._ready, self._unread, self._inside = self._frame.decompress(packed), b"", True
            if self._frame.eof:
                self._unread, self._inside = self._frame.unused_data, False
                self._frame = self._decompressor.decompressobj()
        count = min(len(view), len(self._ready))
        view[:count], self._ready = self._ready[:count], self._ready[count:]
        return count
