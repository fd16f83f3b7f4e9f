"""`benchharness digest`: themes among the lost queries of a report, by a language model."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli import PASS
from benchharness.cli.output import progress, tell, write, write_json
from benchharness.cli.spending import (
    check_llm,
    estimate_line,
    left_out_line,
    limits_of,
    need_limit,
    stopping_cleanly,
    usd,
)
from benchharness.errors import DataError, LLMError

if TYPE_CHECKING:
    from benchharness.judge.verdict import Change, Verdict
    from benchharness.llm.model import LanguageModel, Request, Usage
    from benchharness.llm.spending import Limits
    from benchharness.report.digest import Digest

# Answers that were paid for, by language model; asking again about the same texts costs nothing.
JOURNAL = "digest-{}.answers.jsonl"
_SENT_AT_ONCE = 4
_AGAIN = (
    "after a limit type the same command with a higher one; to ask once more about what was "
    "refused or cut off, remove that file and the one beside it that ends in .asked"
)


def digest(arguments: argparse.Namespace) -> int:
    """0 where the digest was printed; the report and its verdict stay as they are."""
    from benchharness.llm.registry import open_llm
    from benchharness.llm.spending import estimate
    from benchharness.report.digest import digest_lines, schema

    model, limits = open_llm(arguments.llm), limits_of(arguments)
    cases = _cases(Path(arguments.run))
    check_llm(model)
    requests = [request for _, _, request in cases]
    found = estimate(requests, model, schema(), limits.price)
    if arguments.dry_run:
        if arguments.json:
            write_json({"dry_run": True, "estimate": asdict(found)})
        else:
            write(estimate_line(found))
        return PASS
    tell(estimate_line(found))
    need_limit(limits, found, _most(requests) + _lost(arguments, model))
    digests, missing = _asked(arguments, cases, model, limits)
    if arguments.json:
        write_json([asdict(one) for one in digests])
    else:
        for one in digests:
            for line in digest_lines(one):
                write(line)
    if missing is not None:
        raise missing
    return PASS


def _cases(folder: Path) -> list[tuple[Verdict, tuple[Change, ...], Request]]:
    """Every comparison of the report that lost queries. Raises DataError where none did."""
    from benchharness.report.digest import lost_of, request_of
    from benchharness.report.verdict_file import read_report

    found = [
        (verdict, lost, request_of(lost, assessment.exhibit))
        for assessment in read_report(folder).assessments
        for verdict, lost in lost_of(assessment)
    ]
    if not found:
        raise DataError(
            "the report compares nothing, or lost no query whose text it keeps",
            where=str(folder),
            remedy="name the folder of a run whose regression gates lost queries",
        )
    return found


def _most(requests: list[Request]) -> Usage:
    from benchharness.llm.model import Usage
    from benchharness.llm.spending import worst_case
    from benchharness.report.digest import schema

    return sum((worst_case(request, schema()) for request in requests), Usage())


def _place(arguments: argparse.Namespace, model: LanguageModel) -> Path:
    digest = hashlib.sha256(model.spec.encode()).hexdigest()[:8]
    return Path(arguments.run) / JOURNAL.format(digest)


def _identity(model: LanguageModel) -> dict[str, str]:
    return {"kind": "digest", "llm": model.spec}


def _lost(arguments: argparse.Namespace, model: LanguageModel) -> Usage:
    """What runs that were killed may have spent here; it counts against the limit."""
    from benchharness.llm.in_flight import lost_of
    from benchharness.llm.journal import Journal
    from benchharness.llm.model import Usage

    place = _place(arguments, model)
    if not place.is_file():
        return Usage()
    with Journal(place, _identity(model)) as journal:
        return lost_of(journal).usage


def _asked(
    arguments: argparse.Namespace,
    cases: list[tuple[Verdict, tuple[Change, ...], Request]],
    model: LanguageModel,
    limits: Limits,
) -> tuple[list[Digest], LLMError | None]:
    """(the digests that there are, why others are missing)."""
    from benchharness.llm.asking import ask_all
    from benchharness.llm.journal import Journal
    from benchharness.report.digest import digest_of, schema

    place = _place(arguments, model)
    requests = [request for _, _, request in cases]
    found: list[Digest] = []
    left_out: list[Usage] = []
    missing = ""
    with (
        stopping_cleanly(),
        progress(quiet=arguments.quiet) as listener,
        Journal(place, _identity(model)) as journal,
    ):
        asked = ask_all(
            requests, model, schema(), journal, limits,
            concurrency=_SENT_AT_ONCE, ask_again=arguments.ask_again, listener=listener,
        )  # fmt: skip
        for verdict, lost, request in cases:
            answer = journal.answer(request.key)
            if answer is not None and answer.outcome == "ok":
                found.append(digest_of(answer, verdict, lost, model.spec))
            elif request.key in asked.left_out:
                left_out.append(asked.left_out[request.key])
            elif answer is not None:
                where = f"{verdict.suite} / {verdict.model}, {verdict.gate}"
                tell(f"{where}: {answer.outcome} {answer.detail}".rstrip())
                missing = f"a comparison has no digest; its answer stays in {place}"
    why = asked.stopped or missing
    if left_out:
        line = _left_out_line(left_out, limits)
        if not why:
            return found, LLMError(line, where=arguments.run, remedy="add --ask-again")
        tell(f"benchharness: {line}")
    return found, LLMError(why, where=arguments.run, remedy=_AGAIN) if why else None


def _left_out_line(left_out: list[Usage], limits: Limits) -> str:
    from benchharness.llm.model import Usage

    most = sum(left_out, Usage())
    tokens = f"{most.tokens:,} tokens"
    cost = tokens if limits.price is None else usd(limits.price.cost(most))
    return left_out_line(len(left_out), "comparison", cost)
