"""Small results made by hand: no data set, no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from benchharness.data.lint import Finding
from benchharness.evaluation.result import Fingerprints, Result, Run
from benchharness.judge.bench import Assessment
from benchharness.judge.decision import decide
from benchharness.judge.gates import judge
from benchharness.judge.statistics import estimate
from benchharness.suite import Gate, Thresholds

HASH = "ab" * 32


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
    estimates = {
        name: estimate(values, result.ceilings.get(name)) for name, values in result.values.items()
    }
    return Assessment(
        result=result,
        estimates=estimates,
        decision=decide(result, Thresholds(), evidence or {}),
        verdicts=tuple(judge(gate, result, estimates) for gate in gates),
        findings=tuple(findings),
    )


@pytest.fixture
def assess() -> Callable[..., Assessment]:
    return make_assessment
