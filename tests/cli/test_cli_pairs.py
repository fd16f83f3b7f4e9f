"""`benchharness pairs`: the training side as a file, and what is wrong with files of pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchharness.pairs.pair import read_pairs
from benchharness.testing import LEARNABLE_WORDS, tiny_model, write_learnable


@pytest.fixture
def task(shell, tmp_path) -> Path:
    """The working folder, with the learnable task in data/ and a suite on it."""
    write_learnable(tmp_path / "data", train=40, test=20)
    shell.write_suite("words", 'words = Suite(name="words", dataset=beir("../data"), '
                      'models=["hash"])')  # fmt: skip
    return tmp_path


def write(name: str, *rows: object) -> str:
    lines = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    Path(name).write_text(lines, encoding="utf-8")
    return name


# --- judged -------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [["--suite", "words"], ["--data", "beir:data"]])
def test_the_training_side_becomes_a_file_with_its_ids(task, shell, named):
    """Rule: one pair for each query and relevant document; never of the test split."""
    done = shell("pairs", "judged", *named, "--out", "train.jsonl", "-q")

    pairs = read_pairs(Path("train.jsonl"))
    assert done.code == 0, done.err
    assert [(one.query_id, one.doc_id) for one in pairs] == [
        (f"q{n:03}", f"d{n:03}") for n in range(40)
    ]
    assert done.out.startswith("40 pairs of 40 queries from beir")
    assert done.out.splitlines()[-1] == "train.jsonl"


def test_another_split_can_be_named_for_data(task, shell):
    done = shell("pairs", "judged", "--data", "beir:data", "--split", "test", "--out", "t.jsonl",
                 "--json", "-q")  # fmt: skip

    assert (done.json["pairs"], done.json["queries"], done.json["out"]) == (20, 20, "t.jsonl")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to measure"),
        (["--data", "beir:gone"], "gone"),
        (["--data", "beir:data", "--split", "dev"], "dev"),
        (["--suite", "nonesuch"], "nonesuch"),
    ],
)
def test_what_has_no_training_side_is_named(task, shell, arguments, message):
    done = shell("pairs", "judged", *arguments, "--out", "train.jsonl", "-q")

    assert done.code == 2
    assert message in done.err
    assert not Path("train.jsonl").exists()


def test_a_suite_that_trains_on_files_alone_names_them(task, shell):
    shell.write_suite("files", 'files = Suite(name="files", dataset=trec("c", "q", "r"), '
                      'models=["hash"], pairs=["../mine.jsonl"])\n')  # fmt: skip
    path = Path("suites/suite_files.py")
    path.write_text(path.read_text().replace("beir\n", "beir, trec\n"), encoding="utf-8")

    done = shell("pairs", "judged", "--suite", "files", "--out", "train.jsonl", "-q")

    assert done.code == 2
    assert "use them: ../mine.jsonl" in done.err


# --- lint ---------------------------------------------------------------------------------------


def test_an_orderly_file_passes_with_its_sources_and_batches(task, shell):
    shell("pairs", "judged", "--suite", "words", "--out", "train.jsonl", "-q")

    done = shell("pairs", "lint", "train.jsonl", "--suite", "words", "-q")

    assert done.code == 0, done.out
    assert done.out.startswith("train.jsonl: 40 pairs, 0 errors, 0 warnings\n")
    assert "nothing is shared with the 20 test queries of words" in done.out
    assert "largest batch size tried that leaves nothing out: 40" in done.out


def test_warnings_pass_and_errors_are_exit_code_2(task, shell):
    """Rule: as `lint`: a warning may be wanted, an error stops."""
    odd = write("odd.jsonl", {"query": "a", "positive": "b"})
    wrong = write("wrong.jsonl", {"query": "ask", "positive": "b", "negatives": ["B"]})

    warned, failed = shell("pairs", "lint", odd), shell("pairs", "lint", wrong)

    assert (warned.code, failed.code) == (0, 2)
    assert "  warnings\n    short-query: 1 of 1 pair (100 %)" in warned.out
    assert "      at odd.jsonl:1\n" in warned.out
    assert "  errors\n    positive-as-negative: " in failed.out


def test_test_queries_in_the_file_are_an_error(task, shell):
    """Rule: every suite that is named is looked at."""
    shell("pairs", "judged", "--data", "beir:data", "--split", "test", "--out", "t.jsonl", "-q")

    done = shell("pairs", "lint", "t.jsonl", "--suite", "faq", "--suite", "words", "--json")

    found = {one["code"]: one["severity"] for one in done.json["pairs"]["findings"]}
    assert done.code == 2
    assert found == {"test-queries-trained-on": "error", "test-side": "note"}


def test_labelled_texts_are_told_from_pairs(task, shell):
    """Rule: each kind by its fields, in one command."""
    pairs = write("pairs.jsonl", *({"query": f"ask {n}", "positive": f"b {n}"} for n in range(3)))
    labels = write("labels.csv", "text,label", "a,x", "b,x", "c,y")

    done = shell("pairs", "lint", pairs, labels)
    told = shell("pairs", "lint", pairs, labels, "--json").json

    assert done.code == 0, done.out
    assert "pairs.jsonl: 3 pairs, 0 errors, 0 warnings" in done.out
    assert "labels.csv: 3 labelled texts, 0 errors, 2 warnings" in done.out
    assert told["labels"][0]["counts"] == [["x", 2], ["y", 1]]
    assert told["pairs"]["pairs"] == 3


def test_a_model_tells_what_it_cuts_off(task, shell):
    file = write("pairs.jsonl", {"query": "ask", "positive": "word " * 80})
    model = tiny_model(task / "model", kind="bert")

    done = shell("pairs", "lint", file, "--model", str(model))
    ranker = shell("pairs", "lint", file, "--model", "bm25")

    assert "reads 64 tokens: 1 of 1 distinct positive (100 %) are longer" in done.out
    assert ranker.code == 2
    assert "bm25 encodes nothing" in ranker.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "usage: "), (["gone.jsonl"], "no such file"), (["-"], "no such file")],
)
def test_a_file_that_is_not_there_is_named(task, shell, arguments, message):
    done = shell("pairs", "lint", *arguments)

    assert done.code == 2
    assert message in done.err


# --- the whole way ------------------------------------------------------------------------------


def test_judged_pairs_are_mined_linted_and_tuned_with_their_negatives(task, shell):
    """Rule: the file repeats the judgments, so it is counted as repeated; its negatives count."""
    write_learnable(task / "data", train=90, test=40)
    model = tiny_model(task / "model", words=LEARNABLE_WORDS, dim=48)
    shell("pairs", "judged", "--suite", "words", "--out", "train.jsonl", "-q")
    shell("mine", "train.jsonl", "--suite", "words", "--miner", str(model), "--out", "mined.jsonl",
          "--per-query", "2", "-q")  # fmt: skip

    linted = shell("pairs", "lint", "mined.jsonl", "--suite", "words", "-q")
    done = shell("tune", "--suite", "words", "--model", str(model), "--folds", "0", "--pairs",
                 "mined.jsonl", "--out", "out", "--set", "learning_rate=0.2", "--set", "epochs=2",
                 "--set", "batch_size=16", "--set", "evaluations=2", "--set", "dev_queries=25",
                 "--set", "dev_documents=50", "-q")  # fmt: skip

    assert linted.code == 0, linted.out
    assert done.code == 0, done.err
    assert "90 pairs from judgments" in done.out
    trained = {one.query_id: one for one in read_pairs(Path("out/pairs.jsonl"))}
    mined = {one.query_id: one for one in read_pairs(Path("mined.jsonl"))}
    assert {name: one.negatives for name, one in trained.items()} == {
        name: one.negatives for name, one in mined.items()
    }
    assert {len(one.negatives) for one in trained.values()} == {2}
