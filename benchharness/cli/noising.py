"""`benchharness noise`: how much a model's numbers depend on batches, threads and dtypes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.baseline.store import FolderBaselines, shown
from benchharness.cli import GATE_FAILED, PASS
from benchharness.cli.conditions import Skipped, conditions_of, run
from benchharness.cli.output import progress, table_lines, write, write_json
from benchharness.cli.task import Task, suite_tasks
from benchharness.errors import UsageError
from benchharness.gate import ComparisonGate, GuardGate, SliceGate
from benchharness.judge.noise import (
    Variant,
    below_noise,
    noise_of,
    noise_of_slices,
    variant_of,
)
from benchharness.models.cache import EmbeddingCache, default_cache_folder
from benchharness.models.encoder import is_encoder
from benchharness.models.registry import open_model
from benchharness.progress import Listener
from benchharness.suite_file import import_suites, suite_files

if TYPE_CHECKING:
    from benchharness.baseline.record import Baseline
    from benchharness.evaluation.result import Result
    from benchharness.judge.bench import Bench


@dataclass(frozen=True)
class Held:
    """A gate whose margin was held against the noise; `sentence` is empty where it is above.

    suite: whose gate it is; a guard may be another suite's.
    """

    gate: str
    suite: str
    margin: float
    noise: float
    sentence: str


@dataclass(frozen=True)
class Looked:
    """What was found of one model on one suite.

    is_encoder: whether it turns texts into vectors; without, it has no such noise.
    n, limit:   queries, and their number where a limit keeps only some (None for all).
    skipped:    conditions that could not be run.
    noise:      measure -> the largest difference of its mean under the same fingerprint.
    held:       the gates; empty under a limit.
    recorded:   the baseline that holds the noise now; empty where nothing was written.
    """

    suite: str
    model: str
    is_encoder: bool = True
    n: int = 0
    limit: int | None = None
    variants: tuple[Variant, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    noise: Mapping[str, float] = field(default_factory=dict)
    held: tuple[Held, ...] = ()
    recorded: str = ""


def noise(arguments: argparse.Namespace) -> int:
    """1 where a margin is not above the noise, else 0."""
    from benchharness.judge.bench import Bench

    _check(arguments)
    tasks = suite_tasks(arguments.suite, arguments.models)
    store = FolderBaselines(Path.cwd() / arguments.baselines) if arguments.record else None
    cache = EmbeddingCache(default_cache_folder())
    with progress(quiet=arguments.quiet) as listener:
        bench = Bench(cache=cache, listener=listener, limit=arguments.limit)
        found = [
            _looked(task, model, bench, cache, listener, store)
            for task in tasks
            for model in task.models
        ]
    if arguments.json:
        write_json([asdict(one) for one in found])
    else:
        for one in found:
            for line in lines_of(one):
                write(line)
    return GATE_FAILED if any(held.sentence for one in found for held in one.held) else PASS


def _check(arguments: argparse.Namespace) -> None:
    """Raises UsageError where the options cannot go together."""
    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError(f"--limit {arguments.limit} keeps no query", remedy="--limit 100")
    if not arguments.record:
        return
    if arguments.limit is not None:
        raise UsageError(
            "--limit leaves queries out: the noise of some is not that of all",
            remedy="leave out --limit, or --record",
        )
    if os.environ.get("CI") or os.environ.get("BUILD_NUMBER"):
        raise UsageError(
            "--record is refused in CI (CI or BUILD_NUMBER is set): it writes a baseline",
            remedy="record on your machine, and commit the file",
        )


def _looked(
    task: Task,
    model: str,
    bench: Bench,
    cache: EmbeddingCache,
    listener: Listener,
    store: FolderBaselines | None,
) -> Looked:
    """What was found, and recorded where a store is given. Raises DataError, ModelError."""
    if not is_encoder(open_model(model, task.base)):
        return Looked(task.suite.name, model, is_encoder=False)
    kept = _baseline(task, model, store) if store is not None else None
    gates = list(_gates_with_margin(task, model))
    measures = dict.fromkeys((*task.suite.measures, *(gate.measure for _, gate in gates)))
    suite = replace(task.suite, measures=tuple(measures))
    plain = bench.measure(suite, model, task.base)
    if kept is not None:
        _check_same(kept, plain)
    dataset = bench.dataset(suite.dataset, task.base)
    variants: list[Variant] = []
    skipped: list[Skipped] = []
    same: list[Result] = []
    for condition in conditions_of(model):
        other = run(
            condition, suite, plain, dataset, base=task.base, cache=cache, listener=listener
        )
        if isinstance(other, Skipped):
            skipped.append(other)
            continue
        variants.append(variant_of(condition.name, plain, other))
        if variants[-1].same_model:
            same.append(other)
    found = noise_of(variants)
    return Looked(
        suite=suite.name,
        model=model,
        n=len(plain.query_ids),
        limit=plain.limit,
        variants=tuple(variants),
        skipped=tuple(skipped),
        noise=found,
        held=_held(gates, found, plain, same) if plain.limit is None else (),
        recorded=_record(kept, found, store) if kept is not None and store is not None else "",
    )


def _gates_with_margin(task: Task, model: str) -> Iterator[tuple[str, ComparisonGate]]:
    """(suite, gate) of every margin that the model is held to on the task's suite.

    Those of the suite itself, and the guards of suites beside it that guard this one.
    """
    for gate in task.suite.gates_of(model):
        if isinstance(gate, ComparisonGate) and gate.margin and not isinstance(gate, GuardGate):
            yield task.suite.name, gate
    for file in suite_files(task.base):
        for found in import_suites(file):
            for gate in found.suite.gates_of(model):
                if isinstance(gate, GuardGate) and gate.suite == task.suite.name:
                    yield found.suite.name, gate


def _held(
    gates: Sequence[tuple[str, ComparisonGate]],
    found: Mapping[str, float],
    plain: Result,
    same: Sequence[Result],
) -> tuple[Held, ...]:
    held = []
    for suite, gate in gates:
        margin = gate.margin or 0.0
        level = found.get(gate.measure, 0.0)
        if isinstance(gate, SliceGate):
            level = noise_of_slices(gate.measure, gate.by, gate.at_least, plain, same)
        held.append(Held(gate.name, suite, margin, level, below_noise(margin, level)))
    return tuple(held)


def _baseline(task: Task, model: str, store: FolderBaselines) -> Baseline:
    """The baseline that the noise is written into. Raises UsageError where there is none."""
    found = store.find(task.suite.name, model)
    if found is None:
        raise UsageError(
            f"there is no baseline to write the noise of {model} into",
            where=store.describe(task.suite.name, model),
            remedy=f"write it first: pytest {task.file} --bench-model={model} --bench-update",
        )
    return found


def _check_same(kept: Baseline, plain: Result) -> None:
    """Raises UsageError where the baseline is of another model or corpus than was measured."""
    prints = plain.fingerprints
    what = "model" if kept.model != prints.model else "corpus"
    if (kept.model, kept.corpus) != (prints.model, prints.corpus):
        raise UsageError(
            f"the baseline is of another {what} than was measured: its noise is not known",
            where=kept.place,
            remedy="update it first, with --bench-update=changed",
        )


def _record(kept: Baseline, found: Mapping[str, float], store: FolderBaselines) -> str:
    return shown(store.write(replace(kept, noise=dict(found))))


def lines_of(one: Looked) -> Iterator[str]:
    from benchharness.judge.numbers import format_count, format_value
    from benchharness.report.wording import one_line

    name = one_line(f"{one.suite} / {one.model}")
    if not one.is_encoder:
        yield f"{name}: encodes nothing, so no batch, thread or dtype changes its numbers"
        return
    limited = " (limited)" if one.limit is not None else ""
    queries = format_count(one.n, "query", "queries")
    yield f"{name}: {queries}{limited}; differences from the plain run, and queries that flipped"
    yield from table_lines(*_table(one))
    for skipped in one.skipped:
        yield one_line(f"  {skipped.name}: not run: {skipped.reason}")
    shown_noise = (f"{measure} {format_value(v, (0.0,))}" for measure, v in one.noise.items())
    yield f"  noise: {', '.join(shown_noise)}"
    if one.limit is not None:
        yield "  margins are held against the noise of all queries: leave out --limit"
    for held in one.held:
        yield f"  {_told(held, one)}"
    if one.recorded:
        yield f"  recorded in {one.recorded}"


def _table(one: Looked) -> tuple[list[str], list[list[str]]]:
    from benchharness.judge.numbers import format_delta

    rows = []
    for variant in one.variants:
        cells = [
            f"{format_delta(difference)} ({variant.flipped[measure]})"
            for measure, difference in variant.differences.items()
        ]
        aside = "" if variant.same_model else "another fingerprint: no noise"
        rows.append([variant.name, *cells, aside])
    return ["condition", *one.noise, ""], rows


def _told(held: Held, one: Looked) -> str:
    from benchharness.judge.numbers import format_threshold, format_value

    owner = "" if held.suite == one.suite else f" of {held.suite}"
    if held.sentence:
        return f"TOO SMALL {held.gate}{owner}: {held.sentence}"
    margin = format_threshold(held.margin)
    level = format_value(held.noise, (held.margin,))
    return f"{held.gate}{owner}: the margin {margin} is above the noise {level}"
