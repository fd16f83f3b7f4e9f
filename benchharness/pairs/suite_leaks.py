"""What files of pairs give away of a suite's test side, without all pairs in memory at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from benchharness.data.dataset import Dataset
from benchharness.data.lines import find_file, numbered_lines
from benchharness.data.lint import Finding
from benchharness.data.similarity import text_key
from benchharness.errors import DataError
from benchharness.judge.numbers import format_count, format_share
from benchharness.pairs.census import Census
from benchharness.pairs.leaks import EXAMPLE, NEAR_SAMPLE, Leaks, find_leaks
from benchharness.pairs.pair import Pair, parse_pair, source_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def leak_findings(census: Census, test: Dataset) -> Iterator[Finding]:
    """Yields an error where a test query is trained on; else a warning that counts what is shared.

    Reads the files a second time, and of them the pairs that matter only; see `touching`.
    """
    import numpy as np

    try:
        leaks = find_leaks(list(touching(census, test)), test)
    except DataError as error:
        yield Finding("test-queries-trained-on", "error", error.message, error.where, error.remedy)
        return
    scope = _scope(len(np.unique(census.column("queries"))))
    shared = dataclasses.replace(leaks, unsearched=()).lines
    if not shared:
        message = f"nothing is shared with the {leaks.n:,} test queries of {test.name}{scope}"
        yield Finding("test-side", "note", message)
        return
    counts = [line for line in shared if not line.startswith(EXAMPLE)]
    yield Finding(
        "shared-with-the-test", "warning",
        f"{test.name}: {'; '.join(counts)}{scope}",
        "; ".join(line.removeprefix(EXAMPLE) for line in shared if line.startswith(EXAMPLE)),
        f"{_touched(leaks)}: a gain on these alone may be memory. Remove the pairs, or tell the "
        "result without those queries",
    )  # fmt: skip


def touching(census: Census, test: Dataset) -> Iterator[Pair]:
    """Yields, in the order of the files, every pair that `find_leaks` could find anything in.

    Those that share a text or an id with the test side, and those of the 20,000 smallest keys of
    either side, among which it seeks near duplicates: it finds the same as in all pairs.
    """
    import numpy as np

    rows = zip(test.qrels.query_ids, test.qrels.doc_ids, test.qrels.relevance.tolist(), strict=True)
    positives = [(query_id, doc_id) for query_id, doc_id, grade in rows if grade > 0]
    query_ids = {query_id for query_id, _ in positives}
    doc_ids = {doc_id for _, doc_id in positives}
    places = test.corpus.rows_of(sorted(doc_ids))
    asked = {text_key(test.queries.get(query_id, "")) for query_id in query_ids}
    content = set(map(text_key, test.corpus.texts.take(places[places >= 0])))
    wanted = _sampled(census.column("queries"), asked)
    wanted |= _sampled(census.column("positives"), content)
    wanted |= np.isin(census.column("query_ids"), _hashes(query_ids))
    wanted |= np.isin(census.column("doc_ids"), _hashes(doc_ids))
    chosen: list[set[int]] = [set() for _ in census.paths]
    for row in np.flatnonzero(wanted).tolist():
        chosen[census.files[row]].add(census.lines[row])
    for path, lines in zip(census.paths, chosen, strict=True):
        last = max(lines, default=0)
        for number, line in numbered_lines(find_file(path)):
            if number > last:
                break
            if number in lines:
                yield parse_pair(line, f"{path}:{number}", source_of(path))


def _sampled(keys: NDArray[np.uint64], held: Collection[int]) -> NDArray[np.bool_]:
    """Which keys are held by the test, or are among the smallest, which are a random sample."""
    import numpy as np

    smallest: NDArray[np.uint64] = np.unique(keys)[:NEAR_SAMPLE]
    shared: NDArray[np.bool_] = np.isin(keys, np.array(sorted(held), dtype=np.uint64))
    shared |= keys <= smallest[-1]
    return shared


def _hashes(ids: Collection[str]) -> NDArray[np.uint64]:
    """As the census keeps them."""
    import numpy as np

    return np.array([hash(one) for one in ids], dtype=np.int64).astype(np.uint64)


def _scope(queries: int) -> str:
    if queries <= NEAR_SAMPLE:
        return ""
    return f" (near duplicates were sought among {NEAR_SAMPLE:,} of {queries:,} texts at most)"


def _touched(leaks: Leaks) -> str:
    touched = len(leaks.test_queries_touched)
    share = format_share(touched, leaks.n)
    return f"{touched:,} of {format_count(leaks.n, 'test query', 'test queries')} ({share})"
