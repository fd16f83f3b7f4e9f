"""The options of models behind a URL, checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

from benchharness.errors import UsageError
from benchharness.models.endpoint.address import Kind
from benchharness.models.spec import ModelSpec

Similarity = Literal["cosine", "dot"]
Encoding = Literal["float", "base64"]
T = TypeVar("T")

OPENAI_KEY = "OPENAI_API_KEY"
# A request holds a probe text besides; TEI takes 32 texts unless it is told otherwise.
_BATCH_SIZES: Mapping[Kind, int] = {"openai": 64, "tei": 31}
_BATCH_TOKENS = 16_384


@dataclass(frozen=True)
class EndpointOptions:
    """How a service is asked; None means the service's own.

    dim:             components of a vector, asked of the service (`dimensions`).
    query_prompt, document_prompt: put before each text, by us.
    query_prompt_name, document_prompt_name: of prompts that TEI knows.
    similarity:      "cosine": vectors are made of length 1; "dot": they stay as given.
    batch_size, batch_tokens: the most texts, and tokens, of a request.
    concurrency:     requests at the same time.
    rate:            requests that are begun in a minute; None for no limit.
    timeout_s:       for a whole answer.
    tokenizer:       directory with a tokenizer.json, such a file, or "minilm".
    max_length:      tokens that are sent of a text, special tokens included; needs a tokenizer.
    key_env:         environment variable that holds the key; "" for no key.
    price:           USD for a million tokens; no part of a model's identity.
    encoding:        how OpenAI's API writes vectors.
    """

    dim: int | None = None
    query_prompt: str = ""
    document_prompt: str = ""
    query_prompt_name: str | None = None
    document_prompt_name: str | None = None
    similarity: Similarity = "cosine"
    batch_size: int = _BATCH_SIZES["openai"]
    batch_tokens: int = _BATCH_TOKENS
    concurrency: int = 4
    rate: float | None = None
    timeout_s: float = 60.0
    tokenizer: str | None = None
    max_length: int | None = None
    key_env: str = ""
    price: float | None = None
    encoding: Encoding = "float"

    @classmethod
    def of(cls, spec: ModelSpec, kind: Kind) -> EndpointOptions:
        """The options of a spec. Raises UsageError for one that is unknown or out of range."""
        spec.refuse_options(known_options(kind))

        def read(name: str, check: Callable[[str], T], default: T) -> T:
            value = spec.option(name)
            if value is None:
                return default
            try:
                return check(value)
            except ValueError as error:
                raise UsageError(
                    f"{name}={value!r} is not {error}",
                    where=spec.text,
                    remedy=f"write {spec.name}@{name}={_EXAMPLES[name]}",
                ) from None

        found = cls(
            dim=read("dim", _optional(_whole), None),
            query_prompt=spec.option("query_prompt") or "",
            document_prompt=spec.option("document_prompt") or "",
            query_prompt_name=spec.option("query_prompt_name") or None,
            document_prompt_name=spec.option("document_prompt_name") or None,
            similarity=cast("Similarity", read("similarity", _one_of("cosine", "dot"), "cosine")),
            batch_size=read("batch_size", _whole, _BATCH_SIZES[kind]),
            batch_tokens=read("batch_tokens", _whole, _BATCH_TOKENS),
            concurrency=read("concurrency", _few, 4),
            rate=read("rate", _optional(_positive), None),
            timeout_s=read("timeout", _positive, 60.0),
            tokenizer=spec.option("tokenizer") or None,
            max_length=read("max_length", _optional(_whole), None),
            key_env=read("key_env", str, OPENAI_KEY if kind == "openai" else ""),
            price=read("price", _optional(_price), None),
            encoding=cast("Encoding", read("encoding", _one_of("float", "base64"), "float")),
        )
        if found.max_length is not None and found.tokenizer is None:
            raise UsageError(
                f"max_length={found.max_length} counts tokens, and there is no tokenizer to count",
                where=spec.text,
                remedy="add tokenizer=DIR, the directory of the model's tokenizer.json",
            )
        return found

    @property
    def prompts(self) -> Mapping[str, str]:
        """Role -> what is put before each text."""
        return {"query": self.query_prompt, "document": self.document_prompt}

    @property
    def prompt_names(self) -> Mapping[str, str | None]:
        """Role -> name of the prompt that the service puts before each text."""
        return {"query": self.query_prompt_name, "document": self.document_prompt_name}


_EXAMPLES = {
    "dim": "256",
    "query_prompt": "query%3A ",
    "document_prompt": "passage%3A ",
    "query_prompt_name": "query",
    "document_prompt_name": "document",
    "similarity": "dot",
    "batch_size": "32",
    "batch_tokens": "8192",
    "concurrency": "2",
    "rate": "500",
    "timeout": "120",
    "tokenizer": "path/to/model",
    "max_length": "512",
    "key_env": "MY_API_KEY",
    "price": "0.02",
    "encoding": "base64",
}
_OF_TEI = ("query_prompt_name", "document_prompt_name")
_OF_OPENAI = ("encoding",)
_MOST_AT_ONCE = 64


def known_options(kind: Kind) -> tuple[str, ...]:
    """The names of the options that a kind of service has."""
    others = _OF_TEI if kind == "openai" else _OF_OPENAI
    return tuple(name for name in _EXAMPLES if name not in others)


def _whole(value: str) -> int:
    if not (value.isascii() and value.isdecimal()) or int(value) < 1:
        raise ValueError("a whole number of at least 1")
    return int(value)


def _few(value: str) -> int:
    if not (value.isascii() and value.isdecimal()) or not 1 <= int(value) <= _MOST_AT_ONCE:
        raise ValueError(f"a whole number from 1 to {_MOST_AT_ONCE}")
    return int(value)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def _positive(value: str) -> float:
    found = _number(value)
    if not 0 < found < math.inf:
        raise ValueError("a number above 0")
    return found


def _price(value: str) -> float:
    found = _number(value)
    if not 0 <= found < math.inf:
        raise ValueError("a price in USD for a million tokens")
    return found


def _one_of(*allowed: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(" or ".join(allowed))
        return value

    return check


def _optional(check: Callable[[str], T]) -> Callable[[str], T | None]:
    return check
