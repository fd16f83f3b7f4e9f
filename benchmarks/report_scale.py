"""How large report.html becomes, and how long it takes: 10 models, 20 suites, 5,000 queries each.

    python benchmarks/report_scale.py [--models 10 --suites 20 --queries 5000] [--out FILE]

Every result lost and won queries against a baseline, each text is 300 letters long and no two
are alike, so that nothing is shared. Exits with 1 above 15 MB or 20 s.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

import numpy as np

from benchharness.evaluation.result import Fingerprints, Result, Run
from benchharness.judge.bench import Assessment
from benchharness.judge.decision import decide
from benchharness.judge.exhibit import LETTERS, QUERIES, Exhibit, ShownDocument, ShownQuery
from benchharness.judge.statistics import estimate
from benchharness.judge.verdict import Change, Comparison, Moved, Verdict
from benchharness.report.html.page import render_page
from benchharness.report.model import Report
from benchharness.suite import Thresholds

MOST_MB, MOST_SECONDS = 15.0, 20.0
MEASURES = ("recall@10", "ndcg@10", "mrr@10")


def main() -> int:
    """0 where the page keeps both limits, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--suites", type=int, default=20)
    parser.add_argument("--queries", type=int, default=5_000)
    parser.add_argument("--out", type=Path, help="keep the page here")
    chosen = parser.parse_args()
    rng = random.Random(0)  # noqa: S311
    report = Report.of([
        assessment(f"suite-{suite:02}", f"model-{model:02}", chosen.queries, rng)
        for suite in range(chosen.suites)
        for model in range(chosen.models)
    ])  # fmt: skip
    start = time.perf_counter()
    page = render_page(report)
    seconds, megabytes = time.perf_counter() - start, len(page.encode()) / 1e6
    if chosen.out:
        chosen.out.write_text(page, encoding="utf-8")
    is_kept = megabytes < MOST_MB and seconds < MOST_SECONDS
    sys.stdout.write(
        f"{chosen.models} models x {chosen.suites} suites x {chosen.queries:,} queries: "
        f"{megabytes:.1f} MB (limit {MOST_MB:g}), {seconds:.1f} s (limit {MOST_SECONDS:g})"
        f"{'' if is_kept else ': missed'}\n"
    )
    return 0 if is_kept else 1


def assessment(suite: str, model: str, n: int, rng: random.Random) -> Assessment:
    """A result that changed in a tenth of its queries."""
    hits = np.array([float(rng.random() < 0.7) for _ in range(n)])
    names = tuple(f"{model}-q{row:05}" for row in range(n))
    digest = "ab" * 32
    result = Result(
        suite=suite, model=model, run=Run(names, ((),) * n, ((),) * n, 100),
        fingerprints=Fingerprints(digest, digest, digest, digest, digest),
        values=dict.fromkeys(MEASURES, hits), ceilings={}, capped_recall=hits, ties={},
        counts={"documents": 100_000, "queries": n}, trainable=True,
    )  # fmt: skip
    changes = tuple(
        Change(names[row], 1.0 - float(hits[row]), float(hits[row]),
               (Moved(f"{names[row]}-d", 4 if hits[row] == 0 else None, 27),),
               tuple(f"{names[row]}-n{place}" for place in range(3)))
        for row in range(0, n, 10)
    )  # fmt: skip
    found = estimate(hits)
    verdict = Verdict(
        "regression-recall@10", suite, model, "regressed", "error", found.value, "it fell",
        measure="recall@10", delta=-0.02, ci90=(-0.03, -0.01), margin=0.01,
        comparison=Comparison("main", "recall@10", 0.72, found.value, n, lost=len(changes),
                              interval=(-0.03, -0.01), confidence=0.9, changes=changes),
    )  # fmt: skip
    shown = changes[:QUERIES]
    queries = tuple(
        ShownQuery(one.query_id, text(rng), {"recall@10": one.after},
                   (ShownDocument(one.moved[0].doc_id, 1, 27),), 1, ())
        for one in shown
    )  # fmt: skip
    named = {doc for one in shown for doc in (one.moved[0].doc_id, *one.newcomers)}
    estimates = dict.fromkeys(MEASURES, found)
    return Assessment(
        result, estimates, decide(result, Thresholds(), {}), (verdict,), (),
        Exhibit(queries, {doc: text(rng) for doc in sorted(named)}, {1: 0.3, 10: 0.7, 100: 0.9}),
    )  # fmt: skip


def text(rng: random.Random) -> str:
    return "".join(rng.choices("abcdefghij klmnop", k=LETTERS))


if __name__ == "__main__":
    sys.exit(main())
