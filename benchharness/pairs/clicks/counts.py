"""`Counts`: how often a document was shown for a query at a rank, and how often it was clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Counts:
    """Parallel columns, one row for each (query, document, rank), in that order; [rows].

    query, doc: numbers of the query and the document. rank: from 1.
    shown:      impressions, at least 1. clicked: clicks among them.
    """

    query: NDArray[np.int64]
    doc: NDArray[np.int64]
    rank: NDArray[np.int64]
    shown: NDArray[np.int64]
    clicked: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rank)

    @classmethod
    def of(
        cls,
        query: NDArray[np.int64],
        doc: NDArray[np.int64],
        rank: NDArray[np.int64],
        clicked: NDArray[np.int64],
        shown: NDArray[np.int64] | None = None,
    ) -> Counts:
        """The sums of rows in any order. shown: None where each row is one impression."""
        import numpy as np

        if shown is None:
            shown = np.ones(len(rank), dtype=np.int64)
        order = np.lexsort((rank, doc, query))
        columns = [column[order].astype(np.int64) for column in (query, doc, rank)]
        starts = _starts(*columns)
        keys = (column[starts] for column in columns)
        sums = (
            np.add.reduceat(values[order], starts, dtype=np.int64)
            if len(order)
            else np.zeros(0, dtype=np.int64)
            for values in (shown, clicked)
        )
        return cls(*keys, *sums)

    @classmethod
    def sum(cls, parts: Sequence[Counts]) -> Counts:
        import numpy as np

        query, doc, rank, clicked, shown = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("query", "doc", "rank", "clicked", "shown")
        )
        return cls.of(query, doc, rank, clicked, shown)

    def where(self, chosen: NDArray[np.bool_]) -> Counts:
        """The rows that are chosen."""
        return Counts(
            self.query[chosen],
            self.doc[chosen],
            self.rank[chosen],
            self.shown[chosen],
            self.clicked[chosen],
        )

    @cached_property
    def cell(self) -> NDArray[np.int64]:
        """The number of each row's (query, document), from 0 in their order; [rows]."""
        import numpy as np

        first = np.zeros(len(self), dtype=np.int64)
        first[_starts(self.query, self.doc)] = 1
        return np.cumsum(first) - 1

    @cached_property
    def cell_rows(self) -> NDArray[np.int64]:
        """The first row of each cell; [cells]."""
        return _starts(self.query, self.doc)

    def per_cell(self, values: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of the rows' values in each cell; [cells]."""
        import numpy as np

        return np.bincount(self.cell, values, len(self.cell_rows)).astype(np.float64)


def _starts(*columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows at which any of the columns changes, the first row among them."""
    import numpy as np

    if not len(columns[0]):
        return np.zeros(0, np.int64)
    changed = np.zeros(len(columns[0]) - 1, dtype=bool)
    for column in columns:
        changed |= np.diff(column) != 0
    return np.concatenate([[0], np.flatnonzero(changed) + 1]).astype(np.int64)
