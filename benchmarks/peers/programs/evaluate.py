"""A peer's whole evaluation of a BEIR folder; prints its values as one line of JSON.

    python evaluate.py sentence-transformers|mteb|beir FOLDER MODEL

Runs in the peers' environment and imports nothing of ours. Batches are of 32 texts, the default of
sentence-transformers and mteb; BEIR's own, 128, is slower on a CPU.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

BATCH = 32


def read(folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, dict[str, int]]]:
    """Documents, queries and qrels, all by id."""
    corpus, queries = (
        {row["_id"]: row["text"] for row in map(json.loads, file.open(encoding="utf-8"))}
        for file in (folder / "corpus.jsonl", folder / "queries.jsonl")
    )
    qrels: dict[str, dict[str, int]] = {}
    lines = (folder / "qrels" / "test.tsv").read_text().splitlines()
    for line in lines[1:]:
        query, document, grade = line.split("\t")
        qrels.setdefault(query, {})[document] = int(grade)
    return corpus, queries, qrels


def sentence_transformers(folder: Path, model: str) -> dict[str, float]:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.evaluation import (
        InformationRetrievalEvaluator,
    )

    corpus, queries, qrels = read(folder)
    relevant = {query: set(judged) for query, judged in qrels.items()}
    evaluator = InformationRetrievalEvaluator(queries, corpus, relevant, batch_size=BATCH)
    found = evaluator(SentenceTransformer(model))
    return {
        "ndcg@10": found["cosine_ndcg@10"],
        "recall@10": found["cosine_recall@10"],
    }


def mteb(folder: Path, model: str) -> dict[str, float]:
    from datasets import Dataset
    from mteb import TaskMetadata, evaluate
    from mteb.abstasks import AbsTaskRetrieval
    from sentence_transformers import SentenceTransformer

    class Folder(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name="Folder",
            description="A BEIR folder.",
            dataset={"path": "none", "revision": "1"},
            type="Retrieval",
            category="t2t",
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
        )

        def load_data(self, *_: Any, **__: Any) -> None:
            corpus, queries, qrels = read(folder)
            split: Any = {
                "corpus": Dataset.from_list([{"id": k, "text": v} for k, v in corpus.items()]),
                "queries": Dataset.from_list([{"id": k, "text": v} for k, v in queries.items()]),
                "relevant_docs": qrels,
                "top_ranked": None,
            }
            self.dataset = {"default": {"test": split}}
            self.data_loaded = True

    found = evaluate(
        SentenceTransformer(model),
        Folder(),
        cache=None,
        co2_tracker=False,
        encode_kwargs={"batch_size": BATCH, "show_progress_bar": False},
        show_progress_bar=False,
    )
    scores = found.task_results[0].scores["test"][0]
    return {"ndcg@10": scores["ndcg_at_10"], "recall@10": scores["recall_at_10"]}


def beir(folder: Path, model: str) -> dict[str, float]:
    from beir.datasets.data_loader import GenericDataLoader
    from beir.retrieval import models
    from beir.retrieval.evaluation import EvaluateRetrieval
    from beir.retrieval.search.dense import DenseRetrievalExactSearch

    corpus, queries, qrels = GenericDataLoader(data_folder=str(folder)).load(split="test")
    search = DenseRetrievalExactSearch(
        models.SentenceBERT(model), batch_size=BATCH, show_progress_bar=False
    )
    retriever = EvaluateRetrieval(search, score_function="cos_sim")
    results = retriever.retrieve(corpus, queries)
    ndcg, _, recall, _ = retriever.evaluate(qrels, results, retriever.k_values)
    return {"ndcg@10": ndcg["NDCG@10"], "recall@10": recall["Recall@10"]}


ENGINES = {"sentence-transformers": sentence_transformers, "mteb": mteb, "beir": beir}

if __name__ == "__main__":
    engine, place, model_place = sys.argv[1:]
    values = ENGINES[engine](Path(place), model_place)
    sys.stdout.write("\n" + json.dumps({name: float(value) for name, value in values.items()}))
