"""BM25 against the formula, written out by hand."""

import math
import os
import subprocess
import sys

import numpy as np

from benchharness.models import bm25
from benchharness.models.bm25 import Bm25

DOCUMENTS = ["the red fox jumps", "a red red house", "blue sky", ""]


def _scores(documents: list[str], *queries: str) -> list[list[float]]:
    return [row.tolist() for row in Bm25().scores(documents, queries)]


def _lucene(tf: int, df: int, n: int, length: int, average: float) -> float:
    """idf * tf / (tf + k1 (1 - b + b length / average)), k1 = 1.5, b = 0.75."""
    idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
    return idf * tf / (tf + 1.5 * (1 - 0.75 + 0.75 * length / average))


def test_scores_are_lucenes_formula() -> None:
    """Lengths without stop words are 3, 3, 2 and 0; "red" is in two of four documents."""
    (red,) = _scores(DOCUMENTS, "red")

    expected = [_lucene(1, 2, 4, 3, 2.0), _lucene(2, 2, 4, 3, 2.0), -math.inf, -math.inf]
    np.testing.assert_allclose(red, expected, rtol=1e-6)


def test_words_are_stemmed_and_their_case_is_ignored() -> None:
    """Snowball's English stemmer: "Foxes" finds "fox"."""
    assert _scores(DOCUMENTS, "FOXES jumping") == _scores(DOCUMENTS, "fox jump")


def test_a_word_counts_as_often_as_the_query_says_it() -> None:
    """Scores are sums over the query's words."""
    once, twice = _scores(DOCUMENTS, "house", "house house")

    assert twice[1] == 2 * once[1]


def test_a_document_without_a_common_word_is_not_retrieved() -> None:
    """Stop words, unknown words and empty queries retrieve nothing at all."""
    rows = _scores(DOCUMENTS, "the", "zebra", "")

    assert rows == [[-math.inf] * 4] * 3


def test_a_corpus_without_words_retrieves_nothing() -> None:
    """No document, or only empty ones."""
    assert _scores(["", "the"], "red") == [[-math.inf, -math.inf]]
    assert _scores([], "red") == [[]]
    assert _scores(["red"]) == []


def test_scores_do_not_depend_on_the_order_of_documents_or_queries() -> None:
    """Bit for bit, so that ties stay ties."""
    there = _scores(DOCUMENTS, "red fox", "sky")
    back = _scores(DOCUMENTS[::-1], "sky", "red fox")

    assert [row[::-1] for row in back[::-1]] == there


def test_documents_are_indexed_once_for_an_object(monkeypatch):
    """Rule: queries one by one cost no new index, and score bit for bit as together."""
    indexed: list[int] = []
    own = bm25._index

    def counted(documents):
        indexed.append(len(documents))
        return own(documents)

    monkeypatch.setattr(bm25, "_index", counted)
    queries, ranker = ["red fox", "sky", "zebra", "red red house"], Bm25()
    together = [row.tobytes() for row in Bm25().scores(DOCUMENTS, queries)]

    alone = [next(ranker.scores(DOCUMENTS, [query])).tobytes() for query in queries]

    assert alone == together
    assert indexed == [4, 4]  # one for each ranker


def test_other_documents_are_indexed_anew():
    """Rule: what is kept belongs to one object; equal texts in another list are another corpus."""
    ranker = Bm25()
    first = [row.tolist() for row in ranker.scores(DOCUMENTS, ["red"])]
    other = [row.tolist() for row in ranker.scores(["red"], ["red"])]
    again = [row.tolist() for row in ranker.scores(DOCUMENTS, ["red"])]

    assert first == again
    assert [len(other[0]), len(first[0])] == [1, 4]


def test_a_row_is_the_callers_to_change():
    """What is done to one row changes no later one."""
    ranker = Bm25()
    expected = next(ranker.scores(DOCUMENTS, ["red"])).copy()
    next(ranker.scores(DOCUMENTS, ["red"]))[:] = 0

    found = next(ranker.scores(DOCUMENTS, ["red"]))

    assert found.tolist() == expected.tolist()


def test_scores_do_not_depend_on_the_seed_of_hashes() -> None:
    """bm25s numbers words in the order of a set; two processes must agree all the same."""
    code = (
        "from benchharness.models.bm25 import Bm25\n"
        f"for row in Bm25().scores({DOCUMENTS!r}, ['red fox jumps house sky', 'blue red']):\n"
        "    print(row.tobytes().hex())\n"
    )

    def run(seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout  # fmt: skip

    assert len(run("1").split()) == 2
    assert run("1") == run("2")


def test_the_details_name_the_configuration() -> None:
    """Two BM25s differ by their tokeniser more than by their formula."""
    text = Bm25().details["bm25"]

    for part in ("lucene", "k1=1.5", "b=0.75", "stop words en", "stemmer english", "bm25s "):
        assert part in text
    assert not Bm25().trainable
    assert len(Bm25().fingerprint) == 64
