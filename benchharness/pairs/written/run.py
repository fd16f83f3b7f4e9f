"""From a plan to pairs: ask, read the answers, keep what passes, write. What is left behind:

    FILE.jsonl            the pairs
    FILE.run/
      answers.jsonl       every answer, as it came; what is in here is not paid for again
      answers.jsonl.asked what was sent; what has no answer is not sent again unless told to
      batches/            what is known of batches that were sent
      passages.jsonl      where the text of each hash stands
      report.json         the account

The journal is held throughout, so that two runs cannot work in one folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchharness.files import write_atomically
from benchharness.llm.asking import ask_all
from benchharness.llm.batching import ask_in_batches, refuse_open_batches
from benchharness.llm.journal import Journal
from benchharness.llm.model import LanguageModel
from benchharness.llm.spending import Limits
from benchharness.models.cache import EmbeddingCache
from benchharness.pairs.written.account import account_of
from benchharness.pairs.written.drafts import read_drafts
from benchharness.pairs.written.outputs import (
    prepare_folder,
    write_evaluation,
    write_pairs,
    write_report,
)
from benchharness.pairs.written.passages import index_lines
from benchharness.pairs.written.plan import BATCHES, INDEX, JOURNAL, Plan
from benchharness.pairs.written.sieve import sieve
from benchharness.progress import Listener, silent


@dataclass(frozen=True)
class Written:
    """What a run wrote.

    pairs:    how many. left: passages without an answer; the same plan asks about them again.
    left_out: passages that a run asked about which was killed; only a plan that asks again asks
              about them.
    stopped:  why it did not go on, such as a limit; empty where it did not stop.
    report:   the content of report.json.
    """

    out: Path
    folder: Path
    pairs: int
    left: int
    left_out: int
    stopped: str
    report: Mapping[str, Any]


def write_queries(
    plan: Plan,
    llm: LanguageModel,
    limits: Limits,
    *,
    cache: EmbeddingCache,
    evaluation: Path | None = None,
    concurrency: int = 8,
    poll_seconds: float = 60,
    listener: Listener = silent,
) -> Written:
    """What came of the plan; its pairs, report and, where named, evaluation set are written.

    Every answer is on disk before the next is asked for, and none is paid for twice: what was on
    its way when an earlier run was killed is left out, unless the plan asks again. At a limit
    nothing more is asked, and what was answered is written. The pairs are the same in
    whatever order the answers came, and, but for what is left out, however often it was killed.

    Raises UsageError where another process works in the run's folder or began another run in it,
    LLMError for what concerns every request, ModelError, DataError.
    """
    prepare_folder(plan)
    with Journal(plan.folder / JOURNAL, plan.identity) as journal:
        lines = index_lines(plan.passages, plan.chosen.rows)
        write_atomically(plan.folder / INDEX, lines)
        if plan.batch:
            asked = ask_in_batches(
                plan.requests(), llm, plan.prompt.schema, journal, limits,
                folder=plan.folder / BATCHES, poll_seconds=poll_seconds,
                ask_again=plan.ask_again, listener=listener,
            )  # fmt: skip
        else:
            refuse_open_batches(plan.folder / BATCHES, llm)
            asked = ask_all(
                plan.requests(), llm, plan.prompt.schema, journal, limits,
                concurrency=concurrency, ask_again=plan.ask_again, listener=listener,
            )  # fmt: skip
        drafts = read_drafts(
            journal, plan.passages, plan.chosen.rows, plan.setting, plan.prompt, listener,
            left_out=asked.left_out,
        )  # fmt: skip
        sieved = sieve(
            drafts, plan.passages, plan.corpus, plan.encoder, plan.setting, cache, listener
        )
        report = account_of(plan, drafts, sieved, journal, asked)
        report |= {"out": str(plan.out), "sha256": write_pairs(plan, drafts, sieved.kept, llm.spec)}
        report["evaluation"] = None
        write_report(plan, report)
        if evaluation is not None:
            report["evaluation"] = write_evaluation(plan, drafts, sieved.kept, evaluation)
            write_report(plan, report)
    return Written(
        plan.out, plan.folder, len(sieved.kept), drafts.unanswered, len(drafts.left_out),
        asked.stopped, report,
    )  # fmt: skip
