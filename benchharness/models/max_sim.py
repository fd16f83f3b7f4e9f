"""MaxSim: how near a query is to a document, with a vector for each token of both.

Each token of the query finds the document's token nearest to it, and these similarities are added.
The bits of a matrix product depend on its shape and on threads, so it only *proposes* which token
is nearest; what counts is the dot product in float64. Given the vectors, no block size and no
thread count can therefore change a score.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A document without a token ranks after all others, as one without a vector does in the search.
LAST = -1e30
# Bytes of similarities of tokens that are held at once; bounds memory, changes no score.
BLOCK_BYTES = 32 * 2**20
_EXACT_AT_ONCE = 2**11  # pairs of token vectors in float64 together: they stay in a core's cache
_UNIT_ROUNDOFF = 2.0**-24  # of float32


@dataclass(frozen=True, eq=False)
class TokenVectors:
    """The vectors of texts' tokens, text after text.

    vectors: [tokens, dim] float32. starts: [texts + 1]; text i has starts[i]:starts[i + 1].
    """

    vectors: NDArray[np.float32]
    starts: NDArray[np.int64]

    @cached_property
    def largest(self) -> float:
        """The length of the longest vector."""
        import numpy as np

        squares = np.einsum("ij,ij->i", self.vectors, self.vectors, dtype=np.float64)
        return float(np.sqrt(squares.max(initial=0.0)))


def max_sim(
    query: NDArray[np.float32],
    documents: TokenVectors,
    *,
    is_mean: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> NDArray[np.float32]:
    """The MaxSim of a query and each document, rounded from float64; [documents].

    query [tokens, dim]. LAST for a document without a token, -inf for every document where the
    query has none. is_mean: divided by the number of the query's tokens. `block_bytes` bounds
    memory and changes no score.
    """
    import numpy as np

    lengths = np.diff(documents.starts)
    if not len(query):
        return np.full(len(lengths), -np.inf, dtype=np.float32)
    scores = np.full(len(lengths), LAST, dtype=np.float32)
    filled = np.flatnonzero(lengths)
    tokens_at_once = max(1, block_bytes // (4 * len(query)))
    for block in _blocks(filled, lengths, tokens_at_once):
        sums = np.zeros(len(block))
        for row in _nearest(query, documents, block):
            sums += row
        scores[block] = sums / len(query) if is_mean else sums
    return scores


def _blocks(
    rows: NDArray[np.int64], lengths: NDArray[np.int64], tokens: int
) -> Iterator[NDArray[np.int64]]:
    """Consecutive rows with at most `tokens` tokens together, or one row with more."""
    import numpy as np

    ends = np.cumsum(lengths[rows])
    start = 0
    while start < len(rows):
        before = ends[start] - lengths[rows[start]]
        stop = max(start + 1, int(np.searchsorted(ends, before + tokens, side="right")))
        yield rows[start:stop]
        start = stop


def _nearest(
    query: NDArray[np.float32], documents: TokenVectors, block: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The similarity of each query token to the nearest token of each document of the block.

    [query tokens, documents of the block]. No document of the block is without a token.
    """
    import numpy as np

    first, last = documents.starts[block[0]], documents.starts[block[-1] + 1]
    tokens = documents.vectors[first:last]
    edges = documents.starts[block] - first
    document_of = np.repeat(np.arange(len(block)), np.diff(np.append(edges, last - first)))

    proposed = query @ tokens.T
    best = np.maximum.reduceat(proposed, edges, axis=1)
    # |fl(x.y) - x.y| <= n u |x||y| for a dot product of n terms, in whatever order it is added:
    # the nearest token may fall short by that, and the proposed one exceed by it.
    norms = np.sqrt((query.astype(np.float64) ** 2).sum(axis=1))
    bound = 2 * (query.shape[1] + 2) * _UNIT_ROUNDOFF * norms * documents.largest
    floor = best.astype(np.float64) - bound[:, None]
    asked, found = np.nonzero(proposed >= floor[:, document_of])

    exact = np.empty(len(asked))
    for start in range(0, len(asked), _EXACT_AT_ONCE):
        some = slice(start, start + _EXACT_AT_ONCE)
        products = query[asked[some]].astype(np.float64) * tokens[found[some]]
        exact[some] = products.sum(axis=1)
    # Every query token has a candidate in every document, so the groups are a whole matrix.
    group = asked * len(block) + document_of[found]
    heads = np.flatnonzero(np.diff(group, prepend=-1))
    nearest: NDArray[np.float64] = np.maximum.reduceat(exact, heads).reshape(best.shape)
    return nearest
