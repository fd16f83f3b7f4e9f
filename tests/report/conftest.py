"""Small results made by hand: no data set, no model."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchharness.baseline.record import Baseline
from benchharness.data.lint import Finding
from benchharness.evaluation.result import Fingerprints, QueryFacts, Result, Run
from benchharness.gate import FloorGate, Gate, Waiver
from benchharness.judge.bench import Assessment
from benchharness.judge.case import Case
from benchharness.judge.decision import decide
from benchharness.judge.gates import judge
from benchharness.judge.policy import Policy
from benchharness.judge.statistics import estimate
from benchharness.suite import DatasetReference, Suite, Thresholds
from benchharness.testing import StoredReferences
from benchharness.train.curve import Curve, Evaluation, Step
from benchharness.train.diagnosis import Diagnosis
from benchharness.train.tuning import (
    Accuracy,
    Averaged,
    Guarded,
    Mining,
    Pilot,
    Source,
    Training,
    Tuning,
    Versus,
)

HASH = "ab" * 32
OTHER_HASH = "cd" * 32
TODAY = datetime.date(2026, 11, 23)


def make_assessment(
    suite: str = "faq",
    model: str = "minilm",
    *,
    hits: Sequence[float] = (1.0,) * 70 + (0.0,) * 30,
    gates: Sequence[Gate] = (),
    evidence: Mapping[str, object] | None = None,
    findings: Sequence[Finding] = (),
    ceiling: float = 1.0,
    limit: int | None = None,
    **fields: object,
) -> Assessment:
    """An assessment of `len(hits)` queries with recall@10 = hits; ndcg@10 is four fifths of it."""
    recall = np.array(hits, dtype=np.float64)
    query_ids = tuple(f"q{row:05}" for row in range(len(recall)))
    scores = tuple(np.array([0.9, 0.7, 0.7], dtype=np.float32).tolist())
    result = Result(
        suite=suite,
        model=model,
        run=Run(query_ids, (("d1", "d2", "d3"),) * len(recall), (scores,) * len(recall), 100),
        fingerprints=Fingerprints(HASH, HASH, HASH, HASH, HASH),
        values={"recall@10": recall, "ndcg@10": recall * 0.8},
        ceilings={"recall@10": ceiling},
        capped_recall=recall,
        ties={10: 3},
        counts={"documents": 5412, "queries": len(recall), "queries_without_positive": 2},
        trainable=not model.startswith("bm25"),
        details={"query prompt": "query: "},
        environment={"python": "3.11.9"},
        timings={"encode_documents_s": 41.2, "search_s": 0.3, "documents_per_second": 131.36},
        limit=limit,
        **fields,  # type: ignore[arg-type]
    )
    return judged(result, gates, evidence=evidence, findings=findings)


def judged(
    result: Result,
    gates: Sequence[Gate],
    *,
    before: Result | None = None,
    waivers: Sequence[Waiver] = (),
    evidence: Mapping[str, object] | None = None,
    findings: Sequence[Finding] = (),
    **policy: object,
) -> Assessment:
    """The result with its decision and the gates' verdicts; `before` is what its baseline holds."""
    estimates = {
        name: estimate(values, result.ceilings.get(name)) for name, values in result.values.items()
    }
    pair = (result.suite, result.model)
    place = f"baselines/{result.suite}/{result.model}.json"
    known = {} if before is None else {pair: Baseline.of(before, place)}
    of = Suite(
        name="faq",
        dataset=DatasetReference("beir", ()),
        models=[result.model],
        gates=gates if waivers else (),  # tests may judge by two gates of one name
        waivers=waivers,
    )
    case = Case(
        of,
        result,
        estimates,
        StoredReferences(known, suite=result.suite),
        Policy(**{"today": TODAY, **policy}),  # type: ignore[arg-type]
    )
    return Assessment(
        result=result,
        estimates=estimates,
        decision=decide(result, Thresholds(), evidence or {}, _floors(gates)),
        verdicts=tuple(judge(gate, case) for gate in gates),
        findings=tuple(findings),
    )


def _floors(gates: Sequence[Gate]) -> list[float]:
    return [
        gate.minimum
        for gate in gates
        if isinstance(gate, FloorGate) and gate.measure == "recall@10"
    ]


def make_change(
    gates: Sequence[Gate] = (),
    *,
    lost: int = 33,
    won: int = 12,
    n: int = 1000,
    prefix: str = "q:",
    langs: Sequence[str] = ("de", "en", "fr"),
    waivers: Sequence[Waiver] = (),
    suite: str = "faq",
    model: str = "minilm",
    **policy: object,
) -> Assessment:
    """A model that lost and won queries of recall@10 since its baseline, another model's.

    Of the n queries 70 % were found. Each has one relevant document, at rank 4 where it is found.
    In the queries that were lost it fell to rank 27, in every third of them out of the run; two
    other documents stand in the top 10 instead. The languages of the queries take turns.
    """
    if not gates:
        gates = [Gate.regression("recall@10", margin=0.01)]
    found = n * 7 // 10
    before = [1.0] * found + [0.0] * (n - found)
    after = [0.0] * lost + [1.0] * (found - lost + won) + [0.0] * (n - found - won)
    shape = {"prefix": prefix, "langs": langs, "suite": suite, "model": model}
    old = _answered(before, environment={"torch": "2.6.0", "threads": "2"}, **shape)
    new = _answered(after, environment={"torch": "2.13.0", "threads": "2"}, **shape)
    prints = replace(new.fingerprints, model=OTHER_HASH)
    new = replace(new, fingerprints=prints)
    return judged(new, gates, before=old, waivers=waivers, **policy)


def _answered(
    hits: Sequence[float],
    *,
    environment: Mapping[str, str],
    prefix: str,
    langs: Sequence[str],
    suite: str,
    model: str,
) -> Result:
    """A result whose relevant document of each query is at rank 4, 27 or nowhere."""
    result = make_assessment(suite, model, hits=hits).result
    ids = [f"{prefix}sympy.{row:04}" for row in range(len(hits))]
    facts, rows = [], []
    for row, hit in enumerate(hits):
        rank = 4 if hit else None if row % 3 == 0 else 27
        relevant = {f"{prefix}relevant.{row:04}": rank} if rank else {}
        groups = {"lang": langs[row % len(langs)]} if langs else {}
        facts.append(QueryFacts(f"digest {row}", relevant, groups))
        top = [f"{prefix}old.{rank}" for rank in range(1, 11)]
        if hit:
            top[3] = f"{prefix}relevant.{row:04}"
        else:
            top[3], top[7] = f"{prefix}new.add", f"{prefix}new.mul"
        rows.append(tuple(top))
    scores = tuple(np.linspace(0.9, 0.1, 10, dtype=np.float32).tolist())
    return replace(
        result,
        run=Run(tuple(ids), tuple(rows), (scores,) * len(hits), 100),
        facts=tuple(facts),
        environment=environment,
    )


def make_versus(**fields: object) -> Versus:
    """A measure that went from 0.3 to 0.5 on 1,000 queries."""
    known = {
        "measure": "recall@10", "base": 0.3, "tuned": 0.5, "delta": 0.2, "ci90": (0.15, 0.25),
        "n": 1000, "won": 300, "lost": 100, "method": "tango", "outcome": "improved",
    }  # fmt: skip
    return Versus(**(known | fields))  # type: ignore[arg-type]


def make_tuning(**fields: object) -> Tuning:
    """An improvement with two folds and a value in every field that a tuning has."""
    curve = Curve((Step(1, 0.5, 2.1, 0.7, 3.4),), (Evaluation(0, 0.0, 0.3, 0.1),))
    facts = {"steps": 40.0, "batch_size": 32.0, "candidates": 128.0, "rows_seen": 5120.0}
    healthy = Diagnosis("healthy", "the loss fell", "")
    mining = Mining("bm25", 0.875, 0.95, 12, 3, 4567, 1, (("q", "p", "n", 11),))
    fold = Training("fold 1", 500, 0.3, 0.5, 0.75, 1.0, facts, curve, (healthy,))
    known = {
        "suite": "faq", "model": "minilm", "outcome": "improved", "why": "held out: it is better",
        "advice": "use it", "spec": "runs/faq/model", "folder": "runs/faq", "split": "component",
        "note": "queries about documents that were never trained on",
        "held_out": make_versus(), "out_of_fold": make_versus(n=5000),
        "more_held_out": (make_versus(measure="mrr@10"),),
        "more_out_of_fold": (make_versus(measure="ndcg@10"),),
        "by_source": {"made": make_versus(tuned=0.45)},
        "dimensions": {64: make_versus(tuned=0.4), 32: make_versus(tuned=0.35)},
        "trainings": (
            fold,
            replace(fold, name="fold 2", tuned=0.45, best_share=0.0),
            replace(fold, name="final", held_out=0, base=None, tuned=None, mining=mining),
        ),
        "guards": (Guarded("old", 0.03, make_versus(measure="ndcg@10"), "few queries"),),
        "averaging": (Averaged(1.0, dev=0.5, guard=0.25), Averaged(0.5, dev=0.375)),
        "accuracy": Accuracy(0.8, 0.81, 200),
        "sources": (
            Source("judgments", 900, 900, synthetic=False),
            Source("made", 5000, 4321, synthetic=True),
        ),
        "leaks": ("12 documents stand on both sides",), "touched": 12,
        "untouched": make_versus(n=900), "pilot": Pilot(make_versus(n=200), 400, 5221, 12.5),
        "recipe": {"epochs": 2.0, "guide": None, "matryoshka": [64, 32], "schedule": "cosine"},
        "remarks": ("learning_rate 1 is outside the usual",), "fingerprint": HASH, "minutes": 2.5,
    }  # fmt: skip
    return Tuning(**(known | fields))  # type: ignore[arg-type]


@pytest.fixture
def tuning() -> Callable[..., Tuning]:
    """`tuning(outcome="regressed")`: a tuning with a value in every field, some replaced."""
    return make_tuning


@pytest.fixture
def versus() -> Callable[..., Versus]:
    return make_versus


@pytest.fixture
def assess() -> Callable[..., Assessment]:
    return make_assessment


@pytest.fixture
def change() -> Callable[..., Assessment]:
    return make_change
