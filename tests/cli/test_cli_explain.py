"""`benchharness explain`: one query, from models or from stored runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


@pytest.fixture
def stored(shell: Shell) -> Shell:
    """A shell with the runs `run-hash`, `run-bm25` (a model each) and `both`."""
    for name in ("hash", "bm25"):
        shell("measure", "--suite", "faq", "--model", name, "--out", f"run-{name}", "-q")
    shell("measure", "--suite", "faq", "--out", "both", "-q")
    return shell


def test_two_models_stand_beside_one_another(shell: Shell) -> None:
    """Measured now: every text and judgment is at hand."""
    ran = shell("explain", "q0", "hash", "bm25", "--suite", "faq", "-q")

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "faq: query q0, 1 relevant"
    assert lines[1] == "apple"
    assert lines[3].split() == ["hash", "bm25"]
    assert sum(line.count("red apple") for line in lines) == 2
    *marked, legend = [line for line in lines if "*" in line]
    assert sum(line.count(" d0") for line in marked) == 2
    assert legend.startswith("* relevant; ")
    assert "not known" not in ran.out
    assert "\x1b" not in ran.out
    assert max(map(len, lines)) <= 120


def test_a_model_on_data_without_a_suite(shell: Shell) -> None:
    ran = shell("explain", "q2", "hash", "--data", shell.data, "--depth", "3", "-q", "--json")

    (side,) = ran.json["sides"]
    assert (ran.json["text"], ran.json["positives"]) == ("submarine", 1)
    assert [one["rank"] for one in side["ranked"]] == [1, 2, 3]
    assert [one["doc_id"] for one in side["below"]] == ["d2"]


def test_stored_runs_say_the_same_of_ranks(stored: Shell) -> None:
    """Rule: ranks, scores and values are those of the models measured anew."""
    measured = stored("explain", "q1", "hash", "bm25", "--suite", "faq", "-q", "--json").json
    kept = stored("explain", "q1", "run-hash", "run-bm25", "--json").json
    both = stored("explain", "q1", "both", "--json").json

    for found in (kept, both):
        for old, new in zip(measured["sides"], found["sides"], strict=True):
            assert [(one["doc_id"], one["rank"], one["score"], one["other"], one["relevance"])
                    for one in old["ranked"]] == [
                (one["doc_id"], one["rank"], one["score"], one["other"], one["relevance"])
                for one in new["ranked"]
            ]  # fmt: skip
            assert old["values"] == new["values"]
    assert kept["text"] == "pear"
    assert [side["name"] for side in kept["sides"]] == ["hash (run-hash)", "bm25 (run-bm25)"]


def test_a_stored_run_beside_a_model(stored: Shell) -> None:
    """What became of a query since the run was kept; texts are the whole ones."""
    ran = stored("explain", "q0", "run-bm25", "hash", "--suite", "faq", "-q", "--json")

    assert [side["name"] for side in ran.json["sides"]] == ["bm25 (run-bm25)", "hash"]
    assert all(one["text"] for side in ran.json["sides"] for one in side["ranked"])


def test_a_run_of_several_models_is_asked_for_one(stored: Shell) -> None:
    ran = stored("explain", "q0", "both", "--model", "bm25", "--json")
    three = stored("explain", "q0", "both", "run-hash")

    assert [side["model"] for side in ran.json["sides"]] == ["bm25"]
    assert three.code == 2
    assert "there are 3" in three.err
    assert "--model" in three.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["q9", "run-hash"], "no judged query 'q9'"),
        (["q0", "nowhere"], "is no folder with a verdict.json"),
        (["q0", "run-hash", "--suite", "fax"], "did you mean faq?"),
        (["q0", "both", "--model", "bm52"], "did you mean bm25?"),
        (["q0", "run-hash", "--depth", "0"], "shows no rank"),
        (["q0", "run-hash", "--data", "beir:x"], "a stored run has its own queries"),
    ],
)
def test_what_cannot_be_explained_is_one_message(
    stored: Shell, arguments: list[str], message: str
) -> None:
    ran = stored("explain", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_sides_of_two_suites_are_refused(stored: Shell) -> None:
    """A query of another suite is another query, whatever its id."""
    data = stored.write_words("words", 3)
    stored("measure", "--data", data, "--model", "hash", "--out", "words", "-q")

    ran = stored("explain", "q0", "run-hash", "words")

    assert ran.code == 2
    assert "the sides are of several suites: faq, words" in ran.err


def test_a_suite_file_with_several_suites_needs_a_name(shell: Shell) -> None:
    text = "".join(
        f'{name} = Suite(name="{name}", dataset=beir("data/faq"), models=["hash"])\n'
        for name in ("one", "two")
    )
    path = shell.write_suite("several", text)

    ran = shell("explain", "q0", "hash", "--suite", str(path))

    assert ran.code == 2
    assert "holds several suites: one, two" in ran.err
