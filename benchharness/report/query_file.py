"""per_query.jsonl: every query's values and retrieved documents, exact and free of time.

Two runs on the same machine write the same bytes: no time, no path, no engine is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.evaluation.result import QueryFacts, Result, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CAPPED = "capped_recall@10"
Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Answers:
    """What per_query.jsonl knows of one suite and model; see `Result` for the fields."""

    run: Run
    values: Mapping[str, NDArray[np.float64]]
    capped_recall: NDArray[np.float64]
    facts: tuple[QueryFacts, ...]

    @classmethod
    def unread(cls, depth: int) -> Answers:
        """What is known of queries that were not read: how deep the run is."""
        import numpy as np

        return cls(Run((), (), (), depth), {}, np.zeros(0), ())


def query_lines(results: Sequence[Result]) -> Iterator[str]:
    """One line of JSON for each query of each result, in order of (suite, model, query_id).

    Values are float64 and scores float32, each as the shortest decimal that reads back as the
    same number; a number that is not finite is the string "nan", "inf" or "-inf".
    """
    for result in sorted(results, key=lambda result: (result.suite, result.model)):
        yield from _lines_of(result)


def _lines_of(result: Result) -> Iterator[str]:
    import numpy as np

    head = f'{{"suite": {json.dumps(result.suite)}, "model": {json.dumps(result.model)}'
    names = [json.dumps(name) for name in result.values]
    columns = [_float_texts(values) for values in result.values.values()]
    capped = _float_texts(result.capped_recall)
    run = result.run
    facts = result.facts or (QueryFacts(),) * len(run.query_ids)
    for row in sorted(range(len(run.query_ids)), key=run.query_ids.__getitem__):
        pairs = zip(names, columns, strict=True)
        values = ", ".join(f"{name}: {column[row]}" for name, column in pairs)
        scores = _texts(np.asarray(run.scores[row], dtype=np.float32).astype("U").tolist())
        retrieved = ", ".join(
            f"[{json.dumps(doc_id)}, {score}]"
            for doc_id, score in zip(run.doc_ids[row], scores, strict=True)
        )
        yield (
            f'{head}, "query_id": {json.dumps(run.query_ids[row])}, "values": {{{values}}}, '
            f'"{CAPPED}": {capped[row]}, {_fact_text(facts[row])}, "retrieved": [{retrieved}]}}\n'
        )


def _fact_text(fact: QueryFacts) -> str:
    """Rank of each relevant document that was found, the query's digest and its metadata."""
    table = {
        "relevant": dict(fact.relevant),
        "judged": fact.digest,
        "groups": dict(sorted(fact.groups.items())),
    }
    return json.dumps(table)[1:-1]


def _float_texts(values: NDArray[np.float64]) -> list[str]:
    return _texts([repr(float(value)) for value in values])


def _texts(numbers: list[str]) -> list[str]:
    """Numbers as JSON has them; words, which JSON has no number for, as strings."""
    return [f'"{number}"' if number[-1] in "nf" else number for number in numbers]


def parse_query_lines(lines: Sequence[str], depths: Mapping[Pair, int]) -> dict[Pair, Answers]:
    """The answers by (suite, model), as they were written.

    depths: the run's depth of each (suite, model) that the lines may name.
    Raises KeyError, TypeError or ValueError where a line is not what `query_lines` writes.
    """
    rows: dict[Pair, list[Mapping[str, object]]] = {pair: [] for pair in depths}
    for line in lines:
        row = json.loads(line)
        rows[row["suite"], row["model"]].append(row)
    return {pair: _answers(found, depths[pair]) for pair, found in rows.items()}


def _answers(rows: Sequence[Mapping[str, object]], depth: int) -> Answers:
    import numpy as np

    retrieved = [_retrieved(row["retrieved"]) for row in rows]
    values = [_mapping(row["values"]) for row in rows]
    names = list(values[0]) if values else []
    if any(list(found) != names for found in values):
        raise ValueError("the queries name different measures")
    return Answers(
        run=Run(
            query_ids=tuple(str(row["query_id"]) for row in rows),
            doc_ids=tuple(doc_ids for doc_ids, _ in retrieved),
            scores=tuple(scores for _, scores in retrieved),
            depth=depth,
        ),
        values={name: np.array([_float(found[name]) for found in values]) for name in names},
        capped_recall=np.array([_float(row[CAPPED]) for row in rows], dtype=np.float64),
        facts=tuple(_fact(row) for row in rows),
    )


def _fact(row: Mapping[str, object]) -> QueryFacts:
    ranks = _mapping(row["relevant"])
    groups = _mapping(row["groups"])
    return QueryFacts(
        digest=str(row["judged"]),
        relevant={doc_id: int(str(rank)) for doc_id, rank in ranks.items()},
        groups={name: str(value) for name, value in groups.items()},
    )


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError("values is not a table")
    return value


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _retrieved(value: object) -> tuple[tuple[str, ...], tuple[float, ...]]:
    import numpy as np

    if not isinstance(value, list):
        raise TypeError("retrieved is not a list")
    scores = np.array([_float(score) for _, score in value], dtype=np.float64)
    # The decimal names one float32; read as float64 alone it would be a neighbour of it.
    return tuple(str(doc_id) for doc_id, _ in value), tuple(scores.astype(np.float32).tolist())
