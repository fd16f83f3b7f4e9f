"""What the training pairs give away of a test set: stopped where it is the test, else counted.

A test query that is trained on measures memory. That stops. Documents that are trained on and
tested with other queries, and near copies of queries, may be wanted; they are counted, and the
test queries that they touch are named, so that a result can be told with and without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.data.similarity import near_duplicates, text_key
from benchharness.errors import DataError, shortened
from benchharness.judge.numbers import format_count, format_share
from benchharness.pairs.pair import Pair

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset

# Texts among which near duplicates are sought; above it, in a sample.
NEAR_SAMPLE = 20_000
_SHOWN = 3
EXAMPLE = "such as "  # begins a sentence that shows what was meant


@dataclass(frozen=True)
class Leaks:
    """What the training and the test side share.

    near_queries:     test queries that are near duplicates of a training query, not equal to it.
    shared_documents: relevant documents of test queries that are training positives, by id or by
                      equal text; `by_id_only` of them have another text under the same id.
    near_documents:   relevant documents that are near duplicates of a training positive only.
    test_queries_touched: ids of the test queries that any of these belong to.
    n:                test queries with a relevant document.
    examples:         a few sentences that show what was meant.
    equal_queries:    test queries with the text of a training query, which has other positives.
    same_ids:         query ids on both sides with different texts, taken for different queries.
    unsearched:       sentences on what was searched in a sample only, found or not.
    """

    near_queries: int
    shared_documents: int
    near_documents: int
    test_queries_touched: frozenset[str]
    n: int
    examples: tuple[str, ...] = ()
    equal_queries: int = 0
    by_id_only: int = 0
    same_ids: int = 0
    unsearched: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentences for the report, examples last; empty where nothing is shared."""
        of_n = f"of {self.n:,} test queries"
        said: list[str] = []
        if self.equal_queries:
            said.append(f"with the text of a training query: {self.equal_queries:,} {of_n}")
        if self.near_queries:
            said.append(f"with nearly the text of a training query: {self.near_queries:,} {of_n}")
        if self.shared_documents:
            shared = format_count(self.shared_documents, "relevant document")
            by_id = f" ({self.by_id_only:,} by id only, with another text)"
            trained = f"trained on with other queries: {shared} of the test"
            said.append(trained + (by_id if self.by_id_only else ""))
        if self.near_documents:
            near = format_count(self.near_documents, "relevant document")
            said.append(f"with nearly the text of a training positive: {near} of the test")
        if self.same_ids:
            ids = format_count(self.same_ids, "query id")
            said.append(f"on both sides with different texts, taken for different queries: {ids}")
        if self.test_queries_touched:
            touched = len(self.test_queries_touched)
            said.append(f"touched in all: {touched:,} {of_n} ({format_share(touched, self.n)})")
        return (*said, *self.examples, *self.unsearched) if said else ()


@dataclass(frozen=True)
class _Test:
    """queries: query_id -> text, of those with a relevant document. documents: doc_id -> text of
    relevant ones, "" where the corpus has none. positives: (query_id, doc_id) in order.
    """

    name: str
    queries: Mapping[str, str]
    documents: Mapping[str, str]
    positives: Sequence[tuple[str, str]]

    def asking(self, doc_ids: Iterable[str]) -> set[str]:
        """The queries that any of the documents answers."""
        wanted = set(doc_ids)
        return {query_id for query_id, doc_id in self.positives if doc_id in wanted}


@dataclass(frozen=True)
class _Train:
    """The training texts by their key, and the judged ids with all of their texts' keys."""

    queries: Mapping[int, Pair]
    positives: Mapping[int, Pair]
    both: Mapping[tuple[int, int], Pair]
    query_ids: Mapping[str, Mapping[int, Pair]]
    doc_ids: Mapping[str, Pair]


def find_leaks(train: Sequence[Pair], test: Dataset) -> Leaks:
    """What the training pairs share with the test queries and their relevant documents.

    Texts are compared without regard to case and blanks. Near duplicates share at least 90 % of
    their word triples, directly or through others; above 20,000 texts they are sought in a
    sample that is the same in every run. The order of the pairs changes nothing.

    Raises DataError where a test query is trained on: the same id with equal text, or a query
    and a relevant document whose texts are together a training pair.
    """
    given, held = _train_side(train), _test_side(test)
    asked = {query_id: text_key(text) for query_id, text in held.queries.items()}
    content = {doc_id: text_key(text) for doc_id, text in held.documents.items()}
    _stop(given, held, asked, content)
    equal = {q: given.queries[key].query for q, key in asked.items() if key in given.queries}
    shared = [d for d, key in content.items() if key in given.positives or d in given.doc_ids]
    by_id_only = [d for d in shared if content[d] and content[d] not in given.positives]
    near_queries, queries_sampled = _near(
        {key: pair.query for key, pair in given.queries.items()},
        {key: held.queries[query_id] for query_id, key in asked.items()},
        "queries",
    )
    near_documents, documents_sampled = _near(
        {key: pair.positive for key, pair in given.positives.items()},
        {key: held.documents[doc_id] for doc_id, key in content.items()},
        "documents",
    )
    near_asked = {q: near_queries[key] for q, key in asked.items() if key in near_queries}
    known = set(shared)
    near_content = {
        doc_id: near_documents[key]
        for doc_id, key in content.items()
        if key in near_documents and doc_id not in known
    }
    renamed = [q for q, key in asked.items() if q in given.query_ids and key]
    return Leaks(
        near_queries=len(near_asked),
        shared_documents=len(shared),
        near_documents=len(near_content),
        test_queries_touched=frozenset(
            {*equal, *near_asked, *held.asking(known), *held.asking(near_content)}
        ),
        n=len(held.queries),
        examples=tuple(_examples(held, given, (equal, near_asked), shared, near_content, renamed)),
        equal_queries=len(equal),
        by_id_only=len(by_id_only),
        same_ids=len(renamed),
        unsearched=(*queries_sampled, *documents_sampled),
    )


def _train_side(pairs: Iterable[Pair]) -> _Train:
    queries: dict[int, Pair] = {}
    positives: dict[int, Pair] = {}
    both: dict[tuple[int, int], Pair] = {}
    query_ids: dict[str, dict[int, Pair]] = {}
    doc_ids: dict[str, Pair] = {}
    # In an order of their own, so that examples do not hang on that of the files.
    for pair in sorted(pairs, key=lambda p: (p.query_id, p.doc_id, p.query, p.positive)):
        asked, content = text_key(pair.query), text_key(pair.positive)
        if asked:
            queries.setdefault(asked, pair)
        if content:
            positives.setdefault(content, pair)
        if asked and content:
            both.setdefault((asked, content), pair)
        if pair.query_id:
            query_ids.setdefault(pair.query_id, {}).setdefault(asked, pair)
        if pair.doc_id:
            doc_ids.setdefault(pair.doc_id, pair)
    return _Train(queries, positives, both, query_ids, doc_ids)


def _test_side(test: Dataset) -> _Test:
    # Only judged queries: the query file of a BEIR folder holds those of every split.
    rows = zip(test.qrels.query_ids, test.qrels.doc_ids, test.qrels.relevance.tolist(), strict=True)
    positives = [(query_id, doc_id) for query_id, doc_id, grade in rows if grade > 0]
    doc_ids = list(dict.fromkeys(doc_id for _, doc_id in positives))
    places = test.corpus.rows_of(doc_ids)
    texts = iter(test.corpus.texts.take(places[places >= 0]))
    return _Test(
        name=test.name,
        queries={query_id: test.queries.get(query_id, "") for query_id, _ in positives},
        documents={
            doc_id: next(texts) if row >= 0 else ""
            for doc_id, row in zip(doc_ids, places.tolist(), strict=True)
        },
        positives=positives,
    )


def _stop(given: _Train, held: _Test, asked: Mapping[str, int], content: Mapping[str, int]) -> None:
    """Raises DataError where a test query, or a test query with its document, is trained on."""
    same = [q for q, key in asked.items() if key and key in given.query_ids.get(q, {})]
    pairs = [(q, d) for q, d in held.positives if (asked[q], content[d]) in given.both]
    if not same and not pairs:
        return
    shown = [
        f"query {q}: {shortened(given.query_ids[q][asked[q]].query)} in training, "
        f"{shortened(held.queries[q])} in the test"
        for q in same
    ]
    told = set(same)
    shown += [
        f"query {q} with document {d}: {shortened(held.queries[q])} with "
        f"{shortened(held.documents[d])}, in training "
        f"{_from(given.both[asked[q], content[d]])}"
        for q, d in pairs
        if q not in told
    ]
    counts = [
        f"{len(same):,} of {len(held.queries):,} test queries are trained on (same id and text)",
        f"{len(pairs):,} of {len(held.positives):,} test pairs of query and relevant document are "
        "training pairs by their texts",
    ]
    said = " and ".join(line for line, any_ in zip(counts, (same, pairs), strict=True) if any_)
    more = len(shown) - _SHOWN
    listed = "\n  ".join([*shown[:_SHOWN], *([f"and {more:,} more"] if more > 0 else [])])
    raise DataError(
        f"{said}; what is measured would be memory\n  {listed}",
        where=held.name,
        remedy="remove these from the training pairs; a suite without a training side of its own "
        "names one with training=beir(DIR, split='train')",
    )


def _near(
    given: Mapping[int, str], held: Mapping[int, str], what: str
) -> tuple[dict[int, str], tuple[str, ...]]:
    """(key of a held text -> a training text near to it, sentences on what was left out).

    given, held: key -> text. Held texts that are equal to a training text are not near.
    """
    # Keys are hashes, so the first of them in order are a random sample. The test side is drawn
    # first: each test text that is left out is one that nothing is known of.
    mine = sorted(key for key in held if key and key not in given)
    theirs = sorted(given)
    room = max(NEAR_SAMPLE // 2, NEAR_SAMPLE - len(theirs))
    searched = mine[:room]
    against = theirs[: NEAR_SAMPLE - len(searched)]
    groups = near_duplicates([held[key] for key in searched] + [given[key] for key in against])
    found: dict[int, str] = {}
    for group in groups:
        texts = [place - len(searched) for place in group if place >= len(searched)]
        if texts:
            example = given[against[texts[0]]]
            found.update({searched[n]: example for n in group if n < len(searched)})
    if len(searched) == len(mine) and len(against) == len(theirs):
        return found, ()
    scope = (
        f"near duplicates of {what} were sought in a sample: {len(searched):,} of {len(mine):,} "
        f"test texts against {len(against):,} of {len(theirs):,} training texts"
    )
    return found, (scope,)


def _examples(
    held: _Test,
    given: _Train,
    asked: Sequence[Mapping[str, str]],
    shared: Sequence[str],
    near_content: Mapping[str, str],
    renamed: Sequence[str],
) -> Iterator[str]:
    """Yields a sentence for each of the first few of a kind."""
    for query_id, text in (item for kind in asked for item in list(kind.items())[:_SHOWN]):
        mine, theirs = shortened(held.queries[query_id]), shortened(text)
        yield f"{EXAMPLE}query {query_id}: {mine}, in training {theirs}"
    for doc_id in shared[:_SHOWN]:
        key = text_key(held.documents[doc_id])
        pair = given.positives.get(key) or given.doc_ids[doc_id]
        yield f"{EXAMPLE}document {doc_id}: in training it answers {shortened(pair.query)}"
    for doc_id in list(near_content)[:_SHOWN]:
        mine, theirs = shortened(held.documents[doc_id]), shortened(near_content[doc_id])
        yield f"{EXAMPLE}document {doc_id}: {mine}, in training {theirs}"
    for query_id in renamed[:_SHOWN]:
        pair = next(iter(given.query_ids[query_id].values()))
        mine, theirs = shortened(held.queries[query_id]), shortened(pair.query)
        yield f"{EXAMPLE}query id {query_id}: {mine}, in training {theirs}"


def _from(pair: Pair) -> str:
    return f"as query {pair.query_id}" if pair.query_id else f"from {pair.source}"
