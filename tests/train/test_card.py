"""The README of the model that a run leaves."""

from dataclasses import replace

import pytest

from benchharness.models.content import content_digest
from benchharness.train.card import write_card
from benchharness.train.tuning import Guarded, Source, Tuning, Versus

FOUND = Versus("recall@10", 0.3, 0.5, 0.2, (0.15, 0.25), 1000, 300, 100, "tango", "improved")
TUNING = Tuning(
    suite="faq",
    model="org/minilm",
    outcome="improved",
    why="held out: recall@10 0.3000 → 0.5000",
    note="queries about documents that were never trained on",
    held_out=FOUND,
    out_of_fold=replace(FOUND, n=5000, base=0.31),
    more_held_out=(replace(FOUND, measure="mrr@10"),),
    dimensions={64: replace(FOUND, tuned=0.4)},
    guards=(Guarded("old", 0.03, replace(FOUND, measure="ndcg@10", outcome="pass")),),
    sources=(Source("judgments", 900, 900, False), Source("made", 5000, 4321, True)),  # noqa: FBT003
    leaks=("12 documents are on both sides",),
    recipe={"epochs": 2.0, "matryoshka": (), "guide": None, "schedule": "cosine", "negatives": 0},
)


@pytest.fixture
def card(tmp_path):
    """The lines of the card of a tuning, with fields replaced."""

    def write(**fields):
        write_card(tmp_path, replace(TUNING, **fields))
        return (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()

    return write


def test_the_card_begins_with_the_metadata_of_the_hub(card):
    lines = card()

    assert lines[0] == "---"
    assert "library_name: sentence-transformers" in lines[: lines.index("---", 1)]


def test_an_improved_model_says_what_it_was_tuned_on_and_judged_by(card):
    """Rule: every verdict is a row: held out first, then folds, dimensions and guards."""
    lines = card()

    assert "# org/minilm, fine-tuned on faq" in lines
    assert "**improved**: held out: recall@10 0.3000 → 0.5000." in lines
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")][2:]
    assert [(row[0], row[1]) for row in rows] == [
        ("held out", "recall@10"), ("held out", "mrr@10"), ("out of fold", "recall@10"),
        ("held out, 64 dimensions", "recall@10"), ("guard old", "ndcg@10"),
    ]  # fmt: skip
    assert rows[0][2:] == ["0.3000 → 0.5000", "+0.2000 [0.150, 0.250]", "1,000"]


@pytest.mark.parametrize("outcome", ["base-kept", "inconclusive", "regressed"])
def test_a_model_that_is_not_better_is_never_called_fine_tuned(card, outcome):
    """Rule: the weights are the base's, and the card says so."""
    text = "\n".join(card(outcome=outcome, why="not shown to be better"))

    assert "# org/minilm, kept for faq" in text
    assert "The weights are the base model's" in text
    assert "fine-tuned" not in text


def test_an_improved_model_is_not_said_to_have_the_weights_of_the_base(card):
    assert not [line for line in card() if "base model's" in line]


def test_what_it_was_trained_on_is_told_by_source(card):
    """Rule: synthetic queries are labelled, and pairs that were left out are counted."""
    lines = card()

    assert "- 900 of 900 pairs from judgments" in lines
    assert "- 4,321 of 5,000 pairs from made, synthetic queries" in lines
    assert "- 12 documents are on both sides" in lines


def test_settings_in_force_are_told_and_what_was_not_asked_is_not(card):
    """Rule: None and empty lists say nothing; zero is a setting."""
    lines = card()

    told = lines[lines.index("## Training") :]
    assert {"- epochs: 2.0", "- schedule: cosine", "- negatives: 0"} <= set(told)
    assert not [line for line in told if "guide" in line or "matryoshka" in line]


def test_a_run_without_any_verdict_has_no_table(card):
    lines = card(held_out=None, out_of_fold=None, more_held_out=(), dimensions={}, guards=())

    assert not [line for line in lines if line.startswith("|")]
    assert "## Loading" in lines


def test_the_loading_code_is_one_that_runs(card):
    """Rule: it compiles, and uses sentence-transformers alone."""
    lines = card()

    start = lines.index("```python")
    code = "\n".join(lines[start + 1 : lines.index("```", start)])
    compile(code, "README.md", "exec")
    assert "benchharness" not in code


def test_the_card_is_no_part_of_the_models_identity(card, static_model, tmp_path):
    """Rule: identity is content that changes vectors."""
    import shutil

    folder = shutil.copytree(static_model, tmp_path / "model")
    before = content_digest(folder)

    write_card(folder, TUNING)

    assert (folder / "README.md").is_file()
    assert content_digest(folder) == before
