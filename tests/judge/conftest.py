"""Results made by hand, the baselines that they are compared with, and the verdicts on them."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np
import pytest

from benchharness.baseline.record import Baseline
from benchharness.evaluation.result import Fingerprints, QueryFacts, Result, Run
from benchharness.gate import Gate
from benchharness.judge.case import Case
from benchharness.judge.gates import judge
from benchharness.judge.policy import Policy
from benchharness.judge.statistics import estimate
from benchharness.judge.verdict import Verdict
from benchharness.suite import DatasetReference, Suite
from benchharness.testing import StoredReferences

PLACE = "baselines/faq/minilm.json"


def _make_result(
    hits,
    *,
    model="minilm",
    suite="faq",
    weights="e",
    corpus="a",
    template="d",
    ids=None,
    digests=None,
    langs=(),
    docs=(),
    relevant=(),
    depth=100,
    ceiling=1.0,
    capped=None,
    **fields,
) -> Result:
    recall = np.array(hits, dtype=np.float64)
    n = len(recall)
    query_ids = tuple(ids) if ids is not None else tuple(f"q{row:05}" for row in range(n))
    facts = tuple(
        QueryFacts(
            digest=digests[row] if digests else f"digest of {query_id}",
            relevant=relevant[row] if relevant else {},
            groups={"lang": langs[row]} if langs and langs[row] else {},
        )
        for row, query_id in enumerate(query_ids)
    )
    return Result(
        suite=suite,
        model=model,
        run=Run(query_ids, tuple(map(tuple, docs)) or ((),) * n, ((),) * n, depth),
        fingerprints=Fingerprints(corpus, "b", "c", template, weights),
        values={"recall@10": recall, "ndcg@10": recall / 2},
        ceilings={"recall@10": ceiling},
        capped_recall=recall if capped is None else np.array(capped, dtype=np.float64),
        ties={},
        counts={},
        **{"trainable": True, "facts": facts, **fields},
    )


@pytest.fixture(scope="session")
def make_result() -> Callable[..., Result]:
    """A result with those values of recall@10 (and half of them as ndcg@10).

    weights, corpus, template: fingerprints. langs: the query's metadata `lang`, None for none.
    docs, relevant: retrieved ids, and ranks of relevant documents, of each query.
    """
    return _make_result


def _make_baseline(hits, *, weights="old", noise=None, **fields) -> Baseline:
    return Baseline.of(_make_result(hits, weights=weights, **fields), PLACE, noise=noise)


@pytest.fixture(scope="session")
def make_baseline() -> Callable[..., Baseline]:
    """The baseline of such a result, by another model."""
    return _make_baseline


def _moved(lost=0, won=0, n=1000):
    ones = 6 * n // 10
    before = [1.0] * ones + [0.0] * (n - ones)
    after = [0.0] * lost + [1.0] * (ones - lost + won) + [0.0] * (n - ones - won)
    return before, after


@pytest.fixture(scope="session")
def moved() -> Callable[..., tuple[list[float], list[float]]]:
    """`moved(3, 1, 100)`: values of 100 queries before and after; 3 were lost, 1 was won.

    60 in 100 are 1 before; those that were lost stand first, those that were never found last.
    """
    return _moved


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    """A result before its gates; keywords beyond `suite` and `references` are the policy's."""
    return _make_case


def _verdict_on(
    gate: Gate, result: Result, baseline=None, *, results=(), speeds=None, waivers=(), **policy
) -> Verdict:
    known = {} if baseline is None else {(result.suite, result.model): baseline}
    references = StoredReferences(
        baselines=known,
        results={(one.suite, one.model): one for one in results},
        speeds=speeds or {},
    )
    suite = Suite(
        name="faq",
        dataset=DatasetReference("beir", ()),
        models=[result.model],
        gates=[gate],
        waivers=waivers,
    )
    return judge(gate, _make_case(result, suite=suite, references=references, **policy))


@pytest.fixture(scope="session")
def verdict_on() -> Callable[..., Verdict]:
    """The verdict of a gate on a result, by its baseline or by `results` of other models.

    Keywords beyond `results`, `speeds` and `waivers` are the policy's.
    """
    return _verdict_on
