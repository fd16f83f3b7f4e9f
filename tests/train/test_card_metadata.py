"""The metadata of a model card, as the Hub's own library reads it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from hypothesis import given
from hypothesis import strategies as st

from benchharness.data.references import beir, hub
from benchharness.train.card import write_card
from benchharness.train.card_metadata import Origin, front_matter
from benchharness.train.tuning import Tuning, Versus

FOUND = Versus("recall@10", 0.3, 0.5, 0.2, (0.15, 0.25), 1000, 300, 100, "tango", "improved")
TUNING = Tuning(
    suite="faq",
    model="org/minilm",
    outcome="improved",
    why="better",
    held_out=FOUND,
    more_held_out=(replace(FOUND, measure="ndcg@10", base=0.2, tuned=1 / 3),),
    out_of_fold=replace(FOUND, tuned=0.9),
    more_out_of_fold=(replace(FOUND, measure="mrr@10", tuned=0.9),),
    dimensions={64: replace(FOUND, tuned=0.4)},
)
ORIGIN = Origin("org/minilm", "BeIR/scifact", "ab" * 32)
HOSTILE = [
    "a: b", "- x", "# no", "'", '"', "\\", "---", "x\n---\ny", "{a}", "[b]", "yes", "null", "1e5",
    "&a", "*a", "!tag", "%d", "@x", "`", "😀", "\u2028", "\x85", "\x7f", "\ufeff", "ñ",
    "\t", " x ", "", "{{ template }}",
]  # fmt: skip


def read(tuning, origin, folder):
    write_card(folder, tuning, origin)
    return ModelCard.load(folder / "README.md")


def test_the_hub_reads_the_evaluation(tmp_path):
    """Rule: parsed by huggingface_hub: task, data set with its fingerprint, measures, values."""
    card = read(TUNING, ORIGIN, tmp_path)

    first, second = card.data.eval_results
    assert (first.task_type, first.task_name) == ("information-retrieval", "Information Retrieval")
    assert (first.dataset_name, first.dataset_type) == ("faq", "BeIR/scifact")
    assert first.dataset_revision == "ab" * 32
    assert (first.metric_type, first.metric_value) == ("recall_at_10", 0.5)
    assert (second.metric_type, second.metric_value) == ("ndcg_at_10", 1 / 3)
    assert first.metric_name == "recall@10 on 1,000 held-out queries"
    assert (card.data.base_model, card.data.datasets) == ("org/minilm", ["BeIR/scifact"])
    assert card.data.library_name == "sentence-transformers"
    assert card.text.lstrip().startswith("# org/minilm, fine-tuned on faq")


def test_only_held_out_queries_are_told(tmp_path):
    """Out of fold judges the recipe, cut vectors another model: neither is this model's value."""
    results = read(TUNING, ORIGIN, tmp_path).data.eval_results

    assert [one.metric_value for one in results] == [0.5, 1 / 3]


def test_a_base_that_was_kept_has_its_own_values(tmp_path):
    """Rule: the values are those of the weights in the folder."""
    card = read(replace(TUNING, outcome="regressed"), ORIGIN, tmp_path)

    assert [one.metric_value for one in card.data.eval_results] == [0.3, 0.2]
    assert card.data.model_name == "org/minilm, kept for faq"


def test_without_held_out_queries_there_is_no_evaluation(tmp_path):
    card = read(replace(TUNING, held_out=None, more_held_out=()), ORIGIN, tmp_path)

    assert card.data.eval_results is None
    assert "model-index" not in card.content


def test_a_value_that_is_no_number_is_left_out(tmp_path):
    broken = replace(TUNING, held_out=replace(FOUND, tuned=math.nan))

    (one,) = read(broken, ORIGIN, tmp_path).data.eval_results

    assert one.metric_type == "ndcg_at_10"


def test_what_is_not_known_is_not_named(tmp_path):
    """No empty field: the Hub would take it for an id."""
    card = read(TUNING, None, tmp_path)

    assert (card.data.base_model, card.data.datasets) == (None, None)
    assert card.data.eval_results[0].dataset_type == "faq"
    assert card.data.eval_results[0].dataset_revision is None


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_survive(name, tmp_path):
    """Rule: a name is a text to YAML, whatever it holds; none ends the block."""
    origin = Origin(name, name, name)

    card = read(replace(TUNING, suite=name, model=name), origin, tmp_path)

    model, results = model_index_to_eval_results(card.data.to_dict()["model-index"])
    assert model == f"{name}, fine-tuned on {name}"
    assert results[0].dataset_name == name
    if name:
        assert (card.data.base_model, card.data.datasets) == (name, [name])


@given(st.text(), st.floats(0, 1))
def test_any_text_and_number_is_read_back(text, value):
    """Rule: exactly; 1e-05 without a point would be a text of YAML."""
    tuning = replace(TUNING, suite=text, held_out=replace(FOUND, tuned=value))

    lines = list(front_matter(tuning, Origin()))

    content = yaml.safe_load("\n".join(lines[1:-1]))
    (result,) = content["model-index"][0]["results"]
    assert result["dataset"]["name"] == text
    assert result["metrics"][0]["value"] == value
    assert isinstance(result["metrics"][0]["value"], float)
    assert (lines[0], lines[-1], lines.count("---")) == ("---", "---", 2)


def test_half_a_character_becomes_a_mark():
    """A name with a lone surrogate can be written in no file."""
    text = "\n".join(front_matter(replace(TUNING, suite="a\ud800b"), Origin()))

    assert "a\ufffdb" in text
    text.encode()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("org/model", "org/model"), ("org/model@dim=64", "org/model"), ("minilm", ""),
        ("./org/model", ""), ("/abs/model", ""), ("a/b/c", ""), ("openai:m@http://x/v1", ""),
        ("here/model", ""),
    ],
)  # fmt: skip
def test_the_base_is_named_where_it_is_a_model_of_the_hub(spec, expected, tmp_path):
    """A directory of that name is meant before the Hub, and is none of its models."""
    (tmp_path / "here" / "model").mkdir(parents=True)

    assert Origin.of(spec, beir("data"), "ab", tmp_path).base_model == expected


def test_the_data_are_named_where_they_are_of_the_hub(tmp_path):
    assert Origin.of("minilm", hub("BeIR/scifact"), "ab", tmp_path).dataset == "BeIR/scifact"
    assert Origin.of("minilm", beir("BeIR/scifact"), "ab", tmp_path).dataset == ""
    (tmp_path / "BeIR" / "scifact").mkdir(parents=True)
    assert Origin.of("minilm", hub("BeIR/scifact"), "ab", tmp_path) == Origin("", "", "ab")
