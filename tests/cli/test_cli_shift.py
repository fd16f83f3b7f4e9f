"""`benchharness shift OLD NEW`: steps, damage, exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchharness.testing import write_beir

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

A, B = "hash@dim=512,salt=a", "hash@dim=512,salt=b"


@pytest.fixture
def data(shell: Shell) -> str:
    """200 queries, each the text of its document."""
    texts = {f"{row:03}": f"word{row} word{200 + row} word{400 + row}" for row in range(200)}
    write_beir(
        shell.folder / "words",
        {f"d{row}": text for row, text in texts.items()},
        {f"q{row}": text for row, text in texts.items()},
        {f"q{row}": {f"d{row}": 1} for row in texts},
    )
    return "beir:words"


def test_a_model_that_is_as_good_goes_all_the_way(shell: Shell, data: str) -> None:
    """Exit code 0; the damage of a half-changed search is printed beside it."""
    ran = shell("shift", A, B, "--data", data)

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == f"words: {A} → {B}"
    assert lines[-1] == "GO: all steps up to 100 %; embed 200 documents into a new index first"
    assert f"  queries of {B}, documents of {A}: recall@10 0.0" in ran.out
    assert f"  queries of {A}, documents of {B}: recall@10 0.0" in ran.out
    assert "(old 1.0000, new 1.0000)" in ran.out


def test_a_worse_model_is_no_go(shell: Shell, data: str) -> None:
    """Exit code 1, the step and what was lost there."""
    ran = shell("shift", A, "hash@dim=2", "--data", data, "--steps", "0,50,100")

    assert ran.code == 1
    assert "  at 50 %: recall@10 1.0000 → " in ran.out
    assert ran.out.splitlines()[-1] == "NO-GO at 50 %: stay at 0 %, and look at what was lost"
    assert "100 %  " not in ran.out


def test_what_is_not_settled_is_10(shell: Shell) -> None:
    """Rule: three queries settle nothing: exit code 10, or 0 where it may only warn."""
    ran = shell("shift", "hash", "bm25", "--suite", "faq")
    warned = shell("shift", "hash", "bm25", "--suite", "faq", "--inconclusive", "warn")

    assert (ran.code, warned.code) == (10, 0)
    assert ran.out.splitlines()[-1].startswith("INCONCLUSIVE: shown up to ")


def test_the_result_is_written_and_printed(shell: Shell, data: str) -> None:
    ran = shell(
        "shift", A, B, "--data", data, "--steps", "0,10,100", "--margin", "0.05", "--out", "found",
        "--json",
    )  # fmt: skip

    written = json.loads((shell.folder / "found" / "shift.json").read_text("utf-8"))
    assert ran.json == written
    assert written["outcome"] == "go"
    assert [stage["percent"] for stage in written["stages"]] == [0, 10, 100]
    assert {one["margin"] for stage in written["stages"] for one in stage["changes"]} == {0.05}
    assert written["documents"] == 200
    assert written["old_fingerprint"] != written["new_fingerprint"]


def test_another_salt_moves_others(shell: Shell, data: str) -> None:
    """Rule: the counts are near, the queries are others."""
    moved = [
        shell("shift", A, B, "--data", data, "--salt", salt, "--json").json["stages"][2]["moved"]
        for salt in ("", "x")
    ]

    assert all(5 < count < 40 for count in moved)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hash", "hash@salt=b", "--suite", "faq", "--steps", "1,100"], "do not rise from 0"),
        (["hash", "hash@salt=b", "--suite", "faq", "--margin", "2"], "--margin 2 is no share"),
        (["hash", "nonesuch", "--suite", "faq"], "unknown model 'nonesuch'"),
        (["hash"], "the following arguments are required: NEW"),
    ],
)
def test_wrong_usage_is_one_message(shell: Shell, arguments: list[str], message: str) -> None:
    """Exit code 2, no traceback."""
    ran = shell("shift", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
