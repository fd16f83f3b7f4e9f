"""The limit of what a command may spend, and the estimate that stands before it."""

from __future__ import annotations

import argparse
import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchharness.cli.output import tell
from benchharness.errors import UsageError
from benchharness.judge.numbers import format_count

if TYPE_CHECKING:
    from benchharness.llm.model import LanguageModel, Usage
    from benchharness.llm.spending import Estimate, Limits


@contextmanager
def stopping_cleanly() -> Iterator[None]:
    """SIGTERM and SIGHUP stop as Ctrl-C does: what is in flight was paid for, and is kept."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    # Handlers are the main thread's alone; elsewhere nothing would be delivered here.
    is_main = threading.current_thread() is threading.main_thread()
    names = [name for name in ("SIGTERM", "SIGHUP") if is_main and hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def limits_of(arguments: argparse.Namespace) -> Limits:
    """What the options allow; without --max-cost and --max-tokens nothing limits it.

    Raises UsageError for a limit that cannot be kept.
    """
    from benchharness.llm.spending import Limits, parse_price

    price = None if arguments.price is None else parse_price(arguments.price)
    if arguments.max_cost is not None and price is None:
        raise UsageError(
            "--max-cost needs the price of the model",
            remedy="add --price IN/OUT in USD per million tokens, or use --max-tokens",
        )
    return Limits(cost=arguments.max_cost, tokens=arguments.max_tokens, price=price)


def check_llm(model: LanguageModel) -> None:
    """Returns where the model can be asked; tells what the service says of it, such as its end.

    Raises LLMError or MissingDependency.
    """
    model.check()
    for notice in model.notices:
        tell(f"benchharness: {notice}")


def need_limit(limits: Limits, found: Estimate, most: Usage) -> None:
    """Raises UsageError where nothing limits the cost, with the estimate and what to add.

    most: a limit that lets all of it through: before a request is sent, what it could cost at
          worst must fit.
    """
    if limits.cost is not None or limits.tokens is not None:
        return
    flag = f"--max-tokens {most.input_tokens + most.output_tokens}"
    if limits.price is not None:
        flag = f"--max-cost {math.ceil(100 * limits.price.cost(most)) / 100:.2f}"
    raise UsageError(
        f"nothing was asked: a run that pays needs a limit; {estimate_line(found)}",
        remedy=f"add {flag}, or a lower limit: the run stops cleanly before it",
    )


def left_out_line(number: int, noun: str, most: str) -> str:
    """`2 passages were asked when an earlier run was killed; …`, with the way to ask them again.

    most: what that costs at worst, in words.
    """
    were, them, they_are = ("was", "it", "it is") if number == 1 else ("were", "them", "they are")
    return (
        f"{format_count(number, noun)} {were} asked when an earlier run was killed; the service "
        f"may have charged {them}, so {they_are} left out. --ask-again asks {them} once more "
        f"(at most {most})"
    )


def usd(amount: float) -> str:
    """`1.25 USD`, with four digits below a dollar."""
    return f"{amount:.2f} USD" if amount >= 0.995 or not amount else f"{amount:.4f} USD"


def estimate_line(found: Estimate) -> str:
    """`at most 1,200 requests, about 640,000 tokens read, 720,000 written: 4.24 USD`."""
    about = "roughly" if found.is_rough else "about"
    line = (
        f"{format_count(found.requests, 'request')}, {about} "
        f"{format_count(found.input_tokens, 'token')} read, at most "
        f"{format_count(found.output_tokens)} written"
    )
    return line if found.cost is None else f"{line}: at most {found.cost:.2f} USD"
