"""`benchharness digest` against a service in a process of its own, through the real SDK."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

LLM = "anthropic:claude-haiku-5-5"
LIMIT = ("--max-tokens", "1000000")
SUITE = """
words = Suite(
    name="words",
    dataset=beir("data/words"),
    models=["hash@dim=3"],
    measures=["recall@1"],
    gates=[Gate.regression("recall@1", margin=0.02, against="bm25")],
)
"""


class Ran(Protocol):
    code: int
    out: str
    err: str
    json: Any


class Service(Protocol):
    url: str

    def paid(self) -> dict[str, int]: ...
    def bodies(self) -> list[dict[str, Any]]: ...


class Shell(Protocol):
    folder: Path

    def __call__(self, *arguments: str) -> Ran: ...
    def write_suite(self, name: str, text: str) -> Path: ...
    def write_words(self, name: str, count: int) -> str: ...


@pytest.fixture
def lost(shell: Shell) -> Path:
    """The folder of a report that lost queries against another model."""
    shell.write_words("words", 60)
    shell.write_suite("words", SUITE)
    assert shell("measure", "--suite", "words", "--out", "run").code == 1
    return shell.folder / "run"


def themes(*query_ids: str) -> dict[str, Any]:
    theme = {"title": "Words", "claim": "one word each", "query_ids": list(query_ids)}
    return {"match": "", "content": {"themes": [theme]}}


def test_themes_are_printed_with_their_queries(
    lost: Path, shell: Shell, serve: Callable[..., Service]
) -> None:
    """Rule: the report stays as it was; what it says is no part of a verdict."""
    lines = (lost / "changes.jsonl").read_text(encoding="utf-8").splitlines()
    changed = [json.loads(line)["query_id"] for line in lines]
    before = (lost / "verdict.json").read_bytes()
    service = serve(themes(changed[0], "nobody"))

    ran = shell("digest", "run", "--llm", LLM, *LIMIT)

    assert ran.code == 0
    assert "they decide nothing" in ran.out
    assert f"    {changed[0]}\n" in ran.out
    assert "nobody" not in ran.out
    assert "left out, because no lost query supports it: 1 claim or id" in ran.out
    assert (lost / "verdict.json").read_bytes() == before
    assert set(service.paid().values()) == {1}


def test_the_same_report_is_paid_for_once(
    lost: Path, shell: Shell, serve: Callable[..., Service]
) -> None:
    service = serve(themes("q000"))

    first, again = (shell("digest", "run", "--llm", LLM, *LIMIT, "--json") for _ in range(2))

    assert first.json == again.json
    assert set(service.paid().values()) == {1}


def test_nothing_is_sent_without_a_limit(
    lost: Path, shell: Shell, serve: Callable[..., Service]
) -> None:
    """Rule: the estimate and the option to add; no answer is paid for."""
    service = serve(themes())

    ran = shell("digest", "run", "--llm", LLM, "--price", "1/5")
    dry = shell("digest", "run", "--llm", LLM, "--dry-run", "--json")

    assert (ran.code, dry.code) == (2, 0)
    assert dry.json["estimate"]["requests"] == 1
    assert "a run that pays needs a limit" in ran.err
    assert "add --max-cost 0.0" in ran.err
    assert service.paid() == {}


def test_the_limit_that_is_proposed_is_enough(
    lost: Path, shell: Shell, serve: Callable[..., Service]
) -> None:
    serve(themes("q000"))
    refused = shell("digest", "run", "--llm", LLM)
    words = refused.err.split("add ")[1].split(",")[0].split()

    assert shell("digest", "run", "--llm", LLM, *words).code == 0


def test_what_a_killed_run_asked_is_asked_again_on_request_alone(
    lost: Path, shell: Shell, serve: Callable[..., Service]
) -> None:
    """Rule: as for `generate`; a comparison without a digest is no success."""
    service = serve(themes("q000"))
    shell("digest", "run", "--llm", LLM, *LIMIT)
    journal = next(lost.glob("digest-*.answers.jsonl"))
    header = journal.read_text(encoding="utf-8").splitlines()[0]
    journal.write_text(f"{header}\n", encoding="utf-8")  # as after a kill before the answer came

    left = shell("digest", "run", "--llm", LLM, *LIMIT, "--price", "1/5")
    paid = service.paid()
    refused = shell("digest", "run", "--llm", LLM, "--ask-again")
    words = refused.err.split("add ")[1].split(",")[0].split()
    again = shell("digest", "run", "--llm", LLM, "--ask-again", *words)

    assert left.code == 2
    assert "1 comparison was asked when an earlier run was killed" in left.err
    assert "so it is left out. --ask-again asks it once more (at most 0.0" in left.err
    assert set(paid.values()) == {1}
    assert again.code == 0
    assert "they decide nothing" in again.out
    assert set(service.paid().values()) == {2}


def test_a_report_that_lost_nothing_asks_nothing(
    shell: Shell, serve: Callable[..., Service]
) -> None:
    """Rule: named before the service is asked for anything."""
    serve(themes())
    shell("measure", "--suite", "faq", "--out", "run")

    ran = shell("digest", "run", "--llm", LLM, *LIMIT)

    assert ran.code == 2
    assert "compares nothing, or lost no query" in ran.err


def test_a_refusal_is_told(lost: Path, shell: Shell, serve: Callable[..., Service]) -> None:
    serve({"match": "", "stop_reason": "refusal"})

    ran = shell("digest", "run", "--llm", LLM, *LIMIT)

    assert ran.code == 2
    assert "words / hash@dim=3, regression-recall@1: refused" in ran.err
    assert "a comparison has no digest" in ran.err
    assert "remove that file" in ran.err
