"""Who asked the queries: people, or a language model. Queries that nobody asked are labelled.

A query says it in its metadata: `"metadata": {"origin": "llm"}` in queries.jsonl. A query that
was written from its document shares more words with it than a user's, who does not know the
document; that flatters every system, and lexical ones most.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset

PEOPLE, LLM = "people", "llm"
FIELD = "origin"  # of a query's metadata
_WORD = re.compile(r"\w+")


def origin_of(groups: Mapping[str, Mapping[str, str]], query_ids: Iterable[str]) -> str:
    """Who asked, "llm" where a language model wrote any of the queries, else "people"."""
    return LLM if any(_is_written(groups, query_id) for query_id in query_ids) else PEOPLE


def written_queries(dataset: Dataset) -> frozenset[str]:
    """Ids of the queries with a relevant document that a language model wrote.

    All of them where the data say so and no query's metadata does.
    """
    asked = dataset.relevance.query_ids
    if dataset.query_origin != LLM:
        return frozenset()
    named = frozenset(query_id for query_id in asked if _is_written(dataset.groups, query_id))
    return named or frozenset(asked)


def word_overlap(query: str, text: str) -> float:
    """Share of the query's distinct words that stand in the text, from 0 to 1; 0 without words."""
    words = set(_WORD.findall(query.casefold()))
    return len(words & set(_WORD.findall(text.casefold()))) / len(words) if words else 0.0


def overlaps(dataset: Dataset, query_ids: Collection[str]) -> Iterator[float]:
    """Yields the word overlap of each of the queries with the best of its relevant documents.

    Queries without text, or without a document that is there, are left out.
    """
    relevance = dataset.relevance
    for place, query_id in enumerate(relevance.query_ids):
        rows = relevance.doc_rows[relevance.starts[place] : relevance.starts[place + 1]]
        text = dataset.queries.get(query_id, "")
        if query_id in query_ids and text.strip() and (rows >= 0).any():
            found = dataset.corpus.texts.take(rows[rows >= 0])
            yield max(word_overlap(text, document) for document in found)


def mean_overlap(dataset: Dataset, query_ids: Collection[str]) -> float | None:
    """The mean of `overlaps`; None where there is no such query."""
    found = list(overlaps(dataset, query_ids))
    return math.fsum(found) / len(found) if found else None


def _is_written(groups: Mapping[str, Mapping[str, str]], query_id: str) -> bool:
    return groups.get(query_id, {}).get(FIELD) == LLM
