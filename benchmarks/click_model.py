"""Position bias from simulated click logs: what is recovered, and what the pairs are worth.

    python benchmarks/click_model.py              # five curves, 100,000 pages of 10
    python benchmarks/click_model.py --rivals     # beside EM, MAP-EM, harvesting of pairs of ranks

The first table has the largest error of the fitted curve over ranks 1 to 10 (at most 0.05 is
promised), the second the precision of the pairs at the same number of true pairs found, beside
raw click-through. `few` has ten pages a query, so that most documents have few impressions.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchharness.pairs.clicks.counts import Counts
from benchharness.pairs.clicks.curve import Curve, fit_curve
from benchharness.pairs.clicks.scores import fit_prior, score_cells
from benchharness.pairs.clicks.settings import DEFAULTS
from benchharness.pairs.clicks.simulation import CURVES, SimulatedLog, World, simulate

Floats = NDArray[np.float64]
Fit = Callable[[Counts], Floats]

PROMISED = 0.05
RECALLS = (0.5, 0.8, 0.9)
WORLDS: Mapping[str, World] = {
    "many": World(),
    "noisy": World(noise=1.0),
    "few": World(queries=10_000),
}


def conditional(counts: Counts) -> Floats:
    """What benchharness does."""
    return np.array([one.examination for one in fit_curve(counts).ranks])


def em(counts: Counts, clicks: float = 0.0, passed: float = 0.0, steps: int = 300) -> Floats:
    """The textbook's EM: an attraction for each cell; clicks, passed: counts of a Beta prior.

    Source: Chuklin, Markov, de Rijke, Click models for web search, 2015, section 4.1.
    """
    place, cell = counts.rank - 1, counts.cell
    shown, clicked = counts.shown.astype(float), counts.clicked.astype(float)
    missed = shown - clicked
    looked, attraction = np.full(place.max() + 1, 0.5), np.full(cell.max() + 1, 0.5)
    impressions = np.bincount(cell, shown)
    for _ in range(steps):
        nothing = 1 - looked[place] * attraction[cell] + 1e-12
        seen = looked[place] * (1 - attraction[cell]) / nothing
        good = attraction[cell] * (1 - looked[place]) / nothing
        looked = np.bincount(place, clicked + missed * seen) / np.bincount(place, shown)
        found = np.bincount(cell, clicked + missed * good) + clicks
        attraction = found / (impressions + clicks + passed)
    return np.asarray(looked / looked[0])


def harvested(counts: Counts) -> Floats:
    """Intervention harvesting: a ratio for each pair of ranks, joined by least squares of logs.

    Source: Agarwal et al., 2019. A cell counts in a pair by n m / (n + m) impressions.
    """
    width = int(counts.rank.max())
    shown, clicked = (np.zeros((counts.cell.max() + 1, width)) for _ in range(2))
    shown[counts.cell, counts.rank - 1] = counts.shown
    clicked[counts.cell, counts.rank - 1] = counts.clicked
    rate = clicked / np.maximum(shown, 1)
    rows, logs, weights = [], [], []
    for first in range(width):
        for second in range(first + 1, width):
            n, m = shown[:, first], shown[:, second]
            weight = n * m / np.maximum(n + m, 1)
            sums = [(weight * rate[:, rank]).sum() for rank in (first, second)]
            if min(sums) > 0:
                rows.append(np.eye(width)[first] - np.eye(width)[second])
                logs.append(np.log(sums[0] / sums[1]))
                weights.append((1 / (1 / sums[0] + 1 / sums[1])) ** 0.5)
    scale = np.array(weights)
    found, *_ = np.linalg.lstsq(np.array(rows)[:, 1:] * scale[:, None], np.array(logs) * scale)
    return np.exp(np.concatenate([[0.0], found]))


RIVALS: Mapping[str, Fit] = {
    "EM": em,
    "MAP-EM, Beta(1, 4)": lambda counts: em(counts, 1.0, 4.0),
    "harvested": harvested,
}


def counts_of(log: SimulatedLog) -> Counts:
    return Counts.of(log.query, log.doc, log.rank, log.clicked)


def precision_at(score: Floats, good: NDArray[np.bool_], recall: float) -> float:
    """Share of good ones among as many of the highest scores as hold that share of the good."""
    found = np.cumsum(good[np.argsort(-score, kind="stable")])
    place = int(np.searchsorted(found, recall * good.sum()))
    return float(found[place] / (place + 1))


def precisions(log: SimulatedLog, counts: Counts, curve: Curve) -> list[tuple[float, float]]:
    """(ours, raw click-through's) at each of RECALLS, of the cells with clicks enough."""
    prior = fit_prior(counts, curve, DEFAULTS.clip)
    scores = score_cells(counts, curve, DEFAULTS.clip, prior)
    enough = (scores.impressions >= DEFAULTS.min_impressions) & (
        scores.clicks >= DEFAULTS.min_clicks
    )
    good = log.relevant[scores.query, scores.doc][enough]
    raw = (scores.clicks / scores.impressions)[enough]
    return [
        (precision_at(scores.score[enough], good, recall), precision_at(raw, good, recall))
        for recall in RECALLS
    ]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", "---", *["--:"] * (len(header) - 2)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured(pages: int, seeds: int, fits: Mapping[str, Fit]) -> Iterator[tuple[list[str], ...]]:
    """Yields (row of errors, row of precisions) of every world and curve; the worst of the seeds.

    The precisions are means over the seeds.
    """
    for world_name, world in WORLDS.items():
        for curve_name, truth in CURVES.items():
            worst = dict.fromkeys(fits, 0.0)
            spent = dict.fromkeys(fits, 0.0)
            found = []
            for seed in range(seeds):
                log = simulate(replace(world, curve=truth), pages, seed)
                counts = counts_of(log)
                for name, fit in fits.items():
                    began = time.perf_counter()
                    error = float(np.abs(fit(counts) - np.array(truth)).max())
                    spent[name] += (time.perf_counter() - began) / seeds
                    worst[name] = max(worst[name], error)
                found.append(precisions(log, counts, fit_curve(counts)))
            cells = [f"{worst[name]:.4f} ({spent[name]:.2f} s)" for name in fits]
            pairs = [f"{ours:.3f} / {raw:.3f}" for ours, raw in np.mean(found, axis=0)]
            yield [world_name, curve_name, *cells], [world_name, curve_name, *pairs]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, default=100_000, help="pages of 10 documents a log")
    parser.add_argument("--seeds", type=int, default=3, help="logs of each world and curve")
    parser.add_argument("--rivals", action="store_true", help="other estimators beside ours")
    args = parser.parse_args()
    fits = {"benchharness": conditional, **(RIVALS if args.rivals else {})}
    errors, pairs = zip(*measured(args.pages, args.seeds, fits), strict=True)
    print("### Largest error of the curve, of the worst log\n")  # noqa: T201
    print(markdown(["pages a query", "curve", *fits], errors))  # noqa: T201
    print("\n### Precision of pairs / of raw click-through, at the same number of true pairs\n")  # noqa: T201
    heads = [f"recall {recall:g}" for recall in RECALLS]
    print(markdown(["pages a query", "curve", *heads], pairs))  # noqa: T201
    broken = [row for row in errors if float(row[2].partition(" ")[0]) > PROMISED]
    print("\n" + (f"BROKEN: {broken}" if broken else f"every curve is within {PROMISED}"))  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
