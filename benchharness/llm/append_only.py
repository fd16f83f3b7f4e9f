"""A file of JSON lines that only grows: what is appended is on the disk before the call returns.

The last line may be torn, where a process was killed or the power failed in mid-write: nobody was
told that it was kept, so it is cut off. Any other line that is not a JSON object is damage.
"""

from __future__ import annotations

import json
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from benchharness.errors import DataError, UsageError

_CHUNK_BYTES = 1 << 16


class Closing(ABC):
    """What is closed at the end of a `with` block."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AppendOnly(Closing):
    """Append-only JSON lines in `path`, held by this process alone; safe to use from threads.

    Line 1 is the header: {kind: version, "identity": identity}. The folder is made.

    Raises UsageError where another process holds the file, where it was begun with another
    identity and where it cannot be written; DataError where it is no file of this kind.
    """

    def __init__(self, path: Path, *, kind: str, version: int, identity: Mapping[str, Any]) -> None:
        self.path = path
        self._mutex = threading.Lock()
        self._lock = _held(path, kind)
        try:
            self._file = _opened(path)
            try:
                self._begin(kind, version, json.loads(json.dumps(dict(identity))))
            except BaseException:
                self._file.close()
                raise
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Lets the file go; a second time does nothing."""
        with self._mutex:
            self._file.close()
            self._lock.release()

    def append(self, record: Mapping[str, Any], *, is_forced: bool = True) -> int:
        """Offset in bytes of the record's line, which is on the disk.

        is_forced: False leaves it to the system when it gets there; a crash of this process alone
                   loses nothing.

        Raises DataError where it cannot be written; the file then ends as it did before.
        """
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
        with self._mutex:
            offset = self._file.seek(0, os.SEEK_END)
            try:
                rest = memoryview(line.encode("utf-8", "backslashreplace"))
                while rest:
                    # A disk that is nearly full takes a part and reports no error yet.
                    rest = rest[self._file.write(rest) :]
                if is_forced:
                    os.fsync(self._file.fileno())
            except OSError as error:
                with suppress(OSError):
                    self._file.truncate(offset)
                raise self._unwritten(error) from error
            return offset

    def records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yields (offset in bytes, record) of what stands there now, without the header.

        One line at a time is in memory. Raises DataError with `file:line` for a damaged line.
        """
        with self.path.open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            offset = len(stream.readline())
            number = 1
            while offset < end:
                line = stream.readline()
                number += 1
                yield offset, self._record(line, number)
                offset += len(line)

    def record_at(self, offset: int) -> dict[str, Any]:
        """The record whose line begins at this offset."""
        with self._mutex:
            self._file.seek(offset)
            line = self._file.readline()
        return self._record(line, 0)

    def damaged(self, why: str, number: int) -> DataError:
        """The error of line `number`, counted from 1; 0 where the line is not known."""
        return DataError(
            f"the line cannot be used: {why}",
            where=f"{self.path}:{number}" if number else str(self.path),
            remedy="restore the file from a copy, or delete the line: what it held is asked "
            "again, and may be paid for again (--ask-again)",
        )

    def _record(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except ValueError:
            raise self.damaged("it is not JSON", number) from None
        if not isinstance(record, dict):
            raise self.damaged("it is not a JSON object", number)
        return record

    def _begin(self, kind: str, version: int, identity: dict[str, Any]) -> None:
        header = {kind: version, "identity": identity}
        self._file.seek(0)
        first = self._file.readline()
        if not first.endswith(b"\n"):
            # Only the beginning of a header is ours to throw away.
            mark = f'{{"{kind}":'.encode()
            if first[: len(mark)] != mark[: len(first)]:
                raise self._foreign(kind)
            self._file.truncate(0)
            self.append(header)
            _sync_folder(self.path.parent)
            return
        try:
            found = json.loads(first)
        except ValueError:
            raise self._foreign(kind) from None
        if not isinstance(found, dict) or kind not in found:
            raise self._foreign(kind)
        if found[kind] != version:
            raise UsageError(
                f"this {kind} has version {found[kind]}, and this benchharness writes "
                f"version {version}",
                where=str(self.path),
                remedy="use the benchharness that began it, or name another folder",
            )
        _same_identity(found.get("identity"), identity, kind, self.path)
        self._drop_torn_end()

    def _drop_torn_end(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        position = end
        while position:
            start = max(0, position - _CHUNK_BYTES)
            self._file.seek(start)
            found = self._file.read(position - start).rfind(b"\n")
            if found >= 0:
                if start + found + 1 < end:
                    self._file.truncate(start + found + 1)
                return
            position = start

    def _foreign(self, kind: str) -> DataError:
        return DataError(
            f"this is not a {kind} of benchharness",
            where=f"{self.path}:1",
            remedy="name another file or folder; nothing was changed",
        )

    def _unwritten(self, error: OSError) -> DataError:
        return DataError(
            f"the file cannot be written: {error.strerror or error}",
            where=str(self.path),
            remedy="make room, and type the same command again: what it holds is not paid twice",
        )


def _held(path: Path, kind: str) -> Any:
    """The lock of the file, acquired; whoever dies lets it go."""
    from filelock import FileLock, Timeout

    # Any thread may close the file, so the lock must not belong to one of them.
    lock = FileLock(path.with_name(f".{path.name}.lock"), thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"another process works with this {kind}",
            where=str(path),
            remedy="wait for it, or name another folder",
        ) from None
    except OSError as error:
        raise _unusable(path, error) from error
    return lock


def _opened(path: Path) -> BinaryIO:
    try:
        path.touch()
        # Unbuffered: a write that failed must leave nothing that is written later.
        return path.open("r+b", buffering=0)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"the file cannot be written: {error.strerror or error}",
        where=str(path),
        remedy="name a folder that can be written",
    )


def _same_identity(found: object, asked: dict[str, Any], kind: str, path: Path) -> None:
    if found == asked:
        return
    begun = found if isinstance(found, dict) else {}
    names = sorted({*begun, *asked})
    differing = [name for name in names if begun.get(name) != asked.get(name)]
    told = ", ".join(
        f"{name} {begun.get(name)!r} there and {asked.get(name)!r} now" for name in differing
    )
    raise UsageError(
        f"this {kind} was begun for another run: {told}",
        where=str(path),
        remedy="type the command that it was begun with, or name another folder",
    )


def _sync_folder(folder: Path) -> None:
    """The folder's entry of a new file is on the disk, where the system has such a call."""
    with suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
