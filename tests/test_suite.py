"""A suite is frozen, pure data that checks itself once."""

import dataclasses
from pathlib import Path

import pytest

from benchharness.errors import SuiteError
from benchharness.gate import FloorGate, Gate, Waiver
from benchharness.recipe import Recipe
from benchharness.suite import DatasetReference, Suite, Thresholds

DATA = DatasetReference("beir", (("path", "data"), ("split", "test")))
FLOOR = Gate.floor("recall@10", 0.5)
WAIVER = Waiver("floor-recall@10", "minilm", "re-chunked corpus", "2027-01-31")


def suite(**fields):
    return Suite(**({"name": "faq", "dataset": DATA, "models": ["minilm", "bm25"]} | fields))


def test_a_suite_is_frozen_and_hashable():
    made = suite(gates=[Gate.floor("recall@10", 0.5)])

    assert hash(made) == hash(suite(gates=[Gate.floor("recall@10", 0.5)]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.name = "other"


def test_sequences_are_kept_as_tuples_so_that_nobody_changes_them_later():
    models = ["minilm"]

    made = suite(models=models)
    models.append("bm25")

    assert made.models == ("minilm",)


def test_recall_at_10_and_the_measures_of_gates_are_always_measured():
    """The decision on fine-tuning needs recall@10; a gate needs its own measure."""
    made = suite(measures=["ndcg@5"], gates=[Gate.floor("mrr@20", 0.1)])

    assert [str(measure) for measure in made.all_measures] == ["ndcg@5", "mrr@20", "recall@10"]


def test_a_gate_binds_all_models_unless_it_names_some():
    bound, free = Gate.floor("recall@10", 0.5, models=["bm25"]), Gate.floor("ndcg@10", 0.3)

    made = suite(gates=[bound, free])

    assert made.gates_of("minilm") == (free,)
    assert made.gates_of("bm25") == (bound, free)


def test_a_floor_that_only_warns_has_a_name_of_its_own():
    assert Gate.floor("recall@10", 0.5).name == "floor-recall@10"
    assert Gate.floor("recall@10", 0.8, severity="warn").name == "floor-recall@10-warn"


@pytest.mark.parametrize("minimum", [float("nan"), float("inf"), -0.1, 1.01, "0.5", None, True])
def test_a_threshold_is_a_number_from_0_to_1(minimum):
    with pytest.raises(SuiteError, match="use a number from 0 to 1"):
        Gate.floor("recall@10", minimum)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "two words"}, "cannot name a file"),
        ({"name": ""}, "cannot name a file"),
        ({"name": "../up"}, "cannot name a file"),
        ({"dataset": "data/faq"}, "not a reference to a data set"),
        ({"models": []}, "models is empty"),
        ({"models": "minilm"}, "models is not a list"),
        ({"models": ["minilm", "minilm"]}, "repeats minilm"),
        ({"models": [1]}, "not a str"),
        ({"measures": ["recal@10"]}, "did you mean recall?"),
        ({"gates": [0.5]}, "not a Gate"),
        ({"gates": [Gate.floor("recall@10", 0.5, models=["minlm"])]}, "did you mean minilm?"),
        (
            {"gates": [Gate.floor("recall@10", 0.5), Gate.floor("recall@10", 0.6)]},
            "two gates are called floor-recall@10",
        ),
        ({"depth": 0}, "depth is 0"),
        ({"training": "data/faq"}, "training is str, not a reference to a data set"),
        ({"training": ("beir", ())}, "training is tuple"),
        ({"pairs": "clicks.jsonl"}, "pairs is not a list"),
        ({"pairs": [Path("clicks.jsonl")]}, "not a str"),
        ({"pairs": ["clicks.jsonl", "clicks.jsonl"]}, "repeats clicks.jsonl"),
        ({"recipe": {"epochs": 1}}, "recipe is not a Recipe"),
        ({"recipe": None}, "recipe is not a Recipe"),
        ({"thresholds": 0.5}, "thresholds is not a Thresholds"),
        ({"waivers": ["never mind"]}, "not a Waiver"),
        ({"gates": [FLOOR], "waivers": [WAIVER, WAIVER]}, "waivers repeats"),
        (
            {"gates": [FLOOR], "waivers": [dataclasses.replace(WAIVER, gate="floor-recal@10")]},
            "did you mean floor-recall@10?",
        ),
        (
            {"gates": [FLOOR], "waivers": [dataclasses.replace(WAIVER, model="minlm")]},
            "did you mean minilm?",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_field_is_one_clear_sentence(fields, words):
    with pytest.raises(SuiteError) as caught:
        suite(**fields)

    assert words in str(caught.value)


def test_a_waiver_is_found_by_gate_and_model():
    made = suite(gates=[FLOOR, Gate.floor("mrr@10", 0.1)], waivers=[WAIVER])

    assert made.waiver_of(made.gates[0], "minilm") == WAIVER
    assert made.waiver_of(made.gates[0], "bm25") is None
    assert made.waiver_of(made.gates[1], "minilm") is None


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_waivers_the_one_that_ends_last_is_found(order):
    later = dataclasses.replace(WAIVER, until="2027-02-01", reason="not mended yet")

    made = suite(gates=[FLOOR], waivers=[WAIVER, later][::order])

    assert made.waiver_of(FLOOR, "minilm") == later


def test_a_guard_and_a_cost_ask_the_suite_for_no_measure():
    gates = [Gate.guard("old", "mrr@5", margin=0.1), Gate.cost("size", at_most=1e9)]

    made = suite(measures=["ndcg@10"], gates=gates)

    assert [str(measure) for measure in made.all_measures] == ["ndcg@10", "recall@10"]


def test_a_champion_has_no_gate_against_itself():
    made = suite(gates=[Gate.beats("bm25", "recall@10"), FLOOR])

    assert made.gates_of("bm25") == (FLOOR,)
    assert len(made.gates_of("minilm")) == 2


def test_the_same_floor_may_differ_by_model():
    made = suite(
        gates=[
            Gate.floor("recall@10", 0.6, models=["minilm"]),
            Gate.floor("recall@10", 0.4, models=["bm25"]),
        ]
    )

    assert [gate.minimum for gate in made.gates_of("bm25")] == [0.4]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"severity": "fatal"}, "severity of gate floor-recall@10 is 'fatal'"),
        ({"bound": "upper"}, "bound of gate floor-recall@10 is 'upper'"),
        ({"models": "minilm"}, "models of a gate is a list"),
        ({"models": []}, "models of a gate is a list"),
    ],
)
def test_a_wrong_gate_is_one_clear_sentence(fields, words):
    with pytest.raises(SuiteError, match=words):
        Gate.floor("recall@10", 0.5, **fields)


def test_floor_makes_a_floor_gate():
    assert isinstance(Gate.floor("recall@10", 0.5), FloorGate)


@pytest.mark.parametrize(
    ("tune", "skip"), [(0.9, 0.8), (float("nan"), 0.8), (0.5, 1.2)], ids=["crossed", "nan", "high"]
)
def test_thresholds_are_ordered_shares(tune, skip):
    with pytest.raises(SuiteError):
        Thresholds(tune, skip)


def test_a_reference_prints_as_it_is_written():
    assert str(DATA) == "beir(path='data', split='test')"


def test_a_suite_says_how_its_models_are_tuned():
    """Frozen and hashable with it; what is not said is the split "train" and the plain recipe."""
    training = dataclasses.replace(DATA, options=(("path", "data"), ("split", "dev")))
    pairs = ["clicks.jsonl", "made.jsonl"]

    made = suite(training=training, pairs=pairs, recipe=Recipe(matryoshka=[64]))
    pairs.append("later.jsonl")

    assert made.training == training
    assert made.pairs == ("clicks.jsonl", "made.jsonl")
    assert hash(made) == hash(dataclasses.replace(made))
    plain = suite()
    assert (plain.training, plain.pairs, plain.recipe) == (None, (), Recipe())


def test_tuning_asks_the_suite_for_no_measure():
    """What picks a step is measured on dev queries only."""
    made = suite(measures=["ndcg@10"], recipe=Recipe(measure="mrr@5"))

    assert [str(measure) for measure in made.all_measures] == ["ndcg@10", "recall@10"]
