"""Results made by hand: one value of recall@10 for each query."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np
import pytest

from benchharness.evaluation.result import Fingerprints, Result, Run
from benchharness.judge.case import Case
from benchharness.judge.policy import Policy
from benchharness.judge.statistics import estimate
from benchharness.suite import DatasetReference, Suite
from benchharness.testing import StoredReferences


def _make_result(hits, *, model="minilm", ceiling=1.0, capped=None, **fields) -> Result:
    recall = np.array(hits, dtype=np.float64)
    n = len(recall)
    return Result(
        suite="faq",
        model=model,
        run=Run(tuple(f"q{row:05}" for row in range(n)), ((),) * n, ((),) * n, 100),
        fingerprints=Fingerprints("a", "b", "c", "d", "e"),
        values={"recall@10": recall, "ndcg@10": recall / 2},
        ceilings={"recall@10": ceiling},
        capped_recall=recall if capped is None else np.array(capped, dtype=np.float64),
        ties={},
        counts={},
        **{"trainable": True, **fields},
    )


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """A result with those values of recall@10."""
    return _make_result


@pytest.fixture
def share() -> Callable[[int, int], list[float]]:
    """`share(650, 1000)`: that many ones among that many values."""
    return lambda ones, n: [1.0] * ones + [0.0] * (n - ones)


def _make_case(result, estimates=None, *, suite=None, references=None, **policy):
    found = {
        name: estimate(values, result.ceilings.get(name)) for name, values in result.values.items()
    }
    of = Suite(name="faq", dataset=DatasetReference("beir", ()), models=[result.model])
    return Case(
        suite or of,
        result,
        found if estimates is None else estimates,
        references or StoredReferences(),
        Policy(**{"today": datetime.date(2026, 11, 23), **policy}),
    )


@pytest.fixture
def make_case() -> Callable[..., Case]:
    """A result before its gates; keywords beyond `suite` and `references` are the policy's."""
    return _make_case
