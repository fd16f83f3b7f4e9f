"""The training side of a suite: its pairs, and the queries among them that can be judged."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.similarity import normalised
from benchharness.errors import DataError, UsageError
from benchharness.pairs.pair import JUDGMENTS, Pair, read_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchharness.suite import DatasetReference, Suite

# Kinds of data sets whose training side is the same reference with another split.
_WITH_SPLITS = ("beir", "docstrings", "hub")


@dataclass(frozen=True)
class SourceCount:
    """What became of a source of pairs: given, and left out.

    repeated: because a more trusted source has them. beyond: by `max_pairs`. refuted: because the
    judgments say that the document does not answer the query.
    """

    given: int
    repeated: int
    beyond: int
    synthetic: bool = False
    refuted: int = 0

    @property
    def used(self) -> int:
        return self.given - self.repeated - self.beyond - self.refuted


@dataclass(frozen=True, eq=False)
class Material:
    """The training side.

    judged:  the corpus with every training query of a known document; what folds are ranked on.
    pairs:   in order of source (judged ones first, synthetic ones last), each text pair once.
    sources: source -> what became of it.
    """

    judged: Dataset
    pairs: tuple[Pair, ...]
    sources: Mapping[str, SourceCount]

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) of every pair and of the judged data."""
        digest = hashlib.sha256(self.judged.fingerprint.whole.encode())
        for pair in self.pairs:
            digest.update(repr(dataclasses.astuple(pair)).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    @property
    def query_ids(self) -> tuple[str, ...]:
        """The queries that can be judged, in order of id."""
        return self.judged.relevance.query_ids


def training_reference(suite: Suite) -> DatasetReference | None:
    """Where the suite's training queries are; None where only its files of pairs have them.

    Raises UsageError where nothing says it.
    """
    if suite.training is not None:
        return suite.training
    if suite.dataset.kind in _WITH_SPLITS:
        options = dict(suite.dataset.options)
        if suite.dataset.kind == "docstrings" and options.get("queries") is None:
            if suite.pairs:
                return None
            raise UsageError(
                f"suite {suite.name!r} judges every query of the package: none is left to train on",
                remedy="hold queries out for the test: docstrings(…, queries=500)",
            )
        options["split"] = "train"
        return dataclasses.replace(
            suite.dataset, options=tuple(sorted(options.items())), sha256=None
        )
    if suite.pairs:
        return None
    raise UsageError(
        f"nothing says where the training queries of {suite.dataset} are",
        remedy="name them in the suite, training=jsonl(…), or give pairs: --pairs FILE",
    )


def gather(
    suite: Suite,
    base: Path,
    test: Dataset,
    load: Callable[[DatasetReference], Dataset],
    max_pairs: int | None = None,
) -> Material:
    """The training side of a suite.

    test: the suite's own data, whose corpus serves where only files of pairs are given.
    load: reads a data set.

    Pairs of equal normalised texts are kept once, from the more trusted source: judgments, then
    other pairs that people made, then synthetic ones; `max_pairs` keeps the first in that order,
    and of equal trust a choice by the hash of their texts. A pair whose document is judged not
    relevant to its query is left out. What is left out as repeated still gives its negatives, where
    the pair that is kept has none. Raises DataError, UsageError.
    """
    reference = training_reference(suite)
    data = load(reference) if reference is not None else _without_queries(test)
    given = [*judged_pairs(data)]
    for name in suite.pairs:
        given += _given(base / Path(name).expanduser())
    known = _documents_by_text(data) if suite.pairs else {}
    queries = dict(data.queries)
    judged = {normalised(queries.get(one, "")): one for one in reversed(data.relevance.query_ids)}
    located = [_located(pair, data, known, queries, judged) for pair in given]
    kept, sources = _deduplicated(located, max_pairs, _refuted(data))
    if not kept:
        raise DataError(
            f"the training side of suite {suite.name!r} has no pair of a query and a document",
            where=data.qrels.source or str(reference),
            remedy="give queries with relevant documents of the corpus, or --pairs FILE",
        )
    return Material(_judged(data, kept), tuple(kept), sources)


def _given(file: Path) -> Iterator[Pair]:
    """Yields the pairs of a file; none of them passes for a judgment of the data."""
    for pair in read_pairs(file):
        is_claimed = pair.source == JUDGMENTS
        yield dataclasses.replace(pair, source=file.name) if is_claimed else pair


def judged_pairs(data: Dataset) -> Iterable[Pair]:
    """Yields a pair for each relevant document that is there, in order of query and document."""
    relevance = data.relevance
    rows = relevance.doc_rows
    ids = data.corpus.ids.take(rows[rows >= 0])
    texts = iter(zip(ids, data.corpus.texts.take(rows[rows >= 0]), strict=True))
    synthetic = data.query_origin == "llm"
    for place, query_id in enumerate(relevance.query_ids):
        for row in rows[relevance.starts[place] : relevance.starts[place + 1]]:
            if row < 0:
                continue
            doc_id, text = next(texts)
            if query_id in data.queries and text.strip() and data.queries[query_id].strip():
                yield Pair(
                    query=data.queries[query_id], positive=text, query_id=query_id, doc_id=doc_id,
                    source=JUDGMENTS, synthetic=synthetic,
                )  # fmt: skip


def _without_queries(test: Dataset) -> Dataset:
    return Dataset(name=test.name, corpus=test.corpus, queries={}, qrels=Qrels.of(()))


def _documents_by_text(data: Dataset) -> dict[str, str]:
    """Digest of each normalised text of the corpus -> the smallest id that has it."""
    found: dict[str, str] = {}
    for doc_id, text in zip(data.corpus.ids, data.corpus.texts, strict=True):
        found.setdefault(_digest(text), doc_id)
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).hexdigest()


def _refuted(data: Dataset) -> set[tuple[str, str]]:
    """(query_id, doc_id) of everything that is judged not relevant."""
    rows = zip(data.qrels.query_ids, data.qrels.doc_ids, data.qrels.relevance.tolist(), strict=True)
    return {(query_id, doc_id) for query_id, doc_id, relevance in rows if relevance <= 0}


def _located(
    pair: Pair,
    data: Dataset,
    known: Mapping[str, str],
    queries: dict[str, str],
    judged: Mapping[str, str],
) -> Pair:
    """The pair with the document of the corpus that it is about, where there is one.

    queries: query_id -> text of those so far; the pair's is added.
    judged:  normalised text -> id of the judged queries; the same question is the same query.
    """
    if pair.source == JUDGMENTS:
        return pair
    is_there = bool(pair.doc_id) and data.corpus.rows_of([pair.doc_id])[0] >= 0
    doc_id = pair.doc_id if is_there else known.get(_digest(pair.positive), "")
    if not doc_id:
        return dataclasses.replace(pair, query_id="", doc_id="")
    # Sources number their queries alike, and a file may do so twice: an id stays one question's.
    names = [f"pair:{_digest(pair.query)[:16]}"]
    if pair.query_id:
        names = [pair.query_id, f"{pair.source}:{pair.query_id}", *names]
    asked = normalised(pair.query)
    if asked in judged:
        return dataclasses.replace(pair, query_id=judged[asked], doc_id=doc_id)
    query_id = next(
        (one for one in names if normalised(queries.setdefault(one, pair.query)) == asked),
        names[-1],
    )
    return dataclasses.replace(pair, query_id=query_id, doc_id=doc_id)


def _deduplicated(
    pairs: Sequence[Pair], most: int | None, refuted: Collection[tuple[str, str]]
) -> tuple[list[Pair], dict[str, SourceCount]]:
    def trust(pair: Pair) -> tuple[bool, bool]:
        return pair.synthetic, pair.source != JUDGMENTS

    place_of: dict[tuple[str, str], int] = {}
    repeated: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    distinct: list[Pair] = []
    for pair in sorted(pairs, key=trust):  # stable: the order within a source stays
        if (pair.query_id, pair.doc_id) in refuted:
            wrong[pair.source] += 1
            continue
        texts = normalised(pair.query), normalised(pair.positive)
        if texts in place_of:
            repeated[pair.source] += 1
            place = place_of[texts]
            if pair.negatives and not distinct[place].negatives:
                # Mined for a judged pair: the judgment stays, and so does what was mined for it.
                distinct[place] = dataclasses.replace(distinct[place], negatives=pair.negatives)
            continue
        place_of[texts] = len(distinct)
        distinct.append(pair)
    kept = distinct
    if most is not None and len(distinct) > most:
        ranked = sorted(distinct, key=lambda p: (*trust(p), _digest(f"{p.query}\0{p.positive}")))
        chosen = set(ranked[:most])
        kept = [pair for pair in distinct if pair in chosen]
    beyond = Counter(pair.source for pair in distinct)
    beyond.subtract(pair.source for pair in kept)
    given = Counter(pair.source for pair in pairs)
    synthetic = {pair.source for pair in pairs if pair.synthetic}
    counts = {
        source: SourceCount(
            count, repeated[source], beyond[source], source in synthetic, wrong[source]
        )
        for source, count in given.items()
    }
    return kept, counts


def _judged(data: Dataset, pairs: Sequence[Pair]) -> Dataset:
    """The data with the judgments, and those that pairs of files add."""
    added = [pair for pair in pairs if pair.query_id and pair.source != JUDGMENTS]
    if not added:
        return data
    rows = {
        (query_id, doc_id): (query_id, doc_id, grade, 0)
        for query_id, doc_id, grade in zip(
            data.qrels.query_ids, data.qrels.doc_ids, data.qrels.relevance.tolist(), strict=True
        )
    }
    for pair in added:
        rows.setdefault((pair.query_id, pair.doc_id), (pair.query_id, pair.doc_id, 1, 0))
    queries = {**{pair.query_id: pair.query for pair in added}, **data.queries}
    origin = "llm" if any(pair.synthetic for pair in added) else data.query_origin
    return dataclasses.replace(
        data, queries=queries, qrels=Qrels.of(rows.values(), source=data.qrels.source),
        query_origin=origin,
    )  # fmt: skip
