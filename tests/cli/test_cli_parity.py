"""`benchharness parity MODEL URL`: exit codes, what is printed, parity.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchharness.models.registry import register
from benchharness.testing import HashEncoder

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

GOOD, OTHER = "hash@dim=512", "hash@dim=512,salt=b"


def test_the_same_model_has_parity(shell: Shell) -> None:
    """Rule: three queries are enough where nothing differs: exit code 0."""
    ran = shell("parity", "hash", "hash@dim=64", "--suite", "faq", "--seconds", "0")

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "faq: hash, served as hash@dim=64"
    assert lines[-1] == "PARITY"
    assert "  pass floor-recall@10: " in ran.out
    assert "identical" in ran.out


def test_another_model_has_none(shell: Shell) -> None:
    """Exit code 1, with every reason and the likely cause."""
    ran = shell("parity", GOOD, OTHER, "--data", shell.data, "--seconds", "0")

    assert ran.code == 1
    assert "\nNO PARITY\n" in ran.out
    assert "queries: the lowest cosine is " in ran.out
    assert "  likely: the query vectors are of another model" in ran.out
    assert "  -> look at what the server loaded" in ran.out


class Noisy(HashEncoder):
    """Near enough to rank alike, too far to be the same."""

    @property
    def fingerprint(self) -> str:
        return "9" * 64

    def encode(self, texts, role):
        for rows, vectors in super().encode(texts, role):
            yield rows, (vectors + 0.02).astype(np.float32)


def test_what_is_not_settled_is_10(shell: Shell) -> None:
    """Rule: three queries settle nothing; asked to, it only warns."""
    register("noisy", lambda spec: Noisy(spec=spec.text))
    asked = ("parity", "hash", "noisy", "--data", shell.data, "--seconds", "0")

    failed = shell(*asked)
    ran = shell(*asked, "--min-cosine", "0.5")
    warned = shell(*asked, "--min-cosine", "0.5", "--inconclusive", "warn")

    assert (failed.code, ran.code, warned.code) == (1, 10, 0)
    assert "\nINCONCLUSIVE\n" in ran.out
    assert "not settled" in ran.out


def test_the_result_is_written_and_printed(shell: Shell) -> None:
    """Rule: parity.json holds what --json prints: cosines, rankings, changes, gates, load."""
    ran = shell(
        "parity", "hash", "hash", "--suite", "faq", "--seconds", "0.01", "--clients", "2",
        "--out", "found", "--json",
    )  # fmt: skip

    written = json.loads((shell.folder / "found" / "parity.json").read_text("utf-8"))
    assert ran.code == 0
    assert ran.json == written
    assert written["outcome"] == "pass"
    assert written["schema"] == 1
    assert written["whole"]["documents"]["texts"] == 23
    assert written["load"]["clients"] == 2
    assert {one["measure"] for one in written["changes"]} == {"recall@10", "ndcg@10"}
    assert [one["gate"] for one in written["gates"]] == ["floor-recall@10", "floor-ndcg@10"]


def test_load_is_one_line(shell: Shell) -> None:
    ran = shell("parity", "hash", "hash", "--suite", "faq", "--seconds", "0.01")

    assert "  4 clients for 0.0 s: " in ran.out or "  4 clients for 0.1 s: " in ran.out
    assert " p99 " in ran.out


def test_other_dimensions_are_said_without_measuring(shell: Shell) -> None:
    ran = shell("parity", "hash", "hash@dim=32", "--suite", "faq", "--seconds", "0")

    assert ran.code == 1
    assert "the served vectors have 32 components, the local ones 64" in ran.out
    assert "recall@10" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hash", "localhost:8080", "--suite", "faq"], "write http://localhost:8080"),
        (["hash", "http://127.0.0.1:9", "--suite", "faq"], "the server cannot be reached"),
        (["hash", "bm25", "--suite", "faq"], "bm25 has no vectors to compare"),
        (["hash", "hash", "--suite", "nonesuch"], "no suite 'nonesuch'"),
        (["hash", "hash"], "one of the arguments --suite --data is required"),
        (["hash", "hash", "--suite", "faq", "--clients", "0"], "--clients 0 is out of range"),
        (["hash", "hash", "--suite", "faq", "--margin", "0"], "--margin 0 is out of range"),
    ],
)
def test_wrong_usage_is_one_message(shell: Shell, arguments: list[str], message: str) -> None:
    """Exit code 2, no traceback."""
    ran = shell("parity", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_file_of_several_suites_names_them(shell: Shell) -> None:
    text = "".join(
        f"{name} = Suite(name='{name}', dataset=beir('data/faq'), models=['hash'])\n"
        for name in ("one", "two")
    )
    path = shell.write_suite("both", text)

    ran = shell("parity", "hash", "hash", "--suite", str(path))

    assert ran.code == 2
    assert "name one of them: one, two" in ran.err
