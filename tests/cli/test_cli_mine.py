"""`benchharness mine`: a file of pairs in, the same pairs with hard negatives out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from benchharness.pairs.pair import read_pairs
from benchharness.testing import tiny_cross_encoder, tiny_model, write_beir

TOPICS = ("pin", "card", "loan", "visa", "fees")
CORPUS = {f"d{topic}{n}": f"the {topic} answer number{n} word{n}" for topic in TOPICS
          for n in range(8)}  # fmt: skip
RULE = ["--first", "1", "--last", "40", "--per-query", "2", "-q"]


@pytest.fixture
def task(shell, tmp_path) -> Path:
    """The working folder, with data of a train and a test split, and a file of pairs."""
    queries = {f"q{topic}{n}": f"{topic} number{n} word{n}" for topic in TOPICS for n in range(4)}
    sides = {"train": (0, 1), "test": (2, 3)}
    for split, numbers in sides.items():
        qrels = {f"q{topic}{n}": {f"d{topic}{n}": 1} for topic in TOPICS for n in numbers}
        write_beir(tmp_path / "data", CORPUS, queries, qrels, split=split)
    rows = [{"query": queries[f"q{topic}{n}"], "positive": CORPUS[f"d{topic}{n}"],
             "query_id": f"q{topic}{n}", "doc_id": f"d{topic}{n}",
             "provenance": {"made_by": "hand"}} for topic in TOPICS for n in (0, 1)]  # fmt: skip
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "pairs.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def report() -> dict[str, object]:
    return json.loads(Path("mined.jsonl.report.json").read_text(encoding="utf-8"))


def test_every_pair_gets_its_negatives_and_keeps_what_it_had(task, shell):
    """Rule: same pairs, same order; provenance kept, and extended by what mined."""
    before = Path("pairs.jsonl").read_bytes()

    done = shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--miner", "hash",
                 "--out", "mined.jsonl", *RULE)  # fmt: skip

    given, mined = read_pairs(Path("pairs.jsonl")), read_pairs(Path("mined.jsonl"))
    assert done.code == 0, done.err
    assert [(one.query, one.positive, one.query_id, one.doc_id, one.source) for one in mined] == [
        (one.query, one.positive, one.query_id, one.doc_id, one.source) for one in given
    ]
    assert {len(set(one.negatives)) for one in mined} == {2}
    assert {one.provenance for one in mined} == {(("made_by", "hand"), ("miners", "bm25, hash"))}
    assert Path("pairs.jsonl").read_bytes() == before


def test_a_sheet_and_a_report_stand_beside_the_pairs(task, shell):
    """Rule: the report names the sum of the pairs, so that it is known which ones it is of."""
    shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--miner", "hash",
          "--out", "mined.jsonl", *RULE)  # fmt: skip

    found = report()
    sheet = Path("mined.jsonl.sample.md").read_text(encoding="utf-8")
    assert found["sha256"] == hashlib.sha256(Path("mined.jsonl").read_bytes()).hexdigest()
    assert [one["spec"] for one in found["miners"]] == ["bm25", "hash"]
    assert all(len(one["fingerprint"]) == 64 for one in found["miners"])
    assert (found["pairs"], found["corpus"]["documents"]) == (10, 40)
    assert found["rule"] == {"per_query": 2, "first": 1, "last": 40, "margin": 0.05,
                             "sampling": "top"}  # fmt: skip
    assert found["cross_encoder"] is None
    assert sheet.startswith("# Mined negatives\n")
    assert sheet.count("negative, rank") == 20


def test_the_summary_has_a_line_for_each_miner(task, shell):
    done = shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--miner", "hash",
                 "--out", "mined.jsonl", *RULE)  # fmt: skip

    lines = done.out.splitlines()
    assert lines[0] == "10 pairs, 2 negatives each: 100.0% of those wanted were mined"
    assert [line.split()[0] for line in lines[1:4]] == ["miner", "bm25", "hash"]
    assert lines[-3:] == ["mined.jsonl", "mined.jsonl.sample.md", "mined.jsonl.report.json"]


def test_negatives_that_answer_test_queries_are_counted(task, shell):
    """Rule: by their text; half of the corpus of a topic answers test queries here."""
    done = shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--out",
                 "mined.jsonl", *RULE, "--per-query", "8")  # fmt: skip

    answers = {CORPUS[f"d{topic}{n}"] for topic in TOPICS for n in (2, 3)}
    mined = read_pairs(Path("mined.jsonl"))
    expected = sum(text in answers for pair in mined for text in pair.negatives)
    assert report()["corpus"]["negatives_relevant_to_test"] == expected > 0
    assert f"answer test queries: {expected} negatives" in done.out


def test_json_is_the_report_alone(task, shell):
    done = shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--out",
                 "mined.jsonl", "--json", *RULE)  # fmt: skip

    assert done.json == report()


def test_what_either_split_judges_relevant_is_no_negative(task, shell):
    """Rule: judged by the test split under its own id, by the train split for the same question."""
    queries = {"q1": "pin word3", "t1": "PIN  word3"}
    corpus = {f"d{n}": f"pin word3 {'more ' * n}" for n in range(6)}
    write_beir(Path("other"), corpus, queries, {"t1": {"d1": 1}}, split="test")
    write_beir(Path("other"), corpus, queries, {"q1": {"d2": 1}}, split="train")
    row = {"query": "pin word3", "positive": corpus["d0"].strip()}
    Path("one.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")

    done = shell("mine", "one.jsonl", "--data", "beir:other", "--miner", "bm25", "--out",
                 "mined.jsonl", "--margin", "0", "--per-query", "3", "--first", "1",
                 "-q")  # fmt: skip

    (pair,) = read_pairs(Path("mined.jsonl"))
    assert done.code == 0, done.err
    assert set(pair.negatives) == {corpus[name].strip() for name in ("d3", "d4", "d5")}
    assert report()["corpus"]["judged_queries"] == 2


def test_data_without_a_training_side_is_mined_and_says_so(task, shell):
    Path("data/qrels/train.tsv").unlink()

    done = shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--out",
                 "mined.jsonl", *RULE)  # fmt: skip

    assert done.code == 0, done.err
    assert "judgments of the training side did not count: " in done.out
    assert report()["corpus"]["no_training_side"]


def test_a_suite_names_the_corpus(task, shell):
    shell.write_suite("bank", 'bank = Suite(name="bank", dataset=beir("../data"), models=["hash"])')

    done = shell("mine", "pairs.jsonl", "--suite", "bank", "--miner", "hash", "--out",
                 "mined.jsonl", *RULE)  # fmt: skip

    assert done.code == 0, done.err
    assert report()["corpus"]["documents"] == 40


def test_a_cross_encoder_checks_the_candidates_and_is_counted(task, shell):
    """Rule: with weights drawn at random it scores all alike, so that nearly all is dropped."""
    model = tiny_cross_encoder(task / "cross")

    done = shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--out",
                 "mined.jsonl", "--cross-encoder", str(model), *RULE)  # fmt: skip

    found = report()["cross_encoder"]
    assert done.code == 0, done.err
    assert 0 < found["dropped"] <= found["scored"] <= 10 * 2 * 3
    assert f"{model} scored {found['scored']} candidates and dropped {found['dropped']}" in done.out
    (provenance,) = {dict(one.provenance)["cross_encoder"]
                     for one in read_pairs(Path("mined.jsonl"))}  # fmt: skip
    assert provenance == str(model)


def test_the_same_command_writes_the_same_bytes(task, shell):
    """Rule: everything random is seeded; another seed gives other ones."""
    arguments = ["mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--sampling",
                 "random", *RULE]  # fmt: skip

    for out, seed in (("a.jsonl", "0"), ("b.jsonl", "0"), ("c.jsonl", "1")):
        shell(*arguments, "--out", out, "--seed", seed)

    assert Path("a.jsonl").read_bytes() == Path("b.jsonl").read_bytes()
    assert Path("a.jsonl").read_bytes() != Path("c.jsonl").read_bytes()


def test_the_input_is_written_over_where_out_says_so(task, shell):
    done = shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--out",
                 "pairs.jsonl", *RULE)  # fmt: skip

    assert done.code == 0, done.err
    assert all(len(one.negatives) == 2 for one in read_pairs(Path("pairs.jsonl")))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--miner", "bm25"], "say what to measure"),
        (["--data", "beir:data"], "--miner bm25"),
        (["--data", "beir:data", "--miner", "nonesuch"], "unknown model 'nonesuch'"),
        (["--data", "beir:data", "--miner", "bm25", "--per-query", "0"], "per_query=0"),
        (["--data", "beir:data", "--miner", "bm25", "--sampling", "best"], "sampling='best'"),
        (["--data", "beir:gone", "--miner", "bm25"], "gone"),
        (["--data", "beir:data", "--miner", "bm25", "--out", "a.jsonl.gz"], "uncompressed"),
        (["--data", "beir:data", "--miner", "bm25", "--out", "data"], "this is a folder"),
        (["--data", "beir:data", "--miner", "bm25", "--per-query", "80", "--last", "100"],
         "mine 39 or fewer"),
        (["--data", "beir:data", "--miner", "bm25", "--cross-encoder", "minilm"],
         "minilm is no cross-encoder"),
    ],
)  # fmt: skip
def test_wrong_input_is_named_and_nothing_is_written(task, shell, arguments, message):
    """Rule: exit code 2, one message with a remedy, no file and no traceback."""
    before = sorted(Path().iterdir())

    done = shell("mine", "pairs.jsonl", "--out", "mined.jsonl", "-q", *arguments)

    assert done.code == 2
    assert message in done.err
    assert "  -> " in done.err
    assert "Traceback" not in done.err
    assert sorted(Path().iterdir()) == before


def test_an_embedding_model_in_a_directory_is_no_cross_encoder(task, shell):
    model = tiny_model(task / "model")

    done = shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25", "--out",
                 "mined.jsonl", "--cross-encoder", str(model), *RULE)  # fmt: skip

    assert done.code == 2
    assert "this is an embedding model" in done.err


def test_out_must_be_named(task, shell):
    done = shell("mine", "pairs.jsonl", "--data", "beir:data", "--miner", "bm25")

    assert done.code == 2
    assert "--out" in done.err
