"""Gates and waivers are frozen, named, and checked once."""

import dataclasses
import datetime

import pytest

from benchharness.errors import SuiteError
from benchharness.gate import (
    BeatsGate,
    CostGate,
    FloorGate,
    Gate,
    GuardGate,
    RegressionGate,
    SliceGate,
    Waiver,
)

EVERY = [
    Gate.floor("recall@10", 0.5),
    Gate.regression("recall@10", margin=0.02),
    Gate.beats("champ", "ndcg@10"),
    Gate.slice("recall@10", "lang", minimum=0.5),
    Gate.guard("old-faq", "mrr@10", margin=0.02),
    Gate.cost("size", at_most=1e9),
]


def test_each_method_makes_its_kind_of_gate():
    kinds = [FloorGate, RegressionGate, BeatsGate, SliceGate, GuardGate, CostGate]

    assert [type(gate) for gate in EVERY] == kinds


def test_a_gate_is_named_by_its_kind_and_what_it_judges():
    """The name is the test's id and what a waiver names."""
    assert [gate.name for gate in EVERY] == [
        "floor-recall@10",
        "regression-recall@10",
        "beats-ndcg@10",
        "slice-recall@10-lang",
        "guard-old-faq-mrr@10",
        "cost-size",
    ]


@pytest.mark.parametrize("gate", EVERY, ids=lambda gate: gate.kind)
def test_a_gate_that_only_warns_has_a_name_of_its_own(gate):
    assert dataclasses.replace(gate, severity="warn").name == f"{gate.name}-warn"


@pytest.mark.parametrize("gate", EVERY, ids=lambda gate: gate.kind)
def test_a_gate_is_frozen_and_hashable(gate):
    assert hash(gate) == hash(dataclasses.replace(gate))
    with pytest.raises(dataclasses.FrozenInstanceError):
        gate.severity = "warn"


def test_what_a_gate_s_own_suite_must_measure_for_it():
    """A guard measures another suite, a cost no measure at all."""
    assert [gate.measured for gate in EVERY] == [
        ("recall@10",), ("recall@10",), ("ndcg@10",), ("recall@10",), (), (),
    ]  # fmt: skip


def test_a_gate_binds_every_model_unless_it_names_some():
    free = Gate.regression("recall@10", margin=0.02)
    bound = Gate.regression("recall@10", margin=0.02, models=["minilm"])

    assert (free.binds("minilm"), free.binds("bm25")) == (True, True)
    assert (bound.binds("minilm"), bound.binds("bm25")) == (True, False)


@pytest.mark.parametrize(
    "gate",
    [
        Gate.beats("champ", "recall@10"),
        Gate.regression("recall@10", margin=0.02, against="champ"),
        Gate.guard("old-faq", "recall@10", margin=0.02, against="champ"),
        Gate.cost("throughput", at_least=0.8, against="champ"),
        Gate.beats("champ", "recall@10", models=["champ", "minilm"]),
    ],
    ids=lambda gate: gate.name,
)
def test_a_champion_is_not_compared_with_itself(gate):
    assert not gate.binds("champ")
    assert gate.binds("minilm")


@pytest.mark.parametrize(
    ("gate", "defaults"),
    [
        (
            Gate.regression("recall@10", margin=0.02),
            {"alpha": 0.05, "inconclusive": None, "against": None, "severity": "error"},
        ),
        (
            Gate.beats("champ", "recall@10"),
            {"alpha": 0.05, "inconclusive": "fail", "against": "champ", "margin": 0.0},
        ),
        (
            Gate.slice("recall@10", "lang", margin=0.1),
            {"alpha": 0.05, "at_least": 20, "minimum": None, "by": "lang"},
        ),
        (Gate.floor("recall@10", 0.5), {"bound": "value", "models": None}),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_defaults(gate, defaults):
    """A challenger that is not shown to be better fails; others warn."""
    assert {name: getattr(gate, name) for name in defaults} == defaults


# Mistakes are one clear sentence.


def regression(**fields):
    return lambda: Gate.regression("recall@10", **{"margin": 0.02} | fields)


def sliced(**fields):
    return lambda: Gate.slice("recall@10", **{"by": "lang"} | fields)


MISTAKES = {
    "unknown measure": (lambda: Gate.regression("recal@10", margin=0.1), "did you mean recall?"),
    "no cut-off": (lambda: Gate.guard("old", "recall", margin=0.1), "say the cut-off: recall@10"),
    "severity": (
        regression(severity="fatal"),
        "severity of gate regression-recall@10 is 'fatal'\n  -> use 'error' or 'warn'",
    ),
    "margin of nothing": (regression(margin=0), "margin of regression-recall@10 is 0: no number"),
    "margin as points": (regression(margin=2), "is 2\n  -> use a number from 0 to 1, such as 0.02"),
    "negative margin": (regression(margin=-0.1), "margin of regression-recall@10 is -0.1"),
    "no margin": (regression(margin=None), "margin of regression-recall@10 is None"),
    "margin as text": (regression(margin="0.1"), "margin of regression-recall@10 is '0.1'"),
    "margin as flag": (regression(margin=True), "margin of regression-recall@10 is True"),
    "margin not a number": (regression(margin=float("nan")), "is nan\n"),
    "alpha of nothing": (regression(alpha=0), "alpha of regression-recall@10 is 0\n"),
    "alpha of a coin": (regression(alpha=0.5), "use a number from 0.0001 to 0.25, such as 0.05"),
    "inconclusive": (
        regression(inconclusive="ignore"),
        "inconclusive of regression-recall@10 is 'ignore'\n  -> use 'warn' or 'fail' or 'pass'",
    ),
    "empty champion": (regression(against=""), "is against ''\n  -> name a model spec"),
    "champion no text": (regression(against=3), "is against 3\n  -> name a model spec"),
    "no challenger": (lambda: Gate.beats(None, "recall@10"), "beats-recall@10 names no champion"),
    "models as text": (regression(models="minilm"), "models of a gate is a list of model specs"),
    "no models": (regression(models=[]), "models of a gate is a list of model specs"),
    "models no texts": (regression(models=[1]), "models of a gate is a list of model specs"),
    "models no list": (regression(models=5), "models of a gate is a list of model specs"),
    "slice by nothing": (sliced(by="", margin=0.1), "slices by ''\n  -> name a field"),
    "neither": (sliced(), "slice-recall@10-lang needs either a minimum or a margin"),
    "both": (sliced(minimum=0.5, margin=0.1), "needs either a minimum or a margin"),
    "minimum in percent": (sliced(minimum=50), "minimum of slice-recall@10-lang is 50"),
    "margin of nothing in slices": (sliced(margin=0), "margin of slice-recall@10-lang is 0"),
    "at least none": (sliced(margin=0.1, at_least=0), "at_least of slice-recall@10-lang is 0"),
    "at least half": (sliced(margin=0.1, at_least=2.5), "at_least of slice-recall@10-lang is 2.5"),
    "at least true": (sliced(margin=0.1, at_least=True), "at_least of slice-recall@10-lang is Tru"),
    "guard of nothing": (
        lambda: Gate.guard("", "recall@10", margin=0.1),
        "guards the suite ''\n  -> write the suite's name",
    ),
    "guard without margin": (
        lambda: Gate.guard("old", "recall@10", margin=0),
        "margin of guard-old-recall@10 is 0",
    ),
    "unknown cost": (lambda: Gate.cost("dimensions", at_most=1), "did you mean dimension?"),
    "size at least": (
        lambda: Gate.cost("size", at_least=1),
        "cost-size has no limit that can be held against size\n  -> Gate.cost('size', at_most=512)",
    ),
    "two limits": (lambda: Gate.cost("size", at_least=1, at_most=2), "cost-size has no limit"),
    "no limit": (lambda: Gate.cost("dimension"), "cost-dimension has no limit"),
    "throughput at most": (
        lambda: Gate.cost("throughput", at_most=2.0, against="minilm"),
        "-> Gate.cost('throughput', at_least=0.8, against='minilm')",
    ),
    "throughput of nothing": (
        lambda: Gate.cost("throughput", at_least=100.0),
        "cost-throughput has no limit that can be held against throughput",
    ),
    "endless limit": (
        lambda: Gate.cost("size", at_most=float("inf")),
        "limit of cost-size is inf\n  -> use a number of at least 0",
    ),
    "negative limit": (lambda: Gate.cost("size", at_most=-1), "limit of cost-size is -1"),
}


@pytest.mark.parametrize(("make", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_gate_is_one_clear_sentence(make, words):
    with pytest.raises(SuiteError) as caught:
        make()

    assert words in str(caught.value)


# Waivers.


def waiver(**fields):
    given = {"gate": "regression-recall@10", "model": "minilm", "reason": "re-chunked"}
    return Waiver(**given | {"until": "2027-01-31"} | fields)


@pytest.mark.parametrize(
    ("today", "holds"),
    [("2026-01-01", True), ("2027-01-30", True), ("2027-01-31", True), ("2027-02-01", False)],
)
def test_a_waiver_holds_up_to_and_on_its_last_day(today, holds):
    assert waiver().holds(datetime.date.fromisoformat(today)) is holds


@pytest.mark.parametrize("field", ["gate", "model", "reason"])
@pytest.mark.parametrize("value", ["", "  ", None, 3])
def test_a_waiver_says_what_for_whom_and_why(field, value):
    with pytest.raises(SuiteError, match=f"a waiver has the {field}") as caught:
        waiver(**{field: value})

    assert caught.value.remedy == f"write its {field}"


@pytest.mark.parametrize(
    "until",
    ["", "soon", "2027-02-30", "31.01.2027", "20270131", "2027-W04-7", None, 20270131,
     datetime.date(2027, 1, 31)],
)  # fmt: skip
def test_a_waiver_ends_on_a_day_that_is_written_in_one_way(until):
    """Year, month and day: of two waivers, the later one is found by comparing them as text."""
    with pytest.raises(SuiteError, match="which is no date") as caught:
        waiver(until=until)

    assert "until='2027-01-31'" in caught.value.remedy
