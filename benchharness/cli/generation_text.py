"""What `benchharness generate` tells: what it will ask at what cost, and what came of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from benchharness.cli.output import table_lines
from benchharness.cli.spending import left_out_line, usd

if TYPE_CHECKING:
    from benchharness.llm.spending import Limits
    from benchharness.pairs.written.plan import Plan
    from benchharness.pairs.written.run import Written

AGAIN = "type the same command again: what was answered is not paid twice"
_MARGIN = 1.1  # of the estimate, in a limit that is proposed
_REMOVED_SHOWN = 1  # examples of each rule on the terminal; the report has more


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
    answered = len(plan.chosen.rows) - len(plan.open_rows) - len(plan.left_out)
    if answered:
        yield f"  answered before: {answered:,}, for {plan.spent.tokens:,} tokens"
    if len(plan.left_out):
        yield (
            f"  left out: {len(plan.left_out):,}, asked when an earlier run was killed and perhaps "
            "charged; --ask-again asks about them"
        )
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
        yield f"  cost: at most {usd(expected.cost)}{half}"
    if limits is not None:
        most = f"{limits.tokens:,} tokens" if limits.cost is None else usd(limits.cost)
        yield f"  limit: {most}, earlier runs in this folder included"


def dry_account(plan: Plan) -> dict[str, Any]:
    """What --dry-run tells with --json."""
    from benchharness.pairs.written.account import estimate_account, passages_account

    return {
        "dry_run": True,
        "passages": passages_account(plan),
        "to_ask": len(plan.open_rows),
        "left_out": len(plan.left_out),
        "estimate": estimate_account(plan.estimate),
    }


def lines_of(written: Written, limits: Limits) -> Iterator[str]:
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
    yield f"  paid in all: {spent:,} tokens" + ("" if cost is None else f", {usd(cost)}")
    if lost := report["llm"]["lost_requests"]:
        yield (
            f"  on their way when a run was killed, and perhaps charged: "
            f"{format_count(lost, 'request')}, at most {report['llm']['lost_tokens_at_most']:,} "
            "tokens; they count against the limit"
        )
    yield from left_out_lines(written)
    if written.left:
        left = format_count(written.left, "passage")
        why = f": {written.stopped}" if written.stopped else ""
        yield f"stopped with {left} left{why}"
        yield f"  -> {_remedy(limits) if written.stopped else AGAIN}"
    yield f"{written.out}"
    if report["evaluation"] is not None:
        yield f"{report['evaluation']['folder']}"
    yield f"{written.folder / 'report.json'}"


def left_out_lines(written: Written) -> Iterator[str]:
    """One line where passages are left out since a run was killed while it asked about them."""
    if written.left_out:
        out = written.report["left_out"]
        cost, tokens = out["cost_at_most"], f"{out['tokens_at_most']:,} tokens"
        yield left_out_line(written.left_out, "passage", tokens if cost is None else usd(cost))


def _remedy(limits: Limits) -> str:
    if limits.cost is None and limits.tokens is None:
        return AGAIN
    option = "--max-tokens" if limits.cost is None else "--max-cost"
    return f"type the same command with a higher {option}: what was answered is not paid twice"


def remedy_for_nothing(written: Written, limits: Limits) -> str:
    """What to do where no pair is left."""
    if written.left:
        return _remedy(limits)
    again = "; ".join(left_out_lines(written))
    return again or "look at what was removed, and why"


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


def limit_for(plan: Plan) -> str:
    """The option with a limit that all requests fit into: the last is reserved at its worst."""
    expected, largest, spent = plan.estimate, plan.largest, plan.spent + plan.lost.usage
    if plan.price is None or expected.cost is None:
        read = expected.input_tokens * (1 + (expected.spread or 0.0))
        tokens = spent.tokens + _MARGIN * (read + expected.output_tokens) + largest.tokens
        return f"--max-tokens {math.ceil(tokens)}"
    cost = (
        plan.price.cost(spent)
        + _MARGIN * expected.cost
        + plan.price.cost(largest, batch=plan.batch)
    )
    return f"--max-cost {math.ceil(100 * cost) / 100:.2f}"
