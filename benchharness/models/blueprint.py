"""`Blueprint`: all that is known of a model before its weights are loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.models.spec import EncoderOptions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class Blueprint:
    """A sentence-transformers model as its files describe it, and how to load it.

    place:          directory or package, for messages only; never part of an identity.
    content:        sha256 (hex) of the files; a function, because it reads the weights' bytes.
    load:           makes a new model of sentence-transformers, of the kind that was wanted.
    dim:            components of a vector; None where only the loaded model knows.
    max_length:     tokens that the model reads by default; None for no limit.
    position_limit: tokens that it could read at most; None for no limit.
    prompts:        "query" and "document" -> what is put before each text, often "".
    similarity:     "cosine" or "dot".
    pooling:        in words, for reports.
    tokenizer:      the tokenizer.json; None where there is none.
    lower_case:     whether texts are lower-cased before that tokenizer sees them.
    special_tokens: whether the model adds tokens of its own around a text.
    padded:         whether texts of a batch are padded to the longest of them.
    slow_tokenizer: loads the tokenizer through transformers, where there is no tokenizer.json.
    size_bytes:     of the files that hold the weights; None where nobody knows.
    folder:         sentence-transformers' directory; None where `load` puts the model together.
    first_module:   the class of the first module, without its package.
    """

    place: str
    content: Callable[[], str]
    load: Callable[[EncoderOptions], SentenceTransformer]
    dim: int | None
    max_length: int | None
    position_limit: int | None
    similarity: str
    pooling: str
    tokenizer: Path | None
    prompts: Mapping[str, str] = field(default_factory=dict)
    lower_case: bool = False
    special_tokens: bool = True
    padded: bool = True
    slow_tokenizer: Callable[[], Callable[..., Any]] | None = None
    size_bytes: int | None = None
    folder: Path | None = None
    first_module: str = "Transformer"
