"""Many clients' texts in one batch, each client's trouble its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait

import numpy as np
import pytest

from benchharness.errors import ModelError
from benchharness.serving.server.batcher import Batcher, Embedded
from benchharness.serving.server.limits import Limits
from benchharness.serving.server.metrics import Metrics
from benchharness.serving.server.refusal import Refusal
from benchharness.serving.server.served import serve_encoder
from benchharness.testing import HashEncoder


class Watched(HashEncoder):
    """Notes what is encoded together; holds every batch until it is let go; fails on demand."""

    def __init__(self) -> None:
        super().__init__(dim=16)
        self.batches: list[tuple[str, list[str]]] = []
        self.begun = threading.Semaphore(0)
        self.free = threading.Event()
        self.free.set()
        self.longest: int | None = None

    @property
    def max_length(self) -> int | None:
        return self.longest

    def encode(self, texts: Sequence[str], role: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        self.batches.append((role, list(texts)))
        self.begun.release()
        assert self.free.wait(30)
        if "poison" in texts:
            raise ModelError("a text of 6 characters does not fit into the memory")
        if "defect" in texts:
            raise ZeroDivisionError(f"the texts were: {texts}")
        for positions, vectors in super().encode(texts, role):
            vectors[[row for row, text in enumerate(texts) if text == "nan"], 3] = np.nan
            kept = [row for row, text in enumerate(texts) if text != "lost"]
            yield positions[kept], vectors[kept]


@pytest.fixture
def encoder() -> Watched:
    return Watched()


@pytest.fixture
def batcher(encoder: Watched) -> Iterator[Batcher]:
    yield from _running(encoder, Limits(batch_texts=4, batch_tokens=10))


def _running(encoder: Watched, limits: Limits) -> Iterator[Batcher]:
    served = serve_encoder(encoder)
    encoder.batches.clear()
    while encoder.begun.acquire(blocking=False):
        pass
    made = Batcher(served, limits, Metrics(served))
    yield made
    encoder.free.set()
    made.close()


def submit(batcher: Batcher, *texts: str, role: str | None = None, truncate: bool = True
           ) -> Future[Embedded]:  # fmt: skip
    return batcher.submit(list(texts), role, truncate=truncate)


def vectors(*texts: str) -> np.ndarray:
    (found,) = HashEncoder(dim=16).encode(list(texts), "query")
    return found[1]


def held(encoder: Watched, batcher: Batcher) -> Future[Embedded]:
    """A first request that keeps the model busy until `encoder.free` is set."""
    encoder.free.clear()
    first = submit(batcher, "first")
    assert encoder.begun.acquire(timeout=30)
    return first


def test_each_request_gets_its_own_vectors(batcher: Batcher) -> None:
    """Rule: what is encoded together is taken apart again, in the order of each request."""
    asked = [[f"text {row} {n}" for n in range(row % 5 + 1)] for row in range(40)]

    found = [submit(batcher, *texts) for texts in asked]

    for texts, promise in zip(asked, found, strict=True):
        np.testing.assert_array_equal(promise.result(30).vectors, vectors(*texts))
        assert promise.result().tokens == 3 * len(texts)


def test_texts_of_many_clients_are_encoded_together(encoder: Watched, batcher: Batcher) -> None:
    """Rule: what waits when the model becomes free is one batch, up to its texts."""
    first = held(encoder, batcher)
    rest = [submit(batcher, word) for word in "abcdef"]
    encoder.free.set()

    wait([first, *rest], 30)

    assert [texts for _, texts in encoder.batches] == [["first"], [*"abcd"], ["e", "f"]]


def test_a_batch_keeps_its_token_budget(encoder: Watched, batcher: Batcher) -> None:
    """Rule: at most 10 tokens; a text of more is encoded alone."""
    first = held(encoder, batcher)
    long = " ".join("abcdefghijklmno")
    rest = [submit(batcher, text) for text in ("a b c d", "a b c d e f", "a b", long, "z")]
    encoder.free.set()

    wait([first, *rest], 30)

    assert [texts for _, texts in encoder.batches[1:]] == [
        ["a b c d", "a b c d e f"], ["a b"], [long], ["z"],
    ]  # fmt: skip


def test_a_small_request_does_not_wait_for_a_large_one(encoder: Watched, batcher: Batcher) -> None:
    """Rule: a batch takes one text of each request in turn."""
    first = held(encoder, batcher)
    large = submit(batcher, *(f"w{n}" for n in range(20)))
    small = submit(batcher, "s1", "s2")
    encoder.free.set()

    wait([first, large, small], 30)

    assert [texts for _, texts in encoder.batches[1:3]] == [
        ["w0", "w1", "s1", "s2"], ["w2", "w3", "w4", "w5"],
    ]  # fmt: skip


def test_only_company_is_waited_for(encoder: Watched) -> None:
    """Rule: a lone client is answered at once; after a batch of several the others may come."""
    batcher = next(running := _running(encoder, Limits(batch_texts=2, wait_ms=60_000)))

    submit(batcher, "alone").result(30)
    assert encoder.begun.acquire(timeout=30)
    first = held(encoder, batcher)
    pair = [submit(batcher, "a"), submit(batcher, "b")]
    encoder.free.set()
    wait([first, *pair], 30)
    assert encoder.begun.acquire(timeout=30)
    waiting = submit(batcher, "c")
    has_begun = encoder.begun.acquire(timeout=0.2)
    wait([waiting, submit(batcher, "d")], 30)

    assert not has_begun
    assert [texts for _, texts in encoder.batches] == [["alone"], ["first"], ["a", "b"], ["c", "d"]]
    next(running, None)


def test_roles_are_not_mixed(encoder: Watched, batcher: Batcher) -> None:
    """Rule: a batch of the model has one role; without a name it is read as a document."""
    first = held(encoder, batcher)
    rest = [submit(batcher, "q", role="query"), submit(batcher, "d", role="document"),
            submit(batcher, "n")]  # fmt: skip
    encoder.free.set()

    wait([first, *rest], 30)

    assert sorted(encoder.batches[1:]) == [
        ("document", ["d"]), ("document", ["n"]), ("query", ["q"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("poison", "does not fit into the memory"),
        ("defect", "the model failed with ZeroDivisionError"),
        ("nan", "NaN or infinity for the text at position 1"),
        ("lost", "left a text without a vector"),
    ],
)
def test_a_bad_text_is_its_sender_s_trouble_alone(
    encoder: Watched, batcher: Batcher, bad: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Rule: whoever shares the batch gets vectors; the sender gets a 500 with a name."""
    first = held(encoder, batcher)
    good, broken = submit(batcher, "good"), submit(batcher, "a", bad)
    encoder.free.set()

    wait([first, good, broken], 30)

    np.testing.assert_array_equal(good.result().vectors, vectors("good"))
    refusal = broken.exception()
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.kind) == (500, "Backend")
    assert message in refusal.message
    assert "the texts were: [" not in caplog.text, "no text is logged"
    assert ("ZeroDivisionError" in caplog.text) == (bad == "defect")
    assert submit(batcher, "after").result(30).tokens == 1


def test_a_text_that_is_too_long_is_refused_where_it_may_not_be_cut(
    encoder: Watched, batcher: Batcher
) -> None:
    """Rule: 413 as TEI has it; cut off, it counts as what was read."""
    encoder.longest = 3
    batcher = next(cut := _running(encoder, Limits()))

    refused = submit(batcher, "a b", "a b c d e", truncate=False).exception(30)
    exact = submit(batcher, "a b c", truncate=False).result(30)
    cut_off = submit(batcher, "a b c d e").result(30)

    assert isinstance(refused, Refusal)
    assert refused.status == 413
    assert refused.message == "`inputs` must have at most 3 tokens; the text at position 1 has 5"
    assert (exact.tokens, cut_off.tokens) == (3, 3)
    next(cut, None)


def test_closing_answers_what_was_submitted(encoder: Watched, batcher: Batcher) -> None:
    """Rule: the queue is drained, and nothing more is taken on."""
    first = held(encoder, batcher)
    rest = [submit(batcher, f"t{n}") for n in range(9)]
    assert batcher.waiting_texts == 9
    threading.Timer(0.05, encoder.free.set).start()

    batcher.close()

    assert all(promise.done() for promise in (first, *rest))
    assert batcher.waiting_texts == 0
    assert not batcher.is_alive
    with pytest.raises(Refusal, match="the server is stopping"):
        submit(batcher, "late")


def test_what_is_called_off_is_not_encoded(encoder: Watched, batcher: Batcher) -> None:
    """Rule: no text of a cancelled request enters a batch; one that is in a batch harms no one."""
    first = held(encoder, batcher)
    gone, here = submit(batcher, "gone"), submit(batcher, "here")
    assert first.cancel()
    assert gone.cancel()
    encoder.free.set()

    wait([here], 30)

    assert encoder.batches == [("document", ["first"]), ("document", ["here"])]
    np.testing.assert_array_equal(here.result().vectors, vectors("here"))


def test_an_unknown_prompt_is_refused_before_it_waits(batcher: Batcher) -> None:
    with pytest.raises(Refusal, match="name `prompt_name`"):
        submit(batcher, "a", role="classification")
