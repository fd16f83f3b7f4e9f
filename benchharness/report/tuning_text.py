"""The sentences on a fine-tuning that every renderer prints, as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchharness.judge.numbers import (
    format_count,
    format_delta,
    format_duration,
    format_interval,
    format_move,
    format_value,
)
from benchharness.pairs.leaks import EXAMPLE
from benchharness.train.tuning import Training, Tuning, Versus
from benchharness.train.verdicts import MARGIN

# How many examples of what both sides share are shown; verdict.json has all.
_SHOWN_EXAMPLES = 2
HEAD = ("judged on", "measure", "base → tuned", "difference", "won / lost", "outcome")


def rows_of(tuning: Tuning) -> list[tuple[str, ...]]:
    """The table of a tuning: every pair of base and tuned values, the deciding ones first."""
    named = [("held-out queries", one) for one in _all(tuning.held_out, tuning.more_held_out)]
    named += [("out of fold", one) for one in _all(tuning.out_of_fold, tuning.more_out_of_fold)]
    named += [(f"out of fold, {source}", one) for source, one in tuning.by_source.items()]
    if tuning.pilot is not None:
        named.append(("pilot fold", tuning.pilot.versus))
    named += [(f"{dim} dimensions", one) for dim, one in tuning.dimensions.items()]
    if tuning.untouched is not None:
        named.append(("untouched queries", tuning.untouched))
    rows = [_row(name, one) for name, one in named]
    rows += [_row(f"guard {one.suite}", one.versus, one.margin) for one in tuning.guards]
    if tuning.accuracy is not None:
        found = tuning.accuracy
        gain = format_delta(found.tuned - found.base)
        move = format_move(found.base, found.tuned)
        rows.append((f"{format_count(found.n)} labelled texts", "accuracy", move, gain, "", ""))
    return rows


def _all(first: Versus | None, others: tuple[Versus, ...]) -> list[Versus]:
    return [one for one in (first, *others) if one is not None]


def _row(name: str, one: Versus, margin: float = MARGIN) -> tuple[str, ...]:
    """Numbers on their side of 0 and of the margin, which the outcome beside them rests on."""
    against = (0.0, -margin)
    delta = f"{format_delta(one.delta, against)} {format_interval(one.ci90, against)}"
    queries = f"{name} ({format_count(one.n)})"
    return queries, one.measure, format_move(one.base, one.tuned), delta, f"{one.won} / {one.lost}", one.outcome  # fmt: skip  # noqa: E501


def facts_of(tuning: Tuning) -> Iterator[str]:
    """Yields what a reader must know beside the table, a sentence each."""
    if tuning.sources:
        yield f"trained on {_sources(tuning)}"
    if tuning.note:
        yield f"folds answer for {tuning.note}"
    if any(training.name.startswith("fold") for training in tuning.trainings):
        yield _spread(tuning)
    examples = [line for line in tuning.leaks if line.startswith(EXAMPLE)]
    yield from (line for line in tuning.leaks if line not in examples[_SHOWN_EXAMPLES:])
    yield from tuning.remarks
    final = tuning.trainings[-1] if tuning.trainings else None
    if final is not None:
        yield _batch(final)
        if final.mining is not None:
            mined = final.mining
            yield (
                f"hard negatives by {mined.miner}: {mined.kept:.0%} of the wanted ones found, "
                f"{format_count(mined.filled)} filled with random documents; left out "
                f"{format_count(mined.removed_by_id)} relevant by id, "
                f"{format_count(mined.removed_by_text)} by text, "
                f"{format_count(mined.removed_by_margin)} too near a positive; "
                f"{len(mined.sample)} to be judged by a person: negatives.md"
            )
    yield from _diagnoses(tuning)
    if tuning.averaging:
        yield "averaged with the base: " + ", ".join(
            f"{one.alpha:g} of the tuned weights"
            + (f", dev {format_value(one.dev)}" if one.dev is not None else "")
            + (f", guard {format_value(one.guard)}" if one.guard is not None else "")
            for one in tuning.averaging
        )
        if final is not None:
            yield f"chosen was {final.alpha:g}"
    for guard in tuning.guards:
        if guard.remark:
            yield f"guard {guard.suite}: {guard.remark}"
    if tuning.minutes:
        yield f"took {format_duration(tuning.minutes * 60)}"


def _sources(tuning: Tuning) -> str:
    told = []
    for source in tuning.sources:
        kind = " (synthetic queries)" if source.synthetic else ""
        left = f" of {format_count(source.given)}" if source.given != source.used else ""
        pairs = format_count(source.used, "pair")
        told.append(f"{pairs}{left} from {source.name}{kind}")
    return ", ".join(told)


def _spread(tuning: Tuning) -> str:
    gains = [
        format_delta(one.tuned - one.base)
        for one in tuning.trainings
        if one.tuned is not None and one.base is not None
    ]
    kept = sum(one.best_share == 0 for one in tuning.trainings if one.name.startswith("fold"))
    base = f"; {format_count(kept)} of them kept the base model" if kept else ""
    return f"recall@10 by fold: {', '.join(gains)}{base}"


def _batch(training: Training) -> str:
    facts: Mapping[str, float] = training.facts
    candidates = int(facts.get("candidates", 0))
    batch = int(facts.get("batch_size", 0))
    shown = format_count(candidates - 1, "negative")
    return (
        f"batches of {format_count(batch)}: each query chose among its positive and {shown}; "
        f"{format_count(int(facts.get('rows_seen', 0)))} rows in "
        f"{format_count(int(facts.get('steps', 0)), 'step')}, kept at "
        f"{training.best_share:.0%} of the schedule"
    )


def _diagnoses(tuning: Tuning) -> Iterator[str]:
    """Each name once, with the evidence of the first training that shows it."""
    told: dict[str, list[str]] = {}
    for training in tuning.trainings:
        for one in training.diagnoses:
            told.setdefault(one.name, []).append(f"{training.name}: {one.evidence}")
    for name, evidence in told.items():
        if name == "healthy" and len(told) > 1:
            continue
        more = f" (and {len(evidence) - 1} more)" if len(evidence) > 1 and name != "healthy" else ""
        yield f"diagnosis: {name}" + ("" if name == "healthy" else f"; {evidence[0]}{more}")
