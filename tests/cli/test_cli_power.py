"""`benchharness power`: what a number of queries can show, without any model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchharness.testing import write_beir

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

GATES = """
words = Suite(
    name="words",
    dataset=beir("data/words"),
    models=["a-model-that-is-not-there/x"],
    gates=[
        Gate.floor("recall@10", 0.5),
        Gate.regression("recall@10", margin=0.05),
        Gate.regression("ndcg@10", margin=0.04),
        Gate.regression("mrr@10", margin=0.05, alpha=0.01),
        Gate.beats("bm25", "recall@10"),
        Gate.slice("recall@10", by="lang", margin=0.1),
        Gate.slice("recall@10", by="topic", margin=0.1),
        Gate.guard("faq", "recall@10", margin=0.5),
    ],
)
"""


def test_the_smallest_differences_are_tabled(shell: Shell) -> None:
    """(1.645 + 0.842) * sqrt(churn / n) for 400 queries at 2, 10 and 25 %: by hand."""
    data = shell.write_words("words", 400)

    ran = shell("power", "--data", data)

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "words: 400 judged queries with a relevant document"
    table = {line.split()[0]: line.split()[-1] for line in lines[3:6]}
    assert table == {"2": "0.0176", "10": "0.0393", "25": "0.0622"}


def test_an_effect_beyond_the_churn_cannot_be_told(shell: Shell) -> None:
    """With 50 queries 2 % is one query: 2.487 * sqrt(0.02 / 50) = 0.0497 is more than that."""
    data = shell.write_words("words", 50)

    ran = shell("power", "--data", data)

    line = next(line for line in ran.out.splitlines() if line.startswith("  2 %"))
    assert line.endswith("cannot tell")
    effects = shell("power", "--data", data, "--json").json[0]["effects"]
    assert [one["visible"] for one in effects] == [False, False, True]


def test_each_margin_is_resolved_or_says_how_many_queries_would(shell: Shell) -> None:
    """n = 0.1 * (quantiles / margin)^2, by the gate's own alpha: 248 for 0.05, 387 for 0.04."""
    shell.write_words("words", 300)
    shell.write_suite("words", GATES)

    found = {gate["gate"]: gate for gate in shell("power", "words", "--json").json[0]["gates"]}

    assert "floor-recall@10" not in found
    assert "beats-recall@10" not in found
    assert (found["regression-recall@10"]["resolved"], found["regression-recall@10"]["needed"]) == (
        True, 248,
    )  # fmt: skip
    assert (found["regression-ndcg@10"]["resolved"], found["regression-ndcg@10"]["needed"]) == (
        False, 387,
    )  # fmt: skip
    # (2.326 + 0.842)^2 * 0.1 / 0.05^2
    assert found["regression-mrr@10"]["needed"] == 402


def test_the_text_says_which_gate_is_not_resolved(shell: Shell) -> None:
    """The word, the number of queries and what would do."""
    shell.write_words("words", 300)
    shell.write_suite("words", GATES)

    out = shell("power", "--suite", "words").out

    assert "  resolved: regression-recall@10: 300 queries show differences from 0.0454 " in out
    assert "  NOT RESOLVED: regression-ndcg@10: " in out
    assert "the margin is 0.04; 387 queries would resolve it" in out


def test_a_guard_is_judged_on_the_queries_that_it_guards(shell: Shell) -> None:
    """The suite faq has 3 queries, not 300."""
    shell.write_words("words", 300)
    shell.write_suite("words", GATES)

    found = {gate["gate"]: gate for gate in shell("power", "words", "--json").json[0]["gates"]}

    assert found["guard-faq-recall@10"]["n"] == 3


def test_slices_share_the_risk_and_the_smallest_counts(shell: Shell) -> None:
    """Two languages of 200 and 100 queries: 100 queries at alpha / 2 = 0.025."""
    shell.write_words("words", 300)
    shell.write_suite("words", GATES)
    file = shell.folder / "suites" / "data" / "words" / "queries.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for place, row in enumerate(rows):
        row["metadata"] = {"lang": "de" if place < 100 else "en", "topic": str(place)}
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    ran = shell("power", "words", "--json")

    gates = {gate["gate"]: gate for gate in ran.json[0]["gates"]}
    found = gates["slice-recall@10-lang"]
    # (1.960 + 0.842) * sqrt(0.1 / 100)
    assert (found["n"], round(found["effect"], 4)) == (100, 0.0886)
    assert "slice-recall@10-topic" not in gates
    assert ran.json[0]["unjudged"] == [
        "slice-recall@10-topic: no slice by topic has 20 queries; the largest has 1"
    ]


def test_few_queries_cannot_tell_the_thresholds_apart(shell: Shell) -> None:
    """Said below 100 queries, and not from 100 on."""
    few = shell("power", "--data", shell.write_words("few", 99)).out
    enough = shell("power", "--data", shell.write_words("enough", 100)).out

    sentence = "the thresholds 0.65 and 0.80 of the decision on fine-tuning cannot be told apart"
    assert sentence in few
    assert sentence not in enough


def test_queries_without_a_positive_are_not_counted(shell: Shell) -> None:
    """Three queries are judged, one of them with 0 only."""
    qrels = {"q0": {"d0": 1}, "q1": {"d1": 1}, "q2": {"d2": 0}}
    texts = dict.fromkeys(("d0", "d1", "d2"), "a word")
    write_beir(shell.folder / "few", texts, dict.fromkeys(qrels, "word"), qrels)

    ran = shell("power", "--data", "beir:few")

    assert ran.out.startswith("few: 2 judged queries with a relevant document\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to measure"),
        (["faq", "--suite", "faq"], "not allowed with"),
        (["faq", "--data", "beir:x"], "not allowed with"),
        (["fak"], "did you mean faq?"),
        (["faq", "--alpha", "0"], "--alpha 0 is no share"),
        (["faq", "--power", "1"], "--power 1 is no share"),
        (["--data", "beir:none"], "no judged query has a relevant document"),
    ],
)
def test_wrong_usage_is_one_message(shell: Shell, arguments: list[str], message: str) -> None:
    """Exit code 2, the message on stderr, no traceback."""
    write_beir(shell.folder / "none", {"d": "word"}, {"q": "word"}, {"q": {"d": 0}})

    ran = shell("power", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
