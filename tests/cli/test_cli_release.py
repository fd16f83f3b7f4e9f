"""`benchharness release MODEL`: written where every gate is met, and else only when allowed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchharness.cli.releasing import candidate_suite
from benchharness.data.references import beir
from benchharness.gate import Gate, Waiver
from benchharness.suite import Suite

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

STRICT = """
strict = Suite(
    name="strict",
    dataset=beir("data/faq"),
    models=["hash"],
    measures=["recall@10"],
    gates=[Gate.floor("recall@10", 0.9, models=["hash"])],
)
"""
COMPARED = """
compared = Suite(
    name="compared",
    dataset=beir("data/faq"),
    models=["hash"],
    measures=["recall@10"],
    gates=[Gate.regression("recall@10", margin=0.9, models=["hash"])],
)
"""


def read(shell: Shell, name: str = "release.json") -> Any:
    return json.loads((shell.folder / name).read_text("utf-8"))


def test_a_model_that_passes_is_written(shell: Shell) -> None:
    ran = shell("release", "hash", "--suite", "faq")

    found = read(shell)
    assert ran.code == 0
    assert ran.out.splitlines()[-2:] == [
        "RELEASE: 2 gates met, 1 measurement on 1 suite, nothing left out",
        "written: release.json",
    ]
    assert "  to embed anew: 23 documents, about " in ran.out
    assert found["model"] == "hash"
    assert found["released"]["granted"] is True
    assert [gate["met"] for gate in found["evaluation"]["gates"]] == [True, True]
    assert found["evaluation"]["documents"] == 23


def test_a_model_that_fails_is_not(shell: Shell) -> None:
    """Exit code 1, nothing written, and how it could be."""
    shell.write_suite("strict", STRICT)

    ran = shell("release", "hash", "--suite", "strict")

    assert ran.code == 1
    assert "  FAIL floor-recall@10: " in ran.out
    assert "DO NOT RELEASE: 1 gate not met" in ran.out
    assert not (shell.folder / "release.json").exists()


@pytest.mark.parametrize(("why", "reason"), [(["JIRA-1: urgent"], "JIRA-1: urgent"), ([], "")])
def test_what_is_allowed_is_recorded(shell: Shell, why: list[str], reason: str) -> None:
    """Rule: it says so in the file and on the terminal; granted stays false."""
    shell.write_suite("strict", STRICT)

    ran = shell("release", "hash", "--suite", "strict", "--allow-failed", *why)

    assert ran.code == 0
    assert "DO NOT RELEASE" in ran.out
    assert f"  allowed all the same: {reason or 'no reason was given'}" in ran.out
    assert read(shell)["released"]["granted"] is False
    assert read(shell)["released"]["failed_allowed"] == {"reason": reason}


def test_nothing_is_allowed_that_was_met(shell: Shell) -> None:
    shell("release", "hash", "--suite", "faq", "--allow-failed", "just in case")

    assert read(shell)["released"]["failed_allowed"] is None


def test_a_model_that_nothing_judges_is_not_released(shell: Shell) -> None:
    """Rule: no gate is no pass; where --old has gates, the candidate takes its place."""
    shell.write_suite("strict", STRICT.replace("0.9", "0.5"))

    unjudged = shell("release", "hash@dim=512", "--suite", "strict")
    placed = shell("release", "hash@dim=512", "--suite", "strict", "--old", "hash")

    assert unjudged.code == 1
    assert "no gate judged strict" in unjudged.out
    assert "--old" in unjudged.out
    assert placed.code == 0
    assert [gate["gate"] for gate in read(shell)["evaluation"]["gates"]] == ["floor-recall@10"]


def test_regression_gates_compare_with_the_old_model(shell: Shell) -> None:
    """Rule: with --old SPEC it is measured now; without, a committed baseline is needed."""
    shell.write_suite("compared", COMPARED)

    missing = shell("release", "hash", "--suite", "compared")
    ran = shell("release", "hash", "--suite", "compared", "--old", "hash@dim=512")

    (gate,) = read(shell)["evaluation"]["gates"]
    assert missing.code == 1
    assert "no-baseline" in missing.out
    assert ran.code == 0
    assert gate["against"] == "hash@dim=512 in this session"


def test_an_old_release_is_read(shell: Shell) -> None:
    """Rule: equal fingerprints need no new vectors, whatever the models are called."""
    shell("release", "hash", "--suite", "faq", "--out", "v1.json")

    same = shell("release", "hash@dim=64", "--suite", "faq", "--old", "v1.json", "--out", "v2.json")
    other = shell(
        "release", "hash@dim=512", "--suite", "faq", "--old", "v1.json", "--out", "v3.json"
    )

    assert (same.code, other.code) == (0, 0)
    assert read(shell, "v2.json")["reembed"]["documents"] == 0
    assert read(shell, "v3.json")["reembed"]["documents"] == 23
    assert read(shell, "v3.json")["old"]["fingerprint"] == read(shell, "v1.json")["fingerprint"]


def test_two_releases_of_one_model_differ_in_timings_only(shell: Shell) -> None:
    first, second = (
        shell("release", "hash", "--suite", "faq", "--json", "--out", name).json
        for name in ("a.json", "b.json")
    )

    assert first.pop("timings").keys() == second.pop("timings").keys()
    assert first == second


def test_json_says_why_it_is_refused(shell: Shell) -> None:
    shell.write_suite("strict", STRICT)

    ran = shell("release", "hash", "--suite", "strict", "--json")

    assert ran.code == 1
    assert ran.json["granted"] is False
    assert ran.json["gates"][0]["outcome"] == "fail"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bm25", "--suite", "faq"], "bm25 has no vectors of its own"),
        (["hash", "--suite", "faq", "--old", "broken.json"], "this is no release"),
        (["hash", "--suite", "faq", "--old", "nonesuch"], "unknown model 'nonesuch'"),
        (["hash", "--suite", "faq", "--out", "suites"], "--out suites is a folder"),
        (["hash"], "one of the arguments --suite --data is required"),
    ],
)
def test_wrong_usage_is_one_message(shell: Shell, arguments: list[str], message: str) -> None:
    (shell.folder / "broken.json").write_text("{", encoding="utf-8")

    ran = shell("release", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_candidate_gets_its_own_gates_and_those_whose_place_it_takes() -> None:
    """Rule: waivers do not hold; a regression gate with a champion keeps it.

    One gate that binds every model must not switch off those that are bound to the old one.
    """
    floor = Gate.floor("recall@10", 0.5, models=["a"])
    own = Gate.regression("recall@10", margin=0.1, models=["b"])
    champion = Gate.regression("ndcg@10", margin=0.1, against="c", models=["b"])
    suite = Suite(
        name="s", dataset=beir("data"), models=["a", "b"], gates=[floor, own, champion],
        waivers=[Waiver("floor-recall@10", "a", "why", "2027-01-31")],
    )  # fmt: skip

    placed = candidate_suite(suite, "new", "a", "a")
    named = candidate_suite(suite, "b", "a", "a")

    assert [gate.name for gate in placed.gates] == ["floor-recall@10"]
    assert placed.waivers == ()
    assert placed.models == ("new",)
    assert [getattr(gate, "against", None) for gate in named.gates] == [None, "a", "c"]


def test_of_two_gates_with_one_name_the_candidate_keeps_its_own() -> None:
    suite = Suite(
        name="s", dataset=beir("data"), models=["a", "b"],
        gates=[
            Gate.floor("recall@10", 0.5, models=["a"]), Gate.floor("recall@10", 0.7, models=["b"]),
        ],
    )  # fmt: skip

    placed = candidate_suite(suite, "b", "a", "a")

    assert [gate.minimum for gate in placed.gates] == [0.7]


def test_guards_and_slices_compare_with_the_old_model_too() -> None:
    """Rule: whatever reads a baseline; a slice that has a floor instead keeps it."""
    suite = Suite(
        name="s", dataset=beir("data"), models=["a"],
        gates=[
            Gate.guard("other", "recall@10", margin=0.1),
            Gate.slice("recall@10", by="lang", margin=0.1),
        ],
    )  # fmt: skip

    placed = candidate_suite(suite, "new", "a", "a")

    assert [gate.against for gate in placed.gates] == ["a", "a"]
