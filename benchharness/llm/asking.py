"""Many requests, several at once; each answer is on disk before its worker asks the next."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchharness.errors import LLMError, UsageError
from benchharness.llm.in_flight import InFlight
from benchharness.llm.journal import Journal
from benchharness.llm.model import Answer, LanguageModel, Outcome, Request, Usage
from benchharness.llm.spending import Limits, Meter, worst_case
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    from pydantic import BaseModel

STAGE = "asking"
# After Ctrl-C, what is in flight has this long to come in and be kept; a second Ctrl-C ends it.
GRACE_SECONDS = 10.0
# So many answers in a row without any service, for every worker, and the run stops.
_PATIENCE = 3


@dataclass(frozen=True)
class Asked:
    """What came of a run.

    counts:       requests of this run by the outcome of their last answer.
    kept:         requests that were not asked, since the journal had settled them.
    usage:        tokens that this run paid for.
    usage_in_all: tokens that the journal's runs paid for, this one included.
    stopped:      why requests are left over; empty where none are.
    lost:         requests of earlier runs that were sent and left no answer; those were killed.
    lost_usage:   what these may have cost, at worst; it counts against the limits.
    """

    counts: Mapping[Outcome, int]
    kept: int
    usage: Usage
    usage_in_all: Usage
    stopped: str = ""
    lost: int = 0
    lost_usage: Usage = field(default_factory=Usage)


def ask_all(
    requests: Iterable[Request],
    model: LanguageModel,
    schema: type[BaseModel],
    journal: Journal,
    limits: Limits,
    *,
    concurrency: int = 8,
    listener: Listener = silent,
) -> Asked:
    """What came of asking these requests, `concurrency` at once; the answers are in the journal.

    Requests are taken lazily, one for each free worker. A key that the journal has settled is
    not asked. At a limit nothing more is asked, what is in flight is waited for, and `stopped`
    says which limit it was. The same holds before any error is raised.

    Raises LLMError for what concerns every request, and where 3 x `concurrency` requests in a row
    were not served; DataError where the journal cannot be written.
    """
    if concurrency < 1:
        raise UsageError(f"the concurrency is a number from 1, not {concurrency}")
    with InFlight(journal) as flight:
        return _asked(requests, model, schema, journal, limits, flight, concurrency, listener)


def _asked(
    requests: Iterable[Request],
    model: LanguageModel,
    schema: type[BaseModel],
    journal: Journal,
    limits: Limits,
    flight: InFlight,
    concurrency: int,
    listener: Listener,
) -> Asked:
    lost, at_worst = flight.count, flight.usage
    meter = Meter(limits, journal.usage + at_worst, journal.batch_usage)
    tally = _Tally(journal.usage, len(requests) if isinstance(requests, Sized) else 0, listener)
    source = Unasked(requests, journal)
    crew = _Crew(model, schema, journal, flight, concurrency)
    try:
        stopped = _keep_asking(source, crew, meter, tally, schema)
    except KeyboardInterrupt:
        crew.drain(GRACE_SECONDS)
        raise
    except BaseException:
        crew.drain(None)
        raise
    finally:
        crew.dismiss()
    return Asked(
        counts=dict(tally.counts),
        kept=source.kept,
        usage=tally.usage,
        usage_in_all=journal.usage,
        stopped=stopped,
        lost=lost,
        lost_usage=at_worst,
    )


class Unasked:
    """The requests that the journal has not settled, one for each key, as they are taken.

    kept: how many were passed over, since the journal had settled them before this run.
    """

    def __init__(self, requests: Iterable[Request], journal: Journal) -> None:
        self._requests = iter(requests)
        self._journal = journal
        self._taken: set[str] = set()
        self.kept = 0

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        for request in self._requests:
            if request.key in self._taken:
                continue
            self._taken.add(request.key)
            if self._journal.settled(request.key):
                self.kept += 1
                continue
            return request
        raise StopIteration


def _keep_asking(
    source: Unasked, crew: _Crew, meter: Meter, tally: _Tally, schema: type[BaseModel]
) -> str:
    """Why requests are left over; empty where none are. Returns when nothing is in flight."""
    waiting: Request | None = None
    reserved: dict[str, Usage] = {}
    patience = _PATIENCE * crew.size
    while True:
        refusal = ""
        while crew.in_flight < crew.size and not refusal:
            waiting = waiting or next(source, None)
            if waiting is None:
                break
            worst = worst_case(waiting, schema)
            refusal = meter.reserve(worst)
            if not refusal:
                reserved[waiting.key] = worst
                crew.ask(waiting, worst)
                waiting = None
        if not crew.in_flight:
            return refusal
        # What comes in was less than its worst case, mostly: a refused request may fit now.
        answer = crew.next_answer()
        meter.settle(reserved.pop(answer.key), answer.usage)
        tally.add(answer, source.kept)
        if tally.unserved >= patience:
            raise LLMError(
                f"{tally.unserved:,} requests in a row were not answered; the last one: "
                f"{answer.detail or answer.outcome}",
                where=crew.model.spec,
                remedy="type the same command again later: what was answered is not paid twice",
            )


@dataclass
class _Tally:
    before: Usage
    total: int
    listener: Listener
    counts: Counter[Outcome] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)
    unserved: int = 0

    def add(self, answer: Answer, kept: int) -> None:
        self.counts[answer.outcome] += 1
        self.usage += answer.usage
        self.unserved = self.unserved + 1 if answer.outcome in ("failed", "rejected") else 0
        self.listener(Step(STAGE, self.counts.total() + kept, self.total, "requests"))


class _Crew:
    """Threads that ask and keep.

    They are daemons: a user who types Ctrl-C twice is not made to wait for a slow service.
    """

    def __init__(
        self,
        model: LanguageModel,
        schema: type[BaseModel],
        journal: Journal,
        flight: InFlight,
        size: int,
    ) -> None:
        self.model = model
        self.size = size
        self.in_flight = 0
        self._schema = schema
        self._journal = journal
        self._flight = flight
        self._asked: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
        self._threads = 0

    def ask(self, request: Request, worst: Usage) -> None:
        self._flight.note(request.key, worst)
        self.in_flight += 1
        self._asked.put(request)
        if self._threads < min(self.size, self.in_flight):
            self._threads += 1
            threading.Thread(target=self._work, daemon=True, name="benchharness-llm").start()

    def next_answer(self) -> Answer:
        """The next answer that is in the journal. Raises what its worker raised."""
        done = self._done.get()
        self.in_flight -= 1
        if isinstance(done, BaseException):
            raise done
        return done

    def drain(self, seconds: float | None) -> None:
        """Returns when nothing is in flight, or after so many seconds. Raises nothing of it."""
        end = None if seconds is None else time.monotonic() + seconds
        while self.in_flight:
            try:
                self._done.get(timeout=None if end is None else max(0.0, end - time.monotonic()))
            except queue.Empty:
                return
            self.in_flight -= 1

    def dismiss(self) -> None:
        for _ in range(self._threads):
            self._asked.put(None)

    def _work(self) -> None:
        while (request := self._asked.get()) is not None:
            try:
                answer = self.model.ask(request, self._schema)
                self._journal.append(answer)
            except BaseException as error:
                self._done.put(error)
            else:
                self._done.put(answer)
