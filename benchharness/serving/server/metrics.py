"""What Prometheus is told of a server; no label holds a text, a key or a client."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchharness.serving.server.served import Served

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self, model: Served) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        self._requests: Counter = Counter(
            "benchharness_requests", "Requests by route and HTTP status", ["route", "status"],
            registry=self._registry,
        )  # fmt: skip
        self._seconds: Histogram = Histogram(
            "benchharness_request_seconds", "From a request's head to its answer", ["route"],
            registry=self._registry, buckets=_SECONDS,
        )  # fmt: skip
        self._batch_texts: Histogram = Histogram(
            "benchharness_batch_texts", "Texts that were encoded together",
            registry=self._registry, buckets=_TEXTS,
        )  # fmt: skip
        self._tokens: Counter = Counter(
            "benchharness_tokens", "Tokens that the model has read", registry=self._registry
        )
        self._waiting = Gauge(
            "benchharness_queue_texts", "Texts that wait for the model", registry=self._registry
        )
        about = Gauge(
            "benchharness_model", "The model that is served: always 1",
            ["model", "fingerprint", "version"], registry=self._registry,
        )  # fmt: skip
        about.labels(model.spec, model.fingerprint, version("benchharness")).set(1)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Counts a request that is over; `route` is one of a few, never what a client typed."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, texts: int, tokens: int) -> None:
        self._batch_texts.observe(texts)
        self._tokens.inc(tokens)

    def watch_queue(self, waiting_texts: Callable[[], float]) -> None:
        self._waiting.set_function(waiting_texts)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
