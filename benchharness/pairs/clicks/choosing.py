"""Which (query, document) become pairs, and the pairs that they become."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchharness.data.texts import TextTable
from benchharness.errors import DataError
from benchharness.pairs.clicks.cleaning import Names, Window
from benchharness.pairs.clicks.scores import Scores
from benchharness.pairs.clicks.settings import Settings
from benchharness.pairs.pair import Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SOURCE = "clicks"


def query_id_of(query: str) -> str:
    """The id of a normalised query, the same in every log."""
    return f"clicks-{hashlib.sha256(query.encode()).hexdigest()[:16]}"


def enough(scores: Scores, settings: Settings) -> NDArray[np.bool_]:
    """Whether each cell has the impressions and clicks that a pair needs; [cells]."""
    found: NDArray[np.bool_] = (scores.impressions >= settings.min_impressions) & (
        scores.clicks >= settings.min_clicks
    )
    return found


def chosen(scores: Scores, settings: Settings) -> NDArray[np.int64]:
    """The places of the pairs, in order of (query, falling score, document)."""
    import numpy as np

    places = np.flatnonzero(enough(scores, settings) & (scores.score >= settings.min_score))
    order = np.lexsort((scores.doc[places], -scores.score[places], scores.query[places]))
    return places[order]


def nothing(scores: Scores, settings: Settings) -> DataError:
    """What to say where no cell becomes a pair."""
    sure = enough(scores, settings)
    if sure.any():
        highest = float(scores.score[sure].max())
        message = f"no pair has a score of {settings.min_score:g}; the highest is {highest:.4f}"
    else:
        message = (
            f"no document has {settings.min_impressions:,} impressions and "
            f"{settings.min_clicks:,} clicks for a query"
        )
    return DataError(
        message,
        remedy="lower --min-score, --min-impressions or --min-clicks, or mine a longer log",
    )


def pairs(
    scores: Scores, chosen: NDArray[np.int64], window: Window, names: Names, corpus: TextTable
) -> tuple[Pair, ...]:
    """The pairs of the chosen cells, in their order; documents without text become none."""
    spelled = _spelled(window, names)
    rows = scores.doc[chosen]
    texts, doc_ids = corpus.texts.take(rows), corpus.ids.take(rows)
    pairs = []
    for place, text, doc_id in zip(chosen.tolist(), texts, doc_ids, strict=True):
        query = int(scores.query[place])
        if not text.strip():
            continue  # the lint of the corpus names it
        provenance = {
            "attraction": f"{scores.attraction[place]:.4f}",
            "clicks": str(scores.clicks[place]),
            "impressions": str(scores.impressions[place]),
            "score": f"{scores.score[place]:.4f}",
        }
        pairs.append(
            Pair(
                spelled[query], text, query_id_of(names.queries[query]), doc_id, source=SOURCE,
                provenance=tuple(provenance.items()),
            )
        )  # fmt: skip
    return tuple(pairs)


def _spelled(window: Window, names: Names) -> Mapping[int, str]:
    """The most frequent spelling of each query of the window; of equal ones the smallest."""
    import numpy as np

    there = np.flatnonzero(window.spelled)
    order = np.lexsort((there, -window.spelled[there], names.query_of[there]))
    found: dict[int, str] = {}
    for place in there[order].tolist():
        found.setdefault(int(names.query_of[place]), names.spellings[place])
    return found


def kept_of_raw(scores: Scores, chosen: NDArray[np.int64], settings: Settings) -> float:
    """Share of the chosen among as many of the highest raw click-through rates, from 0 to 1."""
    import numpy as np

    places = np.flatnonzero(enough(scores, settings))
    rate = scores.clicks[places] / scores.impressions[places]
    order = np.lexsort((scores.doc[places], scores.query[places], -rate))
    top = places[order[: len(chosen)]]
    return len(np.intersect1d(top, chosen)) / len(chosen) if len(chosen) else 0.0
