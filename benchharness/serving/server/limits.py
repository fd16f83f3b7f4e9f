"""What a server takes on and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass, fields

from benchharness.errors import UsageError

# How the option that sets a limit is spelled, where one does.
_OPTIONS = {
    "batch_tokens": "--max-batch-tokens",
    "batch_texts": "--max-batch-texts",
    "wait_ms": "--max-wait-ms",
    "body_bytes": "--max-body-bytes",
    "texts": "--max-texts",
    "queue": "--max-queue",
}


@dataclass(frozen=True)
class Limits:
    """The limits of one server.

    batch_tokens:    that are joined from all clients; a text of more tokens is encoded alone. As
                     many as a CPU encodes at once: more only makes short texts wait for long ones.
    batch_texts:     that are joined at most.
    wait_ms:         how long a batch waits for other clients' texts, after one that had several.
    body_bytes:      of a request.
    texts:           in a request.
    queue:           requests that are read, waiting or encoded; one more is told to come back.
    request_seconds: within which a request must have arrived, its head and then its body.
    idle_seconds:    that a connection stays open without a request.
    drain_seconds:   that a stopping server gives to what it has begun.

    Raises UsageError for a limit that lets nothing through.
    """

    batch_tokens: int = 2048
    batch_texts: int = 64
    wait_ms: float = 2.0
    body_bytes: int = 4_000_000
    texts: int = 2048
    queue: int = 512
    request_seconds: float = 20.0
    idle_seconds: int = 75
    drain_seconds: int = 120

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            least = 0 if one.name == "wait_ms" else 1 if isinstance(one.default, int) else 0.001
            if not value >= least:  # NaN is not, either
                raise UsageError(
                    f"{_OPTIONS.get(one.name, one.name)} {value} lets nothing through",
                    remedy=f"use at least {least}",
                )
