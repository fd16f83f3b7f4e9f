"""`benchharness generate`: queries for a corpus, with the cost told before anything is paid."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli import PASS
from benchharness.cli.generation_text import (
    AGAIN,
    dry_account,
    estimate_lines,
    left_out_lines,
    limit_for,
    lines_of,
    remedy_for_nothing,
)
from benchharness.cli.output import progress, tell, write, write_json
from benchharness.cli.spending import check_llm, limits_of, stopping_cleanly
from benchharness.cli.task import Task, check_specs, suite_tasks
from benchharness.errors import DataError, UsageError

if TYPE_CHECKING:
    from benchharness.llm.model import LanguageModel
    from benchharness.llm.spending import Limits
    from benchharness.models.encoder import Encoder
    from benchharness.pairs.written.corpora import Corpus
    from benchharness.pairs.written.plan import Plan
    from benchharness.pairs.written.run import Written
    from benchharness.pairs.written.setting import Setting
    from benchharness.progress import Listener

DEFAULT_OUT = ".benchharness/generate"


def generate(arguments: argparse.Namespace) -> int:
    """0 where the pairs were written, or the estimate was asked for alone."""
    wish = _Wish.of(arguments)
    check_llm(wish.llm)  # before minutes are spent on a large corpus
    with progress(quiet=arguments.quiet) as listener:
        plan = _plan(arguments, wish, listener)
    # With --json, stdout is the report's alone.
    if not (arguments.json and arguments.dry_run):
        say = tell if arguments.json else write
        for line in estimate_lines(plan, wish.limits if wish.is_limited else None):
            say(line)
        sys.stdout.flush()
    if arguments.dry_run:
        if arguments.json:
            write_json(dry_account(plan))
        return PASS
    wish.need_limits(plan)
    try:
        with stopping_cleanly(), progress(quiet=arguments.quiet) as listener:
            written = _written(arguments, wish, plan, listener)
    except KeyboardInterrupt:
        sys.stderr.write(f"\nevery answer is kept; {AGAIN}")
        raise
    if not arguments.json:
        for line in lines_of(written, wish.limits):
            write(line)
    else:
        for line in left_out_lines(written):
            tell(f"benchharness: {line}")
        if written.pairs:
            write_json(written.report)
    if not written.pairs:
        raise DataError(
            "no query is left",
            where=str(written.folder / "report.json"),
            remedy=remedy_for_nothing(written, wish.limits),
        )
    return PASS


@dataclass(frozen=True)
class _Wish:
    """What the arguments ask for, checked before anything is read or asked."""

    llm: LanguageModel
    encoder: Encoder
    setting: Setting
    task: Task | None
    out: Path
    evaluation: Path | None
    limits: Limits

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> _Wish:
        from benchharness.llm.registry import open_llm
        from benchharness.pairs.written.plan import check_places

        if (arguments.corpus is None) == (arguments.suite is None):
            raise UsageError(
                "say for which corpus", remedy="name a CORPUS such as beir:DIR, or --suite NAME"
            )
        if arguments.with_test_documents and arguments.suite is None:
            raise UsageError(
                "--with-test-documents belongs to --suite", remedy="leave it out: nothing is held"
            )
        limits = limits_of(arguments)
        for name, least in (("concurrency", 1), ("poll_seconds", 0)):
            if not getattr(arguments, name) >= least:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(
                    f"{option} is {getattr(arguments, name)}", remedy=f"it is a number from {least}"
                )
        setting = _setting(arguments)
        task = None if arguments.suite is None else _task(arguments.suite)
        out = Path(arguments.out or _default_out(arguments.corpus, task))
        evaluation = None if arguments.eval is None else Path(arguments.eval)
        check_places(out, evaluation)
        llm = open_llm(arguments.llm)
        if arguments.batch:
            _need_batches(llm)
        encoder = _encoder(arguments.model, task)
        setting.capacity(encoder)
        return cls(llm, encoder, setting, task, out, evaluation, limits)

    @property
    def is_limited(self) -> bool:
        return self.limits.cost is not None or self.limits.tokens is not None

    def need_limits(self, plan: Plan) -> None:
        """Raises UsageError where no limit is stated and something would be paid."""
        if self.is_limited or not len(plan.open_rows):
            return
        advice = f"add {limit_for(plan)}"
        if plan.price is None:
            advice += ", or --price IN/OUT with --max-cost USD"
        raise UsageError(
            "nothing was asked: a run that pays needs a limit",
            remedy=f"{advice}; --dry-run prints the estimate alone",
        )


def _setting(arguments: argparse.Namespace) -> Setting:
    from benchharness.pairs.written.setting import Setting

    return Setting(
        types=tuple(name.strip() for name in arguments.types.split(",") if name.strip()),
        queries=arguments.queries,
        passage_tokens=arguments.passage_tokens,
        overlap=arguments.overlap,
        min_words=arguments.min_words,
        passages=arguments.passages,
        round_trip=arguments.round_trip,
        answer_tokens=arguments.answer_tokens,
        with_test_documents=arguments.with_test_documents,
        seed=arguments.seed,
    )


def _task(name_or_file: str) -> Task:
    tasks = suite_tasks(name_or_file)
    if len(tasks) > 1:
        names = ", ".join(task.suite.name for task in tasks)
        raise UsageError(f"{len(tasks)} suites: {names}", remedy="name one with --suite")
    return tasks[0]


def _default_out(corpus: str | None, task: Task | None) -> str:
    name = task.suite.name if task is not None else re.sub(r"[^\w.-]+", "-", str(corpus)).strip("-")
    return f"{DEFAULT_OUT}/{name or 'corpus'}.jsonl"


def _need_batches(llm: LanguageModel) -> None:
    from benchharness.llm.batch import BatchModel

    if not isinstance(llm, BatchModel):
        raise UsageError(
            "this service takes no batches", where=llm.spec, remedy="leave --batch out"
        )


def _encoder(spec: str | None, task: Task | None) -> Encoder:
    """The model to be trained. Raises UsageError where none is named that encodes."""
    from benchharness.models.encoder import is_encoder
    from benchharness.models.registry import open_model

    base = Path.cwd() if task is None else task.base
    candidates = [spec] if spec is not None else [] if task is None else list(task.models)
    check_specs(candidates)
    for candidate in candidates:
        system = open_model(candidate, base)
        if is_encoder(system):
            return system
    if not candidates:
        raise UsageError(
            "say which model is to be trained: it counts tokens and must find the passages again",
            remedy="add --model minilm, or another spec",
        )
    raise UsageError(
        f"{', '.join(candidates)} encodes nothing, so it cannot be trained",
        remedy="add --model minilm, or another model that turns texts into vectors",
    )


def _plan(arguments: argparse.Namespace, wish: _Wish, listener: Listener) -> Plan:
    from benchharness.pairs.written.plan import plan_queries

    return plan_queries(
        _corpus(arguments, wish.task, listener), wish.encoder, wish.llm, wish.setting, wish.out,
        price=wish.limits.price, batch=arguments.batch, ask_again=arguments.ask_again,
        listener=listener,
    )  # fmt: skip


def _corpus(arguments: argparse.Namespace, task: Task | None, listener: Listener) -> Corpus:
    from benchharness.pairs.written.corpora import corpus_of_suite, open_corpus
    from benchharness.progress import Step

    if task is None:
        listener(Step("read the corpus", 0, 0))
        return open_corpus(arguments.corpus, Path.cwd())
    from benchharness.judge.bench import Bench

    data = Bench(listener=listener).dataset(task.suite.dataset, task.base)
    return corpus_of_suite(task.suite.name, data)


def _written(arguments: argparse.Namespace, wish: _Wish, plan: Plan, listener: Listener) -> Written:
    from benchharness.models.cache import EmbeddingCache, default_cache_folder
    from benchharness.pairs.written.run import write_queries

    return write_queries(
        plan, wish.llm, wish.limits, cache=EmbeddingCache(default_cache_folder()),
        evaluation=wish.evaluation, concurrency=arguments.concurrency,
        poll_seconds=arguments.poll_seconds, listener=listener,
    )  # fmt: skip
