"""`benchharness measure --dry-run`: what would be encoded, and what that would cost."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli import PASS
from benchharness.cli.output import progress, write, write_json
from benchharness.cli.task import Task

if TYPE_CHECKING:
    from benchharness.evaluation.forecast import Forecast, Work
    from benchharness.suite import Suite

_WORDS = {"document": "documents", "query": "queries"}


@dataclasses.dataclass(frozen=True)
class Outlook:
    """What measuring a model on a suite would encode; of BM25, nothing.

    timed: names of gates that encode documents besides, several times and never from the cache.
    """

    suite: str
    model: str
    forecasts: tuple[Forecast, ...]
    timed: tuple[str, ...] = ()


def dry_run(arguments: argparse.Namespace, tasks: Sequence[Task]) -> int:
    """Prints an outlook for each suite and model. Raises what reading data and asking raise."""
    with progress(quiet=arguments.quiet) as listener:
        outlooks = list(_outlooks(arguments, tasks, listener))
    if arguments.json:
        write_json([_plain(one) for one in outlooks])
        return PASS
    for outlook in outlooks:
        for line in lines_of(outlook):
            write(line)
    write("nothing was encoded or measured; services were only asked which model they serve")
    return PASS


def _outlooks(
    arguments: argparse.Namespace, tasks: Sequence[Task], listener: object
) -> Iterator[Outlook]:
    from benchharness.evaluation.forecast import forecast
    from benchharness.judge.bench import Bench
    from benchharness.models.registry import open_model

    bench = Bench(listener=listener)  # type: ignore[arg-type]
    for suite, base, model in dict.fromkeys(_measured(tasks)):
        dataset = bench.dataset(suite.dataset, base)
        found = forecast(dataset, open_model(model, base), bench.cache, arguments.limit)
        yield Outlook(suite.name, model, found, _timed(suite, model))


def _timed(suite: Suite, model: str) -> tuple[str, ...]:
    gates = suite.gates_of(model)
    return tuple(gate.name for gate in gates if gate.measure == "throughput")


def _measured(tasks: Sequence[Task]) -> Iterator[tuple[Suite, Path, str]]:
    """Yields (suite, where its paths start, model) of all that is measured, gates included."""
    from benchharness.gate import CostGate, GuardGate
    from benchharness.suite_file import find_suite

    for task in tasks:
        for model in task.models:
            yield task.suite, task.base, model
            for gate in task.suite.gates_of(model):
                against = getattr(gate, "against", None)
                if isinstance(gate, GuardGate):
                    guarded = find_suite(gate.suite, task.base)[0]
                    for one in filter(None, (model, against)):
                        yield guarded.suite, guarded.path.parent, one
                elif against and not isinstance(gate, CostGate):
                    yield task.suite, task.base, against


def lines_of(outlook: Outlook) -> Iterator[str]:
    """What the command prints of an outlook."""
    yield f"{outlook.suite} / {outlook.model}"
    if not outlook.forecasts:
        yield "  encodes nothing; pairs that a cross-encoder reads are not counted"
    for name in outlook.timed:
        yield f"  {name} encodes some documents several times, which these figures leave out"
    encoders = dict.fromkeys(one.model for one in outlook.forecasts)
    for encoder in encoders:
        parts = [one for one in outlook.forecasts if one.model == encoder]
        if len(encoders) > 1 or encoder != outlook.model:
            yield f"  {encoder}"
        for one in parts:
            yield f"  {_line(one)}"
        works = [one.work for one in parts if one.work is not None]
        if works:
            yield f"  together    {_together(works)}"


def _line(one: Forecast) -> str:
    texts = (
        f"{_WORDS[one.role]:<10}  {one.texts:,} texts, {one.cached:,} in the cache, "
        f"{one.missing:,} to encode"
    )
    return texts if one.work is None else f"{texts}: {_amount([one.work])}"


def _amount(works: Sequence[Work]) -> str:
    requests = sum(work.requests for work in works)
    tokens = sum(work.tokens for work in works)
    about = "" if all(work.is_exact for work in works) else "about "
    return f"{requests:,} request{'' if requests == 1 else 's'}, {about}{tokens:,} tokens"


def _together(works: Sequence[Work]) -> str:
    prices = [work.price_usd for work in works]
    if any(price is None for price in prices):
        return f"{_amount(works)}; add price=USD (for a million tokens) to see what that costs"
    total = sum(price for price in prices if price is not None)
    about = "" if all(work.is_exact for work in works) else "about "
    return f"{_amount(works)}, {about}{_usd(total)} USD"


def _usd(amount: float) -> str:
    """Cents where there are any, else two digits that count."""
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.2g}"


def _plain(outlook: Outlook) -> dict[str, object]:
    return {
        "suite": outlook.suite,
        "model": outlook.model,
        "timed": list(outlook.timed),
        "encoders": [
            {
                "model": one.model,
                "role": one.role,
                "texts": one.texts,
                "cached": one.cached,
                "missing": one.missing,
                **({} if one.work is None else dataclasses.asdict(one.work)),  # type: ignore[call-overload]
            }
            for one in outlook.forecasts
        ],
    }
