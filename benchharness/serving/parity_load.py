"""How an encoder answers many clients at once: throughput and latency."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.errors import BenchError

if TYPE_CHECKING:
    from benchharness.models.encoder import Encoder

_MESSAGE = 200  # characters of the first failure that are kept


@dataclass(frozen=True)
class Load:
    """What N clients saw, each asking for one text at a time and waiting for the answer.

    per_second: answered requests a second; p50_ms, p95_ms, p99_ms: of an answered request, by
                nearest rank, nan where none was answered.
    errors:     requests that failed; `first_error` is the message of the first.
    """

    clients: int
    seconds: float
    requests: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int = 0
    first_error: str = ""


def under_load(
    opened: Callable[[], Encoder],
    texts: Sequence[str],
    *,
    clients: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Load:
    """What `clients` threads see for `seconds`, each with an encoder of its own.

    opened: makes an encoder; each client's first request is not counted, so that connecting and
            loading are nobody's latency.
    texts:  what is asked for, as queries, one text a request; each client starts at another one.
    A request that has begun when the time is over is waited for and counted.
    """
    gate = threading.Barrier(clients + 1)
    crowd = [_Client(opened, texts, number * len(texts) // clients) for number in range(clients)]
    threads = [
        threading.Thread(target=one.run, args=(gate, seconds, clock), daemon=True) for one in crowd
    ]
    for thread in threads:
        thread.start()
    gate.wait()
    begun = clock()
    for thread in threads:
        thread.join()
    spent = max(clock() - begun, 1e-9)
    for one in crowd:
        if one.defect is not None:
            raise one.defect
    latencies = sorted(latency for one in crowd for latency in one.latencies)
    failures = [failure for one in crowd for failure in one.failures]
    return Load(
        clients=clients,
        seconds=spent,
        requests=len(latencies),
        per_second=len(latencies) / spent,
        p50_ms=percentile_ms(latencies, 0.50),
        p95_ms=percentile_ms(latencies, 0.95),
        p99_ms=percentile_ms(latencies, 0.99),
        errors=len(failures),
        first_error=failures[0][:_MESSAGE] if failures else "",
    )


class _Client:
    """One client; what it saw is read after its thread has ended."""

    def __init__(self, opened: Callable[[], Encoder], texts: Sequence[str], start: int) -> None:
        self.latencies: list[float] = []
        self.failures: list[str] = []
        self.defect: BaseException | None = None
        self._opened = opened
        self._texts = texts
        self._next = start

    def run(self, gate: threading.Barrier, seconds: float, clock: Callable[[], float]) -> None:
        encoder: Encoder | None = None
        try:
            encoder = self._opened()
            self._ask(encoder)
        except BenchError as error:
            self.failures.append(error.message)
        except BaseException as error:
            self.defect = error
        gate.wait()
        if encoder is None or self.failures or self.defect is not None:
            return
        end = clock() + seconds
        while clock() < end:
            begun = clock()
            try:
                self._ask(encoder)
            except BenchError as error:
                self.failures.append(error.message)
                continue
            except BaseException as error:
                self.defect = error
                return
            self.latencies.append(clock() - begun)

    def _ask(self, encoder: Encoder) -> None:
        text = self._texts[self._next % len(self._texts)]
        self._next += 1
        for _ in encoder.encode([text], "query"):
            pass


def percentile_ms(ordered: Sequence[float], share: float) -> float:
    """Milliseconds that at least this share of the sorted seconds does not exceed; nan of none."""
    if not ordered:
        return math.nan
    return 1e3 * ordered[math.ceil(round(share * len(ordered), 9)) - 1]
