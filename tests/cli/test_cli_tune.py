"""`benchharness tune`: one command from the decision to a candidate, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchharness.testing import LEARNABLE_WORDS, tiny_model, write_learnable

SETTINGS = [
    "--set", "learning_rate=0.2", "--set", "epochs=6", "--set", "batch_size=32",
    "--set", "evaluations=4", "--set", "dev_queries=40", "--set", "dev_documents=200",
]  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"), words=LEARNABLE_WORDS, dim=48)


@pytest.fixture
def task(shell, tmp_path, monkeypatch) -> Path:
    """The working folder, with the learnable task in data/."""
    write_learnable(tmp_path / "data")
    monkeypatch.setenv("BENCHHARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_from_the_decision_to_the_model(task, model, shell):
    """Rule: decision, table, facts and outcome are printed; verdict.json keeps the contract."""
    done = shell("tune", "--data", "beir:data", "--model", str(model), "--folds", "3", "--out",
                 "out", *SETTINGS, "-q")  # fmt: skip

    verdict = json.loads(Path("out/verdict.json").read_text(encoding="utf-8"))
    tuning = verdict["results"][0]["tuning"]
    assert done.code == 0, done.err
    assert "fine-tuning is worth it" in done.out
    assert "improved: held out: recall@10" in done.out
    assert "pytest suites/ --bench-model=out/model" in done.out
    assert tuning["outcome"] == "improved"
    for side in ("out_of_fold", "held_out"):
        assert {"base", "tuned", "delta", "ci90", "n"} <= tuning[side].keys()
    assert verdict["results"][0]["decision"]["outcome"] == "tune"
    assert Path("out/model/modules.json").is_file()


def test_base_kept_is_an_answer_and_exits_with_0(task, model, shell):
    """Rule: training that harms is told, and fails nothing: the base model is what to use."""
    arguments = ["tune", "--data", "beir:data", "--folds", "0", *SETTINGS, "-q"]
    shell(*arguments, "--model", str(model), "--out", "good")

    done = shell(*arguments, "--model", "good/model", "--out", "out", "--set", "learning_rate=20.0")

    verdict = json.loads(Path("out/verdict.json").read_text(encoding="utf-8"))
    assert done.code == 0, done.err
    assert verdict["results"][0]["tuning"]["outcome"] == "base-kept"
    assert "learning-rate-too-high" in done.out
    assert "model to use: out/model" in done.out


def test_a_pilot_tells_gain_and_minutes_and_leaves_no_model(task, model, shell):
    """Rule: one quick fold; the command that does it all stands below."""
    done = shell("tune", "--data", "beir:data", "--model", str(model), "--pilot", "--out", "out",
               *SETTINGS, "-q")  # fmt: skip

    tuning = json.loads(Path("out/verdict.json").read_text())["results"][0]["tuning"]
    assert done.code == 0, done.err
    assert tuning["outcome"] == "pilot"
    assert tuning["pilot"]["versus"]["n"] == 36
    assert tuning["pilot"]["minutes"] > 0
    assert not Path("out/model").exists()


def test_json_is_the_verdict_alone(task, model, shell):
    """Rule: stdout is what verdict.json holds, nothing else."""
    done = shell("tune", "--data", "beir:data", "--model", str(model), "--folds", "0", "--out",
                 "out", "--json", *SETTINGS, "-q")  # fmt: skip

    assert json.loads(done.out) == json.loads(Path("out/verdict.json").read_text())


def test_a_file_of_pairs_is_mixed_in_and_counted_by_source(task, model, shell):
    """Rule: real pairs come before synthetic ones, repeated ones are left out, all is told."""
    rows = [{"query": f"new{n} new{n + 1}", "positive": f"old{n} old{n + 1}", "source": "llm",
             "synthetic": True} for n in range(20)]  # fmt: skip
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    Path("more.jsonl").write_text(lines + lines.splitlines()[0] + "\n", encoding="utf-8")

    done = shell("tune", "--data", "beir:data", "--model", str(model), "--folds", "0", "--out",
                 "out", "--pairs", "more.jsonl", *SETTINGS, "-q")  # fmt: skip

    assert done.code == 0, done.err
    assert "180 pairs from judgments, 20 pairs of 21 from llm (synthetic queries)" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--folds", "1"], "at least 2 are needed"),
        (["--folds", "1000"], "--folds 180"),
        (["--folds-by", "random"], "--folds-by component"),
        (["--set", "learning_rat=1"], "did you mean learning_rate"),
        (["--set", "learning_rate"], "has no value"),
        (["--set", "learning_rate=fast"], "learning_rate is 'fast'"),
        (["--recipe", "nowhere.toml"], "nowhere.toml"),
        (["--pairs", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--guard", "nowhere"], "no suite 'nowhere'"),
    ],
    ids=["one-fold", "empty-folds", "random", "unknown", "no-value", "no-number", "no-recipe",
         "no-pairs", "no-guard"],
)  # fmt: skip
def test_wrong_input_is_named_before_the_first_step(task, model, shell, arguments, message):
    """Rule: exit code 2, one message, no traceback, and no model."""
    done = shell("tune", "--data", "beir:data", "--model", str(model), "--out", "out", *SETTINGS,
               *arguments, "-q")  # fmt: skip

    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert not Path("out/model").exists()


def test_a_stray_column_in_a_file_of_pairs_is_named_with_its_line(task, model, shell):
    """Rule: a column too many would be taken for a hard negative."""
    Path("pairs.jsonl").write_text(
        '{"query": "a", "positive": "b"}\n{"query": "a", "positive": "b", "rank": 3}\n',
        encoding="utf-8",
    )

    done = shell("tune", "--data", "beir:data", "--model", str(model), "--pairs", "pairs.jsonl",
               "--out", "out", *SETTINGS, "-q")  # fmt: skip

    assert done.code == 2
    assert "pairs.jsonl:2: unknown field 'rank'" in done.err


def test_a_suite_with_several_models_asks_which(task, shell):
    """Rule: one model is tuned at a time; the command to type is in the message."""
    Path("suite_two.py").write_text(
        "from benchharness import Suite, beir\n"
        'two = Suite(name="two", dataset=beir("data"), models=["hash", "bm25"])\n',
        encoding="utf-8",
    )

    done = shell("tune", "--suite", "suite_two.py")

    assert done.code == 2
    assert "add --model hash" in done.err
