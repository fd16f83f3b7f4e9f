"""Many requests for half the price: batches, which outlive the process that sent them.

What a killed run knows is in `batches.jsonl`, each line on disk before the next step:

    intent   these keys are about to be sent
    sent     the service made this batch of them
    void     no batch was made of them
    done     the results of the batch are in the journal

An intent that has none of the others is a batch that may exist: it is looked for at the service,
since sending it again would pay for it twice.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Sized
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.errors import LLMError, UsageError
from benchharness.llm.asking import Asked, Unasked
from benchharness.llm.batch import Batch, BatchModel, NotSubmitted, UnclearSubmission
from benchharness.llm.batch_log import BatchLog, Sending
from benchharness.llm.in_flight import lost_of
from benchharness.llm.journal import Journal
from benchharness.llm.model import UNSETTLED, Answer, LanguageModel, Outcome, Request, Usage
from benchharness.llm.spending import Limits, Meter, worst_case
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    from pydantic import BaseModel

STAGE = "asking in batches"
LOG = "batches.jsonl"
# Of the API: 100,000 requests or 256 MB. Its megabytes may be the smaller ones, and headers count.
MOST_REQUESTS = 100_000
_MOST_BYTES = 240_000_000
# Batches that are open at once; the requests in them stay in memory, to be sent again.
_MOST_OPEN = 10
# How often a request is sent at most, where its batch expires or its row fails.
_TRIES = 3
# What a limit leaves room for is sent where it is this part of what was sent: what batches cost
# is far below their worst case, and rounds that shrink to single requests would last for days.
_WORTHWHILE = 1 / 20
# How often in a row the service may refuse or lose a batch.
_PATIENCE = 5
_READINGS = 3  # of the results of a batch, where rows are missing
# A batch may be older than its intent by this much, by the service's clock.
_CLOCKS = timedelta(hours=24)


def ask_in_batches(
    requests: Iterable[Request],
    model: LanguageModel,
    schema: type[BaseModel],
    journal: Journal,
    limits: Limits,
    *,
    folder: Path,
    poll_seconds: float = 60,
    per_batch: int = 10_000,
    ask_again: bool = False,
    listener: Listener = silent,
) -> Asked:
    """What came of asking these requests in batches; the answers are in the journal.

    folder:    holds what a killed run must know; give the same one again.
    per_batch: requests in a batch, 1 to 100,000. A limit cuts batches smaller: the worst case of
               all that is open is reserved, at the price of batches.
    ask_again: as for `ask_all`: also asks what was sent outside of batches and lost.
    A row that expired or failed is sent again in a later batch, 3 times in all.

    A killed run is resumed with the same arguments: what was sent is waited for, and what is in
    the journal is not sent. Raises UsageError for a model that takes no batches, LLMError for
    what concerns every request, DataError where something cannot be written.
    """
    if not isinstance(model, BatchModel):
        raise UsageError(
            "this service takes no batches", where=model.spec, remedy="ask without batches"
        )
    if not 1 <= per_batch <= MOST_REQUESTS:
        raise UsageError(f"a batch has 1 to {MOST_REQUESTS:,} requests, not {per_batch:,}")
    total = len(requests) if isinstance(requests, Sized) else 0
    with BatchLog(folder / LOG, {"model": model.spec}) as log:
        lost = lost_of(journal)
        meter = Meter(limits, journal.usage + lost.usage, journal.batch_usage)
        left_out = {} if ask_again else lost.unanswered
        run = _Run(model, schema, journal, meter, log)
        run.source = Unasked(requests, journal, left_out)
        run.per_batch, run.poll_seconds = per_batch, poll_seconds
        run.report = lambda done: listener(Step(STAGE, done, total, "requests"))
        return replace(run.to_the_end(), lost=lost, left_out=left_out)


def refuse_open_batches(folder: Path, model: LanguageModel) -> None:
    """Raises UsageError where batches of the folder are not read yet: asking would pay twice."""
    if not (folder / LOG).is_file():
        return
    with BatchLog(folder / LOG, {"model": model.spec}) as log:
        waiting = sum(len(sending.keys) for sending in log.unfinished())
    if waiting:
        raise UsageError(
            f"{waiting:,} requests were sent in batches whose results were not read",
            where=str(folder),
            remedy="type the command with --batch once more: it takes them up",
        )


class _Run:
    """One run, from the batches that an earlier one left open to the last result."""

    source: Unasked
    per_batch: int
    poll_seconds: float

    def __init__(
        self,
        model: BatchModel,
        schema: type[BaseModel],
        journal: Journal,
        meter: Meter,
        log: BatchLog,
    ) -> None:
        self.model, self.schema, self.journal = model, schema, journal
        self.meter, self.log = meter, log
        self.report = _unreported
        self.open: list[Sending] = []
        self.open_keys: set[str] = set()
        # Of keys in open batches: their requests, as far as they came out of the source.
        self.requests: dict[str, Request] = {}
        self.again: list[Request] = []
        self.tries: Counter[str] = Counter()
        self.outcomes: dict[str, Outcome] = {}
        self.usage = Usage()
        self.refusals = 0
        self.sent = 0

    def to_the_end(self) -> Asked:
        self._take_up()
        while True:
            refusal = self._send_what_may_be_sent()
            if not self.open:
                break
            self._await_one()
        counts = dict(Counter(self.outcomes.values()))
        return Asked(counts, self.source.kept, self.usage, self.journal.usage, refusal)

    def _take_up(self) -> None:
        """Finds the batches that an earlier run left open."""
        for sending in self.log.unfinished():
            known = sending if sending.batch_id else self._found(sending)
            if known is not None:
                # It is in flight, whatever the limit is now.
                self.meter.owe(known.worst, batch=True)
                self._add(known)

    def _add(self, sending: Sending) -> None:
        self.open.append(sending)
        self.open_keys.update(sending.keys)

    def _found(self, sending: Sending) -> Sending | None:
        """The intent with the batch that was made of it; None where none was, which is noted."""
        oldest = sending.time - _CLOCKS
        alike = [
            batch
            for batch in itertools.takewhile(
                lambda batch: batch.created >= oldest, self.model.batches()
            )
            if batch.size == len(sending.keys) and not self.log.knows(batch.batch_id)
        ]
        # What is in a batch can only be read once it has ended.
        for batch in sorted(alike, key=lambda batch: not batch.ended):
            self._wait_for(batch)
            if set(self.model.batch_keys(batch.batch_id)) == set(sending.keys):
                return self.log.sent(sending, batch.batch_id)
        self.log.void(sending)
        return None

    def _wait_for(self, batch: Batch) -> None:
        while not batch.ended:
            time.sleep(self.poll_seconds)
            batch = self.model.batch(batch.batch_id)

    def _send_what_may_be_sent(self) -> str:
        """Why no more is sent; empty where nothing is left."""
        while len(self.open) < _MOST_OPEN:
            cut, worst, refusal = self._cut()
            if not cut:
                return refusal
            self._send(cut, worst)
        return ""

    def _next(self) -> Request | None:
        if self.again:
            return self.again.pop()
        for request in self.source:
            if request.key not in self.open_keys:
                return request
            # In an open batch of an earlier run; kept for a row that must be sent again.
            self.requests[request.key] = request
        return None

    def _cut(self) -> tuple[list[Request], Usage, str]:
        """The requests of the next batch, their worst case, and why there are no more of them."""
        cut: list[Request] = []
        reserved = Usage()
        size_bytes = 0
        while len(cut) < self.per_batch and (request := self._next()) is not None:
            size_bytes += self.model.request_bytes(request, self.schema) + 1
            if cut and size_bytes > _MOST_BYTES:
                self.again.append(request)
                break
            worst = worst_case(request, self.schema)
            if refusal := self.meter.reserve(worst, batch=True):
                self.again.append(request)
                if len(cut) < _WORTHWHILE * self.sent:
                    self._put_back(cut, reserved)
                    return [], Usage(), refusal
                return cut, reserved, refusal
            reserved += worst
            cut.append(request)
        return cut, reserved, ""

    def _send(self, cut: list[Request], worst: Usage) -> None:
        """Sends the batch, or leaves its requests to be sent later where there is no room."""
        sending = self.log.intend([request.key for request in cut], worst)
        made: Sending | None = None
        try:
            batch = self.model.submit(cut, self.schema)
        except UnclearSubmission as error:
            self._bear(error.detail)
            made = self._found(sending)
        except NotSubmitted as error:
            self.log.void(sending)
            self._bear(error.detail)
        except LLMError:
            self.log.void(sending)
            raise
        else:
            made = self.log.sent(sending, batch.batch_id)
        if made is None:
            self._put_back(cut, worst)
            return
        self.refusals = 0
        self._add(made)
        self.sent += len(cut)
        self.requests |= {request.key: request for request in cut}

    def _put_back(self, cut: list[Request], reserved: Usage) -> None:
        self.meter.settle(reserved, Usage(), batch=True)
        self.again += reversed(cut)

    def _bear(self, detail: str) -> None:
        """Waits before the next attempt. Raises LLMError when patience is at its end."""
        self.refusals += 1
        if self.refusals > _PATIENCE:
            raise LLMError(
                f"no batch could be sent, {self.refusals} times in a row: {detail}",
                where=self.model.spec,
                remedy="type the same command again later: what was sent is not sent twice",
            )
        time.sleep(min(self.poll_seconds, 2.0**self.refusals))

    def _await_one(self) -> None:
        """Returns when the results of a batch at least are in the journal."""
        while True:
            ended = [send for send in self.open if self.model.batch(send.batch_id).ended]
            for sending in ended:
                self._collect(sending)
            if ended:
                return
            time.sleep(self.poll_seconds)

    def _collect(self, sending: Sending) -> None:
        missing = set(sending.keys)
        paid = Usage()
        for attempt in range(_READINGS):
            paid += self._read(sending, missing, is_last=attempt + 1 == _READINGS)
            if not missing:
                break
            time.sleep(min(self.poll_seconds, 2.0**attempt))
        if missing:
            # Its rows are paid for: the batch stays open in the log, and nothing is sent again.
            raise LLMError(
                f"batch {sending.batch_id} gave {len(sending.keys) - len(missing):,} of "
                f"{len(sending.keys):,} results, read {_READINGS} times",
                where=self.model.spec,
                remedy="type the same command again later: it reads the batch, and sends nothing "
                "twice",
            )
        self.log.done(sending)
        self.meter.settle(sending.worst, paid, batch=True)
        self.open.remove(sending)
        self.open_keys.difference_update(sending.keys)

    def _read(self, sending: Sending, missing: set[str], *, is_last: bool) -> Usage:
        """What the rows have cost that were not read before; they are taken out of `missing`.

        A transfer that breaks off is no reason to lose what came, nor to pay for the rest again.
        """
        paid = Usage()
        try:
            for answer in self.model.results(sending.batch_id, self.schema):
                if answer.key in missing:
                    missing.discard(answer.key)
                    paid += self._keep(answer)
        except LLMError:
            if is_last:
                raise
        return paid

    def _keep(self, answer: Answer) -> Usage:
        """What the answer has cost, on top of what the journal knew before."""
        request = self.requests.pop(answer.key, None)
        if self.journal.settled(answer.key):
            return Usage()  # by a run that was killed while it read these results
        self.tries[answer.key] += 1
        is_last = self.tries[answer.key] >= _TRIES
        if answer.outcome in UNSETTLED and request is not None and not is_last:
            self.again.append(request)
            return answer.usage
        self.journal.append(answer, batch=True)
        self.usage += answer.usage
        self.outcomes[answer.key] = answer.outcome
        self.report(len(self.outcomes) + self.source.passed)
        return answer.usage


def _unreported(done: int) -> None:
    """A report that nobody reads."""
