"""What a model costs, alone and beside another."""

import math

import pytest

from benchharness.evaluation.throughput import RelativeSpeed
from benchharness.gate import Gate


@pytest.fixture
def cost_verdict(verdict_on, make_result):
    """The verdict on a model that costs `own`, beside `champ` that costs `other`."""

    def make(gate, own, other=None, **policy):
        results = [make_result([1.0], model="champ", costs=other)] if other is not None else []
        return verdict_on(gate, make_result([1.0], costs=own), results=results, **policy)

    return make


@pytest.mark.parametrize(
    ("quantity", "own", "at_most", "outcome", "line"),
    [
        ("dimension", 384, 384, "pass", "dimension 384: within the limit 384"),
        ("dimension", 385, 384, "fail", "dimension 385: above the limit 384"),
        (
            "size", 90_868_376, 100e6, "pass",
            "size 90,868,376: within the limit 100,000,000",
        ),
        (
            "size", 90_868_376, 90_868_375.5, "fail",
            "size 90,868,376: above the limit 90,868,375.5",
        ),
        ("dimension", 384.4, 384, "fail", "dimension 384.4: above the limit 384"),
    ],
)  # fmt: skip
def test_dimension_and_size_are_held_against_a_number(
    cost_verdict, quantity, own, at_most, outcome, line
):
    """Both numbers are printed as they are, with thousands apart."""
    verdict = cost_verdict(Gate.cost(quantity, at_most=at_most), {quantity: float(own)})

    assert (verdict.outcome, verdict.line, verdict.value) == (outcome, line, own)
    assert (verdict.gate, verdict.measure) == (f"cost-{quantity}", quantity)


@pytest.mark.parametrize(
    ("own", "other", "at_most", "outcome", "line"),
    [
        (
            384, 384, 1.0, "pass",
            "dimension 384 is 1.00 times the 384 of champ: within the limit 1.00 times",
        ),
        (
            768, 384, 1.5, "fail",
            "dimension 768 is 2.00 times the 384 of champ: above the limit 1.50 times",
        ),
        (
            10_001, 10_000, 1.0, "fail",
            "dimension 10,001 is 1.0001 times the 10,000 of champ: above the limit 1.00 times",
        ),
        (0.3, 0.1, 3.0, "pass", None),  # 0.3 / 0.1 is 2.9999999999999996
    ],
)  # fmt: skip
def test_dimension_and_size_may_be_relative_to_another_model(
    cost_verdict, own, other, at_most, outcome, line
):
    """The ratio is printed on its side of the limit."""
    gate = Gate.cost("dimension", at_most=at_most, against="champ")

    verdict = cost_verdict(gate, {"dimension": float(own)}, {"dimension": float(other)})

    assert verdict.outcome == outcome
    assert line is None or verdict.line == line


@pytest.mark.parametrize(
    "own", [{}, {"dimension": 8.0}, {"size": math.nan}, {"size": math.inf}, {"size": 0.0}]
)
def test_a_cost_that_is_not_known_is_an_error(cost_verdict, own):
    """NaN compares false with every limit, and no weights are those that were not found."""
    verdict = cost_verdict(Gate.cost("size", at_most=1e9), own)

    assert (verdict.outcome, verdict.failed) == ("error", True)
    assert verdict.line == "minilm does not say its size"


@pytest.mark.parametrize("other", [{}, {"size": 0.0}, {"size": math.nan}])
def test_a_cost_of_the_other_that_is_not_known_is_an_error(cost_verdict, other):
    gate = Gate.cost("size", at_most=1.0, against="champ")

    verdict = cost_verdict(gate, {"size": 5.0}, other)

    assert (verdict.outcome, verdict.failed) == ("error", True)
    assert verdict.line == "champ does not say its size"


@pytest.mark.parametrize(
    ("interval", "outcome", "words"),
    [
        ((0.81, 0.95), "pass", "[0.810, 0.950], not below 0.80 (the"),
        ((0.80, 0.95), "pass", "[0.800, 0.950], not below 0.80 (the"),
        ((0.79999, 0.95), "inconclusive", "[0.799, 0.950], and the timings do not settle"),
        ((0.60, 0.80), "inconclusive", "[0.600, 0.800], and the timings do not settle"),
        ((0.60, 0.79999), "fail", "[0.60000, 0.79999], below 0.80 (the"),
    ],
)
def test_throughput_is_judged_by_its_interval(verdict_on, make_result, interval, outcome, words):
    """A limit within the interval is settled by nothing."""
    gate = Gate.cost("throughput", at_least=0.8, against="champ")
    speed = RelativeSpeed(ratio=sum(interval) / 2, interval=interval, rounds=9, texts=64)

    verdict = verdict_on(gate, make_result([1.0]), speeds={"minilm": speed})

    assert verdict.outcome == outcome
    assert words in verdict.line
    assert "times the throughput of champ" in verdict.line
    assert verdict.line.endswith("(the same 64 documents, 9 rounds each)")
    assert verdict.value == speed.ratio
    assert bool(verdict.advice) == (outcome == "inconclusive")


@pytest.mark.parametrize(
    ("policy", "severity"), [({}, "warn"), ({"inconclusive": "fail"}, "error")]
)
def test_timings_that_settle_nothing_do_what_the_session_says(
    verdict_on, make_result, policy, severity
):
    gate = Gate.cost("throughput", at_least=0.8, against="champ")
    speed = RelativeSpeed(0.8, (0.7, 0.9), 15, 64)

    verdict = verdict_on(gate, make_result([1.0]), speeds={"minilm": speed}, **policy)

    assert verdict.severity == severity
