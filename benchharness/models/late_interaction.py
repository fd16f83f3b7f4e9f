"""Late interaction (ColBERT and its kin) as a `Ranker`: one vector for each token of a text.

Scores are MaxSim; see `max_sim`. Source: O. Khattab and M. Zaharia, ColBERT: efficient and
effective passage search via contextualized late interaction over BERT, 2020.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchharness.models.encoder import Role
from benchharness.models.kept import Kept
from benchharness.models.local_ranker import OPTIONS, LocalRanker
from benchharness.models.max_sim import LAST, TokenVectors, max_sim
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.models.blueprint import Blueprint
    from benchharness.models.spec import EncoderOptions, ModelSpec

# Of vectors of single texts that are remembered for `pair_scores`, the last used ones.
_REMEMBERED_BYTES = 2**30


class LateInteractionRanker(LocalRanker):
    """Scores every document, or given pairs, by MaxSim over token vectors."""

    version = "late interaction/1"
    kind = "late interaction"

    def __init__(self, spec: str, blueprint: Blueprint, options: EncoderOptions) -> None:
        super().__init__(spec, blueprint, options)
        self._kept: Kept[Sequence[str], TokenVectors] = Kept()
        self._single: dict[tuple[Role, str], NDArray[np.float32]] = {}
        self._single_bytes = 0
        self._tokens: float | None = None  # of a document, on average; once they are encoded

    @classmethod
    def of(
        cls, spec: ModelSpec, blueprint: Blueprint, options: EncoderOptions
    ) -> LateInteractionRanker:
        """The ranker of a spec. Raises UsageError for a wrong option."""
        spec.refuse_options(OPTIONS)
        return cls(spec.text, blueprint, options)

    @property
    def details(self) -> Mapping[str, str]:
        dim = self._blueprint.dim
        found = {
            **super().details,
            "dimension": "known once loaded" if dim is None else f"{dim} for each token",
        }
        if self._tokens is not None:
            found["token vectors of a document"] = f"{self._tokens:.1f} on average"
        return found

    def scores(
        self, documents: Sequence[str], queries: Sequence[str]
    ) -> Iterator[NDArray[np.float32]]:
        """One row of scores over all documents for each query, in order; [len(documents)].

        A document without a token ranks last; a query without one retrieves nothing (-inf). Queries
        are encoded one by one, so that a row does not depend on the other queries. The vectors of
        the last `documents` are kept. Raises ModelError where the model cannot be loaded or gives
        numbers that are not finite.
        """
        if not len(queries):
            return
        found = self._kept.of(documents, self._documents)
        for query in queries:
            (vectors,) = self._vectors([query], "query")
            yield max_sim(vectors, found, is_mean=self._is_mean)

    def pair_scores(
        self, pairs: Sequence[tuple[str, str]], listener: Listener = silent
    ) -> NDArray[np.float32]:
        """The MaxSim of each (query, text), in their order; [n], finite.

        Every text is encoded by itself, so that the score of a pair depends on nothing else. A
        pair without a token on either side scores least. Raises ModelError as `scores` does.
        """
        import numpy as np

        distinct = sorted(set(pairs), key=lambda pair: pair[::-1])  # a text's pairs together
        score_of: dict[tuple[str, str], float] = {}
        for place, (query, text) in enumerate(distinct):
            listener(Step(f"{self.spec} · check", place, len(distinct), "pairs"))
            asked, told = self._remembered(query, "query"), self._remembered(text, "document")
            document = TokenVectors(told, np.array([0, len(told)], dtype=np.int64))
            (score,) = max_sim(asked, document, is_mean=self._is_mean).tolist()
            score_of[query, text] = max(score, LAST)
        if distinct:
            listener(Step(f"{self.spec} · check", len(distinct), len(distinct), "pairs"))
        return np.array([score_of[pair] for pair in pairs], dtype=np.float32)

    @property
    def _is_mean(self) -> bool:
        return self._blueprint.similarity == "meanmaxsim"

    def _documents(self, documents: Sequence[str]) -> TokenVectors:
        import numpy as np

        of_row: list[NDArray[np.float32] | None] = [None] * len(documents)
        for positions, texts in self.batches(documents, "document"):
            for row, found in zip(
                positions.tolist(), self._vectors(texts, "document"), strict=True
            ):
                of_row[row] = found
        parts = [part for part in of_row if part is not None]
        counts = np.array([len(part) for part in parts], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        vectors = np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)
        if len(counts):
            self._tokens = float(counts.sum() / len(counts))
            self._measured = {"bytes_per_vector": 4 * vectors.shape[1] * self._tokens}
        return TokenVectors(vectors, starts)

    def _remembered(self, text: str, role: Role) -> NDArray[np.float32]:
        """The token vectors of one text, encoded by itself."""
        key = (role, text)
        found = self._single.pop(key, None)
        if found is None:
            (found,) = self._vectors([text], role)
            self._single_bytes += found.nbytes
        self._single[key] = found  # behind all others: the first was not used for longest
        while self._single_bytes > _REMEMBERED_BYTES and len(self._single) > 1:
            self._single_bytes -= self._single.pop(next(iter(self._single))).nbytes
        return found

    def _vectors(self, texts: list[str], role: Role) -> list[NDArray[np.float32]]:
        """The token vectors of each text; [tokens, dim] each."""
        import numpy as np

        model = self.loaded
        encode = model.encode_query if role == "query" else model.encode_document
        with self.forward():
            found = encode(
                texts, prompt=self.prompts[role], batch_size=len(texts), show_progress_bar=False
            )
        vectors = [one.float().cpu().numpy() for one in found]
        self.refuse_broken(np.concatenate(vectors), texts)
        return vectors

    def _load(self) -> Any:
        model = super()._load()
        if self.options.max_length is not None:
            # Queries keep a length of their own: that of the model, or of its query expansion.
            model[0].document_length = self.options.max_length
        return model
