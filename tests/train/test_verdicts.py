"""Base against tuned, query by query, and what follows for the run."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchharness.evaluation.result import Fingerprints, Result, Run
from benchharness.judge.paired import clustered_difference, difference
from benchharness.train.tuning import OUTCOMES, Guarded, Versus
from benchharness.train.verdicts import conclude, line_of, values_of, versus

FOUND = Versus("recall@10", 0.3, 0.5, 0.2, (0.15, 0.25), 1000, 300, 100, "tango", "improved")


def made(outcome, **fields):
    return replace(FOUND, outcome=outcome, **fields)


def guarded(outcome, suite="old", **fields):
    return Guarded(suite, 0.03, made(outcome, **fields))


def test_both_sides_are_told_on_the_queries_of_the_tuned_one():
    """Rule: means and the changed queries by hand; others of the base are left out."""
    base = {"a": 0.0, "b": 1.0, "c": 0.5, "elsewhere": 1.0}
    tuned = {"c": 1.0, "b": 0.5, "a": 1.0}

    found = versus("ndcg@10", base, tuned, {})

    assert (found.measure, found.n, found.won, found.lost) == ("ndcg@10", 3, 2, 1)
    assert (found.base, found.tuned) == pytest.approx((0.5, 2.5 / 3))
    assert found.delta == pytest.approx(1 / 3)
    assert found.ci90 == difference(np.array([0, 1, 0.5]), np.array([1, 0.5, 1])).interval


def test_queries_of_a_group_count_as_dependent():
    """Rule: the interval that decides is that of the groups; the method says so."""
    rng = np.random.default_rng(1)
    before, after = rng.random((2, 60))
    ids = [f"q{row:02}" for row in range(60)]
    groups = {one: f"g{row // 10}" for row, one in enumerate(ids)}
    base, tuned = (dict(zip(ids, side.tolist(), strict=True)) for side in (before, after))

    found, alone = versus("m", base, tuned, groups), versus("m", base, tuned, {})

    expected = clustered_difference(before, after, [groups[one] for one in ids])
    assert found.ci90 == expected.interval
    assert found.method.endswith(", 6 groups")
    assert "groups" not in alone.method


def test_the_order_of_the_queries_changes_nothing():
    values = {f"q{row}": row / 7 % 1 for row in range(9)}
    tuned = {name: 1 - value for name, value in values.items()}
    groups = {"q1": "g", "q2": "g", "q5": "g"}

    found = versus("m", values, tuned, groups)

    assert versus("m", values, dict(reversed(tuned.items())), groups) == found


def test_a_query_that_the_base_has_no_value_of_is_an_error():
    """Rule: it is not taken for a zero."""
    with pytest.raises(KeyError):
        versus("m", {"a": 1.0}, {"a": 1.0, "b": 1.0}, {})


@pytest.mark.parametrize("side", ["base", "tuned"])
def test_a_value_that_is_no_number_settles_nothing(side):
    """Rule: never improved, and no warning on the way."""
    values = {"base": {"a": 0.0, "b": 0.0}, "tuned": {"a": 1.0, "b": 1.0}}
    values[side]["a"] = math.nan

    found = versus("m", values["base"], values["tuned"], {})

    assert found.outcome == "inconclusive"
    assert math.isnan(found.delta)


@pytest.mark.parametrize(
    ("lost", "margin", "outcome"),
    [(0, 0.02, "pass"), (0, 0.001, "inconclusive"), (80, 0.02, "regressed"),
     (80, 0.2, "pass"), (15, 0.02, "inconclusive")],
)  # fmt: skip
def test_the_margin_decides(lost, margin, outcome):
    """Rule: 1,000 queries found before, some lost; the interval against -margin."""
    ids = [f"q{row:04}" for row in range(1000)]
    tuned = {one: float(row >= lost) for row, one in enumerate(ids)}

    found = versus("recall@10", dict.fromkeys(ids, 1.0), tuned, {}, margin)

    assert found.outcome == outcome


def test_values_of_a_result_are_told_by_measure_and_query():
    result = Result(
        suite="faq", model="m", run=Run(("a", "b"), ((),) * 2, ((),) * 2, 10),
        fingerprints=Fingerprints(*"abcde"),
        values={"recall@10": np.array([0.25, 1.0]), "mrr@10": np.array([0.0, 0.5])},
        ceilings={}, capped_recall=np.zeros(2), ties={}, counts={}, trainable=True,
    )  # fmt: skip

    found = values_of(result)

    assert found == {"recall@10": {"a": 0.25, "b": 1.0}, "mrr@10": {"a": 0.0, "b": 0.5}}
    assert type(found["recall@10"]["a"]) is float


# The line


def test_the_line_tells_both_sides_the_interval_and_the_queries():
    assert line_of(FOUND) == ("recall@10 0.3000 → 0.5000, +0.2000 [0.150, 0.250] on 1,000 queries")
    assert line_of(replace(FOUND, n=1)).endswith("on 1 query")


@pytest.mark.parametrize(
    ("fields", "margin", "words"),
    [
        ({"delta": 1e-5, "ci90": (2e-6, 3e-5)}, 0.02, "+0.00001 [0.000002, 0.000030]"),
        ({"delta": 0.01, "ci90": (-0.01996, 0.03)}, 0.02, "[-0.01996, 0.03000]"),
        ({"delta": -0.02004, "ci90": (-0.04, -0.001)}, 0.02, "-0.02004 [-0.040, -0.001]"),
        ({"delta": -0.01, "ci90": (-0.02996, 0.01)}, 0.03, "[-0.02996, 0.01000]"),
    ],
    ids=["improved", "pass", "regressed", "margin of a guard"],
)
def test_no_number_of_the_line_contradicts_its_outcome(fields, margin, words):
    """Rule: each stands visibly on its side of 0 and of the margin."""
    assert words in line_of(replace(FOUND, **fields), margin)


# What follows


@pytest.mark.parametrize("outcome", ["improved", "pass", "regressed", "inconclusive"])
def test_a_training_without_a_better_step_keeps_the_base(outcome):
    """Rule: whatever else is known."""
    found, why = conclude(
        out_of_fold=made(outcome), is_base=True, held_out=made(outcome),
        guards=[guarded("regressed")],
    )  # fmt: skip

    assert found == "base-kept"
    assert "no step" in why


def test_without_a_candidate_the_folds_say_why():
    found, why = conclude(out_of_fold=FOUND, is_base=False, held_out=None)

    assert found == "base-kept"
    assert line_of(FOUND) in why


TABLE = [
    ("improved", [], "improved"),
    ("improved", ["pass"], "improved"),
    ("improved", ["improved", "pass"], "improved"),
    ("improved", ["pass", "inconclusive"], "inconclusive"),
    ("improved", ["undefined"], "inconclusive"),
    ("improved", ["inconclusive", "regressed"], "regressed"),
    ("pass", [], "inconclusive"),
    ("pass", ["pass"], "inconclusive"),
    ("inconclusive", ["pass"], "inconclusive"),
    ("inconclusive", ["regressed"], "regressed"),
    ("regressed", [], "regressed"),
    ("regressed", ["pass"], "regressed"),
    ("regressed", ["inconclusive"], "regressed"),
]


@pytest.mark.parametrize(
    ("held_out", "guards", "outcome"), TABLE, ids=[f"{h}-{'+'.join(g)}" for h, g, _ in TABLE]
)
def test_only_a_shown_gain_with_every_guard_shown_to_hold_is_improved(held_out, guards, outcome):
    """Rule: what is not shown is no green."""
    found, why = conclude(
        out_of_fold=FOUND, is_base=False, held_out=made(held_out),
        guards=[guarded(one, f"suite{row}") for row, one in enumerate(guards)],
    )  # fmt: skip

    assert found == outcome
    assert found in OUTCOMES
    assert line_of(FOUND) in why


@pytest.mark.parametrize(
    ("outcome", "delta"), [("regressed", -0.03004), ("inconclusive", -0.02996)]
)
def test_a_guard_that_decides_is_named_with_its_numbers(outcome, delta):
    """Rule: on its own side of its own margin."""
    guards = [guarded("pass", "sound"), guarded(outcome, "fell", delta=delta)]

    _, why = conclude(out_of_fold=None, is_base=False, held_out=FOUND, guards=guards)

    assert "the guard fell " in why
    assert f"{delta:.5f}" in why
    assert "sound" not in why
