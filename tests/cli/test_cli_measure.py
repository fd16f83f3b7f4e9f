"""`benchharness measure`: numbers, files, exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def test_data_without_a_suite_are_measured(shell: Shell) -> None:
    """Any data set and model; the table on stdout, the report in --out, exit code 0."""
    ran = shell("measure", "--data", shell.data, "--model", "hash", "--out", "found")

    assert ran.code == 0
    assert "recall@10" in ran.out
    verdict = shell.verdict("found")
    assert verdict["status"] == "pass"
    assert verdict["results"][0]["measures"]["recall@10"]["value"] == pytest.approx(2 / 3)
    assert sorted(path.name for path in (shell.folder / "found").iterdir()) == [
        "changes.jsonl", "per_query.jsonl", "runs", "summary.md", "verdict.json",
    ]  # fmt: skip


def test_a_suite_is_found_by_name_and_by_file(shell: Shell) -> None:
    """Relative paths of its data start at its file; its own models are measured."""
    by_name = shell("measure", "--suite", "faq", "--out", "one")
    by_file = shell("measure", "--suite", "suites/suite_faq.py", "--out", "two")

    assert (by_name.code, by_file.code) == (0, 0)
    assert [row["model"] for row in shell.verdict("one")["results"]] == ["hash", "bm25"]
    one, two = (shell.folder / name / "per_query.jsonl" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_measures_and_gates_may_be_given(shell: Shell) -> None:
    """--measures replaces the default ones, --gate judges: exit code 1 where one fails."""
    ran = shell(
        "measure", "--data", shell.data, "--model", "hash",
        "--measures", "recall@10, hit@5", "--gate", "recall@10>=0.9", "--gate", "hit@5 >= 0.1",
    )  # fmt: skip

    assert ran.code == 1
    assert "is below the floor 0.90" in ran.out
    verdict = shell.verdict()
    assert verdict["status"] == "fail"
    assert list(verdict["results"][0]["measures"])[:2] == ["recall@10", "hit@5"]
    assert [gate["outcome"] for gate in verdict["results"][0]["gates"]] == ["fail", "pass"]


def test_the_default_report_folder_is_pytests_and_ignored(shell: Shell) -> None:
    """Without --out the report goes where the plugin's would."""
    shell("measure", "--suite", "faq")

    assert (shell.folder / ".benchharness" / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_json_is_the_verdict(shell: Shell) -> None:
    """--json prints the bytes of verdict.json and nothing else on stdout."""
    ran = shell("measure", "--suite", "faq", "--json")

    assert ran.json == shell.verdict()


def test_a_model_that_cannot_be_opened_spares_the_others(shell: Shell) -> None:
    """Exit code 2; the others stand in the report."""
    ran = shell("measure", "--suite", "faq", "--model", "nonesuch", "--model", "bm25")

    assert ran.code == 2
    verdict = shell.verdict()
    assert verdict["status"] == "model-error"
    assert [row["model"] for row in verdict["results"]] == ["bm25"]
    assert "unknown model 'nonesuch'" in ran.out
    assert "Traceback" not in ran.out + ran.err


def test_a_gate_without_its_model_is_named(shell: Shell) -> None:
    """--model may leave a gate with nothing to judge."""
    ran = shell("measure", "--suite", "faq", "--model", "bm25")

    assert "faq: floor-ndcg@10 binds hash, which is not measured" in ran.out
    assert shell.verdict()["complete"] is False


def test_a_limit_judges_nothing(shell: Shell) -> None:
    """Status incomplete, exit code 0: it was asked for."""
    ran = shell("measure", "--suite", "faq", "--limit", "2")

    assert ran.code == 0
    assert shell.verdict()["status"] == "incomplete"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to measure"),
        (["--data", "suites/data/faq", "--model", "hash"], "does not say what it is"),
        (["--data", "beir:suites/data/faq"], "--data needs a model"),
        (["--data", "beir:x", "--model", "hash@a=1,a=2"], "'a' is given twice"),
        (["--suite", "fak"], "did you mean faq?"),
        (["--suite", "faq", "--gate", "recall@10>=0.5"], "--gate belongs to --data"),
        (["--suite", "faq", "--data", "beir:x"], "not allowed with"),
        (["--suite", "faq", "--limit", "0"], "--limit 0 keeps no query"),
        (["--data", "beir:x", "--model", "hash", "--gate", "recall"], "is not a floor"),
        (["--data", "beir:x", "--model", "hash", "--gate", "recall@10>=2"], "is 2.0"),
        (["--data", "beir:x", "--model", "hash", "--measures", "recal@10"], "unknown measure"),
    ],
)
def test_wrong_usage_is_one_message(shell: Shell, arguments: list[str], message: str) -> None:
    """Exit code 2, the message on stderr, no traceback, nothing written."""
    ran = shell("measure", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert not (shell.folder / ".benchharness").exists()


def test_absent_data_are_a_data_error(shell: Shell) -> None:
    """Exit code 2, status data-error, the place and the remedy."""
    ran = shell("measure", "--data", "beir:nowhere", "--model", "hash")

    assert ran.code == 2
    assert shell.verdict()["status"] == "data-error"
    assert "there is no such folder" in ran.out


def test_ctrl_c_keeps_what_is_measured(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130; the report says interrupted and holds the models that were done."""
    from benchharness.judge.bench import Bench

    original = Bench.assess

    def interrupted(self: Bench, suite: object, model: str, base: object) -> object:
        if model == "bm25":
            raise KeyboardInterrupt
        return original(self, suite, model, base)

    monkeypatch.setattr(Bench, "assess", interrupted)

    ran = shell("measure", "--suite", "faq")

    assert ran.code == 130
    assert "interrupted" in ran.err
    verdict = shell.verdict()
    assert (verdict["status"], len(verdict["results"])) == ("interrupted", 1)


def test_a_defect_has_its_traceback_and_its_code(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3: what is no BenchError is benchharness' own fault."""

    def broken(*_: object) -> None:
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr("benchharness.judge.bench.Bench.assess", broken)

    ran = shell("measure", "--suite", "faq")

    assert ran.code == 3
    assert "RuntimeError: a wheel came off" in ran.err
    assert "Traceback" in ran.err


def test_quiet_says_nothing_on_stderr(shell: Shell) -> None:
    """Progress goes to stderr, and -q switches it off."""
    loud = shell("measure", "--suite", "faq")
    quiet = shell("measure", "--suite", "faq", "-q")

    assert "benchharness: faq · hash · encode documents" in loud.err
    assert quiet.err == ""
