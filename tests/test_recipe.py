"""A recipe is frozen, checked once, and says what it fills in."""

import dataclasses
import math
import tomllib
from datetime import date

import pytest

from benchharness.errors import SuiteError, UsageError
from benchharness.recipe import Recipe, parse_settings


def test_a_recipe_is_frozen_and_hashable():
    """Rule: it is a field of a suite, which is both."""
    made = Recipe(matryoshka=[128, 64])

    assert hash(made) == hash(Recipe(matryoshka=(128, 64)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.epochs = 1


def test_sequences_are_kept_as_tuples_so_that_nobody_changes_them_later():
    dims = [128, 64]

    made = Recipe(matryoshka=dims, negative_ranks=[1, 5])
    dims.append(32)

    assert made.matryoshka == (128, 64)
    assert made.negative_ranks == (1, 5)


@pytest.mark.parametrize(
    ("kind", "rate", "epochs", "batch"),
    [("transformer", 2e-5, 2.0, 64), ("lora", 2e-4, 2.0, 64), ("static", 4e-2, 5.0, 256)],
)
def test_what_is_not_said_is_filled_in_by_the_kind_of_model(kind, rate, epochs, batch):
    made = Recipe().resolved(kind)

    assert (made.learning_rate, made.epochs, made.batch_size) == (rate, epochs, batch)


def test_what_is_said_stays_whatever_the_kind():
    """Rule: resolving fills in only what is None, and twice is once."""
    given = Recipe(learning_rate=1e-3, epochs=1, batch_size=8, scale=5.0)

    assert given.resolved("static") == given
    partly = Recipe(epochs=1).resolved("transformer")
    assert partly.resolved("static") == partly


@pytest.mark.parametrize("kind", ["transformer", "lora", "static"])
def test_the_kinds_own_rate_is_never_remarked(kind):
    assert not list(Recipe().remarks(kind))


@pytest.mark.parametrize(
    ("kind", "rate", "is_usual"),
    [
        ("transformer", 1e-5, True),
        ("transformer", 5e-5, True),
        ("transformer", 9.9e-6, False),
        ("transformer", 4e-2, False),
        ("lora", 2e-5, False),
        ("static", 2e-5, False),
        ("static", 0.2, True),
        ("static", 0.21, False),
    ],
)
def test_a_rate_meant_for_another_kind_of_model_is_remarked(kind, rate, is_usual):
    """Rule: the ends of the usual range are usual; it is a remark, not an error."""
    remarks = list(Recipe(learning_rate=rate).remarks(kind))

    assert bool(remarks) is not is_usual
    assert all(f"{rate:g}" in remark and kind in remark for remark in remarks)


WRONG = [
    ("learning_rate", 0), ("learning_rate", -1e-5), ("learning_rate", math.nan),
    ("learning_rate", math.inf), ("learning_rate", "2e-5"), ("learning_rate", True),
    ("learning_rate", 10**400), ("epochs", 0), ("epochs", math.nan), ("epochs", [1]),
    ("batch_size", 1), ("batch_size", 64.0), ("batch_size", True), ("rows_at_once", None),
    ("rows_at_once", 1), ("warmup", 1.0), ("warmup", -0.1), ("warmup", None),
    ("weight_decay", 1.1), ("scale", 0), ("scale", math.inf), ("max_length", 1),
    ("negatives", -1), ("negatives", 1.5), ("mining_rounds", 0), ("negative_margin", 1.0),
    ("lora", 0), ("evaluations", 0), ("patience", 0), ("dev_queries", 0), ("dev_documents", 9),
    ("max_pairs", 0), ("seed", -1), ("seed", None), ("schedule", "cosin"),
    ("schedule", ["cosine"]), ("precision", "fp16"), ("average", True), ("guide", ""),
    ("guide", 3), ("labels", ""), ("teacher", False), ("replay", ["faq"]), ("miner", None),
    ("miner", ""), ("matryoshka", "128,64"), ("matryoshka", 128), ("matryoshka", [0]),
    ("matryoshka", [64.0]), ("matryoshka", [True]), ("matryoshka", None),
    ("negative_ranks", [10]), ("negative_ranks", [100, 10]), ("negative_ranks", [0, 10]),
    ("negative_ranks", [1, 2, 3]), ("measure", "hits@10"), ("measure", "r-precision"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), WRONG, ids=[f"{name}={str(value)[:12]}" for name, value in WRONG]
)
def test_a_wrong_value_is_one_clear_sentence(name, value):
    """Rule: never a traceback; the setting is named, and its range."""
    with pytest.raises(SuiteError) as caught:
        Recipe(**{name: value})

    assert f"recipe: {name} is " in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("measure", ["ndgc@10", "ndcg", 10, None])
def test_a_wrong_measure_says_what_was_meant(measure):
    with pytest.raises(SuiteError, match=r"unknown measure"):
        Recipe(measure=measure)


@pytest.mark.parametrize("measure", ["ndcg@10", "recall@1", "mrr@100"])
def test_own_measures_with_a_cut_off_pick_the_step(measure):
    assert Recipe(measure=measure).measure == measure


@pytest.mark.parametrize(
    "edge",
    [
        {"epochs": 0.01}, {"warmup": 0}, {"warmup": 0.99}, {"batch_size": 2}, {"seed": 0},
        {"negatives": 0}, {"dev_documents": 10}, {"negative_ranks": (1, 1)}, {"lora": None},
        {"weight_decay": 1}, {"learning_rate": 1000}, {"matryoshka": ()}, {"max_pairs": 1},
    ],
    ids=str,
)  # fmt: skip
def test_the_ends_of_a_range_are_in_it(edge):
    assert dataclasses.asdict(Recipe(**edge)).items() >= edge.items()


@pytest.mark.parametrize(
    "settings",
    [
        {"mining_rounds": 2},
        {"mining_rounds": 2, "negatives": 4},
        {"mining_rounds": 2, "miner": "self"},
    ],
    ids=["alone", "by bm25", "no negatives"],
)
def test_only_the_model_itself_is_mined_with_anew(settings):
    with pytest.raises(SuiteError, match=r"miner='self'"):
        Recipe(**settings)

    assert Recipe(mining_rounds=2, negatives=4, miner="self").mining_rounds == 2


def test_guide_and_matryoshka_exclude_each_other():
    """Rule: the guide judges full vectors."""
    with pytest.raises(SuiteError, match="exclude each other"):
        Recipe(guide="minilm", matryoshka=[64])


# Settings by name


def test_settings_of_a_toml_file_make_a_recipe():
    """Rule: a TOML list is a list, a whole number of epochs is a number."""
    toml = 'matryoshka = [128, 64]\nepochs = 1\nschedule = "linear"\nmeasure = "mrr@5"\n'

    made = Recipe.of(tomllib.loads(toml), "recipe.toml")

    assert made == Recipe(matryoshka=(128, 64), epochs=1, schedule="linear", measure="mrr@5")


def test_changing_a_recipe_leaves_the_rest_and_the_old_one_as_they_were():
    old = Recipe(epochs=3, seed=7)

    new = old.changed({"epochs": 1})

    assert (new.epochs, new.seed) == (1, 7)
    assert old.epochs == 3


@pytest.mark.parametrize(
    ("settings", "message", "remedy"),
    [
        ({"epoch": 1}, "a recipe has no 'epoch'", "did you mean epochs?"),
        ({"batchsize": 1}, "a recipe has no 'batchsize'", "did you mean batch_size?"),
        ({"epochs": "two"}, "recipe: epochs is 'two'", "epochs is a number from 0.01 to 1000"),
        ({"measure": "ndgc@10"}, "unknown measure 'ndgc@10'", "did you mean ndcg?"),
        ({"lora": {"r": 8}}, "recipe: lora is {'r': 8}", "a whole number of at least 1"),
        ({"epochs": date(2026, 1, 1)}, "recipe: epochs is datetime", "a number"),
    ],
    ids=["unknown", "spelling", "type", "measure", "table", "date"],
)
def test_a_wrong_setting_is_told_with_its_place(settings, message, remedy):
    """Rule: UsageError with the file, whether the name or the value is wrong."""
    with pytest.raises(UsageError) as caught:
        Recipe.of(settings, "recipe.toml")

    assert caught.value.where == "recipe.toml"
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_settings_that_exclude_each_other_are_found_when_they_meet():
    """Rule: each is sound alone; what the whole recipe says is judged."""
    with pytest.raises(UsageError, match="exclude each other"):
        Recipe(guide="minilm").changed({"matryoshka": [64]}, "--set")


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("learning_rate=5e-5", "learning_rate", 5e-5),
        ("batch_size=32", "batch_size", 32),
        ("max_pairs=10_000", "max_pairs", 10_000),
        ("matryoshka=[128, 64]", "matryoshka", [128, 64]),
        ("miner=self", "miner", "self"),
        ('miner="self"', "miner", "self"),
        ("guide=org/model@dim=64", "guide", "org/model@dim=64"),
        (" schedule = linear ", "schedule", "linear"),
        ("labels=daten/größe", "labels", "daten/größe"),
        ("teacher=C:\\models\\new", "teacher", "C:\\models\\new"),
        ("matryoshka=[128,", "matryoshka", "[128,"),
        ("guide=", "guide", ""),
    ],
)
def test_values_are_spelled_as_in_toml_and_bare_words_are_texts(text, name, value):
    """Rule: the first equals sign divides; what is no TOML is a text."""
    found = parse_settings([text])

    assert found == {name: value}
    assert type(found[name]) is type(value)


def test_of_two_settings_of_one_name_the_last_counts():
    assert parse_settings(["epochs=1", "seed=3", "epochs=2"]) == {"epochs": 2, "seed": 3}


@pytest.mark.parametrize("text", ["epochs", "", "=5", "  =5"])
def test_a_setting_without_name_or_value_shows_how_it_is_written(text):
    with pytest.raises(UsageError, match=r"--set learning_rate=5e-5"):
        parse_settings([text])


@pytest.mark.parametrize("text", ["epochs=two", "matryoshka=128,64", "learning_rate=nan", "guide="])
def test_what_is_misspelled_on_the_command_line_is_refused_by_the_recipe(text):
    """Rule: parsing guesses nothing; the recipe checks."""
    with pytest.raises(UsageError, match=text.partition("=")[0]):
        Recipe.of(parse_settings([text]), "--set")
