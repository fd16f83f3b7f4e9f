"""`benchharness compare MODEL…`: the models, and variants of their vectors, on leaderboards."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli import PASS, WRONG_INPUT
from benchharness.cli.compared import Judged, Pair, content_of, judged_by
from benchharness.cli.measuring import code_of
from benchharness.cli.output import has_color, progress, width, write, write_json
from benchharness.cli.task import Task, tasks_of
from benchharness.errors import ModelError, UsageError, did_you_mean

if TYPE_CHECKING:
    from benchharness.evaluation.latency import Latency
    from benchharness.evaluation.result import Result
    from benchharness.judge.bench import Bench
    from benchharness.judge.leaderboard import Leaderboard
    from benchharness.models.encoder import Encoder


@dataclass(frozen=True)
class Variants:
    """What is made of each model's vectors, beside the full ones.

    dims:       dimensions to cut to, largest first.
    precisions: "float32" and names of codes; empty where nothing was said.
    """

    dims: tuple[int, ...] = ()
    precisions: tuple[str, ...] = ()

    @classmethod
    def of(cls, matryoshka: str | None, precision: str | None) -> Variants:
        """As the two options spell them. Raises UsageError."""
        from benchharness.models.quantised import CODES, FLOAT

        dims = set()
        for word in _words(matryoshka):
            if not word.isdecimal() or int(word) < 1:
                raise UsageError(
                    f"--matryoshka: {word!r} is no dimension", remedy="--matryoshka 256,128,64"
                )
            dims.add(int(word))
        precisions = tuple(dict.fromkeys(_words(precision)))
        for word in precisions:
            if word not in (FLOAT, *CODES):
                raise UsageError(
                    f"--precision: unknown precision {word!r}",
                    remedy=did_you_mean(word, (FLOAT, *CODES)),
                )
        return cls(tuple(sorted(dims, reverse=True)), precisions)

    def __bool__(self) -> bool:
        return bool(self.dims or self.precisions)

    def views(self, encoder: Encoder, documents: Sequence[str], bench: Bench) -> Iterator[Encoder]:
        """Yields each cut, then each code of the full vectors and of the cuts.

        All read the full vectors from the bench's cache; nothing of theirs is kept there. A cut
        to the dimension that the model has is the model itself. Raises UsageError for more.
        """
        from benchharness.models.cache import EmbeddingCache
        from benchharness.models.quantised import FLOAT, Quantised
        from benchharness.models.truncated import Truncated

        full = getattr(encoder, "costs", {}).get("dimension")
        cuts = [Truncated(encoder, dim, bench.cache) for dim in self.dims]
        sides: list[tuple[Encoder, EmbeddingCache]] = [(encoder, bench.cache)]
        sides += [(cut, EmbeddingCache.none()) for cut in cuts if cut.dim != full]
        for precision, (side, cache) in product(self.precisions or (FLOAT,), sides):
            if precision != FLOAT:
                yield Quantised(side, precision, documents, cache)
            elif side is not encoder:
                yield side


@dataclass(frozen=True, eq=False)
class Ranked:
    """The board of a task, and the models and variants that could not be measured on it."""

    task: Task
    board: Leaderboard
    failed: Mapping[str, ModelError]

    @property
    def models(self) -> list[str]:
        """Those that were measured."""
        return [model for model in self.task.models if model not in self.failed]


def rank(arguments: argparse.Namespace, models: Sequence[str], margin: float) -> int:
    """The exit code: that of the comparison where there are two models, else 0.

    A board for each suite; all suites of ./suites where neither a suite nor data are named. A
    model that cannot be measured is named, the others are ranked all the same, and it is 2.
    Raises UsageError, SuiteError, DataError, and ModelError where no model can be measured.
    """
    from benchharness.judge.bench import Bench
    from benchharness.judge.policy import Policy
    from benchharness.report.verdict_file import remove_verdict

    variants = Variants.of(arguments.matryoshka, arguments.precision)
    tasks = [
        replace(task, suite=replace(task.suite, gates=(), waivers=()))
        for task in tasks_of(arguments, models=models)
    ]
    folder = None if arguments.out is None else Path(arguments.out)
    if folder is not None:
        remove_verdict(folder)
    with progress(quiet=arguments.quiet) as listener:
        bench = Bench(listener=listener)
        for task in tasks:
            _check(task, variants, bench)
        ranked = [
            _ranked(task, variants, bench, margin=margin, has_speed=not arguments.no_speed)
            for task in tasks
        ]
        if folder is not None:
            _publish(ranked, bench, folder)
        pairs = [_pair(one, bench) for one in ranked if len(models) == len(one.models) == 2]
    judged = judged_by(pairs, (), margin, Policy(inconclusive=arguments.inconclusive))
    if arguments.json:
        boards = [asdict(one.board) for one in ranked]
        write_json({"leaderboards": boards, "comparisons": content_of(judged)})
    else:
        _print([one.board for one in ranked], judged, margin, folder)
    if any(one.failed for one in ranked):
        return WRONG_INPUT
    return code_of(verdict for one in judged for verdict in one.verdicts) if judged else PASS


def _words(spelled: str | None) -> list[str]:
    return [word.strip() for word in spelled.split(",")] if spelled is not None else []


def _check(task: Task, variants: Variants, bench: Bench) -> None:
    """Opens every model, so that what is wrong is told before anything is encoded."""
    encoders = list(_encoders(task).values())
    if variants and not encoders:
        raise UsageError(
            f"{', '.join(task.models)}: no vectors that could be cut or quantised",
            remedy="leave --matryoshka and --precision out, or add a model with vectors",
        )
    documents = bench.dataset(task.suite.dataset, task.base).corpus.texts
    for encoder in encoders:
        for _ in variants.views(encoder, documents, bench):
            pass


def _encoders(task: Task) -> dict[str, Encoder]:
    """The models that turn texts into vectors, by spec."""
    from benchharness.models.encoder import is_encoder
    from benchharness.models.registry import open_model

    opened = {model: open_model(model, task.base) for model in task.models}
    return {model: system for model, system in opened.items() if is_encoder(system)}


def _ranked(
    task: Task, variants: Variants, bench: Bench, *, margin: float, has_speed: bool
) -> Ranked:
    """By the first measure that the suite names."""
    from benchharness.judge.ranking import Entrant, leaderboard

    suite, documents = task.suite, bench.dataset(task.suite.dataset, task.base).corpus.texts
    encoders = _encoders(task)
    entrants: list[tuple[str, Entrant]] = []
    failed: dict[str, ModelError] = {}

    def enter(model: str, spec: str, measured: Callable[[], Result]) -> None:
        try:
            entrants.append((model, Entrant(measured(), of=model if spec != model else "")))
        except ModelError as error:
            failed[spec] = error

    for model in task.models:
        enter(model, model, partial(bench.measure, suite, model, task.base))
        if model in encoders and model not in failed:
            for view in variants.views(encoders[model], documents, bench):
                enter(model, view.spec, partial(_measured, view, task, bench))
    if not entrants:
        raise next(iter(failed.values()))
    timed = [model for model in encoders if model not in failed]
    speeds = _speeds(task, timed, bench) if has_speed else {}
    answering = [model for model in task.models if model not in failed]
    latencies = _latencies(task, answering, bench) if has_speed else {}
    board = leaderboard(
        [
            replace(
                one,
                speed=speeds.get(model),
                latency=None if one.of else latencies.get(model),
            )
            for model, one in entrants
        ],
        suite.measures[0],
        margin=margin,
    )
    reasons = {spec: error.message for spec, error in failed.items()}
    return Ranked(task, replace(board, left_out={**board.left_out, **reasons}), failed)


def _measured(view: Encoder, task: Task, bench: Bench) -> Result:
    from benchharness.evaluation.measure import measure_system
    from benchharness.models.cache import EmbeddingCache
    from benchharness.progress import Step

    suite = task.suite

    def tell(step: Step) -> None:
        bench.tell(replace(step, stage=f"{suite.name} · {view.spec} · {step.stage}"))

    return measure_system(
        bench.dataset(suite.dataset, task.base), view, suite.all_measures, name=suite.name,
        cache=EmbeddingCache.none(), depth=suite.depth, drop_same_id=suite.drop_same_id,
        listener=tell,
    )  # fmt: skip


def _speeds(task: Task, models: Sequence[str], bench: Bench) -> dict[str, float]:
    """Documents a second relative to the first encoder; empty where there is only one."""
    from benchharness.progress import Step

    if len(models) < 2:
        return {}
    first, *others = models
    found = {first: 1.0}
    for model in others:
        bench.tell(Step(f"{task.suite.name} · {model} · speed beside {first}", 0, 0))
        # No speed lies on a limit of 0, so that nothing is timed longer to settle it.
        speed = bench.relative_speed(task.suite, model, first, task.base, 0.0)
        found[model] = speed.ratio
    return found


def _latencies(task: Task, models: Sequence[str], bench: Bench) -> dict[str, Latency]:
    """Of each model, in turns with the others; only vectors of documents come from the cache."""
    from benchharness.evaluation.latency import latencies
    from benchharness.evaluation.retrieval import searcher_of
    from benchharness.models.cache import EmbeddingCache
    from benchharness.models.registry import open_model
    from benchharness.progress import Step

    suite, dataset = task.suite, bench.dataset(task.suite.dataset, task.base)
    searchers = {
        model: searcher_of(
            open_model(model, task.base), dataset.corpus,
            cache=bench.cache, query_cache=EmbeddingCache.none(),
        )
        for model in models
    }  # fmt: skip
    asked = [one for one in dataset.relevance.query_ids if one in dataset.queries]

    def tell(step: Step) -> None:
        bench.tell(replace(step, stage=f"{suite.name} · {step.stage}"))

    queries = {query_id: dataset.queries[query_id] for query_id in asked}
    return latencies(searchers, queries, suite.depth, listener=tell)


def _pair(ranked: Ranked, bench: Bench) -> Pair:
    from benchharness.baseline.record import Baseline

    task = ranked.task
    before, after = (bench.measure(task.suite, model, task.base) for model in ranked.models)
    return Pair(Baseline.of(before, f"{before.model}, measured now"), after)


def _publish(ranked: Sequence[Ranked], bench: Bench, folder: Path) -> None:
    from benchharness.report.model import Failure, Report
    from benchharness.report.publication import publish

    assessments = [
        bench.assess(one.task.suite, model, one.task.base) for one in ranked for model in one.models
    ]
    failures = [
        Failure.of(one.task.suite.name, spec, error)
        for one in ranked
        for spec, error in one.failed.items()
    ]
    report = Report.of(assessments, failures)
    publish(replace(report, leaderboards=tuple(one.board for one in ranked)), folder)


def _print(
    boards: Sequence[Leaderboard], judged: Sequence[Judged], margin: float, folder: Path | None
) -> None:
    from benchharness.cli.comparison_text import lines_of
    from benchharness.report.terminal import render_leaderboards
    from benchharness.report.wording import closing_path

    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = render_leaderboards(boards, width(), has_color(sys.stdout), encoding=encoding)
    write(text.rstrip("\n"))
    if judged:
        write()
        for line in lines_of(judged, (), margin):
            write(line)
    if folder is not None:
        write(f"report: {closing_path(folder)}")
