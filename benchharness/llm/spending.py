"""What asking costs at most, and who says no before a limit is exceeded.

Prices are the user's: a table of prices in here would age in silence.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from benchharness.errors import UsageError
from benchharness.llm.model import LanguageModel, Request, Usage

if TYPE_CHECKING:
    from pydantic import BaseModel

# Shares of the price: "half price" in the reference of the Message Batches API, and the price of
# an input token that is written to a service's cache for 5 minutes, or read from it.
BATCH_DISCOUNT = 0.5
CACHE_WRITE = 1.25
CACHE_READ = 0.1

_PER = 1_000_000
# A token of text is one byte at least, so bytes are a bound for texts of every language; a
# request has more around them, such as the service's own words on the schema.
_AROUND_TOKENS = 1_000
# About 4 bytes are a token of English and 3 of Chinese; the smaller number errs upwards.
_BYTES_PER_TOKEN = 3
_DEVIATIONS = 1.96  # of a normal distribution: 95 %


@dataclass(frozen=True)
class Price:
    """USD for a million tokens that are read, and for a million that are written."""

    input: float
    output: float

    def __post_init__(self) -> None:
        for amount in (self.input, self.output):
            if not (math.isfinite(amount) and amount >= 0):
                raise UsageError(f"a price is a number from 0, not {amount}", remedy=_PRICE_FORM)

    def cost(self, usage: Usage, *, batch: bool = False) -> float:
        """USD for these tokens; the half in a batch."""
        read = (
            usage.input_tokens
            + (CACHE_WRITE - 1) * usage.cache_write_tokens
            - (1 - CACHE_READ) * usage.cache_read_tokens
        )
        full = (read * self.input + usage.output_tokens * self.output) / _PER
        return full * BATCH_DISCOUNT if batch else full


_PRICE_FORM = "write INPUT/OUTPUT in USD per million tokens, such as 1.00/5.00"


def parse_price(text: str) -> Price:
    """The price of "1.00/5.00": USD per million tokens that are read / that are written.

    Raises UsageError for anything else.
    """
    parts = text.split("/")
    try:
        read, written = (float(part) for part in parts)
    except ValueError:
        raise UsageError(f"{text!r} is not a price", remedy=_PRICE_FORM) from None
    return Price(read, written)


@dataclass(frozen=True)
class Limits:
    """What may be spent on a journal, over all its runs; None is no limit.

    cost:   USD; needs the price.
    tokens: read and written together.
    """

    cost: float | None = None
    tokens: int | None = None
    price: Price | None = None

    def __post_init__(self) -> None:
        for name, limit in (("cost", self.cost), ("tokens", self.tokens)):
            if limit is not None and not (math.isfinite(limit) and limit > 0):
                raise UsageError(
                    f"a limit of {name} is {limit}", remedy="a limit is a number above 0"
                )
        if self.cost is not None and self.price is None:
            raise UsageError("a limit of cost needs the price of the model", remedy=_PRICE_FORM)


@dataclass(frozen=True)
class Estimate:
    """What asking will take, before anything is asked.

    input_tokens:  as extrapolated from the sample.
    output_tokens: at most: every answer as long as it may be.
    cost:          USD at most, with the input at the upper end of its spread; None without a price.
    sampled:       requests that the service counted.
    spread:        the input is within this share of the truth, in 95 of 100 samples; None where
                   the sample says nothing about it.
    is_rough:      the service cannot count; the input is reckoned by the length of the texts.
    """

    requests: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    sampled: int
    spread: float | None
    is_rough: bool


def estimate(
    requests: Iterable[Request],
    model: LanguageModel,
    schema: type[BaseModel],
    price: Price | None,
    *,
    sample: int = 20,
    seed: int = 0,
    batch: bool = False,
) -> Estimate:
    """The estimate for these requests; costs nothing.

    The service counts a seeded sample; the rest is extrapolated by characters. Which requests
    are in the sample depends on their keys and the seed, not on their order. `batch` halves the
    cost.

    Raises LLMError where the service cannot be asked.
    """
    drawn: list[tuple[int, int, Request]] = []
    number = characters = size_bytes = output = 0
    for number, request in enumerate(requests, start=1):
        characters += _characters(request)
        size_bytes += _bytes(request)
        output += request.max_tokens
        entry = (-_rank(request.key, seed), number, request)
        if len(drawn) < sample:
            heapq.heappush(drawn, entry)
        else:
            heapq.heappushpop(drawn, entry)
    # Sorted, for sums and messages of the service that do not depend on the order of requests.
    counted = _counted([entry[2] for entry in sorted(drawn, reverse=True)], model, schema)
    if counted is None:
        read, spread = math.ceil(size_bytes / _BYTES_PER_TOKEN), None
    else:
        read, spread = _extrapolated(counted, characters, number)
    most = Usage(math.ceil(read * (1 + (spread or 0.0))), output)
    return Estimate(
        requests=number,
        input_tokens=read,
        output_tokens=output,
        cost=None if price is None else price.cost(most, batch=batch),
        sampled=0 if counted is None else len(counted),
        spread=spread,
        is_rough=counted is None and number > 0,
    )


def _counted(
    drawn: list[Request], model: LanguageModel, schema: type[BaseModel]
) -> list[tuple[int, int]] | None:
    """(characters, tokens) of each request; None where the service cannot count."""
    counted: list[tuple[int, int]] = []
    for request in drawn:
        tokens = model.count_tokens(request, schema)
        if tokens is None:
            return None
        counted.append((_characters(request), tokens))
    return counted or None


def _extrapolated(
    counted: list[tuple[int, int]], characters: int, population: int
) -> tuple[int, float | None]:
    """Tokens of all requests by the ratio estimator, and the half of its 95 % interval as a share.

    Source: Cochran, Sampling Techniques, 3rd edition, 1977, chapter 6.
    """
    size = len(counted)
    sampled_characters = sum(length for length, _ in counted)
    ratio = sum(tokens for _, tokens in counted) / max(1, sampled_characters)
    total = math.ceil(ratio * characters)
    if size == population:
        return total, 0.0
    if size == 1 or not ratio:
        return total, None
    squares = sum((tokens - ratio * length) ** 2 for length, tokens in counted) / (size - 1)
    error = math.sqrt((1 - size / population) * squares / size) / (sampled_characters / size)
    return total, _DEVIATIONS * error / ratio


def _rank(key: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\x00{key}".encode()).digest()[:8], "big")


def _characters(request: Request) -> int:
    return len(request.system) + len(request.text)


def _bytes(request: Request) -> int:
    return len(request.system.encode("utf-8", "replace")) + len(
        request.text.encode("utf-8", "replace")
    )


def worst_case(request: Request, schema: type[BaseModel]) -> Usage:
    """More tokens than the request can cost: a token a byte, all of them written to the cache."""
    read = _bytes(request) + _schema_bytes(schema) + _AROUND_TOKENS
    return Usage(read, request.max_tokens, cache_write_tokens=read)


@lru_cache(maxsize=32)
def _schema_bytes(schema: type[BaseModel]) -> int:
    return len(json.dumps(schema.model_json_schema()).encode())


NOTHING = Usage()


class Meter:
    """Says no before a limit is exceeded: spent, and what is in flight at its worst, stay within.

    spent, batch_spent: what was paid for before, and the part of it that cost the half.
    Safe to use from threads.
    """

    def __init__(
        self, limits: Limits, spent: Usage = NOTHING, batch_spent: Usage = NOTHING
    ) -> None:
        self._limits = limits
        self._mutex = threading.Lock()
        self._tokens = spent.tokens
        self._cost = (
            self._priced(spent, batch=False)
            - self._priced(batch_spent, batch=False)
            + self._priced(batch_spent, batch=True)
        )

    def reserve(self, worst: Usage, *, batch: bool = False) -> str:
        """Empty where this much may be in flight on top, and is now; else why it may not."""
        cost = self._priced(worst, batch=batch)
        with self._mutex:
            limits = self._limits
            if limits.tokens is not None and self._tokens + worst.tokens > limits.tokens:
                return (
                    f"the limit of {limits.tokens:,} tokens: {self._tokens:,} are spent, and the "
                    f"next request may take {worst.tokens:,}"
                )
            if limits.cost is not None and self._cost + cost > limits.cost:
                return (
                    f"the limit of {limits.cost:.2f} USD: {self._cost:.4f} USD are spent, and the "
                    f"next request may cost {cost:.4f} USD"
                )
            self._tokens += worst.tokens
            self._cost += cost
        return ""

    def owe(self, worst: Usage, *, batch: bool = False) -> None:
        """Reserves what is in flight already, whatever the limit."""
        with self._mutex:
            self._tokens += worst.tokens
            self._cost += self._priced(worst, batch=batch)

    def settle(self, worst: Usage, paid: Usage, *, batch: bool = False) -> None:
        """Puts what was paid in the place of what was reserved for it."""
        with self._mutex:
            self._tokens += paid.tokens - worst.tokens
            self._cost += self._priced(paid, batch=batch) - self._priced(worst, batch=batch)

    def _priced(self, usage: Usage, *, batch: bool) -> float:
        price = self._limits.price
        return 0.0 if price is None else price.cost(usage, batch=batch)
