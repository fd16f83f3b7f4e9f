"""What a language model is asked and what it answers: the nouns of this floor.

A `Request` is paid for once: its key names it in the journal, whatever process asks. What the
model writes is never text to be parsed by hand: the caller gives a pydantic model, and an answer
holds its JSON or says by name why there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel

# Why there is content, or none:
#   ok         the content fits the schema
#   refused    the model would not answer
#   truncated  the answer ended at max_tokens, or at the end of the model's context
#   malformed  the answer is complete and does not fit the schema
#   rejected   the service takes the request never (too large, invalid); nothing was paid
#   expired    a batch ended before the request was served; nothing was paid
#   failed     retries did not help (overloaded, connection lost); nothing is known to be paid
Outcome = Literal["ok", "refused", "truncated", "malformed", "rejected", "expired", "failed"]

# Outcomes that asking again may change: a resumed run asks these once more.
UNSETTLED: frozenset[Outcome] = frozenset({"expired", "failed"})


@dataclass(frozen=True)
class Request:
    """One question.

    key:        names it; [A-Za-z0-9_-], at most 64 characters. Equal keys are paid once.
    system:     the rules, the same for many requests, so that a service can cache them.
    text:       what is asked.
    max_tokens: the longest answer.
    """

    key: str
    system: str
    text: str
    max_tokens: int


@dataclass(frozen=True)
class Usage:
    """Tokens that are paid for: read by the model, and written by it.

    Of the input tokens, `cache_write_tokens` were kept by the service for later requests and
    `cache_read_tokens` were there already; both have prices of their own.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
        )

    @property
    def tokens(self) -> int:
        """Read and written together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class Answer:
    """What came of a request.

    content: the JSON object that fits the schema; None unless the outcome is "ok".
    detail:  the service's words for what went wrong, without any key; empty where all is well.
    """

    key: str
    outcome: Outcome
    content: Mapping[str, Any] | None = None
    usage: Usage = Usage()
    detail: str = ""


class LanguageModel(Protocol):
    """A model behind a service; open it with `benchharness.llm.registry.open_llm`.

    spec: what it was opened from, such as "anthropic:MODEL" or "openai:MODEL@URL".
    """

    @property
    def spec(self) -> str: ...

    @property
    def notices(self) -> tuple[str, ...]:
        """What the service said of the model, such as when it ends; known after `check`."""
        ...

    def check(self) -> None:
        """Returns where a first request may be sent: package and key are there, the service
        answers. Costs nothing. Raises LLMError or MissingDependency.
        """
        ...

    def count_tokens(self, request: Request, schema: type[BaseModel]) -> int | None:
        """How many tokens the request is to read; None where the service cannot say."""
        ...

    def ask(self, request: Request, schema: type[BaseModel]) -> Answer:
        """The answer, after the retries that the client makes; safe to call from threads.

        Raises LLMError for what concerns every request: a wrong key, an unknown model, no credit.
        """
        ...
