"""Doubles of systems: an encoder that needs no model, and references without a bench."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchharness.errors import UsageError
from benchharness.models.encoder import Role
from benchharness.models.registry import register
from benchharness.models.spec import ModelSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.baseline.record import Baseline
    from benchharness.evaluation.result import Result
    from benchharness.evaluation.throughput import RelativeSpeed

_WORD = re.compile(r"\w+")
_BATCH_TEXTS = 256


@dataclass(eq=False)
class HashEncoder:
    """An encoder that hashes words: quick, exact and the same on every machine.

    A text's vector is the sum of one signed unit vector for each word, at length 1, so that texts
    rank by shared words. A text without a word has the zero vector. `salt` makes another model.
    """

    dim: int = 64
    salt: str = ""
    spec: str = "hash"

    @property
    def trainable(self) -> bool:
        return False

    @property
    def max_length(self) -> int | None:
        return None

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"hash/1 dim={self.dim} salt={self.salt}".encode()).hexdigest()

    @property
    def details(self) -> Mapping[str, str]:
        return {"kind": "test double", "dimension": str(self.dim), "pooling": "sum of words"}

    @property
    def costs(self) -> Mapping[str, float]:
        return {"dimension": float(self.dim), "size": 4.0 * self.dim}

    @property
    def encode_path(self) -> str:
        return "benchharness.testing"

    def encode(
        self,
        texts: Sequence[str],
        role: Role,  # noqa: ARG002 (both roles are alike)
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """The vectors, up to 256 texts at a time and in order; both roles are alike."""
        import numpy as np

        for start in range(0, len(texts), _BATCH_TEXTS):
            block = list(texts[start : start + _BATCH_TEXTS])
            vectors = np.zeros((len(block), self.dim), dtype=np.float64)
            for row, text in enumerate(block):
                for word in _words(text):
                    place, sign = self._place(word)
                    vectors[row, place] += sign
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            norms[norms == 0] = 1.0
            positions = np.arange(start, start + len(block), dtype=np.int64)
            yield positions, (vectors / norms).astype(np.float32)

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        import numpy as np

        return np.array([len(_words(text)) for text in texts], dtype=np.int64)

    def tokens_per_word(self, words: Sequence[str]) -> NDArray[np.int64]:
        return self.token_counts(words)

    def _place(self, word: str) -> tuple[int, float]:
        digest = hashlib.sha256(f"{self.salt}\0{word}".encode()).digest()
        return int.from_bytes(digest[:8], "little") % self.dim, 1.0 if digest[8] & 1 else -1.0


@dataclass(frozen=True)
class StoredReferences:
    """What a result is compared with, given beforehand; see `judge.case.References`.

    baselines: (suite, model) -> Baseline. results: (suite, model) -> Result of another system.
    """

    baselines: Mapping[tuple[str, str], Baseline] = field(default_factory=dict)
    results: Mapping[tuple[str, str], Result] = field(default_factory=dict)
    suite: str = "faq"
    speeds: Mapping[str, RelativeSpeed] = field(default_factory=dict)

    def baseline(self, suite: str, model: str) -> Baseline | None:
        return self.baselines.get((suite, model))

    def baseline_place(self, suite: str, model: str) -> str:
        return f"baselines/{suite}/{model}.json"

    def measured(self, model: str) -> Result:
        return self.guarded(self.suite, model)

    def guarded(self, suite: str, model: str) -> Result:
        if (suite, model) not in self.results:
            raise UsageError(f"no result of {model} on {suite}", remedy="give one in `results`")
        return self.results[suite, model]

    def speed(self, model: str, against: str, limit: float) -> RelativeSpeed:
        del against, limit
        return self.speeds[model]


def install_doubles() -> None:
    """Makes the spec `hash` (options `dim` and `salt`) open a `HashEncoder` in this process."""
    register("hash", hash_encoder)


def hash_encoder(spec: ModelSpec) -> HashEncoder:
    """What the spec `hash@dim=64,salt=a` opens. Raises UsageError for other options."""
    spec.refuse_options(("dim", "salt"))
    dim = spec.option("dim") or "64"
    if not dim.isdecimal() or int(dim) < 1:
        raise UsageError(
            f"dim={dim!r} is not a whole number of at least 1",
            where=spec.text,
            remedy="write hash@dim=64",
        )
    return HashEncoder(dim=int(dim), salt=spec.option("salt") or "", spec=spec.text)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
