"""Two results held against each other, query by query: the outcomes of the regression gate.

Rules, in this order:

    stale         another corpus, text template or way of ranking, or fewer than 90 % of the
                  baseline's queries are there and judged in the same way
    identical     equal fingerprints and at most max(1, 0.2 %) of the queries flipped; more is
                  an error: the environment changes the numbers
    improved, pass, regressed, inconclusive
                  by the interval of the mean difference, see `judge.paired`
    stale         an outcome that would be worse if the queries that are gone had been lost
                  (an improvement may become a pass by that)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchharness.baseline.record import TOP, Baseline, short
from benchharness.evaluation.result import QueryFacts, Result
from benchharness.judge.numbers import TOLERANCE, format_count, format_share
from benchharness.judge.paired import Difference, difference, outcome_of, sign_flip_p
from benchharness.judge.power import minimum_detectable_effect
from benchharness.judge.verdict import Change, Comparison, Moved
from benchharness.measures import parse_measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

# Below this share of common queries nothing is compared.
COVERAGE = 0.9
# How many queries may flip under one fingerprint: near-ties that another machine breaks.
FLIP_SHARE = 0.002
# What an interval may say, from the best.
_FROM_BEST = ("improved", "pass", "inconclusive", "regressed")

Slice = tuple[str, str]


@dataclass(frozen=True)
class Compared:
    """A comparison with its outcome.

    found:    the interval that decided; None where nothing could be compared.
    ci90:     the 90 % interval whatever alpha is; None likewise.
    mde:      smallest true difference that as many queries, changing as these did, would show.
    why:      for "stale" and "error" what stands in the way; else empty.
    """

    outcome: str
    comparison: Comparison
    found: Difference | None = None
    ci90: tuple[float, float] | None = None
    mde: float | None = None
    why: str = ""


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The common queries: their ids, rows in the result, and values on both sides."""

    query_ids: tuple[str, ...]
    rows: tuple[int, ...]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    gone: NDArray[np.float64]  # baseline values of the queries that were removed or changed
    added: int
    removed: int
    changed: int


def compare(
    before: Baseline | Result,
    result: Result,
    measure: str = "recall@10",
    *,
    margin: float = 0.02,
    alpha: float = 0.05,
    within: Slice | None = None,
) -> Compared:
    """What became of a measure since the baseline; see the module's docstring for the rules.

    within: a slice of the queries, as (field, value) of their metadata. A query that the baseline
            knows belongs to the slice that it belonged to then.

    The bits of the result depend on neither the order of queries nor threads. Raises KeyError
    where one side has no such measure.
    """
    if isinstance(before, Result):
        before = Baseline.of(before, f"{before.model} on {before.suite}")
    pairs = _pairs(before, result, measure, within)
    base = _counts(before, result, measure, pairs)
    obstacle = _obstacle(before, result, measure, pairs)
    if obstacle:
        return Compared("stale", base, why=obstacle)
    found = difference(pairs.before, pairs.after, alpha)
    if not math.isfinite(found.delta):
        return Compared("error", base, why=f"a value of {measure} is not a number")
    comparison = _described(base, pairs, found, alpha, before, result, measure)
    compared = Compared(
        outcome_of(found, margin),
        comparison,
        found,
        found.interval if alpha == 0.05 else difference(pairs.before, pairs.after).interval,
        _mde(pairs, alpha),
    )
    if before.model == result.fingerprints.model:
        return _same_model(compared, margin)
    return _with_gone(compared, pairs, margin, alpha)


def flips_allowed(n: int) -> int:
    """How many of n queries may differ under one model fingerprint."""
    return max(1, math.floor(FLIP_SHARE * n))


def _pairs(before: Baseline, result: Result, measure: str, within: Slice | None) -> _Pairs:
    import numpy as np

    facts = result.facts or (QueryFacts(),) * len(result.query_ids)
    kept = [
        (row, query_id)
        for row, (query_id, old) in enumerate(before.queries.items())
        if _belongs(old.groups, within)
    ]
    rows_now = {query_id: row for row, query_id in enumerate(result.query_ids)}
    common, gone, removed = [], [], 0
    for row, query_id in kept:
        now = rows_now.get(query_id)
        if now is not None and _judged_alike(before.queries[query_id].digest, facts[now].digest):
            common.append((query_id, row, now))
        else:
            gone.append(row)
            removed += now is None
    added = sum(
        query_id not in before.queries and _belongs(fact.groups, within)
        for query_id, fact in zip(result.query_ids, facts, strict=True)
    )
    values = before.values[measure]
    rows = [now for _, _, now in common]
    return _Pairs(
        query_ids=tuple(query_id for query_id, _, _ in common),
        rows=tuple(rows),
        before=values[[row for _, row, _ in common]],
        after=np.asarray(result.values[measure], dtype=np.float64)[rows],
        gone=values[gone],
        added=added,
        removed=removed,
        changed=len(gone) - removed,
    )


def _judged_alike(before: str, after: str) -> bool:
    """Whether the query's text and judgments are the same; what nobody hashed is not."""
    return before == after != ""


def _belongs(groups: Mapping[str, str], within: Slice | None) -> bool:
    return within is None or groups.get(within[0]) == within[1]


def _counts(before: Baseline, result: Result, measure: str, pairs: _Pairs) -> Comparison:
    """The comparison as far as counting goes."""
    return Comparison(
        reference=before.place,
        measure=measure,
        before=_mean(pairs.before),
        after=_mean(pairs.after),
        n=len(pairs.query_ids),
        added=pairs.added,
        removed=pairs.removed,
        changed=pairs.changed,
        environment=_environment(before, result),
    )


def _obstacle(before: Baseline, result: Result, measure: str, pairs: _Pairs) -> str:
    """Why the two sides cannot be compared; empty where they can."""
    prints = result.fingerprints
    wanted = len(pairs.query_ids) + len(pairs.gone)
    present = format_count(len(pairs.query_ids))
    obstacles = {
        "the corpus is not the one that the baseline was measured on": (
            before.corpus != prints.corpus
        ),
        "documents are made into texts in another way than for the baseline": (
            before.template != prints.template
        ),
        "drop_same_id is not what it was for the baseline": (
            before.drop_same_id != result.drop_same_id
        ),
        f"{measure} sees {result.run.depth} documents, in the baseline {before.depth}": (
            parse_measure(measure).k is None and before.depth != result.run.depth
        ),
        f"only {present} of the baseline's {format_count(wanted, 'query', 'queries')} "
        f"({format_share(len(pairs.query_ids), wanted)}) are there and judged as before": (
            not pairs.query_ids or len(pairs.query_ids) < COVERAGE * wanted
        ),
    }
    return next((words for words, stands in obstacles.items() if stands), "")


def _same_model(compared: Compared, margin: float) -> Compared:
    comparison, found = compared.comparison, compared.found
    assert found is not None  # noqa: S101 -- narrows the type
    flips, allowed = found.won + found.lost, flips_allowed(found.n)
    if flips <= allowed and abs(found.delta) <= margin + TOLERANCE:
        return replace(compared, outcome="identical")
    shown = ", ".join(f"{name} {old} → {new}" for name, old, new in comparison.environment)
    queries = format_count(flips, "query", "queries")
    why = (
        f"the same model gives other values on {queries} of {format_count(found.n)} "
        f"(at most {allowed} may flip within the margin): the environment changes the numbers"
        f" ({shown or 'nothing that is recorded differs'})"
    )
    return replace(compared, outcome="error", why=why)


def _with_gone(compared: Compared, pairs: _Pairs, margin: float, alpha: float) -> Compared:
    """The outcome, or "stale" where it hangs on queries that were removed or changed.

    They count as lost: where that makes the outcome worse, nobody knows it. So no edit of the
    queries turns a regression into a pass, or into something that is not settled.
    """
    import numpy as np

    if not len(pairs.gone):
        return compared
    lost = difference(
        np.concatenate([pairs.before, pairs.gone]),
        np.concatenate([pairs.after, np.zeros(len(pairs.gone))]),
        alpha,
    )
    worst = outcome_of(lost, margin)
    if _FROM_BEST.index(worst) <= _FROM_BEST.index(compared.outcome):
        return compared
    if worst == "pass":
        return replace(compared, outcome="pass")
    gone = format_count(len(pairs.gone), "query", "queries")
    why = f"this hangs on {gone} of the baseline, removed or changed, that may have been lost"
    return replace(compared, outcome="stale", why=why)


def _described(
    base: Comparison,
    pairs: _Pairs,
    found: Difference,
    alpha: float,
    before: Baseline,
    result: Result,
    measure: str,
) -> Comparison:
    return replace(
        base,
        won=found.won,
        lost=found.lost,
        tied=found.tied,
        interval=found.interval,
        confidence=1 - 2 * alpha,
        method=found.method,
        p=sign_flip_p(pairs.after - pairs.before),
        changes=changes_of(pairs, before, result, measure),
    )


def changes_of(pairs: _Pairs, before: Baseline, result: Result, measure: str) -> tuple[Change, ...]:
    """Every query whose value changed, the worst loss first, then by query_id.

    A query is in the groups that it was in for the baseline, as it is where slices are cut.
    """
    facts = result.facts or (QueryFacts(),) * len(result.query_ids)
    k = parse_measure(measure).k or result.run.depth
    found = []
    for query_id, row, old, new in zip(
        pairs.query_ids, pairs.rows, pairs.before.tolist(), pairs.after.tolist(), strict=True
    ):
        if abs(new - old) <= TOLERANCE:
            continue
        kept = before.queries[query_id]
        cut = min(k, TOP)
        known = set(kept.top[:cut])
        found.append(
            Change(
                query_id,
                old,
                new,
                moved=_moved(kept.relevant, facts[row].relevant, k),
                newcomers=tuple(
                    doc_id for doc_id in result.run.doc_ids[row][:cut] if short(doc_id) not in known
                ),
                groups={**facts[row].groups, **kept.groups},
            )
        )
    return tuple(sorted(found, key=lambda one: (one.after - one.before, one.query_id)))


def _moved(before: Mapping[str, int], after: Mapping[str, int], k: int) -> tuple[Moved, ...]:
    """The relevant documents on one side of rank k before and on the other now."""

    def inside(rank: int | None) -> bool:
        return rank is not None and rank <= k

    found = [
        Moved(doc_id, before.get(doc_id), after.get(doc_id))
        for doc_id in before.keys() | after.keys()
        if inside(before.get(doc_id)) != inside(after.get(doc_id))
    ]
    return tuple(sorted(found, key=lambda one: (one.before or math.inf, one.doc_id)))


def _mde(pairs: _Pairs, alpha: float) -> float:
    """From the spread of the differences seen; one query's at least."""
    n = len(pairs.query_ids)
    squares = [(new - old) ** 2 for old, new in zip(pairs.before, pairs.after, strict=True)]
    churn = max(math.fsum(squares), 1.0) / n
    return minimum_detectable_effect(n, min(churn, 1.0), alpha)


def _environment(before: Baseline, result: Result) -> tuple[tuple[str, str, str], ...]:
    names = [*before.environment, *(n for n in result.environment if n not in before.environment)]
    both = ((n, before.environment.get(n, "-"), result.environment.get(n, "-")) for n in names)
    return tuple(one for one in both if one[1] != one[2])


def _mean(values: NDArray[np.float64] | Sequence[float]) -> float:
    return math.fsum(values) / len(values) if len(values) else math.nan
