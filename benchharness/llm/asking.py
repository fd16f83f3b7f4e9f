"""Many requests, several at once; each answer is on disk before its worker asks the next.

What was on its way when an earlier run was killed may have been paid for: it is left out, unless
the caller says that it is to be asked once more.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchharness.errors import LLMError, UsageError
from benchharness.llm.in_flight import InFlight, Lost
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
    lost:         what earlier runs sent in vain, since they were killed; it counts against the
                  limits.
    left_out:     of these, key -> worst case of the requests that this run did not ask again.
    """

    counts: Mapping[Outcome, int]
    kept: int
    usage: Usage
    usage_in_all: Usage
    stopped: str = ""
    lost: Lost = field(default_factory=Lost)
    left_out: Mapping[str, Usage] = field(default_factory=dict)


def ask_all(
    requests: Iterable[Request],
    model: LanguageModel,
    schema: type[BaseModel],
    journal: Journal,
    limits: Limits,
    *,
    concurrency: int = 8,
    ask_again: bool = False,
    listener: Listener = silent,
) -> Asked:
    """What came of asking these requests, `concurrency` at once; the answers are in the journal.

    ask_again: also asks what was on its way when an earlier run was killed, and may pay for it a
               second time.

    Requests are taken lazily, one for each free worker. A key that the journal has settled is
    not asked. At a limit nothing more is asked, what is in flight is waited for, and `stopped`
    says which limit it was. The same holds before any error is raised.

    Raises LLMError for what concerns every request, and where 3 x `concurrency` requests in a row
    were not served; DataError where the journal cannot be written.
    """
    if concurrency < 1:
        raise UsageError(f"the concurrency is a number from 1, not {concurrency}")
    with InFlight(journal) as flight:
        left_out = {} if ask_again else flight.lost.unanswered
        source = Unasked(requests, journal, left_out)
        total = len(requests) if isinstance(requests, Sized) else 0
        tally = _Tally(total, listener)
        meter = Meter(limits, journal.usage + flight.lost.usage, journal.batch_usage)
        crew = _Crew(model, schema, journal, flight, concurrency)
        stopped = _to_the_end(source, crew, meter, tally, schema)
        return Asked(
            counts=dict(tally.counts),
            kept=source.kept,
            usage=tally.usage,
            usage_in_all=journal.usage,
            stopped=stopped,
            lost=flight.lost,
            left_out=left_out,
        )


def _to_the_end(
    source: Unasked, crew: _Crew, meter: Meter, tally: _Tally, schema: type[BaseModel]
) -> str:
    """Why requests are left over; empty where none are. Nothing is in flight, error or not."""
    try:
        return _keep_asking(source, crew, meter, tally, schema)
    except KeyboardInterrupt:
        crew.drain(GRACE_SECONDS)
        raise
    except BaseException:
        crew.drain(None)
        raise
    finally:
        crew.dismiss()


class Unasked:
    """The requests that the journal has not settled, one for each key, as they are taken.

    left_out: keys that are passed over, too.
    kept:     how many were passed over, since the journal had settled them before this run.
    passed:   how many were passed over in all.
    """

    def __init__(
        self, requests: Iterable[Request], journal: Journal, left_out: Container[str] = ()
    ) -> None:
        self._requests = iter(requests)
        self._journal = journal
        self._left_out = left_out
        self._taken: set[str] = set()
        self.kept = 0
        self.passed = 0

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        for request in self._requests:
            if request.key in self._taken:
                continue
            self._taken.add(request.key)
            is_kept = self._journal.settled(request.key)
            if not is_kept and request.key not in self._left_out:
                return request
            self.kept += is_kept
            self.passed += 1
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
        tally.add(answer, source.passed)
        if tally.unserved >= patience:
            raise LLMError(
                f"{tally.unserved:,} requests in a row were not answered; the last one: "
                f"{answer.detail or answer.outcome}",
                where=crew.model.spec,
                remedy="type the same command again later: what was answered is not paid twice",
            )


@dataclass
class _Tally:
    total: int
    listener: Listener
    counts: Counter[Outcome] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)
    unserved: int = 0

    def add(self, answer: Answer, passed: int) -> None:
        self.counts[answer.outcome] += 1
        self.usage += answer.usage
        self.unserved = self.unserved + 1 if answer.outcome in ("failed", "rejected") else 0
        self.listener(Step(STAGE, self.counts.total() + passed, self.total, "requests"))


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
                answer = self._answer(request)
                self._journal.append(answer)
            except BaseException as error:
                self._done.put(error)
            else:
                self._done.put(answer)

    def _answer(self, request: Request) -> Answer:
        try:
            return self.model.ask(request, self._schema)
        except LLMError:
            # A wrong key or no credit: the service said so, and served nothing.
            self._flight.free(request.key)
            raise
