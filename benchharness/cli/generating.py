"""`benchharness generate`: queries for a corpus, with the cost told before anything is paid."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.cli import PASS
from benchharness.cli.output import progress, table_lines, tell, write, write_json
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
_MARGIN = 1.1  # of the estimate, in a limit that is proposed
_REMOVED_SHOWN = 1  # examples of each rule on the terminal; the report has more


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
            write_json(_dry_account(plan))
        return PASS
    wish.need_limits(plan)
    try:
        with stopping_cleanly(), progress(quiet=arguments.quiet) as listener:
            written = _written(arguments, wish, plan, listener)
    except KeyboardInterrupt:
        sys.stderr.write(f"\nevery answer is kept; {_AGAIN}")
        raise
    if not arguments.json:
        for line in lines_of(written, wish):
            write(line)
    elif written.pairs:
        write_json(written.report)
    if not written.pairs:
        raise DataError(
            "no query is left", where=str(written.folder / "report.json"),
            remedy=_stopped_remedy(wish) if written.left else "look at what was removed, and why",
        )  # fmt: skip
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
        advice = f"add {_limit_for(plan)}"
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
        price=wish.limits.price, batch=arguments.batch, listener=listener,
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


# --- what is printed ----------------------------------------------------------------------------


def estimate_lines(plan: Plan, limits: Limits | None) -> Iterator[str]:
    """What is told before anything is paid: passages, tokens, and at most how much."""
    from benchharness.judge.numbers import format_count
    from benchharness.pairs.written.account import passages_account

    passages, expected = plan.passages, plan.estimate
    documents = format_count(len(passages.documents), "document")
    yield (
        f"{plan.corpus.name}: {documents}, {format_count(len(passages), 'passage')} of at most "
        f"{plan.capacity} tokens of {plan.encoder.spec}"
    )
    account = passages_account(plan)
    reasons = (
        ("too_short", f"with under {plan.setting.min_words} words"),
        ("of_test_documents", "of documents that are relevant to test queries, or copies"),
        ("repeated", "with the text of another"),
        ("not_sampled", "beyond the number asked for"),
    )
    for name, words in reasons:
        if account[name]:
            yield f"  not asked about: {account[name]:,} {words}"
    answered = len(plan.chosen.rows) - len(plan.open_rows)
    if answered:
        yield f"  answered before: {answered:,}, for {plan.spent.tokens:,} tokens"
    queries = len(plan.open_rows) * plan.setting.queries
    asked = format_count(len(plan.open_rows), "passage")
    yield f"  to ask: {asked}, {format_count(queries, 'query', 'queries')}"
    spread = "" if not expected.spread else f" (give or take {100 * expected.spread:.1f} %)"
    rough = " by their length, since the service cannot count" if expected.is_rough else ""
    yield (
        f"  estimate: {expected.input_tokens:,} tokens to read{spread}{rough}, at most "
        f"{expected.output_tokens:,} to write"
    )
    if expected.cost is not None:
        half = ", in batches for half the price" if plan.batch else ""
        yield f"  cost: at most {_usd(expected.cost)}{half}"
    if limits is not None:
        most = f"{limits.tokens:,} tokens" if limits.cost is None else _usd(limits.cost)
        yield f"  limit: {most}, earlier runs in this folder included"


def _dry_account(plan: Plan) -> dict[str, Any]:
    from benchharness.pairs.written.account import estimate_account, passages_account

    return {
        "dry_run": True,
        "passages": passages_account(plan),
        "to_ask": len(plan.open_rows),
        "estimate": estimate_account(plan.estimate),
    }


def lines_of(written: Written, wish: _Wish) -> Iterator[str]:
    """What the command prints at its end: what came of it, what was removed, where it is."""
    from benchharness.judge.numbers import format_count, format_share

    report = written.report
    number = report["queries"]["written"]
    yield ""
    pairs = format_count(written.pairs, "pair")
    yield f"{pairs}: {format_share(written.pairs, number)} of {number:,} queries stay"
    yield from _answer_lines(report)
    rows = _removed_rows(report)
    if rows:
        yield from table_lines(("removed", "queries", "such as"), rows)
    trip = report["round_trip"]
    if trip is not None:
        found = ", ".join(f"rank {one['bucket']}: {one['queries']:,}" for one in trip["ranks"])
        yield f"  {trip['model']} finds the passage at {found}"
        yield f"  caution: {trip['caution']}"
    overlap = report["word_overlap"]["mean"]
    if overlap is not None:
        yield f"  words of a query that its passage has: {100 * overlap:.1f} %"
    cost = report["llm"]["cost"]
    spent = report["llm"]["usage"]["input_tokens"] + report["llm"]["usage"]["output_tokens"]
    yield f"  paid in all: {spent:,} tokens" + ("" if cost is None else f", {_usd(cost)}")
    if lost := report["llm"]["lost_requests"]:
        yield (
            f"  on their way when a run was killed, and perhaps charged: "
            f"{format_count(lost, 'request')}, at most {report['llm']['lost_tokens_at_most']:,} "
            "tokens; they count against the limit"
        )
    if written.left:
        left = format_count(written.left, "passage")
        why = f": {written.stopped}" if written.stopped else ""
        yield f"stopped with {left} left{why}"
        yield f"  -> {_stopped_remedy(wish) if written.stopped else _AGAIN}"
    yield f"{written.out}"
    if report["evaluation"] is not None:
        yield f"{report['evaluation']['folder']}"
    yield f"{written.folder / 'report.json'}"


_AGAIN = "type the same command again: what was answered is not paid twice"


def _stopped_remedy(wish: _Wish) -> str:
    if not wish.is_limited:
        return _AGAIN
    option = "--max-tokens" if wish.limits.cost is None else "--max-cost"
    return f"type the same command with a higher {option}: what was answered is not paid twice"


def _answer_lines(report: Mapping[str, Any]) -> Iterator[str]:
    from benchharness.judge.numbers import format_count

    answers, queries = report["answers"], report["queries"]
    bad = {name: answers[name] for name in ("refused", "truncated", "malformed", "rejected",
           "expired", "failed") if answers[name]}  # fmt: skip
    if bad:
        yield "  without queries: " + ", ".join(f"{count:,} {name}" for name, count in bad.items())
    if queries["answers_with_fewer"] or queries["answers_with_more"]:
        dropped = format_count(queries["dropped_beyond_number"], "query", "queries")
        yield (
            f"  answers with fewer queries than asked for: {queries['answers_with_fewer']:,}, "
            f"with more: {queries['answers_with_more']:,} ({dropped} dropped)"
        )


def _removed_rows(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (
            reason,
            f"{one['queries']:,}",
            "; ".join(_quoted(example["query"]) for example in one["examples"][:_REMOVED_SHOWN]),
        )
        for reason, one in report["removed"].items()
        if one["queries"]
    ]


def _quoted(query: str) -> str:
    shown = query if len(query) <= 60 else f"{query[:59]}…"
    # A control character of a text that nobody has read must not reach the terminal.
    return json.dumps(shown, ensure_ascii=False) if shown.isprintable() else json.dumps(shown)


def _limit_for(plan: Plan) -> str:
    """The option with a limit that all requests fit into: the last is reserved at its worst."""
    expected, largest = plan.estimate, plan.largest
    if plan.price is None or expected.cost is None:
        read = expected.input_tokens * (1 + (expected.spread or 0.0))
        tokens = plan.spent.tokens + _MARGIN * (read + expected.output_tokens) + largest.tokens
        return f"--max-tokens {math.ceil(tokens)}"
    spent = plan.price.cost(plan.spent)
    cost = spent + _MARGIN * expected.cost + plan.price.cost(largest, batch=plan.batch)
    return f"--max-cost {math.ceil(100 * cost) / 100:.2f}"


def _usd(amount: float) -> str:
    return f"{amount:.2f} USD" if amount >= 0.995 or not amount else f"{amount:.4f} USD"
