"""How often a regression gate is wrong: the error rates behind docs/gate-errors.md.

    .venv/bin/python benchmarks/gate_errors.py [--quick] [--runs N] [--write docs/gate-errors.md]

Prints the tables and exits 1 where a guarantee is broken. 0/1 measures are computed exactly, over
all numbers of gains and losses. Graded measures are drawn; their interval is computed for all runs
at once by a twin of `benchharness.judge.paired`, which is held against the real function on a
sample of every cell. Same arguments, same bytes.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, betaincinv, stdtrit

from benchharness.judge.numbers import TOLERANCE, format_value
from benchharness.judge.paired import Difference, difference, outcome_of, tango, unseen

ALPHA = 0.05
ALLOWED = ALPHA + 0.01
DETECTED = 0.99
SIZES = (50, 200, 1000)
CHURNS = (0.02, 0.10, 0.25)
MARGINS = (0.01, 0.02, 0.05)
OUTCOMES = ("improved", "pass", "inconclusive", "regressed")
MARKERS = ("<!-- figures: begin -->", "<!-- figures: end -->")
ENOUGH_RUNS = 20_000

Floats = NDArray[np.float64]
Moves = tuple[tuple[float, float, float], ...]  # (before, after, weight)
Rates = dict[str, float]  # how often each outcome is said


# Measures: in which steps a query's value changes.


@dataclass(frozen=True)
class Kind:
    """A measure, by the values that its queries move between.

    losses, gains: what a query that changes may do.
    noise: size of symmetric changes around 0.5 that fill the churn up; 0 for none.
    """

    name: str
    losses: Moves
    gains: Moves
    noise: float = 0.0


class Population(NamedTuple):
    """Pairs of values with their probabilities, which sum to 1."""

    before: Floats
    after: Floats
    share: Floats


class Ends(NamedTuple):
    """Delta and its interval, one of each a run."""

    delta: Floats
    low: Floats
    high: Floats


def swapped(moves: Moves) -> Moves:
    return tuple((after, before, weight) for before, after, weight in moves)


def rank_moves(values: Sequence[float]) -> Moves:
    """Falls of the first relevant document; `values` by rank from 1, then 0."""

    def value(rank: int) -> float:
        return values[rank - 1] if rank <= len(values) else 0.0

    falls = {1: 0.4, 2: 0.25, 4: 0.15, 10: 0.2}
    return tuple(
        (value(rank), value(rank + fall), weight / rank)
        for rank in (1, 2, 3, 5, 8)
        for fall, weight in falls.items()
    )


def kinds() -> tuple[Kind, ...]:
    ndcg = rank_moves([1 / math.log2(rank + 1) for rank in range(1, 11)])
    mrr = rank_moves([1 / rank for rank in range(1, 11)])
    recall: Moves = (
        (1, 1 / 2, 3), (1 / 2, 0, 2), (1, 2 / 3, 2), (2 / 3, 1 / 3, 1), (1 / 3, 0, 1),
        (1, 4 / 5, 2), (4 / 5, 3 / 5, 1), (3 / 5, 1 / 5, 1), (1, 0, 1),
    )  # fmt: skip
    nearly: Moves = ((1, 0, 18), (1, 1 / 2, 1), (1 / 2, 0, 1))
    full: Moves = ((1, 0, 1),)
    small: Moves = ((0.6, 0.5, 1),)
    tiny: Moves = ((0.55, 0.5, 1),)
    return (
        Kind("ndcg: moves of rank", ndcg, swapped(ndcg)),
        Kind("mrr: moves of rank", mrr, swapped(mrr)),
        Kind("recall: steps of 1/2, 1/3, 1/5", recall, swapped(recall)),
        Kind("recall: nine in ten queries 0/1", nearly, swapped(nearly)),
        Kind("full losses among changes of 0.001", full, swapped(full), 0.001),
        Kind("full losses among changes of 0.1", full, swapped(full), 0.1),
        Kind("full losses against gains of 0.1", full, swapped(small)),
        Kind("full losses against gains of 0.05", full, swapped(tiny)),
        Kind("losses of 0.1 against full gains", small, swapped(full)),
        Kind("losses of 0.05 against full gains", tiny, swapped(full)),
    )


ZERO_ONE = Kind("0/1 (exact)", ((1, 0, 1),), ((0, 1, 1),))
# What the queries that keep their value have.
KEPT: Moves = ((1, 1, 4), (0, 0, 3), (0.5, 0.5, 3))


def shares_of(kind: Kind, churn: float | None, drop: float) -> tuple[float, float] | None:
    """Shares of queries that lose and that gain; None where the churn does not allow the drop.

    churn: share of queries that change; None for losses alone, as many as the drop needs.
    """
    loss, gain = (
        float(np.average([abs(a - b) for b, a, _ in moves], weights=[w for *_, w in moves]))
        for moves in (kind.losses, kind.gains)
    )
    if churn is None:
        losing, gaining = drop / loss, 0.0
    elif kind.noise:
        # Where nothing is lost on the whole, a tenth of the changes are full ones.
        gaining = 0.0 if drop else churn / 20
        losing = drop / loss + gaining * gain / loss
    else:
        losing = (drop + churn * gain) / (loss + gain)
        gaining = churn - losing
    limit = 1.0 if churn is None else churn
    return None if losing > limit + 1e-12 else (losing, max(gaining, 0.0))


def population_of(kind: Kind, churn: float | None, shares: tuple[float, float]) -> Population:
    losing, gaining = shares
    noisy = max(churn - losing - gaining, 0.0) if kind.noise and churn is not None else 0.0
    noise: Moves = ((0.5, 0.5 + kind.noise, 1), (0.5, 0.5 - kind.noise, 1))
    parts = (
        (kind.losses, losing), (kind.gains, gaining), (noise, noisy),
        (KEPT, max(1 - losing - gaining - noisy, 0.0)),
    )  # fmt: skip
    rows = [
        (before, after, share * weight / sum(move[2] for move in moves))
        for moves, share in parts
        for before, after, weight in moves
        if share > 0
    ]
    before, after, share = np.array(rows, dtype=np.float64).T
    return Population(before, after, share / share.sum())


# 0/1 measures, exactly.


@cache
def found(gains: int, losses: int, n: int) -> Difference:
    interval = tango(gains, losses, n, ALPHA)
    tied = n - gains - losses
    return Difference((gains - losses) / n, interval, n, "tango", gains, losses, tied)


def first_losses(outcome: str, gains: int, n: int, margin: float) -> int:
    """The smallest number of losses with this outcome or a worse one.

    More losses never make the outcome better, so that bisection finds it.
    """
    low, high = 0, n - gains + 1
    while low < high:
        middle = (low + high) // 2
        now = outcome_of(found(gains, middle, n), margin)
        if OUTCOMES.index(now) >= OUTCOMES.index(outcome):
            high = middle
        else:
            low = middle + 1
    return low


def exact_rates(n: int, losing: float, gaining: float, margin: float) -> Rates:
    """How often each outcome is said, where each query loses or gains with these chances."""
    at_least = dict.fromkeys(OUTCOMES, 0.0)
    # Numbers of gains in the farthest tails, 1e-10 in all, are left out.
    numbers = [
        g for g in range(n + 1)
        if bdtr(g, n, gaining) > 1e-10 and (g == 0 or bdtrc(g - 1, n, gaining) > 1e-10)
    ]  # fmt: skip
    for gains in numbers:
        chance = bdtr(gains, n, gaining) - (bdtr(gains - 1, n, gaining) if gains else 0.0)
        for outcome in OUTCOMES:
            first = first_losses(outcome, gains, n, margin)
            if first <= n - gains:
                beyond = bdtrc(first - 1, n - gains, losing / (1 - gaining)) if first else 1.0
                at_least[outcome] += float(chance * beyond)
    steps = pairwise([*at_least.values(), 0.0])
    return {
        name: max(this - worse, 0.0) for name, (this, worse) in zip(OUTCOMES, steps, strict=True)
    }


# Graded measures, drawn.


def twin(population: Population, counts: NDArray[np.int64], extra: float) -> Ends:
    """`paired.difference` for all runs at once.

    counts: how often each pair of the population was drawn, [runs, pairs].
    extra:  queries added before an end is taken: `unseen(ALPHA)`, or 0 for the plain t.
    """
    before, after, _ = population
    change = after - before
    n = int(counts[0].sum())
    delta = counts @ change / n
    squares = np.maximum(counts @ change**2 - n * delta**2, 0.0)
    low, high = _end(delta, squares, n, 0.0, -1.0), _end(delta, squares, n, 0.0, 1.0)
    if extra:
        low = np.minimum(low, _end(delta, squares, n, extra, -1.0))
        high = np.maximum(high, _end(delta, squares, n, extra, 1.0))
    lost = counts[:, change < -TOLERANCE].sum(axis=1)
    won = counts[:, change > TOLERANCE].sum(axis=1)
    few = lost + won < 10
    low[few] = np.minimum(low[few], -betaincinv(lost[few] + 1, n - lost[few], 1 - ALPHA))
    graded = ~(np.isin(before, (0, 1)) & np.isin(after, (0, 1)))
    for row in np.flatnonzero(counts[:, graded].sum(axis=1) == 0):
        low[row], high[row] = found(int(won[row]), int(lost[row]), n).interval
    return Ends(delta, np.clip(low, -1, delta), np.clip(high, delta, 1))


def _end(delta: Floats, squares: Floats, n: int, extra: float, value: float) -> Floats:
    total = n + extra
    squares = squares + n * extra / total * (value - delta) ** 2
    half = stdtrit(total - 1, 1 - ALPHA) * np.sqrt(squares / (total - 1) / total)
    end: Floats = delta + extra / total * (value - delta) + math.copysign(1, value) * half
    return end


def outcomes(ends: Ends, margin: float) -> NDArray[np.int64]:
    """Places in OUTCOMES: `paired.outcome_of` for all runs at once."""
    delta, low, high = ends
    dropped = (high < -TOLERANCE) & (-delta >= margin - TOLERANCE)
    conditions = [low > TOLERANCE, low > -margin + TOLERANCE, dropped]
    return np.select(conditions, [0, 1, 3], 2).astype(np.int64)


def hold_against_the_real_functions(
    population: Population, counts: NDArray[np.int64], ends: Ends
) -> None:
    """Raises AssertionError where the twins and `judge.paired` disagree on the first two runs."""
    for run in range(2):
        before, after = (np.repeat(values, counts[run]) for values in population[:2])
        real = difference(before, after)
        if not np.allclose(real.interval, (ends.low[run], ends.high[run]), rtol=0, atol=1e-9):
            raise AssertionError(f"{real} is not [{ends.low[run]}, {ends.high[run]}]")
        for margin in MARGINS:
            says = OUTCOMES[outcomes(ends, margin)[run]]
            if says != outcome_of(real, margin):
                raise AssertionError(f"{real} is not {says} at {margin}")


@cache
def said(
    kind: Kind, n: int, churn: float | None, drop: float, runs: int, added: bool = True
) -> dict[float, Rates]:
    """By margin, how often each outcome is said of a true drop; empty where churn forbids it.

    added: False leaves the added queries out of the interval.
    """
    shares = shares_of(kind, churn, drop)
    if shares is None:
        return {}
    if kind is ZERO_ONE:
        return {margin: exact_rates(n, *shares, margin) for margin in MARGINS}
    population = population_of(kind, churn, shares)
    seed = [n, round((churn or 0) * 1000), round(drop * 1000), *kind.name.encode()]
    counts = np.random.default_rng(seed).multinomial(n, population.share, size=runs)
    ends = twin(population, counts, unseen(ALPHA) if added else 0.0)
    if added:
        hold_against_the_real_functions(population, counts, ends)
    places = {margin: outcomes(ends, margin) for margin in MARGINS}
    return {
        margin: {name: float((rows == place).mean()) for place, name in enumerate(OUTCOMES)}
        for margin, rows in places.items()
    }


# Guarantees and tables.


def percent(churn: float) -> str:
    return f"{100 * churn:.0f} %"


def share(rate: float | None, limit: float = ALLOWED) -> str:
    """Per cent with one digit, more where it would seem to be on the other side of the limit."""
    return "" if rate is None else format_value(100 * rate, (100 * limit,), digits=1)


ERRORS = (
    *(f"regr. {percent(churn)}" for churn in CHURNS), "impr.",
    *(f"pass {percent(churn)}" for churn in CHURNS), "pass, losses alone",
)  # fmt: skip
# The same with no queries added, and what is found of a drop of 5 points.
OTHERS = ("regr., none added", "pass, none added", "regr. of 5 points")


class Row(NamedTuple):
    """How often a measure is misjudged: the rates of ERRORS and OTHERS; None: cannot be."""

    kind: Kind
    n: int
    errors: tuple[float | None, ...]
    plain: tuple[float | None, float | None]
    detected: float | None


def row_of(kind: Kind, n: int, runs: int) -> Row:
    def unchanged(outcome: str, churn: float, *, added: bool = True) -> float | None:
        return largest(rates[outcome] for rates in said(kind, n, churn, 0.0, runs, added).values())

    def dropped(churn: float | None, *, added: bool = True) -> float | None:
        cells = ((m, said(kind, n, churn, m, runs, added)) for m in MARGINS)
        return largest(passes(rates[m]) for m, rates in cells if rates)

    errors = (
        *(unchanged("regressed", churn) for churn in CHURNS),
        largest(unchanged("improved", churn) for churn in CHURNS),
        *(dropped(churn) for churn in (*CHURNS, None)),
    )
    plain = (
        largest(unchanged("regressed", churn, added=False) for churn in CHURNS),
        largest(dropped(churn, added=False) for churn in (*CHURNS, None)),
    )
    # Where churn of 10 % cannot lose 5 points, losses alone do.
    five = said(kind, n, 0.10, 0.05, runs) or said(kind, n, None, 0.05, runs)
    detected = five[0.02]["regressed"] if n == 1000 else None
    return Row(kind, n, errors, (None, None) if kind is ZERO_ONE else plain, detected)


def passes(rates: Rates) -> float:
    return rates["improved"] + rates["pass"]


def largest(rates: Iterable[float | None]) -> float | None:
    return max((rate for rate in rates if rate is not None), default=None)


def broken(rows: Sequence[Row], runs: int) -> list[str]:
    """Every guarantee that does not hold, as a line."""
    # Few runs are a smoke test: three standard errors of the sampling are allowed on top.
    noise = 3 * math.sqrt(ALLOWED * (1 - ALLOWED) / runs) if runs < ENOUGH_RUNS else 0.0
    lines = []
    for row in rows:
        where = f"{row.kind.name}, n = {row.n}"
        allowed = ALLOWED + (0.0 if row.kind is ZERO_ONE else noise)
        for claim, rate in zip(ERRORS, row.errors, strict=True):
            if rate is not None and rate > allowed:
                lines.append(f"{where}, {claim}: {rate:.4f} > {allowed:.4f}")
        if row.detected is not None and row.detected < DETECTED:
            lines.append(f"{where}, drop of 5 points found: {row.detected:.4f} < {DETECTED}")
    return lines


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def error_table(rows: Sequence[Row]) -> str:
    lines = [
        [kind.name, str(n), *map(share, (*errors, *plain)), share(detected, DETECTED)]
        for kind, n, errors, plain, detected in rows
    ]
    return markdown(["measure", "n", *ERRORS, *OTHERS], lines)


def verdict_table(runs: int) -> str:
    lines = []
    for kind in (ZERO_ONE, kinds()[0]):
        for n in (*SIZES, 2000):
            for drop, churn in ((0.0, 0.10), (0.05, 0.25)):
                rates = said(kind, n, churn, drop, runs)[0.02]
                shown = (share(rates[outcome]) for outcome in OUTCOMES)
                lines.append([kind.name, str(n), f"{drop:.2f}", percent(churn), *shown])
    return markdown(["measure", "n", "true drop", "churn", *OUTCOMES], lines)


def queries_for(margin: float, churn: float) -> int:
    """Queries with which an unchanged 0/1 measure passes in 80 % of cases; exact, to 1 %."""

    def enough(n: int) -> bool:
        return passes(exact_rates(n, churn / 2, churn / 2, margin)) >= 0.8

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def needs_table() -> str:
    header = ["margin", *(f"churn {percent(churn)}" for churn in CHURNS)]
    lines = [
        [f"{margin:.2f}", *(f"{queries_for(margin, churn):,}" for churn in CHURNS)]
        for margin in MARGINS
    ]
    return markdown(header, lines)


def sizes_table() -> str:
    """Wrong passes of 0/1 losses alone over every n from 20 to 1000."""
    lines = []
    for margin in MARGINS:
        chances = {}
        for n in range(20, 1001):
            first = first_losses("inconclusive", 0, n, margin)
            chances[n] = float(bdtr(first - 1, n, margin)) if first else 0.0
        worst = max(chances, key=chances.__getitem__)
        above = sum(chance > ALLOWED for chance in chances.values())
        lines.append([f"{margin:.2f}", share(chances[worst]), str(worst), str(above)])
    return markdown(["margin", "worst", "at n", "sizes above 6 %, of 981"], lines)


def report(rows: Sequence[Row], runs: int) -> str:
    tables = {
        f"Errors, at most {100 * ALLOWED:.1f} ({runs:,} runs a graded cell)": error_table(rows),
        "Verdicts at margin 0.02": verdict_table(runs),
        "Queries for a pass in 80 % of unchanged runs (0/1)": needs_table(),
        "Wrong passes between the sizes (0/1, losses alone)": sizes_table(),
    }
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in tables.items())


def write(path: Path, figures: str) -> None:
    """Puts the figures between the two markers of the page."""
    page = path.read_text(encoding="utf-8")
    head, _, rest = page.partition(MARKERS[0])
    _, end, tail = rest.partition(MARKERS[1])
    if not end:
        raise SystemExit(f"{path} has no lines {MARKERS[0]} and {MARKERS[1]}")
    text = f"{head}{MARKERS[0]}\n\n{figures}\n\n{MARKERS[1]}{tail}"
    path.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=ENOUGH_RUNS, help="draws a cell")
    parser.add_argument("--quick", action="store_true", help="2,000 draws a cell, errors only")
    parser.add_argument("--write", type=Path, metavar="FILE", help="page with the two markers")
    args = parser.parse_args()
    if args.quick and args.write:
        parser.error("--quick has not all figures of the page: leave it out to write")
    runs = 2_000 if args.quick else args.runs
    rows = [row_of(kind, n, runs) for kind in (ZERO_ONE, *kinds()) for n in SIZES]
    figures = error_table(rows) if args.quick else report(rows, runs)
    lines = broken(rows, runs)
    if args.write:
        write(args.write, figures)
    print(figures)  # noqa: T201
    print("\n" + ("\n".join(f"BROKEN: {line}" for line in lines) or "every guarantee holds"))  # noqa: T201
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
