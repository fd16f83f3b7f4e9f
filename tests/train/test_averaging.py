"""Averages of weights are the formula, on real models; the share is chosen by the dev curve."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from benchharness.testing import LEARNABLE_WORDS, tiny_model
from benchharness.train.averaging import (
    ALPHAS,
    best_on_dev,
    largest_that_keeps,
    set_average,
    weights_of,
)
from benchharness.train.tuning import Averaged

TEXTS = ["old1 old2 old3", "new7 new8"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory, static_model, bert_model):
    """kind -> (base, tuned): directories of models of one shape with other weights."""
    home = tmp_path_factory.mktemp("averaged")
    other = {"words": LEARNABLE_WORDS, "seed": 5}
    return {
        "static": (static_model, tiny_model(home / "static", dim=48, **other)),
        "bert": (bert_model, tiny_model(home / "bert", kind="bert", dim=32, **other)),
    }


def opened(folder):
    return SentenceTransformer(str(folder), device="cpu")


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("kind", ["static", "bert"])
@pytest.mark.parametrize("alpha", [0.75, 0.25])
def test_every_weight_is_the_formula(folders, kind, alpha):
    """Rule: alpha x tuned + (1 - alpha) x base, weight by weight, in a model of its own."""
    base, tuned = map(opened, folders[kind])

    found = set_average(opened(folders[kind][0]), weights_of(base), weights_of(tuned), alpha)

    one, other, mixed = state(base), state(tuned), state(found)
    assert mixed.keys() == one.keys() == other.keys()
    moved = 0
    for name, value in mixed.items():
        if not value.is_floating_point():
            continue
        expected = alpha * other[name].double() + (1 - alpha) * one[name].double()
        torch.testing.assert_close(value.double(), expected, atol=1e-7, rtol=1e-6)
        moved += not torch.equal(value, one[name])
    assert moved


def test_vectors_of_a_bag_of_words_are_the_average_of_both_sides(folders):
    """Rule: a static model is linear in its weights; an independent check end to end."""
    base, tuned = map(opened, folders["static"])
    one, other = (side.encode(TEXTS, show_progress_bar=False) for side in (base, tuned))

    mixed = set_average(opened(folders["static"][0]), weights_of(base), weights_of(tuned), 0.75)

    found = mixed.encode(TEXTS, show_progress_bar=False)
    assert found == pytest.approx(0.75 * other + 0.25 * one, abs=1e-5)


@pytest.mark.parametrize(("alpha", "side"), [(1.0, 1), (0.0, 0)])
def test_the_ends_are_the_tuned_and_the_base_model_to_the_bit(folders, alpha, side):
    base, tuned = map(opened, folders["bert"])
    expected = state((base, tuned)[side])

    found = set_average(base, weights_of(base), weights_of(tuned), alpha)

    assert all(torch.equal(value, expected[name]) for name, value in state(found).items())


def test_weights_are_copies_that_training_does_not_change(folders):
    """Rule: also of the model that is set to the average, so that several shares are tried."""
    model = opened(folders["static"][0])
    kept, tuned = weights_of(model), weights_of(opened(folders["static"][1]))
    before = {name: value.clone() for name, value in kept.items()}

    set_average(model, kept, tuned, 0.5)
    set_average(model, kept, tuned, 1.0)

    assert all(torch.equal(kept[name], value) for name, value in before.items())
    assert all(not value.requires_grad for value in kept.values())
    assert all(torch.equal(tuned[name], value) for name, value in state(model).items())


def test_whole_numbers_are_taken_from_the_tuned_side():
    """Rule: there is no half of a position."""
    model = torch.nn.Module()
    model.register_buffer("positions", torch.tensor([0, 1, 2]))
    model.register_buffer("weight", torch.tensor([0.0, 4.0]))
    base = {"positions": torch.tensor([7, 8, 9]), "weight": torch.tensor([0.0, 4.0])}
    tuned = {"positions": torch.tensor([3, 4, 5]), "weight": torch.tensor([1.0, 0.0])}

    set_average(model, base, tuned, 0.25)

    assert model.positions.tolist() == [3, 4, 5]
    assert model.weight.tolist() == [0.25, 3.0]


def test_weights_of_half_precision_keep_it():
    model = torch.nn.Linear(2, 1).to(torch.bfloat16)
    base, tuned = weights_of(model), weights_of(torch.nn.Linear(2, 1).to(torch.bfloat16))

    set_average(model, base, tuned, 0.5)

    assert {value.dtype for value in model.state_dict().values()} == {torch.bfloat16}


# The choice


def curve(**values):
    """A point for each share, the largest first: `curve(dev=[…])`."""
    name, heights = values.popitem()
    return [Averaged(alpha, **{name: one}) for alpha, one in zip(ALPHAS, heights, strict=True)]


@pytest.mark.parametrize(
    ("heights", "alpha"),
    [
        ([0.5, 0.6, 0.55, 0.4], 0.75),
        ([0.6, 0.5, 0.4, 0.3], 1.0),
        ([0.5, 0.5, 0.5, 0.5], 1.0),
        ([0.1, 0.5, 0.5, 0.4], 0.75),
        ([0.0, 0.0, 0.0, 0.1], 0.25),
        ([None, None, 0.0, None], 0.5),
        ([math.nan, 0.2, 0.3, 0.1], 0.5),
        ([0.2, math.nan, 0.3, math.nan], 0.5),
        ([math.nan, math.nan, 0.0, math.nan], 0.5),
    ],
    ids=["inner", "first", "equal", "equal inner", "last", "unknown", "nan", "nans", "zero"],
)
def test_the_highest_dev_value_wins_and_of_equals_the_largest_share(heights, alpha):
    """Rule: a model without sound vectors has no value, and is never the best."""
    assert best_on_dev(curve(dev=heights)) == alpha
    assert best_on_dev(curve(dev=heights)[::-1]) == alpha


@pytest.mark.parametrize(
    ("heights", "alpha"),
    [
        ([0.79, 0.80, 0.81, 0.82], 0.5),
        ([0.81, 0.5, 0.5, 0.5], 1.0),
        ([0.5, 0.6, 0.7, 0.79], None),
        ([0.9, 0.6, 0.9, 0.9], 1.0),
        ([0.80, 0.80, 0.80, 0.80], None),
        ([0.80 + 5e-13, 0.80, 0.80, 0.80], None),
        ([math.nan, None, 0.815, 0.82], 0.5),
        ([None, None, None, None], None),
    ],
    ids=["some", "all", "none", "gain", "at the margin", "noise", "unknown", "nothing"],
)
def test_the_largest_share_that_lost_less_than_the_margin_is_kept(heights, alpha):
    """Rule: base 0.82, margin 0.02; a loss of the margin, within 1e-12, is not less."""
    assert largest_that_keeps(curve(guard=heights), 0.82, 0.02) == alpha


@given(st.permutations(range(4)), st.lists(st.floats(0, 1) | st.none(), min_size=4, max_size=4))
def test_the_order_of_the_curve_changes_no_choice(order, heights):
    points, guards = curve(dev=heights), curve(guard=heights)

    assert best_on_dev([points[row] for row in order]) == best_on_dev(points)
    assert largest_that_keeps([guards[row] for row in order], 0.5, 0.1) == largest_that_keeps(
        guards, 0.5, 0.1
    )
