"""Texts of many clients, encoded together by one thread.

Requests wait in a queue. Whenever the model is free, the next batch takes one text of each
request in turn until its budget is used up, so that a short request does not wait for a long one.
The encoder sorts by length and cuts by itself; a request is answered with its last vector.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from benchharness.errors import BenchError
from benchharness.serving.server.limits import Limits
from benchharness.serving.server.metrics import Metrics
from benchharness.serving.server.refusal import Refusal
from benchharness.serving.server.served import Served

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Embedded:
    """The vectors of a request, [n, dim] in the order of its texts, and the tokens read of them."""

    vectors: NDArray[np.float32]
    tokens: int


@dataclass(eq=False)
class _Job:
    """One request: `taken` of its texts have been in a batch, `missing` rows have no vector."""

    texts: Sequence[str]
    prompt_name: str | None
    truncate: bool
    vectors: NDArray[np.float32]
    answer: Future[Embedded] = field(default_factory=Future)
    counts: list[int] = field(default_factory=list)
    taken: int = 0

    def __post_init__(self) -> None:
        self.missing = set(range(len(self.texts)))

    @property
    def is_taken(self) -> bool:
        return self.taken == len(self.texts) or self.answer.done()


# Some texts of a job: the rows that are in one batch.
_Picked = dict[_Job, list[int]]


class Batcher:
    """Encodes what is submitted until it is closed; safe to submit to from any thread."""

    def __init__(self, model: Served, limits: Limits, metrics: Metrics) -> None:
        self._model = model
        self._limits = limits
        self._metrics = metrics
        self._arrived: list[_Job] = []
        self._waiting_texts = 0
        self._is_closed = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="encoding", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and not self._is_closed

    @property
    def waiting_texts(self) -> int:
        """Texts that no batch has taken yet."""
        return self._waiting_texts

    def submit(
        self, texts: Sequence[str], prompt_name: str | None, *, truncate: bool
    ) -> Future[Embedded]:
        """A promise of the vectors; it is broken by a Refusal. Raises Refusal where none is made.

        Once it is cancelled, no more of its texts are put into a batch.
        truncate: whether a text of too many tokens is cut off, as the model does, or refused.
        """
        import numpy as np

        self._model.reading(prompt_name)
        vectors = np.empty((len(texts), self._model.dim), dtype=np.float32)
        job = _Job(texts, prompt_name, truncate, vectors)
        with self._condition:
            if not self.is_alive:
                raise Refusal(503, "Unhealthy", "the server is stopping")
            self._arrived.append(job)
            self._waiting_texts += len(texts)
            self._condition.notify()
        return job.answer

    def close(self) -> None:
        """Returns once all that was submitted is answered; nothing more is taken on."""
        with self._condition:
            self._is_closed = True
            self._condition.notify()
        self._thread.join()

    # --- the thread -----------------------------------------------------------------------------

    def _work(self) -> None:
        waiting: list[_Job] = []
        are_several = False
        while True:
            arrived = self._arrivals(is_idle=not waiting, is_patient=are_several)
            if not arrived and not waiting:
                return
            self._apart(arrived, self._count)
            # The fair share begins with those that have waited longest.
            waiting = [job for job in (*waiting, *arrived) if not job.is_taken]
            picked = self._pick(waiting)
            self._recount(waiting)
            are_several = len(picked) > 1
            for name in {job.prompt_name for job in picked}:
                group = [job for job in picked if job.prompt_name == name]
                self._apart(group, partial(self._encode, picked))
            waiting = [job for job in waiting if not job.is_taken]

    def _recount(self, waiting: list[_Job]) -> None:
        with self._condition:
            jobs = (*waiting, *self._arrived)
            self._waiting_texts = sum(len(job.texts) - job.taken for job in jobs)

    def _arrivals(self, *, is_idle: bool, is_patient: bool) -> list[_Job]:
        """What was submitted since the last time; an idle thread waits for something.

        A lone client is never made to wait; where the last batch had several requests, the others
        are given a moment to come back.
        """
        with self._condition:
            if is_idle:
                self._condition.wait_for(lambda: self._arrived or self._is_closed)
                if is_patient and self._limits.wait_ms:
                    self._condition.wait_for(
                        lambda: self._is_closed or self._waiting_texts >= self._limits.batch_texts,
                        self._limits.wait_ms / 1000,
                    )
            arrived, self._arrived = self._arrived, []
        return arrived

    def _count(self, jobs: list[_Job]) -> None:
        """Counts the tokens of each job; one with a text that may not be cut off is refused."""
        most = self._model.max_length
        for name in {job.prompt_name for job in jobs}:
            alike = [job for job in jobs if job.prompt_name == name]
            texts = [text for job in alike for text in job.texts]
            counts = self._model.reading(name).token_counts(texts).tolist()
            start = 0
            for job in alike:
                found = counts[start : start + len(job.texts)]
                start += len(job.texts)
                if most is not None and not job.truncate and max(found) > most:
                    longest = max(found)
                    _refuse(job, Refusal(
                        413, "Validation", f"`inputs` must have at most {most} tokens; the text at "
                        f"position {found.index(longest)} has {longest}",
                    ))  # fmt: skip
                job.counts = found if most is None else [min(count, most) for count in found]

    def _pick(self, waiting: list[_Job]) -> _Picked:
        """The next batch: one text of each job in turn, and of any size where it is the first."""
        picked: _Picked = {}
        texts = tokens = 0
        active = waiting
        while active:
            for job in active:
                count = job.counts[job.taken]
                is_full = texts == self._limits.batch_texts
                if texts and (is_full or tokens + count > self._limits.batch_tokens):
                    return picked
                picked.setdefault(job, []).append(job.taken)
                job.taken += 1
                texts += 1
                tokens += count
            active = [job for job in active if not job.is_taken]
        return picked

    def _encode(self, picked: _Picked, jobs: list[_Job]) -> None:
        """Puts the vectors of the picked rows where they belong, and answers who has all."""
        import numpy as np

        reading = self._model.reading(jobs[0].prompt_name)
        rows = [(job, row) for job in jobs for row in picked[job]]
        self._metrics.batch(len(rows), sum(job.counts[row] for job, row in rows))
        texts = [job.texts[row] for job, row in rows]
        for positions, vectors in reading.encoder.encode(texts, reading.role):
            if vectors.shape != (len(positions), self._model.dim):
                raise Refusal(500, "Backend", "the model gave vectors of another dimension")
            broken = set(np.flatnonzero(~np.isfinite(vectors).all(axis=1)).tolist())
            for found, position in enumerate(positions.tolist()):
                job, row = rows[position]
                if found not in broken:
                    job.vectors[row] = vectors[found]
                    job.missing.discard(row)
                    if not job.missing:
                        _answer(job)
                else:
                    message = f"the model gave NaN or infinity for the text at position {row}"
                    _refuse(job, Refusal(500, "Backend", message))
        for job in jobs:
            if not job.answer.done() and job.missing.intersection(picked[job]):
                _refuse(job, Refusal(500, "Backend", "the model left a text without a vector"))

    def _apart(self, jobs: list[_Job], work: Callable[[list[_Job]], None]) -> None:
        """Does the work for all jobs together; where that fails, for each by itself.

        So a text on which the model fails is its sender's trouble alone.
        """
        jobs = [job for job in jobs if not job.answer.done()]
        if not jobs:
            return
        try:
            work(jobs)
        except Exception as error:  # the thread must outlive whatever a model raises
            if len(jobs) > 1:
                for job in jobs:
                    self._apart([job], work)
            else:
                _refuse(jobs[0], _as_refusal(error))


def _answer(job: _Job) -> None:
    with suppress(InvalidStateError):  # called off, perhaps at this very moment
        job.answer.set_result(Embedded(job.vectors, sum(job.counts)))


def _refuse(job: _Job, refusal: Refusal) -> None:
    with suppress(InvalidStateError):
        job.answer.set_exception(refusal)


def _as_refusal(error: Exception) -> Refusal:
    """What the client is told; an unexpected error leaves its place, and no text, in the log."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, BenchError):
        return Refusal(500, "Backend", error.message)
    where = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("the model failed with %s:\n%s", type(error).__name__, where)
    return Refusal(500, "Backend", f"the model failed with {type(error).__name__}")
