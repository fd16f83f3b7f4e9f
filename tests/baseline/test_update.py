"""What an update does: write, keep, or refuse for want of a reason."""

import datetime
import math
from dataclasses import replace

import numpy as np
import pytest

from benchharness.baseline.record import Acceptance, Baseline
from benchharness.baseline.update import plan
from benchharness.evaluation.result import Fingerprints, QueryFacts, Result, Run

TODAY = datetime.date(2026, 11, 23)
NOISE = {"recall@10": 0.001}
EARLIER = Acceptance("2026-01-01", "recall@10", 0.9, 0.75, "a larger corpus")


def result(hits=(1.0, 1.0, 1.0, 0.0), *, weights="model", corpus="corpus", **fields):
    ids = tuple(f"q{row}" for row in range(len(hits)))
    given = {
        "suite": "faq",
        "model": "minilm",
        "run": Run(ids, (("d1", "d2"),) * len(ids), ((0.9, 0.8),) * len(ids), 100),
        "fingerprints": Fingerprints(corpus, "queries", "qrels", "template", weights),
        "values": {"recall@10": np.array(hits), "mrr@10": np.array(hits) / 2},
        "ceilings": {},
        "capped_recall": np.array(hits),
        "ties": {},
        "counts": {},
        "trainable": True,
        "environment": {"torch": "2.6.0"},
        "facts": tuple(QueryFacts(f"digest {name}", {"d1": 1}) for name in ids),
    }
    return Result(**(given | fields))


BEFORE = Baseline.of(result(), "baselines/faq/minilm.json", noise=NOISE, accepted=(EARLIER,))
BETTER, WORSE = result((1.0,) * 4, weights="new"), result((1.0, 1.0, 0.0, 0.0), weights="new")


def planned(before, now, mode="all", reason=""):
    return plan(before, now, mode=mode, reason=reason, today=TODAY)


@pytest.mark.parametrize(
    ("mode", "is_there", "action"),
    [
        ("missing", False, "write"),
        ("missing", True, "keep"),
        ("changed", False, "keep"),
        ("changed", True, "write"),
        ("all", False, "write"),
        ("all", True, "write"),
        (None, False, "keep"),
        (None, True, "keep"),
    ],
)
def test_a_mode_writes_what_is_missing_what_has_changed_or_both(mode, is_there, action):
    assert planned(BEFORE if is_there else None, BETTER, mode).action == action


def test_what_is_written_is_the_result():
    found = planned(None, result()).baseline

    assert (found.place, found.noise, found.accepted) == ("", {}, ())
    assert found.values["recall@10"].tolist() == [1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("mode", ["changed", "all"])
def test_a_file_that_would_be_equal_is_kept(mode):
    """Another environment, or the same values by the same model, is no reason for a commit."""
    same = result(environment={"torch": "2.13.0"})

    assert planned(BEFORE, same, mode).action == "keep"


@pytest.mark.parametrize(
    "now",
    [
        result(weights="new"),
        result(corpus="new"),
        result((1.0, 1.0, 0.0, 1.0)),
        result(facts=(QueryFacts("re-judged", {"d1": 1}),) * 4),
        result(run=replace(result().run, depth=200)),
        result(drop_same_id=True),
    ],
    ids=["model", "corpus", "values of queries", "judgments", "depth", "drop_same_id"],
)
def test_whatever_a_comparison_looks_at_makes_another_file(now):
    """The means are equal in all of them."""
    assert planned(BEFORE, now).action == "write"


def test_a_mean_that_falls_needs_a_reason():
    """Of any measure; blanks are none."""
    for reason in ("", "  \n"):
        found = planned(BEFORE, WORSE, reason=reason)

        assert found.action == "refuse"
        assert found.worse == (("mrr@10", 0.375, 0.25), ("recall@10", 0.75, 0.5))


def test_an_accepted_drop_is_kept_with_date_both_values_and_the_reason():
    """Behind those that were accepted before."""
    found = planned(BEFORE, WORSE, reason=" re-chunked ")

    assert found.action == "write"
    assert found.baseline.place == BEFORE.place
    assert found.baseline.accepted == (
        EARLIER,
        Acceptance("2026-11-23", "mrr@10", 0.375, 0.25, "re-chunked"),
        Acceptance("2026-11-23", "recall@10", 0.75, 0.5, "re-chunked"),
    )


def test_one_measure_that_falls_is_enough():
    now = result((1.0,) * 4, weights="new")
    now = replace(now, values={**now.values, "mrr@10": np.full(4, 0.3)})

    found = planned(BEFORE, now)

    assert (found.action, found.worse) == ("refuse", (("mrr@10", 0.375, 0.3),))


def test_better_values_need_no_reason_and_log_none():
    found = planned(BEFORE, BETTER, reason="why not")

    assert (found.action, found.worse) == ("write", ())
    assert found.baseline.accepted == (EARLIER,)


def test_the_last_bits_of_a_mean_are_no_drop():
    now = result((1.0, 1.0, 1.0 - 1e-13, 0.0), weights="new")

    assert planned(BEFORE, now).worse == ()


def test_a_new_measure_cannot_have_fallen():
    now = result(weights="new")
    now = replace(now, values={**now.values, "ndcg@10": np.zeros(4)})

    assert planned(BEFORE, now).action == "write"


@pytest.mark.parametrize(
    ("now", "noise"), [(result((1.0,) * 4), NOISE), (BETTER, {})], ids=["same model", "another"]
)
def test_noise_is_kept_for_the_model_that_showed_it(now, noise):
    assert planned(BEFORE, now).baseline.noise == noise


@pytest.mark.parametrize("before", [None, BEFORE], ids=["none", "one"])
@pytest.mark.parametrize("mode", ["missing", "changed", "all"])
def test_a_limited_result_never_becomes_a_baseline(before, mode):
    assert planned(before, result((1.0,) * 4, limit=4), mode, reason="please").action == "keep"


@pytest.mark.parametrize("before", [None, BEFORE], ids=["none", "one"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_never_becomes_a_baseline(before, value):
    found = planned(before, result((1.0, 1.0, 1.0, value)), reason="please")

    assert (found.action, found.worse) == ("refuse", ())
