"""Whether hard negatives help: the same tuning with and without them, on held-out queries.

    .venv/bin/python benchmarks/hard_negatives.py [--seeds N] [--json FILE] [--folder DIR]

For the SymPy suite and the static model `wordllama`: the judged training side becomes a file of
pairs (`benchharness pairs judged`), BM25 and the model itself mine negatives for it (`benchharness
mine`), and `benchharness.train.tune` trains with the file and without it, once for each seed. Each
test query's recall@10 is averaged over the seeds; the paired interval of with - without is printed,
whichever way it falls. It speaks of these queries and this many seeds, of no other data.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli import main as benchharness
from benchharness.files import write_atomically
from benchharness.judge.numbers import format_delta, format_interval, format_value
from benchharness.judge.paired import difference
from benchharness.suite_file import find_suite
from benchharness.train.tune import tune

if TYPE_CHECKING:
    from benchharness.judge.bench import Bench
    from benchharness.suite_file import FoundSuite

ROOT = Path(__file__).resolve().parent.parent
SUITE = ROOT / "suites" / "suite_code_search.py"
MODEL = "wordllama"
MINERS = ("bm25", MODEL)
MEASURE = "recall@10"


def mined_pairs(folder: Path) -> Path:
    """The training side as a file of pairs with negatives, made by the ordinary commands."""
    judged, mined = folder / "judged.jsonl", folder / "mined.jsonl"
    suite = ["--suite", str(SUITE)]
    miners = [word for spec in MINERS for word in ("--miner", spec)]
    for command in (
        ["pairs", "judged", *suite, "--out", str(judged), "-q"],
        ["mine", str(judged), *suite, *miners, "--out", str(mined), "-q"],
    ):
        if code := benchharness(command):
            raise SystemExit(code)
    return mined


def tuned_values(
    bench: Bench, found: FoundSuite, pairs: tuple[str, ...], seed: int, out: Path
) -> list[float]:
    """recall@10 of each test query by the model that was trained, in order of query id.

    The base model's where no step of the training was better on the dev queries.
    """
    base = found.path.parent
    suite = dataclasses.replace(found.suite, pairs=pairs, gates=(), waivers=())
    recipe = suite.recipe.changed({"seed": seed})
    tune(suite, MODEL, out=out, folds=0, recipe=recipe, base=base, bench=bench)
    candidate = out / "candidate"
    spec = str(candidate) if candidate.is_dir() else MODEL
    alone = dataclasses.replace(found.suite, gates=(), waivers=())
    values: list[float] = bench.measure(alone, spec, base).values[MEASURE].tolist()
    return values


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Both arms on the held-out queries.

    without, with_: mean of each seed. delta, ci90: of with - without, over queries whose values
    are averaged over the seeds. kept, filled: of the negatives; see `Mined`.
    """

    suite: str
    model: str
    miners: tuple[str, ...]
    measure: str
    queries: int
    base: float
    without: tuple[float, ...]
    with_: tuple[float, ...]
    delta: float
    ci90: tuple[float, float]
    won: int
    lost: int
    kept: float
    filled: int

    @property
    def lines(self) -> tuple[str, ...]:
        low, high = self.ci90
        word = "better" if low > 0 else "worse" if high < 0 else "not told apart"
        seeds = [
            f"  seed {n}: without {format_value(a)}, with {format_value(b)}, {format_delta(b - a)}"
            for n, (a, b) in enumerate(zip(self.without, self.with_, strict=True))
        ]
        without, with_ = (format_value(statistics.fmean(o)) for o in (self.without, self.with_))
        return (
            f"{self.measure} of {self.model} on {self.queries:,} held-out queries of {self.suite}; "
            f"negatives by {' and '.join(self.miners)}, {self.kept:.1%} of those wanted",
            f"  base {format_value(self.base)}",
            *seeds,
            f"  mean of {len(seeds)} seeds: without {without}, with {with_}",
            f"  with - without: {format_delta(self.delta)}, 90 % "
            f"{format_interval(self.ci90, (0.0,))}: {word}; {self.won} queries won, "
            f"{self.lost} lost",
        )


def measured(seeds: int, folder: Path) -> Comparison:
    """Trains both arms with each seed, measures every model, and compares query by query."""
    import numpy as np

    from benchharness.judge.bench import Bench

    found, bench = find_suite(str(SUITE), ROOT)[0], Bench()
    file = mined_pairs(folder)
    report = json.loads(Path(f"{file}.report.json").read_text(encoding="utf-8"))
    files: dict[str, tuple[str, ...]] = {"without": (), "with": (str(file),)}
    values: dict[str, list[list[float]]] = {arm: [] for arm in files}
    for seed in range(seeds):
        for arm, given in files.items():
            own = tuned_values(bench, found, given, seed, folder / f"{arm}-{seed}")
            values[arm].append(own)
            mean = format_value(statistics.fmean(own))
            print(f"seed {seed}, {arm} negatives: {mean}", file=sys.stderr, flush=True)  # noqa: T201
    alone = dataclasses.replace(found.suite, gates=(), waivers=())
    base = bench.measure(alone, MODEL, found.path.parent).values[MEASURE]
    told = difference(*(np.array(values[arm]).mean(axis=0) for arm in ("without", "with")))
    return Comparison(
        suite=found.suite.name, model=MODEL, miners=MINERS, measure=MEASURE, queries=told.n,
        base=float(base.mean()), without=tuple(map(statistics.fmean, values["without"])),
        with_=tuple(map(statistics.fmean, values["with"])), delta=told.delta, ci90=told.interval,
        won=told.won, lost=told.lost, kept=report["kept"], filled=report["filled"],
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Tuning with and without hard negatives.")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of each arm")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--folder", metavar="DIR", help="keep pairs and models here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(arguments.seeds, Path(arguments.folder or scratch))
    for line in found.lines:
        print(line)  # noqa: T201
    if arguments.json:
        write_atomically(
            Path(arguments.json), [json.dumps(dataclasses.asdict(found), indent=1), "\n"]
        )


if __name__ == "__main__":
    main()
