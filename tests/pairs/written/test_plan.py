"""What a run will ask and what that costs at most."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchharness.errors import UsageError
from benchharness.llm.in_flight import InFlight
from benchharness.llm.journal import Journal
from benchharness.llm.model import Answer, Usage
from benchharness.llm.spending import Price, worst_case
from benchharness.pairs.written.plan import JOURNAL, Plan, check_places, run_folder
from benchharness.progress import Step
from benchharness.testing import HashEncoder


def settle(plan: Plan, number: int) -> list[str]:
    """The keys of the first requests, which are answered in the plan's journal now."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    keys = [request.key for request in plan.requests()][:number]
    with Journal(plan.folder / JOURNAL, plan.identity) as journal:
        for key in keys:
            journal.append(Answer(key, "ok", {"queries": []}, Usage(7, 3)))
    return keys


def test_the_estimate_is_of_all_requests_before_anything_is_asked(
    plan_of: Callable[..., Plan], scripted: Callable[..., Any]
) -> None:
    """Rule: planning pays nothing and leaves nothing behind."""
    llm = scripted()

    plan = plan_of(llm=llm, price=Price(1.0, 5.0), answer_tokens=100)

    texts = [request.text for request in plan.requests()]
    assert plan.estimate.requests == len(texts) == 4
    assert plan.estimate.output_tokens == 400
    assert plan.estimate.input_tokens == pytest.approx(sum(len(t) // 4 for t in texts), rel=0.05)
    assert plan.estimate.cost is not None
    assert plan.estimate.cost > 400 * 5e-6
    assert not llm.asked
    assert not plan.folder.exists()


def test_batches_cost_half(plan_of: Callable[..., Plan]) -> None:
    full, half = (plan_of(price=Price(1.0, 5.0), batch=batch) for batch in (False, True))

    assert half.estimate.cost == pytest.approx(0.5 * (full.estimate.cost or 0))


def test_the_largest_request_is_known(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of()

    worst = [worst_case(request, plan.prompt.schema).tokens for request in plan.requests()]

    assert plan.largest.tokens == max(worst)


def test_what_was_answered_is_not_in_the_estimate(plan_of: Callable[..., Plan]) -> None:
    keys = settle(plan_of(), 3)

    plan = plan_of()

    assert (len(plan.open_rows), plan.estimate.requests) == (1, 1)
    assert plan.spent == Usage(21, 9)
    assert {request.key for request in plan.requests()} > set(keys)


def lose(plan: Plan, number: int) -> None:
    """The first requests were on their way when a run was killed."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    with Journal(plan.folder / JOURNAL, plan.identity) as journal, InFlight(journal) as flight:
        for request in list(plan.requests())[:number]:
            flight.note(request.key, worst_case(request, plan.prompt.schema))


def test_what_a_killed_run_asked_is_neither_open_nor_in_the_estimate(
    plan_of: Callable[..., Plan],
) -> None:
    lose(plan_of(), 3)
    settle(plan_of(), 1)

    plan, again = (plan_of(ask_again=ask_again) for ask_again in (False, True))

    assert [len(one.open_rows) for one in (plan, again)] == [1, 3]
    assert [len(one.left_out) for one in (plan, again)] == [2, 0]
    assert [one.estimate.requests for one in (plan, again)] == [1, 3]
    assert [one.lost.count for one in (plan, again)] == [2, 2]
    rows = [*plan.open_rows.tolist(), *plan.left_out.tolist()]
    assert sorted(rows) == again.open_rows.tolist()


def test_an_edited_corpus_pays_for_what_changed(
    plan_of: Callable[..., Plan], corpus_of: Callable[..., Any]
) -> None:
    documents = {f"d{n}": f"the eight words of this text are {n}" for n in range(5)}
    settle(plan_of(corpus_of(documents)), 5)

    edited = plan_of(corpus_of({**documents, "d2": "other words stand in the second text now",
                                "new": "and a document that was not there before"}))  # fmt: skip

    assert [edited.passages.name(row) for row in edited.open_rows.tolist()] == ["d2", "new"]


def test_moved_documents_cost_nothing(
    plan_of: Callable[..., Plan], corpus_of: Callable[..., Any]
) -> None:
    """Rule: a request is named by its text; ids and order are no part of it."""
    documents = {f"d{n}": f"the eight words of this text are {n}" for n in range(5)}
    settle(plan_of(corpus_of(documents)), 5)

    moved = plan_of(
        corpus_of({f"moved/{9 - n}": text for n, text in enumerate(documents.values())})
    )

    assert len(moved.open_rows) == 0


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"types": ("question",)}, "prompt"),
        ({"queries": 2}, "queries 3 there and 2 now"),
        ({"passage_tokens": 20}, "16 tokens of hash"),
        ({"overlap": 4}, "4 of them shared"),
        ({"seed": 1}, "seed 0 there and 1 now"),
        ({"encoder": HashEncoder(spec="hash@salt=x")}, "hash@salt=x"),
    ],
)
def test_another_run_in_the_same_folder_is_refused_with_both_named(
    changed: dict[str, Any], named: str, plan_of: Callable[..., Plan]
) -> None:
    settle(plan_of(), 1)

    with pytest.raises(UsageError) as caught:
        plan_of(**changed)

    assert named in str(caught.value)


def test_another_run_is_refused_before_anything_is_split(plan_of: Callable[..., Plan]) -> None:
    settle(plan_of(), 1)
    steps: list[Step] = []

    with pytest.raises(UsageError):
        plan_of(seed=1, listener=steps.append)

    assert not steps


def test_another_language_model_is_refused_with_both_named(
    plan_of: Callable[..., Plan], scripted: Callable[..., Any]
) -> None:
    settle(plan_of(), 1)
    other = scripted()
    other.spec = "scripted:other"

    with pytest.raises(UsageError, match="'scripted:model' there and 'scripted:other' now"):
        plan_of(llm=other)


@pytest.mark.parametrize("free", [{"passages": 2}, {"min_words": 3}, {"round_trip": 5}])
def test_what_changes_no_answer_may_change(
    free: dict[str, Any], plan_of: Callable[..., Plan]
) -> None:
    settle(plan_of(), 4)

    assert len(plan_of(**free).open_rows) == 0


def test_a_run_that_is_going_on_is_refused(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of()
    settle(plan, 1)

    with (
        Journal(plan.folder / JOURNAL, plan.identity),
        pytest.raises(UsageError, match="another process"),
    ):
        plan_of()


def test_the_run_is_beside_the_pairs() -> None:
    assert run_folder(Path("a/pairs.jsonl")) == Path("a/pairs.run")
    assert run_folder(Path("a/pairs.v2")) == Path("a/pairs.v2.run")


def test_a_file_that_is_of_no_run_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "pairs.jsonl"
    out.write_text("a person's work\n")

    with pytest.raises(UsageError, match="not of a run"):
        check_places(out, None)

    (tmp_path / "pairs.run").mkdir()
    (tmp_path / "pairs.run" / JOURNAL).write_text("{}")
    check_places(out, None)


def test_a_data_set_that_is_of_no_run_is_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "faq"
    folder.mkdir()
    check_places(tmp_path / "p.jsonl", folder)  # empty
    (folder / "corpus.jsonl").write_text("a person's work\n")

    with pytest.raises(UsageError, match=r"no generated\.json"):
        check_places(tmp_path / "p.jsonl", folder)


def test_places_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="uncompressed"):
        check_places(tmp_path / "p.jsonl.gz", None)
    with pytest.raises(UsageError, match="folder"):
        check_places(tmp_path, None)
