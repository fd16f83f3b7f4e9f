"""The account of a run: what was asked, answered, removed and kept, as the report has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchharness.data.origins import word_overlap
from benchharness.llm.asking import Asked
from benchharness.llm.journal import Journal
from benchharness.llm.model import Usage
from benchharness.llm.spending import Estimate
from benchharness.pairs.written.drafts import Drafts
from benchharness.pairs.written.outputs import walk
from benchharness.pairs.written.plan import Plan
from benchharness.pairs.written.sieve import Sieved, by_type

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA_VERSION = 1
CAUTION = (
    "the round trip also removes what the model cannot find yet and should learn; keep it "
    "generous, and look at the examples"
)


def account_of(
    plan: Plan, drafts: Drafts, sieved: Sieved, journal: Journal, asked: Asked
) -> dict[str, Any]:
    """The report's content, but for what is known of the files only."""
    kept = sieved.kept
    removed = sieved.account(drafts, plan.passages, plan.setting)
    return {
        "schema": SCHEMA_VERSION,
        "pairs": len(kept),
        "complete": drafts.unanswered == 0,
        "stopped": asked.stopped,
        "corpus": {
            "name": plan.corpus.name,
            "documents": len(plan.corpus.documents),
            "fingerprint": plan.corpus.documents.fingerprint,
            "without_text": plan.passages.blank,
            "test_queries": len(plan.corpus.test_queries),
            "test_documents": len(plan.corpus.test_documents),
        },
        "passages": passages_account(plan),
        "llm": _llm_account(plan, journal, asked),
        "left_out": _left_out_account(plan, drafts),
        "answers": {**_all_outcomes(drafts), "passages_left": drafts.unanswered},
        "queries": {
            "wanted": drafts.wanted,
            "written": len(drafts),
            "answers_with_fewer": drafts.short,
            "answers_with_more": drafts.long,
            "dropped_beyond_number": drafts.beyond,
            "of_other_types": drafts.other_types,
            "by_type": by_type(drafts.types, plan.setting),
        },
        "removed": {reason: asdict(one) for reason, one in removed.items()},
        "kept": {"queries": len(kept), "by_type": by_type(drafts.types[kept], plan.setting)},
        "round_trip": _round_trip_account(plan, sieved),
        "word_overlap": _overlap_account(plan, drafts, kept),
        "setting": asdict(plan.setting),
    }


def estimate_account(expected: Estimate) -> dict[str, Any]:
    """The estimate as JSON has it."""
    return asdict(expected)


def passages_account(plan: Plan) -> dict[str, Any]:
    """How many passages there are, and why some are not asked about."""
    passages, chosen = plan.passages, plan.chosen
    return {
        "all": len(passages),
        "whole_documents": int(passages.is_whole.sum()),
        "asked_about": len(chosen.rows),
        "too_short": chosen.short,
        "of_test_documents": chosen.of_tests,
        "repeated": chosen.repeated,
        "not_sampled": chosen.unsampled,
        "tokens_at_most": plan.capacity,
        "counted_by": plan.encoder.spec,
        "overlap": plan.setting.overlap,
    }


def _llm_account(plan: Plan, journal: Journal, asked: Asked) -> dict[str, Any]:
    price, usage, batched = plan.price, journal.usage, journal.batch_usage
    cost = None
    if price is not None:
        # The part of the batches is in the whole at full price first.
        cost = price.cost(usage) - price.cost(batched) + price.cost(batched, batch=True)
    return {
        "spec": plan.identity["llm"],
        "prompt": plan.prompt.version,
        "usage": asdict(usage),
        "usage_in_batches": asdict(batched),
        "cost": cost,
        "price": None if price is None else asdict(price),
        "lost_requests": asked.lost.count,
        "lost_tokens_at_most": asked.lost.usage.tokens,
    }


def _left_out_account(plan: Plan, drafts: Drafts) -> dict[str, Any]:
    """The passages that were asked when a run was killed, and what it costs to ask them again."""
    most = sum(drafts.left_out.values(), Usage())
    return {
        "passages": len(drafts.left_out),
        "names": plan.passages.names(list(drafts.left_out)),
        "tokens_at_most": most.tokens,
        "cost_at_most": None if plan.price is None else plan.price.cost(most, batch=plan.batch),
    }


def _all_outcomes(drafts: Drafts) -> Mapping[str, int]:
    names = ("ok", "refused", "truncated", "malformed", "rejected", "expired", "failed",
             "unanswered", "left_out")  # fmt: skip
    return {name: drafts.outcomes.get(name, 0) for name in names}


def _round_trip_account(plan: Plan, sieved: Sieved) -> dict[str, Any] | None:
    if not plan.setting.round_trip:
        return None
    return {
        "k": plan.setting.round_trip,
        "model": plan.encoder.spec,
        "fingerprint": plan.encoder.fingerprint,
        "ranks": [asdict(one) for one in sieved.ranks],
        "caution": CAUTION,
    }


def _overlap_account(plan: Plan, drafts: Drafts, kept: NDArray[np.int64]) -> dict[str, Any]:
    """Share of a query's words that stand in its passage: the mean, and by type; None without."""
    sums: dict[str, list[float]] = {name: [0.0, 0.0] for name in plan.setting.types}
    for query, kind, passage, _ in walk(plan, drafts, kept):
        sums[kind][0] += word_overlap(query, passage.text)
        sums[kind][1] += 1
    number = sum(count for _, count in sums.values())
    total = math.fsum(share for share, _ in sums.values())
    return {
        "mean": total / number if number else None,
        "by_type": {
            kind: share / count if count else None for kind, (share, count) in sums.items()
        },
    }
