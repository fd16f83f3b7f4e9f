"""`--bench-finetune`: tuning as test items, and what each outcome does to them."""

from __future__ import annotations

import pytest

# pytester forgets the modules that an inner run imports, and torch cannot be imported twice.
import benchharness.train.pilot
import benchharness.train.tune
from benchharness.models.runtime import prepare_torch
from benchharness.testing import LEARNABLE_WORDS, tiny_model, write_learnable

prepare_torch()

import benchharness.train.trainer  # noqa: E402, F401

SUITE = """
from benchharness import Gate, Recipe, Suite, Thresholds, beir

words = Suite(
    name="words",
    dataset=beir("../task"),
    models=["../model", "bm25"],
    gates=[Gate.floor("recall@10", 0.0)],
    thresholds=Thresholds({tune}, {skip}),
    recipe=Recipe(learning_rate={rate}, epochs=6, batch_size=32, evaluations=4, dev_queries=30,
                  dev_documents=200),
)
"""


@pytest.fixture
def words(project, monkeypatch):
    """A project with the learnable task; called with thresholds, it writes the suite."""
    monkeypatch.setenv("BENCHHARNESS_CACHE", str(project.path / "cache"))
    write_learnable(project.path / "task")
    tiny_model(project.path / "model", words=LEARNABLE_WORDS, dim=48)

    def write(tune=0.65, skip=0.8, rate=0.2):
        project.suite(SUITE.format(tune=tune, skip=skip, rate=rate), "suite_words.py")
        return project

    return write


@pytest.mark.parametrize("distribution", [[], ["-n", "0"], ["-n", "2"]], ids=["plain", "n0", "n2"])
def test_a_model_below_the_threshold_is_tuned_and_passes(words, distribution):
    """Rule: `tune[MODEL]` passes where it improved; the tuning stands in verdict.json."""
    project = words()

    done = project.run("--bench-finetune=auto", *distribution)

    assert done.ret == 0
    done.assert_outcomes(passed=3, skipped=1)  # two floors, and one of two could be trained
    rows = {row["model"]: row for row in project.verdict()["results"]}
    assert rows["../model"]["tuning"]["outcome"] == "improved"
    assert "tuning" not in rows["bm25"]
    run = project.path / ".benchharness" / "report" / "tune" / "words" / "..%2Fmodel"
    assert (run / "model" / "modules.json").is_file()
    done.stdout.fnmatch_lines(["*tuned: improved: held out: recall@10*"])


def test_without_the_option_there_is_no_item(words):
    """Rule: never is the default; nothing of training is collected."""
    done = words().run("--collect-only", "-q")

    assert not [line for line in done.outlines if "tune[" in line]


def test_a_ranker_is_skipped_with_the_reason(words):
    """Rule: what has no weights is no failure."""
    done = words().run("--bench-finetune=auto", "-rs", "-k", "bm25")

    assert done.ret == 0
    done.stdout.fnmatch_lines(["*bm25 has no weights that could be trained*"])


def test_a_model_above_the_threshold_is_not_trained(words):
    """Rule: the decision "skip" skips the item, and force trains all the same."""
    project = words(tune=0.0, skip=0.0)

    done = project.run("--bench-finetune=auto", "-rs", "-k", "../model")

    assert done.ret == 0
    done.stdout.fnmatch_lines(["*not worth it:*"])


def test_an_undecided_model_gets_a_pilot(words):
    """Rule: one quick fold; the item is named "pilot" and fails nothing."""
    project = words(tune=0.01, skip=0.99)

    done = project.run("--bench-finetune=auto", "-k", "../model")

    assert done.ret == 0
    assert "1 passed, 2 deselected, 1 pilot" in done.outlines[-1]
    row = next(row for row in project.verdict()["results"] if row["model"] == "../model")
    assert row["tuning"]["pilot"]["minutes"] > 0


def test_training_that_harms_is_named_and_fails_nothing(words):
    """Rule: the base is kept; "base-kept" is never printed as passed."""
    project = words(rate=1e-7)

    done = project.run("--bench-finetune=force", "-k", "../model")

    assert done.ret == 0
    assert "1 passed, 2 deselected, 1 base-kept" in done.outlines[-1]


def test_a_missing_training_side_is_an_error_of_the_item(words):
    """Rule: it names what to do, and the status names the cause."""
    project = words()
    (project.path / "task" / "qrels" / "train.tsv").unlink()

    done = project.run("--bench-finetune=auto", "-k", "../model")

    assert done.ret == 1
    done.stdout.fnmatch_lines(["*no judgments of split 'train'*"])
    assert project.verdict()["status"] == "data-error"


def test_a_limit_leaves_it_out(words):
    """Rule: too few queries judge nothing, so nothing is trained on their word."""
    done = words().run("--bench-finetune=force", "--bench-limit", "10", "-rs", "-k", "tune")

    done.stdout.fnmatch_lines(["*incomplete: --bench-limit kept 10 queries*"])
