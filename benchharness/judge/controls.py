"""Negative controls: what a suite must give where nothing is known.

A random ranking, and the run of a model held against judgments that were moved to random
documents, score recall@10 at k/N, up to chance. A suite on which they do not is broken: its
numbers mean something else than they say. Held against the judgments of other queries, a run
shows whether the suite asks for anything, or is answered whatever is asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchharness.data.lint import Finding
from benchharness.evaluation import metrics
from benchharness.judge.numbers import format_value
from benchharness.measures import Measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.data.dataset import Dataset, Relevance
    from benchharness.evaluation.result import Result

CUT = 10
# So many rankings are averaged, over all queries: the more, the smaller a fault that is seen.
_RANKINGS = 20_000
_MOST_REPEATS = 20
_STANDARD_ERRORS = 3
# Above this share of the true value, answers to other queries are as good as those to one's own.
_OTHER_QUERIES = 0.5


@dataclass(frozen=True)
class Control:
    """A control and what chance allows it.

    value:    mean recall@10 of the control.
    expected: k/N, times the share of the relevant documents that are in the corpus.
    allowed:  3 standard errors (exact, hypergeometric) and one single hit.
    """

    value: float
    expected: float
    allowed: float

    @property
    def holds(self) -> bool:
        return abs(self.value - self.expected) <= self.allowed + 1e-12


def random_ranking(dataset: Dataset, seed: int = 0) -> Control:
    """Random rankings of the corpus, scored like any run. Seeded: the same in every session."""
    import numpy as np

    rng = np.random.default_rng(seed)
    relevance, size = dataset.relevance, len(dataset.corpus)
    found = []
    for _ in range(_repeats(relevance)):
        rows = np.stack([_distinct(rng, size, min(CUT, size)) for _ in relevance.query_ids])
        found.append(_recall(rows, relevance))
    return _control(found, relevance, size)


def shuffled_judgments(dataset: Dataset, result: Result, seed: int = 0) -> Control:
    """The run against judgments that were moved, query by query, to random documents."""
    import numpy as np

    rng = np.random.default_rng(seed)
    relevance, size = dataset.relevance, len(dataset.corpus)
    rows = _top(dataset, result)
    found = []
    for _ in range(_repeats(relevance)):
        moved = relevance.doc_rows.copy()
        for start, end in zip(relevance.starts[:-1], relevance.starts[1:], strict=True):
            inside = np.flatnonzero(moved[start:end] >= 0) + start
            moved[inside] = _distinct(rng, size, len(inside))
        found.append(_recall(rows, replace(relevance, doc_rows=moved)))
    # A run of fewer than k documents has fewer chances.
    reached = (rows >= 0).sum(axis=1) / min(CUT, size)
    return _control(found, relevance, size, reached)


def other_queries(dataset: Dataset, result: Result, seed: int = 0) -> float:
    """recall@10 of the run where each query is answered by another one's ranking."""
    import numpy as np

    rng = np.random.default_rng(seed)
    rows = _top(dataset, result)
    n = len(rows)
    # A cycle through a random order: nobody keeps its own.
    order = rng.permutation(n)
    asked = np.empty(n, dtype=np.int64)
    asked[order] = np.roll(order, 1)
    return _recall(rows[asked], dataset.relevance)


def control_of_suite(dataset: Dataset) -> Finding:
    """What a random ranking says of the data: a note, or an error where it is not at chance."""
    return _finding("control-random", "a random ranking", random_ranking(dataset))


def controls_of_model(dataset: Dataset, result: Result) -> list[Finding]:
    """What the run says of the suite; nothing for a limited result."""
    if result.limit is not None:
        return []
    what = f"the run of {result.model} against shuffled judgments"
    found = [_finding("control-shuffled", what, shuffled_judgments(dataset, result))]
    true = math.fsum(result.values["recall@10"].tolist()) / len(result.query_ids)
    other = other_queries(dataset, result) if len(result.query_ids) > 1 else 0.0
    if true > 0 and other >= _OTHER_QUERIES * true:
        message = (
            f"answers to other queries reach recall@10 {format_value(other)} where "
            f"{result.model} reaches {format_value(true)}: the suite hardly asks for anything"
        )
        remedy = "a larger corpus, or judgments that differ between queries"
        found.append(Finding("control-other-queries", "warning", message, remedy=remedy))
    return found


def _finding(code: str, what: str, control: Control) -> Finding:
    reached = (
        f"{what} reaches recall@10 {control.value:.5f}, chance is {control.expected:.5f} "
        f"± {control.allowed:.5f}"
    )
    if control.holds:
        return Finding(code, "note", reached)
    remedy = "look at the judgments and the documents' ids; benchharness lint names what is odd"
    return Finding(code, "error", f"the suite is broken: {reached}", remedy=remedy)


def _control(
    found: list[float],
    relevance: Relevance,
    size: int,
    reached: NDArray[np.float64] | None = None,
) -> Control:
    import numpy as np

    counts = np.diff(relevance.starts).astype(np.float64)
    inside = np.add.reduceat((relevance.doc_rows >= 0).astype(np.float64), relevance.starts[:-1])
    k = min(CUT, size) * (reached if reached is not None else np.ones(len(counts)))
    share = inside / size
    expected = k * share / counts
    spread = k * share * (1 - share) * (size - k) / max(size - 1, 1) / counts**2
    n = len(counts)
    error = math.sqrt(math.fsum(spread.tolist()) / len(found)) / n
    return Control(
        value=math.fsum(found) / len(found),
        expected=math.fsum(expected.tolist()) / n,
        allowed=_STANDARD_ERRORS * error + 1 / (n * len(found)),
    )


def _repeats(relevance: Relevance) -> int:
    return max(2, min(_MOST_REPEATS, _RANKINGS // len(relevance)))


def _recall(rows: NDArray[np.int64], relevance: Relevance) -> float:
    values = metrics.values(Measure("recall", CUT), metrics.grade(rows, relevance))
    return math.fsum(values.tolist()) / len(values)


def _top(dataset: Dataset, result: Result) -> NDArray[np.int64]:
    """The rows of the first 10 documents of each query, -1 for none; [n, 10]."""
    import numpy as np

    rows = np.full((len(result.query_ids), CUT), -1, dtype=np.int64)
    names = [doc_id for doc_ids in result.run.doc_ids for doc_id in doc_ids[:CUT]]
    found = iter(dataset.corpus.rows_of(names).tolist())
    for row, doc_ids in enumerate(result.run.doc_ids):
        for place in range(len(doc_ids[:CUT])):
            rows[row, place] = next(found)
    return rows


def _distinct(rng: np.random.Generator, size: int, count: int) -> NDArray[np.int64]:
    """`count` different row numbers below `size`."""
    return rng.choice(size, count, replace=False, shuffle=True)
