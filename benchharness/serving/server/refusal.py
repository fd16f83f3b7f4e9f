"""What a client is told in place of vectors."""

from __future__ import annotations

from typing import Literal

# TEI's words; "Unauthorized" and "NotFound" are ours, since it has none for them.
Kind = Literal[
    "Empty", "Validation", "Tokenizer", "Backend", "Overloaded", "Unhealthy", "Unauthorized",
    "NotFound",
]  # fmt: skip


class Refusal(Exception):
    """An answer that is not what was asked for: an HTTP status, its kind and one sentence.

    The sentence never holds a text, only its position. `retry_seconds` is when to try again.
    """

    def __init__(
        self, status: int, kind: Kind, message: str, *, retry_seconds: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.retry_seconds = retry_seconds
