"""BM25 as a ranker: bm25s in the configuration of its published baseline.

Lucene's variant, k1 = 1.5, b = 0.75, English stop words, Snowball's English stemmer, words of
two characters or more. Source: Lù, "BM25S: Orders of magnitude faster lexical search via eager
sparse scoring" (2024), table of results on BEIR with stemming and stop words.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING

from benchharness.models.kept import Kept
from benchharness.models.spec import ModelSpec

if TYPE_CHECKING:
    import bm25s
    import numpy as np
    from numpy.typing import NDArray

METHOD = "lucene"
K1 = 1.5
B = 0.75
TOKEN_PATTERN = r"(?u)\b\w\w+\b"  # noqa: S105 (a pattern of words, not a password)
STOP_WORDS = "en"
STEMMER = "english"


def bm25(spec: ModelSpec) -> Bm25:
    """The ranker of the spec `bm25`, which has no options. Raises UsageError."""
    spec.refuse_options()
    return Bm25(spec.text)


@dataclass(eq=False)
class Bm25:
    """The `Ranker` of BM25. A document that shares no word with the query is not retrieved."""

    spec: str = "bm25"
    _kept: Kept[Sequence[str], bm25s.BM25 | None] = field(default_factory=Kept, repr=False)

    @property
    def trainable(self) -> bool:
        return False

    @property
    def fingerprint(self) -> str:
        """sha256 of the parameters and of the versions that tokenise and score."""
        parameters = dict(self.details) | {"pattern": TOKEN_PATTERN, "scoring": "bm25/1"}
        return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()

    @property
    def details(self) -> Mapping[str, str]:
        return {
            "kind": "bm25",
            "bm25": (
                f"{METHOD}, k1={K1}, b={B}, words of two characters or more, lower case, "
                f"stop words {STOP_WORDS}, stemmer {STEMMER} (bm25s {_version('bm25s')}, "
                f"PyStemmer {_version('PyStemmer')})"
            ),
        }

    @property
    def costs(self) -> Mapping[str, float]:
        """The "bytes_per_vector": of the index's arrays, once documents were scored."""
        index = self._kept.last
        if index is None:
            return {}
        arrays = (index.scores[name] for name in ("data", "indices", "indptr"))
        size = sum(one.nbytes for one in arrays)
        return {"bytes_per_vector": float(round(size / index.scores["num_docs"]))}

    @property
    def encode_path(self) -> str:
        return f"bm25s {_version('bm25s')}, numpy {_version('numpy')}"

    def scores(
        self, documents: Sequence[str], queries: Sequence[str]
    ) -> Iterator[NDArray[np.float32]]:
        """One row of scores over all documents for each query, in order; -inf for score 0.

        A word counts as often as the query says it. The scores do not depend on the order of
        the documents, nor on the other queries. The index of the last `documents` is kept.
        """
        import numpy as np

        index = self._kept.of(documents, _index)
        for query in _tokens(queries):
            known = index.get_tokens_ids(query) if index is not None else []
            row = np.zeros(len(documents), dtype=np.float32)
            if index is not None and known:
                row = index.get_scores_from_ids(known).astype(np.float32, copy=False)
            row[row == 0] = -np.inf
            yield row


def _quiet() -> None:
    """bm25s sets its logger to DEBUG when it is imported, and pytest shows that under a failure."""
    logging.getLogger("bm25s").setLevel(logging.WARNING)


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    """The stems of each text in order; token ids are avoided because they follow hash seeds."""
    import bm25s
    import Stemmer

    _quiet()

    if not len(texts):
        return []
    tokens: list[list[str]] = bm25s.tokenize(
        list(texts),
        token_pattern=TOKEN_PATTERN,
        stopwords=STOP_WORDS,
        stemmer=Stemmer.Stemmer(STEMMER),
        return_ids=False,
        show_progress=False,
    )
    return tokens


def _index(documents: Sequence[str]) -> bm25s.BM25 | None:
    """The index of the documents; None where none of them has a word."""
    import bm25s

    tokens = _tokens(documents)
    if not any(tokens):
        return None
    # backend="numpy": numba would compile for seconds in every fresh environment.
    index = bm25s.BM25(method=METHOD, k1=K1, b=B, backend="numpy", dtype="float32")
    index.index(tokens, create_empty_token=False, show_progress=False)
    return index


def _version(package: str) -> str:
    return metadata.version(package)
