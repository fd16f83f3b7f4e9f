"""The nouns of batches: many requests that a service answers within a day, for half the price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from benchharness.llm.model import Answer, LanguageModel, Request

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class Batch:
    """A batch as its service tells it.

    created: with its time zone.
    size:    requests in it.
    ended:   whether its results can be read.
    """

    batch_id: str
    created: datetime
    size: int
    ended: bool


class UnclearSubmission(Exception):
    """A batch was sent and no answer came: it may exist. Nobody may send it again unlooked."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotSubmitted(Exception):
    """The service has no room for a batch now and has made none."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@runtime_checkable
class BatchModel(LanguageModel, Protocol):
    """A model whose service takes batches. Every method raises LLMError like `ask`."""

    def request_bytes(self, request: Request, schema: type[BaseModel]) -> int:
        """How much the request adds to the size of a batch, in bytes."""
        ...

    def submit(self, requests: Sequence[Request], schema: type[BaseModel]) -> Batch:
        """The batch that was made of these requests, in one attempt.

        Raises UnclearSubmission where it may have been made, NotSubmitted where it was not.
        """
        ...

    def batch(self, batch_id: str) -> Batch:
        """How this batch is now."""
        ...

    def batches(self) -> Iterator[Batch]:
        """Yields all batches of the account, the newest first."""
        ...

    def batch_keys(self, batch_id: str) -> Iterator[str]:
        """Yields the keys of a batch that has ended, in any order."""
        ...

    def results(self, batch_id: str, schema: type[BaseModel]) -> Iterator[Answer]:
        """Yields the answers of a batch that has ended, in any order."""
        ...
