"""Queries that share a relevant document stay together: components, and held-out draws of them.

Training on a query whose document also answers a test query would leak the answer. So queries
are split by connected component of the graph of queries and their relevant documents.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Component = tuple[str, ...]


def components(pairs: Iterable[tuple[str, str]]) -> tuple[Component, ...]:
    """The groups of query ids that are connected through documents.

    pairs: (query_id, doc_id) of every relevant document. Each group is in order of id, the
    groups in order of their first id.
    """
    parent: dict[str, str] = {}

    def root(query_id: str) -> str:
        while parent[query_id] != query_id:
            parent[query_id] = parent[parent[query_id]]
            query_id = parent[query_id]
        return query_id

    owner: dict[str, str] = {}  # doc_id -> a query that it answers
    for query_id, doc_id in pairs:
        parent.setdefault(query_id, query_id)
        first, second = root(owner.setdefault(doc_id, query_id)), root(query_id)
        parent[max(first, second)] = min(first, second)
    groups: dict[str, list[str]] = {}
    for query_id in sorted(parent):
        groups.setdefault(root(query_id), []).append(query_id)
    return tuple(tuple(group) for group in groups.values())


def seeded_order(groups: Iterable[Component], seed: int) -> tuple[Component, ...]:
    """The components in an order that depends on the seed and on their first query id only.

    The order is that of sha256("seed<TAB>query_id"), so it is the same on every machine and
    version of Python, and adding a component does not reorder the others.
    """

    def key(group: Component) -> str:
        return hashlib.sha256(f"{seed}\t{group[0]}".encode()).hexdigest()

    return tuple(sorted(groups, key=key))


def held_out(groups: Sequence[Component], queries: int, seed: int) -> frozenset[str]:
    """The ids of `queries` queries, drawn as whole components in seeded order.

    A component that would exceed the number is passed over, so fewer come back only where no
    remaining component fits.
    """
    chosen: set[str] = set()
    for group in seeded_order(groups, seed):
        if len(chosen) + len(group) <= queries:
            chosen.update(group)
    return frozenset(chosen)
