"""Click logs on disk, and corpora for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchharness.data.texts import TextTable

HEAD = ("impression_id", "query", "doc_id", "rank", "clicked")


@pytest.fixture
def write_log(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows (mappings of the same names) as log.csv, log.tsv, log.jsonl or log.parquet."""

    def write(rows: Iterable[Mapping[str, Any]], name: str = "log.csv") -> Path:
        rows = list(rows)
        path = tmp_path / name
        head = list(rows[0])
        if name.endswith(".parquet"):
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(rows), path)
            return path
        if name.endswith(".jsonl"):
            lines = [json.dumps(row) for row in rows]
        else:
            between = "\t" if name.endswith(".tsv") else ","
            lines = [between.join(head)]
            lines += [between.join(str(row[column]) for column in head) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def corpus_of() -> Callable[..., TextTable]:
    def corpus(*doc_ids: str) -> TextTable:
        return TextTable.of((doc_id, f"text of {doc_id}") for doc_id in doc_ids)

    return corpus


@pytest.fixture
def pages() -> Callable[..., list[dict[str, Any]]]:
    """Rows of pages: each is a query, the documents in order of rank, and the clicked ones."""

    def rows(*shown: tuple[str, str, str], first: int = 0, **more: Any) -> list[dict[str, Any]]:
        return [
            dict(zip(HEAD, (f"p{page}", query, doc, rank, int(doc in clicked)), strict=True)) | more
            for page, (query, docs, clicked) in enumerate(shown, start=first)
            for rank, doc in enumerate(docs, start=1)
        ]

    return rows
