"""The reader behind `beir(path, split)`: `corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchharness.data.dataset import Dataset
from benchharness.data.jsonl import gather_queries, read_corpus, read_groups, read_queries
from benchharness.data.judgments import collect, read_tsv
from benchharness.data.lines import COMPRESSED, find_file
from benchharness.data.origins import origin_of
from benchharness.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, split: str, spill_dir: Path | None = None) -> Dataset:
    """The dataset of a folder in BEIR's layout; every file may be plain, `.gz` or `.zst`.

    Raises DataError with file and line for what cannot be read, and names the splits that exist
    where `split` does not.
    """
    if not folder.is_dir():
        raise DataError(
            "there is no such folder",
            where=str(folder),
            remedy="name a folder that holds corpus.jsonl, queries.jsonl and qrels/",
        )
    corpus_file = find_file(folder / "corpus.jsonl")
    query_file = find_file(folder / "queries.jsonl")
    qrels_file = _qrels_file(folder / "qrels", split)
    queries, repeated = gather_queries(read_queries(query_file), str(query_file))
    qrels, left_out = collect(read_tsv(qrels_file), str(qrels_file))
    groups = read_groups(query_file)
    return Dataset(
        name=folder.resolve().name,
        corpus=read_corpus(corpus_file, spill_dir),
        queries=queries,
        qrels=qrels,
        left_out=left_out + repeated,
        details=(("split", split),),
        query_origin=origin_of(groups, qrels.query_ids),
        groups=groups,
    )


def _qrels_file(folder: Path, split: str) -> Path:
    splits = _splits(folder)
    if split not in splits:
        found = f"; there are: {', '.join(splits)}" if splits else ", nor any other split"
        raise DataError(
            f"there are no judgments of split {split!r} ({split}.tsv){found}",
            where=str(folder),
            remedy=did_you_mean(split, splits) if splits else "add qrels/<split>.tsv",
        )
    return find_file(folder / f"{split}.tsv")


def _splits(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    names = {path.name for path in folder.iterdir() if path.is_file()}
    for suffix in COMPRESSED:
        names |= {name.removesuffix(suffix) for name in names if name.endswith(suffix)}
    return sorted(name.removesuffix(".tsv") for name in names if name.endswith(".tsv"))
