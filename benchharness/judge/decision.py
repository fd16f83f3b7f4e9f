"""Whether fine-tuning is worth it: recall@10's interval held against two thresholds."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchharness.data.origins import FIELD, LLM
from benchharness.judge.numbers import (
    TOLERANCE,
    format_count,
    format_interval,
    format_threshold,
    format_value,
)
from benchharness.judge.power import OUT_OF_REACH, queries_needed
from benchharness.judge.statistics import estimate
from benchharness.judge.verdict import Decision, Estimate

if TYPE_CHECKING:
    from benchharness.evaluation.result import Result
    from benchharness.suite import Thresholds

PLAIN = "recall@10"
CAPPED = "capped recall@10"
# Models behind a URL; see `models.registry`.
_ENDPOINTS = ("openai:", "tei:")
_ORIGINS = {
    "llm": "the queries were written by an LLM, not by users",
    "docstrings": "the queries are docstring sentences, not users' words",
}


def decide(
    result: Result,
    thresholds: Thresholds,
    evidence: Mapping[str, object] | None = None,
    floors: Sequence[float] = (),
) -> Decision:
    """The decision on fine-tuning the model of `result`, by the 95 % interval of its recall@10.

    The whole interval below `thresholds.tune` is "tune", above `thresholds.skip` "skip", between
    the two (ends included) "optional"; an interval that straddles a threshold is "undecided".
    Where the ceiling of recall@10 is below 1, capped recall (hits / min(10, relevant)) takes its
    place. A system that cannot be tuned keeps its outcome; the advice says what to do instead.

    evidence: what stands beside the number and is handed on: `bm25` (measure -> value of BM25 on
              the same queries, and its `description`), `tokens` (see `judge.vocabulary`). The
              thresholds are added to it. BM25 ahead of the model is said in `why`.
    floors:   of gates on recall@10; the sentence prints the number on its side of each.
    """
    measure, found = _measured(result)
    outcome, straddled = _outcome(found, thresholds)
    needed = _needed(found, straddled)
    trainable = result.trainable
    why = _why(measure, found, outcome, straddled, thresholds, floors, trainable=trainable)
    why += _remarks(result, evidence or {}, measure, found)
    advice = _ADVICE[outcome] if trainable else _instead(result.model, outcome)
    if outcome == "undecided":
        advice = f"{_reach(needed, straddled)}; {advice}"
    used = {"tune": thresholds.tune, "skip": thresholds.skip}
    return Decision(
        outcome=outcome,
        why=why,
        measure=measure,
        estimate=found,
        trainable=trainable,
        queries_needed=needed,
        advice=advice,
        evidence={**_plain_mapping(evidence or {}), "thresholds": used},
    )


# What an outcome says of a system whose weights can be trained.
_FOLLOWS = {
    "tune": "fine-tuning is worth it",
    "skip": "fine-tuning would hardly pay",
    "optional": "fine-tuning may pay",
}
_ADVICE = {
    "tune": "fine-tune on queries and documents of this domain, judged out of fold with 5 folds",
    "optional": "look closer before you pay for it: a pilot with 5 folds shows what it would gain",
    "skip": "keep the model; a gate holds the level",
    "undecided": "measure all labelled queries and tune with 5 folds, judged out of fold",
}


def _measured(result: Result) -> tuple[str, Estimate]:
    """What is held against the thresholds: recall@10, or capped recall below a ceiling of 1."""
    ceiling = result.ceilings.get(PLAIN, 1.0)
    if ceiling < 1 - TOLERANCE:
        return CAPPED, estimate(result.capped_recall)
    return PLAIN, estimate(result.values[PLAIN], ceiling)


def _outcome(found: Estimate, thresholds: Thresholds) -> tuple[str, list[float]]:
    """The outcome, and the thresholds inside the interval, nearest to the value first."""
    low, high = found.ci95
    if high < thresholds.tune:
        return "tune", []
    if low > thresholds.skip:
        return "skip", []
    if low >= thresholds.tune and high <= thresholds.skip:
        return "optional", []
    ends = dict.fromkeys((thresholds.tune, thresholds.skip))
    straddled = [end for end in ends if low <= end <= high]
    return "undecided", sorted(straddled, key=lambda end: abs(end - found.value))


def _needed(found: Estimate, straddled: Sequence[float]) -> int | None:
    """Queries that would decide; None where decided, or where no reachable number would."""
    if not straddled:
        return None
    # The nearest threshold is the hardest: what leaves it has left the other one too.
    needed = queries_needed(found.n, *found.ci95, found.value, straddled[0])
    return needed if needed is not None and needed <= OUT_OF_REACH * found.n else None


def _why(
    measure: str,
    found: Estimate,
    outcome: str,
    straddled: Sequence[float],
    thresholds: Thresholds,
    floors: Sequence[float],
    *,
    trainable: bool,
) -> str:
    if not math.isfinite(found.value):
        return f"{measure} is not a number"
    ends = (thresholds.tune, thresholds.skip)
    against = (*ends, *floors)
    shown = f"{format_value(found.value, against)} {format_interval(found.ci95, against)}"
    tune, skip = (format_threshold(end) for end in ends)
    place = {
        "tune": f"lies below {tune}",
        "skip": f"lies above {skip}",
        "optional": f"lies between {tune} and {skip}",
        "undecided": "reaches across " + " and ".join(map(format_threshold, sorted(straddled))),
    }
    queries = format_count(found.n, "query", "queries")
    follows = f": {_FOLLOWS[outcome]}" if trainable and outcome in _FOLLOWS else ""
    return f"{measure} {shown} on {queries} {place[outcome]}{follows}"


def _remarks(result: Result, evidence: Mapping[str, object], measure: str, found: Estimate) -> str:
    """What a reader must know beside the number, each after a semicolon."""
    remarks = []
    if measure == CAPPED:
        ceiling = format_value(result.ceilings[PLAIN], against=(1.0,))
        remarks.append(f"capped, because no ranker gets beyond {PLAIN} {ceiling} here")
    if result.query_origin == LLM:
        remarks.append(_written(result))
    if result.limit is not None:
        remarks.append(f"only {format_count(found.n, 'query', 'queries')} measured, by a limit")
    ahead = _bm25_ahead(result, evidence, measure, found)
    if ahead:
        remarks.append(ahead)
    return "".join(f"; {remark}" for remark in remarks)


def _written(result: Result) -> str:
    """That a language model wrote the queries, or how many of them where users asked others."""
    n = len(result.query_ids)
    written = sum(fact.groups.get(FIELD) == LLM for fact in result.facts)
    if 0 < written < n:
        return f"it rests on {written:,} of {n:,} queries written by an LLM, not by users"
    return "it rests on queries written by an LLM, not by users"


def _bm25_ahead(
    result: Result, evidence: Mapping[str, object], measure: str, found: Estimate
) -> str:
    """That BM25 beats the model, by what decides, or by recall@10 where BM25 knows only that."""
    bm25 = evidence.get("bm25")
    if not isinstance(bm25, Mapping):
        return ""
    name = measure if measure in bm25 else PLAIN
    rival = bm25.get(name)
    model = found.value if name == measure else estimate(result.values[PLAIN]).value
    if not isinstance(rival, int | float) or not rival > model + TOLERANCE:
        return ""
    shown = format_value(rival, against=(model,)), format_value(model, against=(rival,))
    return f"BM25 is ahead of this model, {name} {shown[0]} against {shown[1]}"


def _reach(needed: int | None, straddled: Sequence[float]) -> str:
    if not straddled:
        return "nothing to hold against the thresholds"
    threshold = format_threshold(straddled[0])
    if needed is None:
        return f"not with this suite: the value is too near {threshold} to be told from it"
    return f"about {format_count(_rough(needed))} judged queries would tell it from {threshold}"


def _rough(number: int) -> int:
    """The number rounded up to two significant digits: the estimate is no better than that."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def _instead(model: str, outcome: str) -> str:
    """What to do with a system whose weights are out of reach."""
    if _is_bm25(model):
        return "BM25 has nothing to tune: it is the bar that a model has to clear"
    if outcome == "skip":
        return "keep the model; its weights could not be tuned anyway"
    if model.startswith(_ENDPOINTS):
        return (
            "its weights are out of reach: distil it into a local model, which learns from its "
            "vectors, and measure that: benchharness tune --suite NAME --model LOCAL --teacher "
            f"{shlex.quote(model)}"
        )
    return (
        "its weights cannot be tuned here: distil it, training an open model on what it "
        "retrieves, and measure that"
    )


def _is_bm25(model: str) -> bool:
    return model.partition("@")[0] == "bm25"


def _plain_mapping(evidence: Mapping[str, object]) -> dict[str, object]:
    return {str(name): _plain(value) for name, value in evidence.items()}


def _plain(value: object) -> object:
    """The value in lists and dicts, as JSON gives it back: written and read, it stays equal."""
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value
