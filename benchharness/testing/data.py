"""Tiny data sets, written to a folder."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

_LEARNABLE = 30
LEARNABLE_WORDS = tuple(f"{side}{word}" for side in ("old", "new") for word in range(_LEARNABLE))


def write_beir(
    folder: Path,
    corpus: Mapping[str, str | tuple[str, str]],
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    split: str = "test",
) -> Path:
    """The folder, with `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv` in BEIR's format.

    corpus: doc_id -> text, or (title, text). queries: query_id -> text.
    qrels:  query_id -> doc_id -> relevance. Called again with another split, adds its qrels.
    """
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    documents = []
    for doc_id, given in corpus.items():
        title, text = ("", given) if isinstance(given, str) else given
        documents.append({"_id": doc_id, "title": title, "text": text})
    _write_jsonl(folder / "corpus.jsonl", documents)
    _write_jsonl(
        folder / "queries.jsonl", [{"_id": name, "text": text} for name, text in queries.items()]
    )
    rows = ["query-id\tcorpus-id\tscore"]
    for query_id, judged in qrels.items():
        rows += [f"{query_id}\t{doc_id}\t{grade}" for doc_id, grade in judged.items()]
    (folder / "qrels" / f"{split}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def write_learnable(folder: Path, *, train: int = 180, test: int = 100) -> Path:
    """The folder, in BEIR's layout: a task that a random model fails and learns in a second.

    A document holds three words of one language, its query the same three in another. Splits
    "train" and "test" ask for different documents of one corpus. `LEARNABLE_WORDS` are the words.
    """
    total = train + test
    triples: dict[tuple[int, ...], None] = {}
    for number in itertools.count():
        chosen = sorted(random.Random(number).sample(range(_LEARNABLE), 3))  # noqa: S311
        triples.setdefault(tuple(chosen))
        if len(triples) == total:
            break
    corpus, queries = {}, {}
    for number, triple in enumerate(triples):
        corpus[f"d{number:03}"] = " ".join(f"old{word}" for word in triple)
        queries[f"q{number:03}"] = " ".join(f"new{word}" for word in triple)
    for split, numbers in (("train", range(train)), ("test", range(train, total))):
        qrels = {f"q{number:03}": {f"d{number:03}": 1} for number in numbers}
        write_beir(folder, corpus, queries, qrels, split=split)
    return folder


def _write_jsonl(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
