"""The tree of errors: who is at fault, where, and what to type next.

    BenchError                    every error that benchharness raises on purpose
    ├── UsageError                a wrong option, model spec or argument
    ├── SuiteError                a wrong suite: unknown measure, threshold out of range
    ├── DataError                 a corpus, query or judgment that cannot be used
    ├── ModelError                a model that cannot be opened, or that encodes nonsense
    ├── CacheError                a cache that cannot be read or written
    ├── LLMError                  a language model that cannot be asked at all
    └── MissingDependency         an optional package that is not installed

A `BenchError` is a user's to mend: front ends print it without a traceback. Anything else is
a defect of benchharness and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 60  # characters of a text in a message


class BenchError(Exception):
    """One clear message: what is wrong, where it is, and the remedy.

    `where` is a `file:line`, an id or a name; `remedy` is a sentence or a command. Both may be
    empty. `status` is the word for this cause in `verdict.json`.
    """

    status = "error"

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(message, where, remedy)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  -> {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive the trip between processes
        # (xdist, executors) by default.
        return (_rebuild, (type(self), self.message, self.where, self.remedy))


def _rebuild(kind: type[BenchError], message: str, where: str, remedy: str) -> BenchError:
    return kind(message, where=where, remedy=remedy)


class UsageError(BenchError):
    status = "usage-error"


class SuiteError(BenchError):
    status = "suite-error"


class DataError(BenchError):
    status = "data-error"


class ModelError(BenchError):
    status = "model-error"


class CacheError(BenchError):
    status = "cache-error"


class LLMError(BenchError):
    status = "llm-error"


class MissingDependency(BenchError):
    """An optional package is missing; the remedy is the command that installs it."""

    status = "missing-dependency"

    @classmethod
    def of(cls, package: str, *, extra: str, wanted_for: str) -> MissingDependency:
        return cls(
            f"{wanted_for} needs the package {package!r}, which is not installed",
            remedy=f"pip install 'benchharness[{extra}]'",
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known words, or all of them where none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "known: " + ", ".join(names)


def shortened(text: str) -> str:
    """The text as a message quotes it: one line of at most 60 characters, in quotes."""
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…")
