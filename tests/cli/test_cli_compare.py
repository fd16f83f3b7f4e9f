"""`benchharness compare`: two reports, folders of baselines, refs of git, models."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Ran, Shell

WORDS = """
words = Suite(name="words", dataset=beir("data/words"), models=["hash@dim=512"])
"""
GOOD, BAD = "hash@dim=512", "hash@dim=8"


@pytest.fixture
def words(shell: Shell) -> Shell:
    """A suite of 300 queries: 512 dimensions answer nearly all, 8 very few."""
    shell.write_words("words", 300)
    shell.write_suite("words", WORDS)
    return shell


def _report(shell: Shell, model: str, folder: str, suite: str = "words") -> None:
    shell("measure", "--suite", suite, "--model", model, "--out", folder)


def _gates(ran: Ran, pair: int = 0) -> dict[str, str]:
    return {gate["measure"]: gate["outcome"] for gate in ran.json["pairs"][pair]["gates"]}


def test_two_models_are_measured_and_compared(words: Shell) -> None:
    """Without --gate every common measure, with a margin of 0.02 that is said; exit code 1."""
    ran = words("compare", GOOD, BAD, "--suite", "words")

    assert ran.code == 1
    assert "every common measure is compared with a margin of 0.02" in ran.out
    assert f"words: {GOOD} → {BAD}" in ran.out
    assert "REGRESSED regression-recall@10: recall@10 " in ran.out
    assert ran.out.splitlines()[-1] == "3 comparisons: 3 REGRESSED"


def test_a_lost_query_says_what_moved(words: Shell) -> None:
    """The worst few: the relevant document with its ranks, and what stands there now."""
    ran = words("compare", GOOD, BAD, "--suite", "words", "--gate", "recall@10:margin=0.05")

    lost = [line for line in ran.out.splitlines() if line.startswith("    q")]
    assert len(lost) == 5
    assert all(" 1.0000 → 0.0000  d" in line and "; now there: d" in line for line in lost)


def test_json_has_every_query_that_changed(words: Shell) -> None:
    """Interval, counts, p and all changes; the counts are those of the changes."""
    ran = words(
        "compare", GOOD, BAD, "--suite", "words", "--gate", "recall@10:margin=0.05", "--json"
    )

    gate = ran.json["pairs"][0]["gates"][0]
    found = gate["comparison"]
    assert ran.code == 1
    assert ran.json["default_margin"] is None
    assert (gate["outcome"], gate["margin"], found["n"]) == ("regressed", 0.05, 300)
    assert found["won"] + found["lost"] + found["tied"] == 300
    assert len(found["changes"]) == found["won"] + found["lost"] > 5
    assert gate["delta"] == pytest.approx((found["won"] - found["lost"]) / 300)
    assert found["interval"][0] < gate["delta"] < found["interval"][1] < 0
    assert found["p"] < 0.001


def test_the_better_side_is_improved(words: Shell) -> None:
    """The same two the other way round: exit code 0."""
    ran = words("compare", BAD, GOOD, "--suite", "words", "--json")

    assert ran.code == 0
    outcomes = {gate["outcome"] for gate in ran.json["comparisons"][0]["gates"]}
    assert outcomes == {"improved"}


def test_two_reports_are_compared_under_any_names(words: Shell) -> None:
    """One model a side on the suite: they are a pair, whatever they are called."""
    _report(words, GOOD, "a")
    _report(words, BAD, "b")

    ran = words("compare", "a", "b", "--gate", "recall@10:margin=0.05", "--json")

    assert ran.code == 1
    assert ran.json["pairs"][0]["before"] == {"model": GOOD, "place": "a"}
    assert ran.json["pairs"][0]["after"] == {"model": BAD}


def test_models_of_one_name_are_paired_and_the_others_named(shell: Shell) -> None:
    """Two models against one: the same name is compared, the other only named."""
    shell("measure", "--suite", "faq", "--out", "both")
    _report(shell, "bm25", "one", "faq")

    ran = shell("compare", "both", "one")

    assert ran.code == 0
    assert "faq: bm25" in ran.out
    assert "faq / hash: only in both, compared with nothing" in ran.out
    assert "identical" in ran.out


def test_baselines_are_compared_with_a_model(words: Shell) -> None:
    """A folder or one file of baselines, against a model that is measured now."""
    file = words.keep(GOOD, "words")

    by_folder = words("compare", "baselines", BAD, "--suite", "words", "--json")
    by_file = words("compare", str(file), BAD, "--suite", "words", "--json")

    assert (by_folder.code, by_file.code) == (1, 1)
    assert by_folder.json == by_file.json
    assert by_folder.json["pairs"][0]["before"]["place"].startswith("baselines/words/hash")


def test_two_folders_of_baselines_give_what_their_results_gave(words: Shell) -> None:
    """All but the newcomers, whose ids a baseline does not keep."""
    words.keep(GOOD, "words", folder="a")
    words.keep(BAD, "words", folder="b")
    asked = ("--gate", "recall@10:margin=0.05", "--json")

    kept = words("compare", "a", "b", *asked)
    now = words("compare", "a", BAD, "--suite", "words", *asked)

    one, other = (ran.json["pairs"][0]["gates"][0] for ran in (kept, now))
    for gate in (one, other):
        for change in gate["comparison"]["changes"]:
            newcomers = change.pop("newcomers")
            assert bool(newcomers) == (gate is other)
    assert one == other


def test_a_ref_of_git_holds_its_baselines(words: Shell, git: Path) -> None:
    """git:REF is the folder as that commit has it, whatever lies there now."""
    words.keep(GOOD, "words", name="hash")
    _git(git, "add", "-A")
    _git(git, "commit", "-qm", "good")
    words.keep(BAD, "words", name="hash")

    ran = words("compare", "git:HEAD", "baselines", "--gate", "recall@10:margin=0.05", "--json")
    none = words("compare", "git:HEAD", "baselines", "--baselines", "elsewhere")

    assert ran.code == 1
    place = ran.json["pairs"][0]["before"]["place"]
    assert place == "git:HEAD:baselines/words/hash.json"
    assert none.code == 4


@pytest.fixture
def git(shell: Shell) -> Path:
    _git(shell.folder, "init", "-q")
    return shell.folder


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, env=clean)


def test_an_edited_corpus_is_stale(shell: Shell) -> None:
    """Exit code 4: nothing can be compared, which is not a pass."""
    _report(shell, "hash", "a", "faq")
    corpus = shell.folder / "suites" / "data" / "faq" / "corpus.jsonl"
    corpus.write_text(corpus.read_text(encoding="utf-8").replace("paper00", "pap"), "utf-8")
    _report(shell, "hash", "b", "faq")

    ran = shell("compare", "a", "b")

    assert ran.code == 4
    assert "the corpus is not the one that the baseline was measured on" in ran.out


def test_without_a_common_suite_nothing_is_compared(shell: Shell, words: Shell) -> None:
    """Exit code 4, both sides named."""
    _report(shell, "hash", "a", "faq")
    _report(words, "hash", "b", "words")

    ran = shell("compare", "a", "b")

    assert ran.code == 4
    assert "faq / hash: only in a" in ran.out
    assert "words / hash: only in b" in ran.out
    assert "nothing can be compared" in ran.out


def test_a_measure_that_one_side_lacks_is_no_pass(shell: Shell) -> None:
    """A gate on it has nothing to compare with: exit code 4."""
    _report(shell, "hash", "a", "faq")

    ran = shell("compare", "a", "a", "--gate", "map@10:margin=0.02")

    assert ran.code == 4
    assert "NO-BASELINE regression-map@10: a does not know map@10; it has " in ran.out


@pytest.mark.parametrize(
    ("asked", "code", "word"), [([], 0, "inconclusive"), (["fail"], 10, "INCONCLUSIVE")]
)
def test_three_queries_settle_nothing(shell: Shell, asked: list[str], code: int, word: str) -> None:
    """It warns; --inconclusive=fail makes it exit code 10."""
    option = ["--inconclusive", *asked] if asked else []

    ran = shell("compare", "hash", "bm25", "--suite", "faq", *option)

    assert ran.code == code
    assert f"{word} regression-recall@10: " in ran.out
    assert "p of a loss" in ran.out


def test_a_margin_below_the_recorded_noise_is_an_error(shell: Shell) -> None:
    """What `benchharness noise --record` wrote holds here too: exit code 1."""
    file = shell.keep("hash")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"noise": {}', '"noise": {"recall@10": 0.03}'), "utf-8")

    ran = shell("compare", "baselines", "hash", "--suite", "faq")

    assert ran.code == 1
    assert "the margin 0.02 is not above the noise 0.0300" in ran.out


def test_corpus_text_steers_no_terminal(words: Shell) -> None:
    """An id with an escape sequence is shown, not obeyed."""
    folder = words.folder / "suites" / "data" / "words"
    for file, sign in (("queries.jsonl", "\\u001b[31m"), ("qrels/test.tsv", "\x1b[31m")):
        text = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(text.replace("q0", f"{sign}q0"), encoding="utf-8")

    ran = words("compare", GOOD, BAD, "--suite", "words")

    assert "\x1b" not in ran.out
    assert "    \\x1b[31mq0" in ran.out


def test_a_folder_with_a_model_is_a_model(shell: Shell) -> None:
    """Though `1_Pooling/config.json` looks like the file of a baseline."""
    folder = shell.folder / "models" / "own"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "modules.json").write_text("[]", encoding="utf-8")
    (folder / "1_Pooling" / "config.json").write_text("{}", encoding="utf-8")

    ran = shell("compare", "hash", "models/own", "--data", shell.data)

    assert ran.code == 2
    assert "models/own" in ran.err
    assert "baseline" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "bm25"], "say what to measure it on"),
        (["nowhere", "hash", "--suite", "faq"], "unknown model 'nowhere'"),
        (["suites", "hash", "--suite", "faq"], "no baselines and no model"),
        (["a", "a", "--suite", "faq"], "both sides are measured already"),
        (["a", "limited"], "was measured on 2 queries only"),
        (["git:nowhere", "a"], "git knows no commit 'nowhere'"),
        (["a", "a", "--gate", "recall@10>=0.5"], "is a floor, and a comparison judges differences"),
        (["a", "a", "--gate", "recall@10:margin=0"], "is 0"),
        (["a", "a", "--gate", "recal@10:margin=0.1"], "unknown measure"),
        (["damaged", "a"], "the baseline cannot be used"),
        (["copied", "a"], "which its name does not say"),
        (["a"], "two sides are compared, and 1 named"),
        ([], "the following arguments are required: MODEL|A B"),
    ],
)
def test_wrong_usage_is_one_message(shell: Shell, arguments: list[str], message: str) -> None:
    """Exit code 2, the message on stderr, no traceback."""
    _report(shell, "hash", "a", "faq")
    shell("measure", "--suite", "faq", "--limit", "2", "--out", "limited")
    shell.keep("hash", folder="damaged").write_text("{", encoding="utf-8")
    kept = shell.keep("hash", folder="copied")
    kept.rename(kept.with_name("bm25.json"))

    ran = shell("compare", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
