"""A click log drawn from a known curve and known relevance: what the estimators are held against.

A page shows some of a query's candidates. The ranker likes relevant documents, but has a lasting
opinion of its own on every document, so that poor ones stand high for good, and changes its mind
a little from page to page, which moves documents between ranks. A user examines a rank with the
curve's probability and clicks an examined document with its attraction; irrelevant ones attract
some clicks too. So a click has the probability curve[rank] x attraction, and nothing else counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEAD = ("impression_id", "query", "doc_id", "rank", "clicked")
CURVES: Mapping[str, tuple[float, ...]] = {
    "1/rank^0.5": tuple(rank**-0.5 for rank in range(1, 11)),
    "1/rank": tuple(1 / rank for rank in range(1, 11)),
    "1/rank^2": tuple(rank**-2.0 for rank in range(1, 11)),
    "steps": (1.0, 1.0, 1.0, 0.4, 0.4, 0.4, 0.15, 0.15, 0.15, 0.15),
    # Steep, then flat, and the last rank before the fold is looked at a little more.
    "uneven": (1.0, 0.62, 0.47, 0.38, 0.31, 0.27, 0.23, 0.2, 0.19, 0.23),
}


@dataclass(frozen=True)
class World:
    """What the pages are drawn from.

    curve:         examination of each rank that a page has.
    queries, candidates: number of queries, and of documents that each of them may show.
    relevant:      documents of each query that are relevant.
    attractions:   mean attraction of a (relevant, irrelevant) document; each has its own, with a
                   Beta distribution of strength 10.
    signal:        how much the ranker likes relevance, against a lasting opinion of spread 1.
    noise:         spread of the ranker's change of mind from page to page; 0: no document moves.
    blocks:        ranks at which a block begins; documents move within their block only, in any
                   order. Empty: they move by `noise`.
    popularity:    exponent of the queries' Zipf distribution.
    """

    curve: tuple[float, ...] = CURVES["1/rank"]
    queries: int = 1000
    candidates: int = 20
    relevant: int = 3
    attractions: tuple[float, float] = (0.6, 0.08)
    signal: float = 1.0
    noise: float = 0.5
    blocks: tuple[int, ...] = ()
    popularity: float = 0.6


@dataclass(frozen=True, eq=False)
class SimulatedLog:
    """Shown documents in order of (page, rank), and the truth.

    query, doc:  [pages x ranks] numbers of the shown; documents count anew in every query.
    rank:        from 1.
    clicked:     whether it was clicked.
    page:        from 0, in order of time.
    attraction, relevant: [queries, candidates] what is true.
    """

    query: NDArray[np.int64]
    doc: NDArray[np.int64]
    rank: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    page: NDArray[np.int64]
    attraction: NDArray[np.float64]
    relevant: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.page)

    def lines(self) -> Iterator[str]:
        """Yields the log as CSV, the header first."""
        yield ",".join(HEAD) + "\n"
        columns = (self.page, self.query, self.doc, self.rank, self.clicked)
        for start in range(0, len(self), 65536):
            part = (column[start : start + 65536].tolist() for column in columns)
            for page, query, doc, rank, clicked in zip(*part, strict=True):
                yield f"p{page},query {query},q{query}d{doc},{rank},{clicked:d}\n"

    def documents(self) -> Iterator[tuple[str, str]]:
        """Yields (doc_id, text) of every candidate."""
        for query, row in enumerate(self.attraction):
            for doc in range(len(row)):
                yield f"q{query}d{doc}", f"answer {doc} to query {query}"


def simulate(world: World, pages: int, seed: int = 0) -> SimulatedLog:
    """The log of that many pages, the same for the same seed."""
    import numpy as np

    rng = np.random.default_rng(seed)
    shape = (world.queries, world.candidates)
    relevant = np.zeros(shape, dtype=bool)
    relevant[:, : world.relevant] = True
    means = np.where(relevant, *world.attractions)
    attraction = rng.beta(10 * means, 10 * (1 - means))
    opinion = world.signal * relevant + rng.normal(size=shape)
    share = np.arange(1, world.queries + 1) ** -world.popularity
    asked = rng.choice(world.queries, size=pages, p=share / share.sum())
    width = len(world.curve)
    shown = np.empty((pages, width), dtype=np.int64)
    for start in range(0, pages, 8192):
        part = asked[start : start + 8192]
        shown[start : start + 8192] = _ranked(world, opinion[part], rng)[:, :width]
    chance = np.array(world.curve) * attraction[asked[:, None], shown]
    clicked = rng.random((pages, width)) < chance
    return SimulatedLog(
        query=np.repeat(asked, width),
        doc=shown.ravel(),
        rank=np.tile(np.arange(1, width + 1), pages),
        clicked=clicked.ravel(),
        page=np.repeat(np.arange(pages), width),
        attraction=attraction,
        relevant=relevant,
    )


def _ranked(
    world: World, opinion: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """The candidates of each page, best first; [pages, candidates]."""
    import numpy as np

    change = rng.normal(size=opinion.shape)
    if not world.blocks:
        return np.argsort(-(opinion + world.noise * change), axis=1, kind="stable")
    place = np.argsort(np.argsort(-opinion, axis=1, kind="stable"), axis=1)
    starts = np.array(sorted({1, *world.blocks, len(world.curve) + 1}))
    block = np.searchsorted(starts - 1, place, side="right")
    # A uniform draw below 1 shuffles within a block and never reaches the next.
    return np.argsort(block + rng.random(opinion.shape), axis=1, kind="stable")
