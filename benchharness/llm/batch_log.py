"""What a killed run must know of its batches, on disk before each next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchharness.llm.append_only import AppendOnly, Closing
from benchharness.llm.model import Usage

VERSION = 1


@dataclass(frozen=True)
class Sending:
    """Requests that were sent as one batch, or were about to be.

    worst:    what they cost at most.
    batch_id: empty where it is not known whether a batch was made.
    """

    number: int
    keys: tuple[str, ...]
    time: datetime
    worst: Usage
    batch_id: str = ""


class BatchLog(Closing):
    """The sendings of a folder, in `path`: an append-only file that one process holds.

    Raises UsageError and DataError like the journal.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self._unfinished: dict[int, Sending] = {}
        self._ids: set[str] = set()
        self._last = 0
        self._file = AppendOnly(path, kind="batches", version=VERSION, identity=identity)
        try:
            for line, (_, record) in enumerate(self._file.records(), start=2):
                try:
                    self._note(record)
                except (KeyError, TypeError, ValueError):
                    raise self._file.damaged("it is no step of a batch", line) from None
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Lets the file go, for other processes to open it."""
        self._file.close()

    def unfinished(self) -> list[Sending]:
        """The sendings whose results are not in the journal yet, in their order."""
        return list(self._unfinished.values())

    def knows(self, batch_id: str) -> bool:
        """Whether the batch is one of this folder's, finished or not."""
        return batch_id in self._ids

    def intend(self, keys: Sequence[str], worst: Usage) -> Sending:
        """The sending, written down before anything is sent."""
        self._write(
            {
                "step": "intent",
                "number": self._last + 1,
                "time": datetime.now(UTC).isoformat(),
                "worst": [worst.input_tokens, worst.output_tokens],
                "keys": list(keys),
            }
        )
        return self._unfinished[self._last]

    def sent(self, sending: Sending, batch_id: str) -> Sending:
        """The sending with its batch."""
        self._write({"step": "sent", "number": sending.number, "batch_id": batch_id})
        return self._unfinished[sending.number]

    def void(self, sending: Sending) -> None:
        """Writes down that no batch was made of it."""
        self._write({"step": "void", "number": sending.number})

    def done(self, sending: Sending) -> None:
        """Writes down that its results are in the journal."""
        self._write({"step": "done", "number": sending.number})

    def _write(self, record: dict[str, Any]) -> None:
        self._file.append(record)
        self._note(record)

    def _note(self, record: Mapping[str, Any]) -> None:
        number = int(record["number"])
        if record["step"] == "intent":
            read, written = record["worst"]
            self._unfinished[number] = Sending(
                number,
                tuple(map(str, record["keys"])),
                datetime.fromisoformat(record["time"]),
                Usage(read, written, cache_write_tokens=read),
            )
            self._last = max(self._last, number)
        elif record["step"] == "sent":
            batch_id = str(record["batch_id"])
            self._unfinished[number] = replace(self._unfinished[number], batch_id=batch_id)
            self._ids.add(batch_id)
        elif record["step"] in ("void", "done"):
            del self._unfinished[number]
        else:
            raise ValueError(record["step"])
