"""recall@10, nDCG@10, MAP@100 and MRR@100 of a run, warm; prints CPU seconds and the means.

    python metrics.py ENGINE FILE.json

Each engine starts from what its own pipeline has at that point: ours from the judgments by id and
the matrix of rows that the search gives, the others from dicts. `ranx-evaluate` starts later, from
ranx's own `Qrels` and `Run`. The first call is not counted: ranx compiles then.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

Qrels = dict[str, dict[str, int]]
Run = dict[str, dict[str, float]]
Means = dict[str, float]
NAMES = ("recall@10", "ndcg@10", "map@100", "mrr@100")


def ours(qrels: Qrels, run: Run) -> Callable[[], Means]:
    from benchharness.data import dataset as data
    from benchharness.data.texts import TextTable
    from benchharness.evaluation import metrics
    from benchharness.measures import parse_measure

    names = {doc for found in (*qrels.values(), *run.values()) for doc in found}
    corpus = TextTable.of(((name, name) for name in sorted(names)), source="made up")
    retrieved = [doc for query in sorted(run) for doc in run[query]]
    rows = corpus.rows_of(retrieved).reshape(len(run), -1)
    judged = data.Qrels.of(
        (query, doc, grade, 0) for query, found in qrels.items() for doc, grade in found.items()
    )
    measures = [parse_measure(name) for name in NAMES]

    def call() -> Means:
        # A new data set each time: it remembers its look-up of ids.
        relevance = data.Dataset("made up", corpus, {}, judged).relevance
        graded = metrics.grade(rows, relevance)
        return {str(one): float(metrics.values(one, graded).mean()) for one in measures}

    return call


def pytrec_eval(qrels: Qrels, run: Run) -> Callable[[], Means]:
    import pytrec_eval

    theirs = dict(
        zip(NAMES, ("recall_10", "ndcg_cut_10", "map_cut_100", "recip_rank"), strict=True)
    )
    wanted = {"recall.10", "ndcg_cut.10", "map_cut.100", "recip_rank"}

    def call() -> Means:
        found = pytrec_eval.RelevanceEvaluator(qrels, wanted).evaluate(run)
        return {
            name: sum(one[key] for one in found.values()) / len(found)
            for name, key in theirs.items()
        }

    return call


def ranx(qrels: Qrels, run: Run) -> Callable[[], Means]:
    from ranx import Qrels as TheirQrels
    from ranx import Run as TheirRun
    from ranx import evaluate

    return lambda: evaluate(TheirQrels(qrels), TheirRun(run), list(NAMES), make_comparable=True)


def ranx_evaluate(qrels: Qrels, run: Run) -> Callable[[], Means]:
    from ranx import Qrels as TheirQrels
    from ranx import Run as TheirRun
    from ranx import evaluate

    judged, found = TheirQrels(qrels), TheirRun(run)
    return lambda: evaluate(judged, found, list(NAMES))


def ir_measures(qrels: Qrels, run: Run) -> Callable[[], Means]:
    import ir_measures as theirs

    wanted = [theirs.R @ 10, theirs.nDCG @ 10, theirs.AP @ 100, theirs.RR @ 100]

    def call() -> Means:
        found = theirs.calc_aggregate(wanted, qrels, run)
        return {name: found[measure] for name, measure in zip(NAMES, wanted, strict=True)}

    return call


ENGINES = {
    "benchharness": ours, "pytrec_eval": pytrec_eval, "ranx": ranx, "ir_measures": ir_measures,
    "ranx-evaluate": ranx_evaluate,
}  # fmt: skip


def main() -> None:
    engine, place = sys.argv[1:]
    content = json.loads(Path(place).read_text())
    call = ENGINES[engine](content["qrels"], content["run"])
    call()
    cpu = time.process_time()
    means = call()
    spent = time.process_time() - cpu
    figures = {"work_cpu_s": spent} | {name: float(means[name]) for name in NAMES}
    sys.stdout.write("\n" + json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
