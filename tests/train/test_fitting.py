"""One training: the best step, the base as candidate zero, seeds, and going on after a kill."""

from __future__ import annotations

import dataclasses
import math
import random

import numpy as np
import pytest
import torch

from benchharness.data.load import load
from benchharness.evaluation.measure import measure_system
from benchharness.measures import parse_measure
from benchharness.models.cache import EmbeddingCache
from benchharness.models.registry import open_model
from benchharness.train import trainer as trainer_module
from benchharness.train.devset import make_dev_set
from benchharness.train.fitting import fit, precision_of
from benchharness.train.folds import dev_queries, training_side
from benchharness.train.material import gather
from benchharness.train.objectives import Examples


@pytest.fixture
def task(suite, tmp_path):
    """The training pairs, and a dev set of 40 queries, for the suite's model or another."""
    test = load(suite.dataset, tmp_path)
    material = gather(suite, tmp_path, test, lambda reference: load(reference, tmp_path))

    def made(model):
        encoder = open_model(str(model))
        judged = measure_system(
            material.judged, encoder, [parse_measure("ndcg@10")], name="t",
            cache=EmbeddingCache.none(),
        )  # fmt: skip
        chosen = dev_queries(material.pairs, 40, split="component", seed=1)
        dev = make_dev_set(material.judged, chosen, judged, 200, "ndcg@10")
        pairs = training_side(material.pairs, chosen, split="component")
        return encoder, Examples(pairs), dev

    return made


def _weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def _same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_the_best_step_is_kept(task, static_model, suite, tmp_path):
    """Rule: what comes out has the value of the best evaluation, not of the last."""
    encoder, examples, dev = task(static_model)

    found = fit(encoder, examples, suite.recipe, tmp_path / "run", base=tmp_path, dev=dev)

    best = max(one.value for one in found.curve.evaluations)
    assert dev.evaluate(encoder.around(found.model), 0, 0.0).value == best
    assert best > found.curve.evaluations[0].value + 0.5
    assert 0 < found.best_share <= 1


def test_the_base_model_is_candidate_zero(task, static_model, suite, tmp_path):
    """Rule: training that only harms gives the weights back that it was given, to the bit."""
    encoder, examples, dev = task(static_model)
    good = fit(encoder, examples, suite.recipe, tmp_path / "good", base=tmp_path, dev=dev)
    good.model.save_pretrained(str(tmp_path / "base"), create_model_card=False)
    base = open_model(str(tmp_path / "base"))
    before = _weights(base.load_for_training())
    harmful = dataclasses.replace(suite.recipe, learning_rate=100 * suite.recipe.learning_rate)

    found = fit(base, examples, harmful, tmp_path / "run", base=tmp_path, dev=dev)

    assert found.is_base
    assert _same(_weights(found.model), before)
    assert "learning-rate-too-high" in {one.name for one in _diagnosed(found.curve)}


def _diagnosed(curve):
    from benchharness.train.diagnosis import diagnose

    return diagnose(curve)


def test_equal_seeds_give_equal_bits_and_others_do_not(task, bert_model, suite, tmp_path):
    """Rule: dropout, order and warm-up are seeded; the caller's generators are left alone."""
    encoder, examples, dev = task(bert_model)
    recipe = dataclasses.replace(suite.recipe, learning_rate=5e-3, epochs=1)
    drawn = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()

    first = fit(encoder, examples, recipe, tmp_path / "1", base=tmp_path, dev=dev)
    second = fit(encoder, examples, recipe, tmp_path / "2", base=tmp_path, dev=dev)
    other = fit(
        encoder, examples, dataclasses.replace(recipe, seed=1), tmp_path / "3", base=tmp_path,
        dev=dev,
    )  # fmt: skip

    assert _same(_weights(first.model), _weights(second.model))
    assert not _same(_weights(first.model), _weights(other.model))
    assert random.getstate() == drawn[0]
    assert np.random.get_state()[1].tolist() == drawn[1]
    assert torch.equal(torch.get_rng_state(), drawn[2])


@pytest.mark.parametrize(
    ("killed_at", "change"),
    [(2, {}), (7, {}), (7, {"lora": 4, "learning_rate": 0.05})],
    ids=["before-an-evaluation", "between-two", "lora"],
)
def test_a_killed_training_goes_on_to_the_same_bits(
    task, bert_model, suite, tmp_path, monkeypatch, killed_at, change
):
    """Rule: from the last whole checkpoint, with its generators, best weights and curve."""
    encoder, examples, dev = task(bert_model)
    recipe = suite.recipe.changed({"learning_rate": 5e-3, "epochs": 3} | change)
    whole = fit(encoder, examples, recipe, tmp_path / "whole", base=tmp_path, dev=dev)
    monkeypatch.setattr(trainer_module, "CHECKPOINT_SECONDS", 0.0)
    steps = []

    def die(step):
        steps.append(step.done)
        if step.done == killed_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(encoder, examples, recipe, tmp_path / "run", base=tmp_path, dev=dev, listener=die)
    steps.clear()
    resumed = fit(
        encoder, examples, recipe, tmp_path / "run", base=tmp_path, dev=dev,
        listener=lambda step: steps.append(step.done),
    )  # fmt: skip

    assert steps[0] == killed_at  # the step that was not saved is done again, no earlier one
    assert _same(_weights(resumed.model), _weights(whole.model))
    assert resumed.curve == whole.curve
    assert resumed.best_share == whole.best_share


def test_training_without_dev_queries_ends_at_the_given_share(task, static_model, suite, tmp_path):
    """Rule: the schedule is that of the whole training, cut off where the folds said."""
    encoder, examples, _ = task(static_model)

    whole = fit(encoder, examples, suite.recipe, tmp_path / "1", base=tmp_path, share=1.0)
    half = fit(encoder, examples, suite.recipe, tmp_path / "2", base=tmp_path, share=0.5)

    assert half.facts["steps"] == round(whole.facts["steps"] / 2)
    assert half.curve.steps == whole.curve.steps[: len(half.curve.steps)]
    assert half.best_share == pytest.approx(0.5, abs=0.05)


def test_training_that_diverges_stops_at_once_and_keeps_the_base(
    task, bert_model, suite, tmp_path, monkeypatch
):
    """Rule: a loss that is not a number ends the training; nothing of it is kept."""
    encoder, examples, dev = task(bert_model)
    recipe = dataclasses.replace(suite.recipe, learning_rate=1000.0, epochs=6)
    before = _weights(encoder.load_for_training())
    real = trainer_module.Recorded.forward

    def poisoned(self, features, labels):
        value = real(self, features, labels)
        return value * float("nan") if self.training and next(count) == 5 else value

    count = iter(range(1000))
    monkeypatch.setattr(trainer_module.Recorded, "forward", poisoned)

    found = fit(encoder, examples, recipe, tmp_path / "run", base=tmp_path, dev=dev)

    assert found.facts["steps"] < found.facts["steps_planned"]
    assert found.best_share == 0 or math.isfinite(found.curve.evaluations[-1].value)
    assert _same(_weights(found.model), before) == found.is_base
    assert "diverged" in {one.name for one in _diagnosed(found.curve)}


def test_early_stopping_waits_for_its_patience(task, static_model, suite, tmp_path):
    """Rule: as many evaluations without a new best end the training."""
    encoder, examples, dev = task(static_model)
    recipe = dataclasses.replace(suite.recipe, epochs=30, evaluations=30, patience=2)

    found = fit(encoder, examples, recipe, tmp_path / "run", base=tmp_path, dev=dev)

    values = [one.value for one in found.curve.evaluations]
    best = values.index(max(values))
    assert found.facts["steps"] < found.facts["steps_planned"]
    assert len(values) - 1 - best == 2


def test_what_was_seen_is_counted(task, static_model, suite, tmp_path):
    """Rule: rows, batch and negatives are those of the batches that came, not those asked for."""
    encoder, examples, dev = task(static_model)
    recipe = dataclasses.replace(suite.recipe, epochs=2)

    found = fit(encoder, examples, recipe, tmp_path / "run", base=tmp_path, dev=dev)

    assert found.facts["pairs"] == len(examples.pairs)
    assert found.facts["rows_seen"] == 2 * len(examples.pairs)
    assert found.facts["candidates"] == 32
    assert max(step.chance for step in found.curve.steps) == pytest.approx(math.log(32))


def test_a_batch_is_no_larger_than_there_are_positives(task, static_model, suite, tmp_path):
    """Rule: a batch in which no text comes twice would leave rows out without a word."""
    encoder, examples, dev = task(static_model)
    shared = tuple(dataclasses.replace(p, positive=f"old{n % 9}")
                   for n, p in enumerate(examples.pairs))  # fmt: skip
    recipe = dataclasses.replace(suite.recipe, batch_size=64, epochs=1)

    found = fit(encoder, Examples(shared), recipe, tmp_path / "run", base=tmp_path, dev=dev)

    assert found.facts["batch_size"] == 9
    assert found.facts["rows_seen"] >= 0.9 * len(shared)


def test_a_large_batch_is_put_together_from_small_ones(task, bert_model, suite, tmp_path):
    """Rule: with rows_at_once below the batch the gradient is that of the whole batch."""
    encoder, examples, dev = task(bert_model)
    recipe = dataclasses.replace(suite.recipe, learning_rate=5e-3, epochs=1, evaluations=1)

    cached = fit(
        encoder, examples, dataclasses.replace(recipe, rows_at_once=8), tmp_path / "cached",
        base=tmp_path, dev=dev,
    )  # fmt: skip

    assert cached.facts["candidates"] == 32
    assert cached.curve.evaluations[-1].value > 0.5


def test_the_model_is_measured_as_it_will_be_used(task, bert_model, suite, tmp_path):
    """Rule: nothing of mixed precision stays around it, and it reads its own length again."""
    encoder, examples, dev = task(bert_model)
    recipe = dataclasses.replace(
        suite.recipe, learning_rate=5e-3, epochs=1, precision="bfloat16", max_length=4
    )

    found = fit(encoder, examples, recipe, tmp_path / "run", base=tmp_path, dev=dev)
    found.model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)

    assert found.model.max_seq_length == 64
    live, saved = encoder.around(found.model), open_model(str(tmp_path / "saved"))
    texts = ["old1 old2 old3 old4 old5 old6"]
    (_, first), (_, second) = next(live.encode(texts, "query")), next(saved.encode(texts, "query"))
    assert np.array_equal(first, second)


def test_a_static_model_is_never_trained_in_half_precision(static_model, suite):
    """Rule: its rows cost next to nothing, and its rates are large."""
    assert precision_of(open_model(str(static_model)), suite.recipe, "cpu") == "float32"
