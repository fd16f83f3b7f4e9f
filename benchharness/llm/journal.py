"""What was answered, on disk: a request that is in here is never paid for again."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, get_args

from benchharness.llm.append_only import AppendOnly, Closing
from benchharness.llm.model import UNSETTLED, Answer, Outcome, Usage

SCHEMA_VERSION = 1
_OUTCOMES = frozenset(get_args(Outcome))
_TOKENS = ("input_tokens", "output_tokens", "cache_write_tokens", "cache_read_tokens")


class Journal(Closing):
    """The answers of a run, appended to `path` one JSON line each; safe to use from threads.

    identity: what the answers belong to, such as the model and the version of the prompt; a
    journal that was begun with another one is refused.
    In memory are the keys and where their lines begin; contents stay on disk.

    Raises UsageError where another process holds it, where its identity is another one and where
    it cannot be written; DataError with `file:line` where a line is damaged.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self._mutex = threading.Lock()
        self._offsets: dict[str, int] = {}
        self._unsettled: dict[str, Outcome] = {}
        self._counts: Counter[Outcome] = Counter()
        self._times: Counter[str] = Counter()
        self._usage = Usage()
        self._batch_usage = Usage()
        self.identity = identity
        self._file = AppendOnly(path, kind="journal", version=SCHEMA_VERSION, identity=identity)
        try:
            for number, (offset, record) in enumerate(self._file.records(), start=2):
                self._note(self._answer(record, number), offset, batch=bool(record.get("batch")))
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Lets the file go, for other processes to open it."""
        self._file.close()

    def __len__(self) -> int:
        """How many keys have an answer, whatever its outcome."""
        return len(self._offsets)

    def settled(self, key: str) -> bool:
        """Whether asking this key again would pay for it twice, or in vain."""
        with self._mutex:
            return key in self._offsets and key not in self._unsettled

    def times(self, key: str) -> int:
        """How often this key was answered outside a batch, the last time included."""
        with self._mutex:
            return self._times[key]

    def answer(self, key: str) -> Answer | None:
        """The last answer of this key, read from disk."""
        with self._mutex:
            offset = self._offsets.get(key)
        return None if offset is None else self._answer(self._file.record_at(offset), 0)

    def answers(self) -> Iterator[Answer]:
        """Yields the last answer of every key, in the order of the file; one is in memory."""
        for number, (offset, record) in enumerate(self._file.records(), start=2):
            answer = self._answer(record, number)
            with self._mutex:
                is_last = self._offsets.get(answer.key) == offset
            if is_last:
                yield answer

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many keys have this outcome as their last."""
        with self._mutex:
            return MappingProxyType(dict(+self._counts))

    @property
    def usage(self) -> Usage:
        """All that was paid for so far, by this process and those before it."""
        return self._usage

    @property
    def batch_usage(self) -> Usage:
        """The part of `usage` that was paid for at the price of batches."""
        return self._batch_usage

    def append(self, answer: Answer, *, batch: bool = False) -> None:
        """Returns when the answer is on the disk. `batch` says that it cost the half.

        Raises DataError where it cannot be written.
        """
        if self.settled(answer.key):
            raise ValueError(f"the journal has an answer for the key {answer.key!r}")
        offset = self._file.append(_record(answer, batch=batch))
        self._note(answer, offset, batch=batch)

    def _note(self, answer: Answer, offset: int, *, batch: bool) -> None:
        with self._mutex:
            before = self._unsettled.pop(answer.key, None)
            if before is not None:
                self._counts[before] -= 1
            self._counts[answer.outcome] += 1
            self._offsets[answer.key] = offset
            if answer.outcome in UNSETTLED:
                self._unsettled[answer.key] = answer.outcome
            self._usage += answer.usage
            if batch:
                self._batch_usage += answer.usage
            else:
                self._times[answer.key] += 1

    def _answer(self, record: Mapping[str, Any], number: int) -> Answer:
        key, outcome, content = record.get("key"), record.get("outcome"), record.get("content")
        tokens = [record.get(name, 0) for name in _TOKENS]
        if not isinstance(key, str) or outcome not in _OUTCOMES:
            raise self._file.damaged("it has no key, or an unknown outcome", number)
        if (outcome == "ok") != isinstance(content, dict):
            raise self._file.damaged("its outcome and its content do not fit", number)
        if not all(type(count) is int and count >= 0 for count in tokens):
            raise self._file.damaged("its tokens are not numbers from 0", number)
        return Answer(
            key=key,
            outcome=cast("Outcome", outcome),
            content=content,
            usage=Usage(*tokens),
            detail=str(record.get("detail", "")),
        )


def _record(answer: Answer, *, batch: bool) -> dict[str, Any]:
    record: dict[str, Any] = {"key": answer.key, "outcome": answer.outcome}
    if answer.content is not None:
        record["content"] = dict(answer.content)
    record |= {name: count for name in _TOKENS if (count := getattr(answer.usage, name))}
    if answer.detail:
        record["detail"] = answer.detail
    if batch:
        record["batch"] = True
    return record
