"""What every contestant reads: BEIR folders, texts and arrays, made offline, once, from a seed.

The texts are code and prose of installed packages: a function's source or the rest of its
docstring, by turns, and the first sentence of the docstring as the query that asks for it.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchharness.data.docstrings import extract
from benchharness.files import write_atomically

PACKAGES = ("matplotlib", "networkx", "numpy", "pandas", "scipy", "sklearn", "sympy", "torch")
QUERIES = 500
EDITED_EVERY = 20
_SEED = 0
_LEAST_WORDS, _MOST_WORDS = 10, 90
_FORMAT = "1"  # raised when the same call would write something else


@dataclass(frozen=True)
class Passage:
    """A document and the query that asks for it."""

    text: str
    query: str


@dataclass(frozen=True)
class Folder:
    """A BEIR folder of `documents` texts; `sha256` is that of its corpus file."""

    path: Path
    documents: int
    queries: int

    @property
    def edited(self) -> Path:
        """The same folder, one document of every 20 changed."""
        return self.path.with_name(f"{self.path.name}-edited")

    @property
    def sha256(self) -> str:
        return hashlib.sha256((self.path / "corpus.jsonl").read_bytes()).hexdigest()


def beir_folder(root: Path, documents: int, queries: int = QUERIES) -> Folder:
    """The folder of that size below `root`; a larger one holds the documents of a smaller one."""
    folder = Folder(root / f"beir-{documents}-{queries}-v{_FORMAT}", documents, queries)
    if not (folder.edited / "qrels" / "test.tsv").is_file():
        passages = _passages(root)
        if len(passages) < documents:
            raise SystemExit(
                f"the packages {', '.join(PACKAGES)} give {len(passages)} passages, not {documents}"
            )
        for path, step in ((folder.path, 0), (folder.edited, EDITED_EVERY)):
            _write(path, passages[:documents], queries, step)
    return folder


def _write(folder: Path, passages: Sequence[Passage], queries: int, edited_every: int) -> None:
    def text_of(number: int) -> str:
        is_edited = edited_every and number % edited_every == 0
        return f"Revised. {passages[number].text}" if is_edited else passages[number].text

    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    write_atomically(
        folder / "corpus.jsonl",
        _lines({"_id": f"d{n:05}", "title": "", "text": text_of(n)} for n in range(len(passages))),
    )
    write_atomically(
        folder / "queries.jsonl",
        _lines({"_id": f"q{n:05}", "text": passages[n].query} for n in range(queries)),
    )
    rows = (f"q{n:05}\td{n:05}\t1\n" for n in range(queries))
    write_atomically(folder / "qrels" / "test.tsv", ["query-id\tcorpus-id\tscore\n", *rows])


def _lines(rows: Iterator[dict[str, str]]) -> Iterator[str]:
    return (json.dumps(row) + "\n" for row in rows)


def _passages(root: Path) -> list[Passage]:
    """All passages in an order of their own; read from the packages once, then from a file."""
    kept = root / f"passages-v{_FORMAT}.json"
    if not kept.is_file():
        found = sorted(_extracted(), key=lambda passage: (passage.text, passage.query))
        random.Random(_SEED).shuffle(found)  # noqa: S311
        write_atomically(kept, [json.dumps([[one.text, one.query] for one in found])])
    return [Passage(text, query) for text, query in json.loads(kept.read_text())]


def _extracted() -> Iterator[Passage]:
    """Yields one passage for each query, code for every other one; no text and no query twice."""
    texts: set[str] = set()
    queries: set[str] = set()
    for package in PACKAGES:
        kinds = [extract(package, kind) for kind in ("code", "prose")]
        asked = [dict(reversed(kind.pairs)) for kind in kinds]
        for number, query_id in enumerate(sorted(asked[0].keys() | asked[1].keys())):
            kind = number % 2 if query_id in asked[number % 2] else 1 - number % 2
            text = kinds[kind].documents[asked[kind][query_id]]
            query = kinds[kind].queries[query_id]
            fits = _LEAST_WORDS <= len(text.split()) <= _MOST_WORDS
            if fits and text not in texts and query.casefold() not in queries:
                texts.add(text)
                queries.add(query.casefold())
                yield Passage(text, query)


def run_file(root: Path, queries: int, depth: int) -> Path:
    """A .json of `qrels` and `run` as dicts: grades 0 to 3, scores that differ in float32."""
    path = root / f"run-{queries}-{depth}-v{_FORMAT}.json"
    if not path.is_file():
        dice = random.Random(_SEED)  # noqa: S311
        names = [f"d{number:06}" for number in range(100_000)]
        qrels, run = {}, {}
        for number in range(queries):
            query = f"q{number:06}"
            found = dice.sample(names, depth + 5)
            judged = dice.sample(found, 10)
            qrels[query] = {doc: dice.randint(0, 3) for doc in judged} | {judged[0]: 1}
            run[query] = {doc: float(depth - rank) for rank, doc in enumerate(found[:depth])}
        write_atomically(path, [json.dumps({"qrels": qrels, "run": run})])
    return path
