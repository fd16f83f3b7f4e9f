"""From a plan to pairs, with a language model in this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchharness.errors import LLMError, UsageError
from benchharness.llm.model import Answer, Request
from benchharness.llm.spending import Limits
from benchharness.models.cache import EmbeddingCache
from benchharness.pairs.written.plan import INDEX, JOURNAL, Plan
from benchharness.pairs.written.run import Written, write_queries
from benchharness.progress import Step

DOCUMENTS = {
    f"d{n:02}": " ".join(f"{word}{n}" for word in ("red", "blue", "tree", "house", "river", "road",
                                                   "bird", "stone", "cloud")) for n in range(24)
}  # fmt: skip


@pytest.fixture
def run(plan_of: Callable[..., Plan], corpus_of: Callable[..., Any]) -> Callable[..., Written]:
    def made(llm: Any, limits: Limits | None = None, *, documents: Any = DOCUMENTS,
             concurrency: int = 4, listener: Any = None, **options: Any) -> Written:  # fmt: skip
        plan = plan_of(corpus_of(documents), llm, **options)
        told = {"listener": listener} if listener else {}
        return write_queries(
            plan, llm, limits or Limits(tokens=10**9), cache=EmbeddingCache.none(),
            concurrency=concurrency, **told,
        )  # fmt: skip

    return made


def test_every_passage_is_asked_once_and_its_queries_are_pairs(
    run: Callable[..., Written], scripted: Callable[..., Any]
) -> None:
    llm = scripted()

    written = run(llm)

    assert set(llm.asked.values()) == {1}
    assert len(llm.asked) == 24
    assert (written.pairs, written.left, written.stopped) == (72, 0, "")
    assert len((written.folder / INDEX).read_text().splitlines()) == 24
    kept = json.loads((written.folder / "report.json").read_text())
    assert kept == json.loads(json.dumps(written.report))


def test_the_same_again_asks_nothing_and_changes_nothing(
    run: Callable[..., Written], scripted: Callable[..., Any]
) -> None:
    first = run(scripted()).out.read_bytes()
    llm = scripted()

    again = run(llm)

    assert not llm.asked
    assert again.out.read_bytes() == first


def test_the_order_of_answers_changes_no_byte(
    run: Callable[..., Written], scripted: Callable[..., Any], tmp_path: Path
) -> None:
    alone = run(scripted(), concurrency=1, out=tmp_path / "a" / "p.jsonl")

    together = run(scripted(), concurrency=16, out=tmp_path / "b" / "p.jsonl")

    assert together.out.read_bytes() == alone.out.read_bytes()


def test_the_order_of_the_documents_changes_no_byte(
    run: Callable[..., Written], scripted: Callable[..., Any], tmp_path: Path
) -> None:
    forth = run(scripted(), out=tmp_path / "a" / "p.jsonl")
    turned = dict(reversed(list(DOCUMENTS.items())))

    back = run(scripted(), documents=turned, out=tmp_path / "b" / "p.jsonl")

    assert back.out.read_bytes() == forth.out.read_bytes()


def test_a_limit_stops_it_with_everything_kept(
    run: Callable[..., Written],
    scripted: Callable[..., Any],
    plan_of: Callable[..., Plan],
    corpus_of: Callable[..., Any],
) -> None:
    """Rule: what was answered is written; the same with a higher limit asks the rest alone."""
    llm = scripted()
    # An answer takes 60 tokens, and the next request must fit in at its worst.
    most = plan_of(corpus_of(DOCUMENTS), llm).largest.tokens + 600

    stopped = run(llm, Limits(tokens=most), concurrency=1)

    assert len(llm.asked) == 11
    assert stopped.left == 13
    assert f"{most:,} tokens" in stopped.stopped
    assert stopped.pairs == 3 * len(llm.asked)
    assert stopped.report["complete"] is False
    more = scripted()
    whole = run(more)
    assert len(more.asked) == stopped.left
    assert not more.asked.keys() & llm.asked.keys()
    assert (whole.pairs, whole.left) == (72, 0)


def test_an_error_that_concerns_all_loses_no_answer(
    run: Callable[..., Written], scripted: Callable[..., Any]
) -> None:
    llm = scripted()
    answers = llm.answer
    mutex, served = threading.Lock(), []

    def no_credit(request: Request) -> Answer:
        with mutex:
            if len(served) >= 10:
                raise LLMError("no credit")
            served.append(request.key)
        return answers(request)

    llm.answer = no_credit
    with pytest.raises(LLMError, match="no credit"):
        run(llm)
    rest = scripted()

    assert run(rest).pairs == 72
    assert not rest.asked.keys() & set(served)


def test_no_answer_with_queries_is_an_empty_file_and_a_report(
    run: Callable[..., Written], scripted: Callable[..., Any]
) -> None:
    llm = scripted(outcomes=dict.fromkeys(DOCUMENTS.values(), "refused"))

    written = run(llm)

    assert written.out.read_bytes() == b""
    assert written.report["answers"]["refused"] == 24


def test_two_at_once_are_refused(run: Callable[..., Written], scripted: Callable[..., Any]) -> None:
    llm = scripted()
    answers = llm.answer
    inside, go_on = threading.Event(), threading.Event()

    def held(request: Request) -> Answer:
        inside.set()
        go_on.wait(30)
        return answers(request)

    llm.answer = held
    first = threading.Thread(target=run, args=(llm,))
    first.start()
    assert inside.wait(30)

    try:
        with pytest.raises(UsageError, match="another process"):
            run(scripted())
    finally:
        go_on.set()
        first.join()


def test_a_service_without_batches_is_not_asked_in_another_way(
    run: Callable[..., Written], scripted: Callable[..., Any]
) -> None:
    """Rule: whoever asks for half the price is not charged the whole."""
    llm = scripted()

    with pytest.raises(UsageError, match="takes no batches"):
        run(llm, batch=True)

    assert not llm.asked


def test_every_stage_tells_how_far_it_is(
    run: Callable[..., Written], scripted: Callable[..., Any]
) -> None:
    steps: list[Step] = []

    run(scripted(), listener=steps.append, round_trip=20)

    stages = dict.fromkeys(step.stage for step in steps)
    assert [stage for stage in stages if stage != "encode queries"] == [
        "asking", "read answers", "look at queries", "find duplicates", "encode documents",
        "round trip",
    ]  # fmt: skip
    assert [step.total for step in steps if step.stage == "asking"] == [24] * 24


def test_a_folder_of_another_run_is_left_as_it_is(
    run: Callable[..., Written], scripted: Callable[..., Any]
) -> None:
    written = run(scripted())
    before = {path.name: path.read_bytes() for path in sorted(written.folder.iterdir())}

    with pytest.raises(UsageError, match="begun for another run"):
        run(scripted(), seed=1)

    assert {path.name: path.read_bytes() for path in sorted(written.folder.iterdir())} == before
    assert JOURNAL in before
