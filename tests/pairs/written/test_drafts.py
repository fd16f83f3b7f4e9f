"""The queries as they were written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchharness.llm.journal import Journal
from benchharness.llm.model import Answer, Outcome, Usage
from benchharness.pairs.written.drafts import Drafts, read_drafts
from benchharness.pairs.written.plan import Plan
from benchharness.pairs.written.prompting import key_of, types_of

Queries = Sequence[tuple[str, str]]


def keys(plan: Plan) -> list[str]:
    hashes = [digest.decode() for digest in plan.passages.hashes[plan.chosen.rows].tolist()]
    return [key_of(one, types_of(one, plan.setting), plan.prompt) for one in hashes]


def drafts_of(
    plan: Plan,
    folder: Path,
    answers: dict[int, Outcome | Queries],
    order: Sequence[int] = (),
    left_out: dict[int, Usage] | None = None,
) -> Drafts:
    """What is read where the passages in these places have these answers."""
    lost = {keys(plan)[place]: worst for place, worst in (left_out or {}).items()}
    with Journal(folder / "j.jsonl", {}) as journal:
        for place in order or list(answers):
            given = answers[place]
            content: Any = None
            if not isinstance(given, str):
                content = {"queries": [{"type": kind, "text": text} for kind, text in given]}
            outcome: Any = given if isinstance(given, str) else "ok"
            journal.append(Answer(keys(plan)[place], outcome, content))
        return read_drafts(
            journal, plan.passages, plan.chosen.rows, plan.setting, plan.prompt, left_out=lost
        )


def three(name: str) -> Queries:
    return [("question", f"{name} {n}") for n in range(3)]


def test_queries_are_in_order_of_the_passages_whatever_the_order_of_answers(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    answers: dict[int, Any] = {place: three(f"p{place}") for place in range(4)}

    one = drafts_of(plan_of(), tmp_path / "a", answers)
    other = drafts_of(plan_of(), tmp_path / "b", answers, order=(2, 0, 3, 1))

    assert list(one.texts) == [f"p{place} {n}" for place in range(4) for n in range(3)]
    assert list(other.texts) == list(one.texts)
    assert one.rows.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_every_outcome_is_counted_and_what_may_be_asked_again_is_left(
    plan_of: Callable[..., Plan], corpus_of: Callable[..., Any], tmp_path: Path
) -> None:
    corpus = corpus_of({f"d{n}": f"eight words are in number {n} and more" for n in range(8)})
    outcomes: list[Any] = ["refused", "truncated", "malformed", "rejected", "expired", "failed"]

    drafts = drafts_of(plan_of(corpus), tmp_path, {**dict(enumerate(outcomes)), 6: three("x")})

    assert drafts.outcomes == {**dict.fromkeys(outcomes, 1), "ok": 1, "unanswered": 1}
    assert drafts.unanswered == 3  # nothing, expired and failed
    assert len(drafts) == 3


def test_a_wrong_number_of_queries_is_used_and_counted(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    """Rule: what is there is used; what is beyond the number asked for is dropped."""
    five = [("question", f"q{n}") for n in range(5)]

    drafts = drafts_of(plan_of(), tmp_path, {0: five, 1: [], 2: [("how-to", "a")], 3: three("c")})

    assert list(drafts.texts) == ["q0", "q1", "q2", "a", "c 0", "c 1", "c 2"]
    assert (drafts.wanted, drafts.short, drafts.long, drafts.beyond) == (12, 2, 1, 2)


def test_types_that_were_not_asked_for_are_counted_and_stay(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = plan_of(types=("question", "keywords"), queries=1)
    asked = types_of(plan.passages.hashes[0].decode(), plan.setting)[0]
    other = "keywords" if asked == "question" else "question"

    drafts = drafts_of(plan, tmp_path, {0: [(other, "one")]})

    assert drafts.other_types == 1
    assert [plan.setting.types[kind] for kind in drafts.types.tolist()] == [other]


def test_texts_are_tidied(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    drafts = drafts_of(plan_of(), tmp_path, {0: [("question", " a\nb "), ("question", "\ud800")]})

    assert list(drafts.texts) == ["a b", ""]


def test_what_is_left_out_is_counted_apart_unless_it_was_answered_since(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    """Rule: the same command would not ask it, so it is not among what is left to ask."""
    answers: dict[int, Any] = {0: three("p0"), 1: "failed", 2: three("p2")}
    left_out = {1: Usage(9, 1), 2: Usage(9, 2), 3: Usage(9, 3)}

    drafts = drafts_of(plan_of(), tmp_path, answers, left_out=left_out)

    assert drafts.outcomes == {"ok": 2, "left_out": 2}
    assert drafts.left_out == {1: Usage(9, 1), 3: Usage(9, 3)}
    assert drafts.unanswered == 0
