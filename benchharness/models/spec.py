"""Model specs: `minilm@dim=64,max_length=128` in, a checked `ModelSpec` out.

A pipeline is spelled as a call, its parts as specs: `hybrid(bm25,minilm@dim=64)@fusion=rrf`.

Imports nothing heavy: front ends check specs before anything is opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar, cast
from urllib.parse import quote, unquote

from benchharness.errors import UsageError, did_you_mean
from benchharness.redaction import NO_SECRETS, holds_secret

DType = Literal["float32", "float16", "bfloat16"]
PoolingMode = Literal["mean", "cls", "max", "lasttoken"]
Backend = Literal["torch", "onnx", "openvino"]

_PAIR = r"[A-Za-z_][A-Za-z0-9_]*=[^,]*"
_OPTIONS = re.compile(rf"{_PAIR}(?:,{_PAIR})*")
_ONE_PAIR = re.compile(_PAIR)
# What stands before the parenthesis of a pipeline.
CALLS = ("hybrid", "rerank", "int8", "binary")
_DEVICE = re.compile(r"[a-z]+(:\d+)?")
_DTYPES = ("float32", "float16", "bfloat16")
_POOLINGS = ("mean", "cls", "max", "lasttoken")
_BACKENDS = ("torch", "onnx", "openvino")
T = TypeVar("T")


@dataclass(frozen=True)
class ModelSpec:
    """The name of a model and its options, both as written.

    text:    the whole spec, as the user wrote it; reports show this.
    name:    what stands before the options: `minilm`, a directory, a Hub id, `openai:MODEL@URL`.
    options: (name, decoded value) pairs, in order of name.
    parts:   the specs between the parentheses of a pipeline, as written; else empty.
    """

    text: str
    name: str
    options: tuple[tuple[str, str], ...] = ()
    parts: tuple[str, ...] = ()

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
    Parts of a pipeline are parted by commas; a comma before `name=value` belongs to the options of
    the part before it. Raises UsageError for an empty spec, for an option given twice, and for a
    parenthesis without its other half.
    """
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"model spec {text!r} is empty", remedy="name a model, such as 'minilm'")
    if holds_secret(text):
        raise UsageError("a model spec holds a password or a key", remedy=NO_SECRETS)
    call = next((name for name in CALLS if text.startswith(f"{name}(")), None)
    if call is not None:
        return _parse_call(text, call)
    for at in _ats(text):
        name, right = text[:at], text[at + 1 :]
        if name and _OPTIONS.fullmatch(right):
            return ModelSpec(text, name, _pairs(text, right))
    return ModelSpec(text, text)


def encode_value(value: str) -> str:
    """The value as it must be written in a spec: commas, `@` and `%` percent-encoded."""
    return quote(value, safe=" !\"#$&'()*+-./:;<=>?[\\]^_`{|}~")


def with_option(spec: str, name: str, value: str) -> str:
    """The spec with the option set, in place of what it said before."""
    parsed = parse_spec(spec)
    options = dict(parsed.options) | {name: value}
    spelled = ",".join(f"{option}={encode_value(text)}" for option, text in options.items())
    parts = f"({','.join(parsed.parts)})" if parsed.parts else ""
    return f"{parsed.name}{parts}@{spelled}"


def _parse_call(text: str, name: str) -> ModelSpec:
    start = len(name) + 1
    end = _closing(text, start)
    rest = text[end + 1 :]
    if rest and not (rest[0] == "@" and _OPTIONS.fullmatch(rest[1:])):
        raise UsageError(
            f"after the parenthesis of {name} stands {rest!r}",
            where=text,
            remedy=f"options follow an @: {text[: end + 1]}@option=value",
        )
    options = _pairs(text, rest[1:]) if rest else ()
    return ModelSpec(text, name, options, _parts(text[start:end]))


def _closing(text: str, start: int) -> int:
    """The position of the parenthesis that closes the one before `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place
    raise UsageError(
        "a parenthesis is not closed",
        where=text,
        remedy="write NAME(PART,PART); a parenthesis in an option's value is %28 or %29",
    )


def _parts(inside: str) -> tuple[str, ...]:
    """The specs in a text, parted by the commas that stand in no parenthesis and no options."""
    pieces, depth = [""], 0
    for letter in inside:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            pieces.append("")
        else:
            pieces[-1] += letter
    parts: list[str] = []
    for piece in pieces:
        if parts and _ONE_PAIR.fullmatch(piece.lstrip()):
            parts[-1] += "," + piece
        else:
            parts.append(piece)
    return tuple(part.strip() for part in parts) if inside.strip() else ()


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
    backend:         what runs the transformer; like the batch size, it changes the last bits only.
    weights:         "int8" for weights that are quantised; another model, with other vectors.
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
    backend: Backend = "torch"
    weights: Literal["int8"] | None = None

    @classmethod
    def of(cls, spec: ModelSpec) -> EncoderOptions:
        """The options of a spec.

        Raises UsageError, with what was meant, for an unknown option, a value that it cannot
        have, or options that do not go together.
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

        found = cls(
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
            backend=cast(
                "Backend", read("backend", _one_of(_BACKENDS), _listed(_BACKENDS)) or "torch"
            ),
            weights=cast("Literal['int8'] | None", read("weights", _one_of(("int8",)), "int8")),
        )
        found._refuse_combinations(spec)
        return found

    def _refuse_combinations(self, spec: ModelSpec) -> None:
        if self.weights is not None and self.backend != "onnx":
            raise UsageError(
                f"weights={self.weights} goes with backend=onnx alone",
                where=spec.text,
                remedy=f"write {spec.name}@backend=onnx,weights={self.weights}",
            )
        if self.backend == "torch":
            return
        if self.dtype != "float32":
            raise UsageError(
                f"backend={self.backend} computes in float32, not in {self.dtype}",
                where=spec.text,
                remedy="leave @dtype out, or leave @backend out",
            )
        if self.device not in (None, "cpu"):
            raise UsageError(
                f"backend={self.backend} runs on the CPU, not on {self.device}",
                where=spec.text,
                remedy="leave @device out, or leave @backend out",
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
    "backend": "onnx",
    "weights": "int8,backend=onnx",
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
