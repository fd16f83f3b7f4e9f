"""`benchharness measure`: numbers, files, exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchharness.cli.measuring import code_of
from benchharness.judge.verdict import Verdict

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
        "changes.jsonl", "exhibits.jsonl", "per_query.jsonl", "report.html", "runs", "summary.md",
        "verdict.json",
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
        (["--data", "beir:x", "--model", "hash", "--gate", "recall"], "neither a floor nor"),
        (["--data", "beir:x", "--model", "hash", "--gate", "recall@10:0.02"], "unknown option"),
        (["--data", "beir:x", "--model", "hash", "--gate", "recall@10:alpha=0.1"], "no margin"),
        (["--data", "beir:x", "--model", "hash", "--gate", "recall@10:margin=x"], "not a number"),
        (["--suite", "faq", "--compare", "nowhere"], "there is no folder nowhere"),
        (["--suite", "faq", "--compare", "git:nowhere"], "git knows no commit"),
        (["--suite", "faq", "--compare", "suites", "--out", "suites"], "are both suites"),
        (["--suite", "faq", "--baselines", "suites/suite_faq.py"], "is a file"),
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


REGRESSION = """
faq = Suite(
    name="faq",
    dataset=beir("data/faq"),
    models=["hash"],
    gates=[Gate.regression("recall@10", margin=0.05)],
)
"""


def _gate(shell: Shell, folder: str = ".benchharness/report") -> dict[str, object]:
    gate = shell.verdict(folder)["results"][0]["gates"][0]
    assert isinstance(gate, dict)
    return gate


def test_a_suite_is_compared_with_its_baseline(shell: Shell) -> None:
    """The same model gives the same values: identical, exit code 0."""
    shell.write_suite("faq", REGRESSION)
    shell.keep("hash")

    ran = shell("measure", "--suite", "faq")

    assert ran.code == 0
    assert _gate(shell)["outcome"] == "identical"


def test_a_missing_baseline_is_exit_code_4_with_the_command(shell: Shell) -> None:
    """Nothing to compare with; the command of pytest writes it, for this suite and model."""
    shell.write_suite("faq", REGRESSION)

    ran = shell("measure", "--suite", "faq", "--model", "hash@salt=x")
    warned = shell("measure", "--suite", "faq", "--missing", "warn")

    assert (ran.code, warned.code) == (4, 0)
    assert "no-baseline" in warned.out
    remedy = "pytest suites/suite_faq.py --bench-model=hash@salt=x --bench-update=missing"
    assert remedy in " ".join(ran.out.split())


def test_stale_baselines_are_exit_code_4(shell: Shell) -> None:
    """The corpus was edited since: not comparable, and not a failed gate either."""
    shell.write_suite("faq", REGRESSION)
    shell.keep("hash")
    corpus = shell.folder / "suites" / "data" / "faq" / "corpus.jsonl"
    corpus.write_text(corpus.read_text(encoding="utf-8").replace("paper00", "pap"), "utf-8")

    ran = shell("measure", "--suite", "faq")

    assert ran.code == 4
    assert _gate(shell)["outcome"] == "stale"
    assert shell.verdict()["status"] == "fail"


WORDS = """
words = Suite(
    name="words",
    dataset=beir("data/words"),
    models=["hash@dim=8"],
    gates=[Gate.regression("recall@10", margin=0.05)],
)
"""


def test_a_regression_is_exit_code_1(shell: Shell) -> None:
    """300 queries, of which 8 dimensions find few and 512 found nearly all."""
    shell.write_words("words", 300)
    shell.write_suite("words", WORDS)
    shell.keep("hash@dim=512", "words", name="hash@dim=8")

    ran = shell("measure", "--suite", "words")

    assert ran.code == 1
    assert _gate(shell)["outcome"] == "regressed"


def test_data_are_compared_with_a_report(shell: Shell) -> None:
    """A margin on --data; an earlier report takes the place of baselines."""
    asked = ("measure", "--data", shell.data, "--model", "hash")
    shell(*asked, "--out", "earlier")
    gate = ("--gate", "recall@10:margin=0.05,alpha=0.1")

    found = shell(*asked, *gate, "--compare", "earlier")
    absent = shell(*asked, *gate)

    assert (found.code, absent.code) == (0, 4)
    assert "then compare with it: --compare DIR" in " ".join(absent.out.split())


def test_an_unsettled_comparison_fails_only_where_asked(shell: Shell) -> None:
    """Three queries settle nothing: exit code 0 with a warning, 10 with --inconclusive=fail."""
    shell.write_suite("faq", REGRESSION)
    shell.keep("hash@salt=x", name="hash", folder="kept")
    asked = ("measure", "--suite", "faq", "--compare", "kept")

    warned = shell(*asked)
    failed = shell(*asked, "--inconclusive", "fail")

    assert (warned.code, failed.code) == (0, 10)
    assert _gate(shell)["outcome"] == "inconclusive"


def test_a_release_says_so_in_its_last_line(shell: Shell) -> None:
    """RELEASE with exit code 0; DO NOT RELEASE with 1, also where it would be 4 or a warning."""
    shell.write_suite("faq", REGRESSION)
    asked = ("measure", "--suite", "faq", "--release")

    refused = shell(*asked)
    limited = shell(*asked, "--limit", "2")
    shell.keep("hash")
    granted = shell(*asked)

    assert (refused.code, limited.code, granted.code) == (1, 1, 0)
    assert refused.out.splitlines()[-1].startswith("DO NOT RELEASE: 1 gate not met")
    assert limited.out.splitlines()[-1].startswith("DO NOT RELEASE: ")
    assert granted.out.splitlines()[-1].startswith("RELEASE: 1 gate met")
    assert shell.verdict()["release"]["granted"] is True


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 0),
        (["pass", "improved", "identical"], 0),
        (["inconclusive", "pass"], 10),
        (["inconclusive", "stale"], 4),
        (["no-baseline"], 4),
        (["stale", "regressed", "inconclusive"], 1),
        (["fail"], 1),
        (["error", "stale"], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst_outcome(outcomes: list[str], code: int) -> None:
    """1 before 4 before 10; a breach that only warns is none."""
    failed = [Verdict("g", "faq", "hash", one, "error", 0.5, "line") for one in outcomes]
    warned = [Verdict("g", "faq", "hash", one, "warn", 0.5, "line") for one in outcomes]

    assert code_of(failed) == code
    assert code_of(warned) == 0
