"""Prices, estimates and limits, with numbers that are reckoned by hand."""

from __future__ import annotations

import random
import threading

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.errors import UsageError
from benchharness.llm.model import Request, Usage
from benchharness.llm.spending import Limits, Meter, Price, estimate, parse_price, worst_case

MILLION = 1_000_000


class Schema(pydantic.BaseModel):
    text: str


class Counting:
    """A service that counts by a rule, and remembers whom it counted."""

    spec = "counting"

    def __init__(self, rule):
        self.rule = rule
        self.counted = []

    def count_tokens(self, request, schema):
        self.counted.append(request.key)
        return self.rule(request)


def texts(*lengths, max_tokens=100):
    return [
        Request(f"k{number}", "", "x" * length, max_tokens) for number, length in enumerate(lengths)
    ]


def test_a_price_is_read_as_input_and_output():
    assert parse_price("1.00/5.00") == Price(1.0, 5.0)
    assert parse_price(" 0.25 / 2") == Price(0.25, 2.0)


@pytest.mark.parametrize("text", ["", "1", "1/2/3", "a/b", "-1/2", "1/inf", "nan/1", "1,0/2"])
def test_anything_else_is_no_price(text):
    with pytest.raises(UsageError) as caught:
        parse_price(text)

    assert "1.00/5.00" in caught.value.remedy


def test_a_cost_is_tokens_times_their_price():
    assert Price(1.0, 5.0).cost(Usage(MILLION, MILLION)) == 6.0
    assert Price(1.0, 5.0).cost(Usage(2000, 100)) == pytest.approx(0.0025)


def test_a_batch_costs_the_half():
    assert Price(1.0, 5.0).cost(Usage(MILLION, MILLION), batch=True) == 3.0


def test_writing_the_cache_costs_a_quarter_more_and_reading_it_a_tenth():
    price = Price(4.0, 0.0)

    assert price.cost(Usage(MILLION, 0, MILLION, 0)) == pytest.approx(5.0)
    assert price.cost(Usage(MILLION, 0, 0, MILLION)) == pytest.approx(0.4)


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_limit_is_a_number_above_0(limit):
    with pytest.raises(UsageError):
        Limits(tokens=limit)


def test_a_limit_of_cost_needs_a_price():
    with pytest.raises(UsageError, match="price"):
        Limits(cost=1.0)


def test_an_estimate_counts_all_of_few_requests():
    model = Counting(lambda request: len(request.text) // 2)

    told = estimate(texts(10, 20, 30), model, Schema, Price(1.0, 5.0))

    assert (told.requests, told.input_tokens, told.output_tokens) == (3, 30, 300)
    assert told.cost == pytest.approx((30 * 1 + 300 * 5) / MILLION)
    assert (told.sampled, told.spread, told.is_rough) == (3, 0.0, False)


def test_an_estimate_extrapolates_a_sample_by_characters():
    requests = texts(*range(10, 1010))
    model = Counting(lambda request: len(request.text) * 2)

    told = estimate(requests, model, Schema, None, sample=20)

    assert len(model.counted) == told.sampled == 20
    assert told.input_tokens == 2 * sum(range(10, 1010))
    assert told.spread == pytest.approx(0.0)
    assert told.cost is None


def test_the_spread_is_the_half_of_the_interval_of_the_ratio_estimator():
    """Rule: Cochran 1977, 6.13, reckoned apart: 2 of 4 requests, of 10 and 30 characters."""
    requests = texts(10, 30, 10, 30)
    tokens = {"k0": 10, "k1": 50, "k2": 10, "k3": 50}
    model = Counting(lambda request: tokens[request.key])
    seed = next(
        seed
        for seed in range(100)
        if sorted(_sampled(requests, seed, 2)) in (["k0", "k1"], ["k0", "k3"])
    )

    told = estimate(requests, model, Schema, Price(1.0, 0.0), sample=2, seed=seed)

    # ratio 60 / 40; residuals 10 - 15 and 50 - 45; their variance 50; mean of characters 20.
    error = ((1 - 2 / 4) * 50 / 2) ** 0.5 / 20
    assert told.input_tokens == 120
    assert told.spread == pytest.approx(1.96 * error / 1.5)
    assert told.cost == pytest.approx(120 * (1 + told.spread) / MILLION, abs=1 / MILLION)


def _sampled(requests, seed, sample):
    model = Counting(lambda _: 1)
    estimate(requests, model, Schema, None, sample=sample, seed=seed)
    return model.counted


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Rule: 95 of 100; the normal approximation of 20 requests gives a little less."""
    dice = random.Random(1)
    requests = texts(*(dice.randint(50, 2000) for _ in range(400)))
    tokens = {r.key: round(len(r.text) * dice.uniform(0.2, 0.4)) + 30 for r in requests}
    truth = sum(tokens.values())
    model = Counting(lambda request: tokens[request.key])

    held = 0
    for seed in range(200):
        told = estimate(requests, model, Schema, None, seed=seed)
        held += abs(told.input_tokens - truth) <= told.spread * truth

    assert 170 <= held <= 200


def test_the_sample_depends_on_the_seed_and_not_on_the_order():
    requests = texts(*range(10, 110))

    same = [sorted(_sampled(order, 3, 5)) for order in (requests, requests[::-1])]

    assert same[0] == same[1]
    assert same[0] != sorted(_sampled(requests, 4, 5))


def test_a_service_that_cannot_count_gives_a_rough_estimate_by_length():
    told = estimate(texts(300, 600), Counting(lambda _: None), Schema, None)

    assert (told.input_tokens, told.sampled, told.spread, told.is_rough) == (300, 0, None, True)


def test_an_estimate_of_a_batch_costs_the_half():
    model = Counting(lambda _: 100)

    full = estimate(texts(9), model, Schema, Price(1, 5))
    half = estimate(texts(9), model, Schema, Price(1, 5), batch=True)

    assert half.cost == pytest.approx(full.cost / 2)


def test_an_estimate_of_nothing_is_nothing():
    told = estimate([], Counting(lambda _: 1), Schema, Price(1, 5))

    assert (told.requests, told.input_tokens, told.cost, told.is_rough) == (0, 0, 0.0, False)


def test_an_estimate_takes_requests_one_by_one():
    """Rule: a corpus need not fit into memory."""
    alive = []

    def lazily():
        for request in texts(*range(10, 60)):
            alive.append(request.key)
            yield request

    told = estimate(lazily(), Counting(lambda _: 1), Schema, None, sample=3)

    assert told.requests == len(alive) == 50


@given(st.text(max_size=200))
def test_the_worst_case_is_more_than_a_token_for_every_byte(text):
    request = Request("k", "rules", text, 77)

    worst = worst_case(request, Schema)

    assert worst.input_tokens > len(text.encode("utf-8", "replace")) + len("rules")
    assert worst.output_tokens == 77


def test_a_meter_says_no_before_the_limit_is_exceeded():
    meter = Meter(Limits(tokens=100), Usage(20, 10))

    first = meter.reserve(Usage(40, 30))
    second = meter.reserve(Usage(1, 0))

    assert first == ""
    assert "limit of 100 tokens" in second


def test_a_meter_gives_back_what_was_not_needed():
    meter = Meter(Limits(cost=1.0, price=Price(1.0, 1.0)))
    worst = Usage(MILLION, 0)
    meter.reserve(worst)
    refused = meter.reserve(Usage(MILLION // 2, 0))

    meter.settle(worst, Usage(MILLION // 2, 0))

    assert "1.00 USD" in refused
    assert meter.reserve(Usage(MILLION // 2, 0)) == ""
    assert meter.reserve(Usage(1, 0)) != ""


def test_what_batches_spent_before_counts_for_the_half():
    price = Price(1.0, 1.0)
    spent = Usage(MILLION, 0)

    meter = Meter(Limits(cost=1.0, price=price), spent, spent)

    assert meter.reserve(Usage(MILLION // 2, 0)) == ""
    assert meter.reserve(Usage(10, 0)) != ""


def test_what_is_owed_counts_whatever_the_limit():
    meter = Meter(Limits(tokens=10))

    meter.owe(Usage(50, 0))

    assert meter.reserve(Usage(1, 0)) != ""


def test_threads_do_not_exceed_a_limit_together():
    meter = Meter(Limits(tokens=1000))
    granted = []

    def take():
        while not meter.reserve(Usage(1, 0)):
            granted.append(1)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(granted) == 1000
