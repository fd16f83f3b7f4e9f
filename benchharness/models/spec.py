"""Model specs: `minilm@dim=64,max_length=128` in, a checked `ModelSpec` out.

Imports nothing heavy: front ends check specs before anything is opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar, cast
from urllib.parse import quote, unquote

from benchharness.errors import UsageError, did_you_mean

DType = Literal["float32", "float16", "bfloat16"]
PoolingMode = Literal["mean", "cls", "max", "lasttoken"]

_PAIR = r"[A-Za-z_][A-Za-z0-9_]*=[^,]*"
_OPTIONS = re.compile(rf"{_PAIR}(?:,{_PAIR})*")
_DEVICE = re.compile(r"[a-z]+(:\d+)?")
_DTYPES = ("float32", "float16", "bfloat16")
_POOLINGS = ("mean", "cls", "max", "lasttoken")
T = TypeVar("T")


@dataclass(frozen=True)
class ModelSpec:
    """The name of a model and its options, both as written.

    text:    the whole spec, as the user wrote it; reports show this.
    name:    what stands before the options: `minilm`, a directory, a Hub id, `openai:MODEL@URL`.
    options: (name, decoded value) pairs, in order of name.
    """

    text: str
    name: str
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        """The option's value, None where it is not given."""
        return dict(self.options).get(name)

    def refuse_options(self, known: tuple[str, ...] = ()) -> None:
        """Raises UsageError where an option is given that is not among `known`."""
        for name, _ in self.options:
            if name not in known:
                takes = did_you_mean(name, known) if known else f"{self.name} takes no options"
                raise UsageError(f"unknown option {name!r}", where=self.text, remedy=takes)


def parse_spec(text: str) -> ModelSpec:
    """The spec's name and options; whether the options are known is the model's to say.

    Options follow the last `@` whose right side reads `name=value(,name=value)*`, so that
    `openai:MODEL@URL` has none. Values may be percent-encoded (a comma is `%2C`, `@` is `%40`).
    Raises UsageError for an empty spec and for an option given twice.
    """
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"model spec {text!r} is empty", remedy="name a model, such as 'minilm'")
    for at in _ats(text):
        name, right = text[:at], text[at + 1 :]
        if name and _OPTIONS.fullmatch(right):
            return ModelSpec(text, name, _pairs(text, right))
    return ModelSpec(text, text)


def encode_value(value: str) -> str:
    """The value as it must be written in a spec: commas, `@` and `%` percent-encoded."""
    return quote(value, safe=" !\"#$&'()*+-./:;<=>?[\\]^_`{|}~")


def _ats(text: str) -> Iterator[int]:
    """The positions of `@`, last first."""
    at = text.rfind("@")
    while at >= 0:
        yield at
        at = text.rfind("@", 0, at)


def _pairs(text: str, right: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for pair in right.split(","):
        name, _, value = pair.partition("=")
        if name in found:
            raise UsageError(f"option {name!r} is given twice", where=text, remedy="give it once")
        found[name] = unquote(value)
    return tuple(sorted(found.items()))


@dataclass(frozen=True)
class EncoderOptions:
    """The options of sentence-transformers models, checked; None means the model's own.

    dim:             keep the first `dim` components (Matryoshka), then normalise again.
    max_length:      tokens that are read of a text, special tokens included.
    dtype:           of weights and arithmetic; vectors are float32 in any case.
    device:          "cpu", "cuda", "cuda:1", "mps" …; not part of a model's identity.
    revision:        of a Hub model: branch, tag or commit.
    query_prompt, document_prompt: put before each text; an empty one switches the model's off.
    pooling:         replaces the model's own.
    trust_remote_code: whether Python code that comes with the model may run.
    batch_size:      texts in a batch, in place of benchharness' own plan; not part of a model's
                     identity, though it changes the last bits.
    """

    dim: int | None = None
    max_length: int | None = None
    dtype: DType = "float32"
    device: str | None = None
    revision: str | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None
    pooling: PoolingMode | None = None
    trust_remote_code: bool = False
    batch_size: int | None = None

    @classmethod
    def of(cls, spec: ModelSpec) -> EncoderOptions:
        """The options of a spec.

        Raises UsageError, with what was meant, for an unknown option or a value that it
        cannot have.
        """
        spec.refuse_options(KNOWN_OPTIONS)

        def read(name: str, check: Callable[[str], T], expected: str) -> T | None:
            value = spec.option(name)
            if value is None:
                return None
            try:
                return check(value)
            except ValueError:
                raise UsageError(
                    f"{name}={value!r} is not {expected}",
                    where=spec.text,
                    remedy=f"write {spec.name}@{name}={_EXAMPLES[name]}",
                ) from None

        return cls(
            dim=read("dim", _positive, "a whole number of at least 1"),
            max_length=read("max_length", _positive, "a whole number of at least 1"),
            dtype=cast("DType", read("dtype", _one_of(_DTYPES), _listed(_DTYPES)) or "float32"),
            device=read("device", _device, "the name of a device"),
            revision=read("revision", _present, "a branch, tag or commit"),
            query_prompt=spec.option("query_prompt"),
            document_prompt=spec.option("document_prompt"),
            pooling=cast(
                "PoolingMode | None", read("pooling", _one_of(_POOLINGS), _listed(_POOLINGS))
            ),
            trust_remote_code=bool(read("trust_remote_code", _yes_or_no, "yes or no")),
            batch_size=read("batch_size", _positive, "a whole number of at least 1"),
        )


_EXAMPLES = {
    "dim": "64",
    "max_length": "128",
    "dtype": "bfloat16",
    "device": "cpu",
    "revision": "main",
    "query_prompt": "query%3A ",
    "document_prompt": "passage%3A ",
    "pooling": "mean",
    "trust_remote_code": "yes",
    "batch_size": "32",
}
KNOWN_OPTIONS = tuple(_EXAMPLES)


def _positive(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ValueError(value)
    return int(value)


def _one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(value)
        return value

    return check


def _device(value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise ValueError(value)
    return value


def _present(value: str) -> str:
    if not value:
        raise ValueError(value)
    return value


def _yes_or_no(value: str) -> bool:
    if value not in ("yes", "no"):
        raise ValueError(value)
    return value == "yes"


def _listed(allowed: tuple[str, ...]) -> str:
    return ", ".join(allowed[:-1]) + " or " + allowed[-1]
