"""What another backend costs and changes: speed beside torch, and the paired difference in quality.

    .venv/bin/python benchmarks/backends.py [--documents N] [--rounds N] [--model SPEC] [--json F]

Speed: documents of the SymPy suite, encoded by each backend in turn, round after round, on one
thread; CPU seconds, so that a busy machine matters little, and the ratio to torch of each round.
Quality: the NetworkX prose suite, each backend against torch on the same queries. It speaks of
this model, these texts and this processor. Needs the extras `onnx` and `openvino`; a backend that
is not installed is left out by name.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.errors import MissingDependency
from benchharness.evaluation.result import Result
from benchharness.files import write_atomically
from benchharness.judge.bench import Bench
from benchharness.judge.numbers import format_delta, format_interval, format_value
from benchharness.judge.paired import difference
from benchharness.models.registry import open_model
from benchharness.models.runtime import prepare_torch
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.suite_file import find_suite

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ("", "backend=onnx", "backend=openvino", "backend=onnx,weights=int8")
MEASURES = ("recall@10", "ndcg@10")


@dataclasses.dataclass(frozen=True)
class Speed:
    """Of one backend: documents per CPU second in each round, and as a ratio to torch's."""

    options: str
    documents_per_cpu_s: tuple[float, ...]
    ratios: tuple[float, ...]

    @property
    def line(self) -> str:
        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f}"
        return (
            f"{self.options or 'torch':28}{statistics.median(self.documents_per_cpu_s):8.1f} "
            f"documents per CPU second, {statistics.median(self.ratios):.2f} of torch ({spread})"
        )


@dataclasses.dataclass(frozen=True)
class Quality:
    """Of one backend and measure: its value, and its paired difference to torch's."""

    options: str
    measure: str
    value: float
    delta: float
    ci90: tuple[float, float]
    changed: int
    queries: int
    agreement: str

    @property
    def line(self) -> str:
        return (
            f"{self.options or 'torch':28}{self.measure:10} {format_value(self.value)}  "
            f"{format_delta(self.delta)}, 90 % {format_interval(self.ci90, (0.0,))}, "
            f"{self.changed} of {self.queries} queries changed  {self.agreement}"
        )


def opened(model: str) -> dict[str, SentenceTransformerEncoder]:
    """The model on every backend that is installed, by options."""
    found = {}
    for options in OPTIONS:
        try:
            encoder = open_model(f"{model}@{options}" if options else model)
        except MissingDependency as error:
            print(f"left out: {error.message}", file=sys.stderr)  # noqa: T201
            continue
        if not isinstance(encoder, SentenceTransformerEncoder):
            raise SystemExit(f"{model} is no sentence-transformers model")
        found[options] = encoder
    return found


def speeds(model: str, documents: int, rounds: int) -> list[Speed]:
    """Every backend once in each round, in an order that changes from round to round."""
    encoders = opened(model)
    texts = _documents(documents)
    for encoder in encoders.values():  # loads, exports and warms up
        _seconds(encoder, texts[:32])
    spent: dict[str, list[float]] = {options: [] for options in encoders}
    for turn in range(rounds):
        order = list(encoders)
        for options in order[turn % len(order) :] + order[: turn % len(order)]:
            spent[options].append(_seconds(encoders[options], texts))
            print(f"round {turn}: {options or 'torch'}", file=sys.stderr, flush=True)  # noqa: T201
    return [
        Speed(
            options,
            tuple(len(texts) / each for each in own),
            tuple(torch / each for torch, each in zip(spent[""], own, strict=True)),
        )
        for options, own in spent.items()
    ]


def qualities(model: str) -> list[Quality]:
    """Every backend on the prose suite, against torch."""
    found = find_suite(str(ROOT / "suites" / "suite_prose.py"), ROOT)[0]
    suite = dataclasses.replace(found.suite, gates=(), waivers=())
    bench = Bench()
    results: dict[str, Result] = {}
    for options in opened(model):
        spec = f"{model}@{options}" if options else model
        results[options] = bench.measure(suite, spec, found.path.parent)
        print(f"measured: {options or 'torch'}", file=sys.stderr, flush=True)  # noqa: T201
    lines = []
    for options, result in list(results.items())[1:]:
        for measure in MEASURES:
            torch, own = results[""].values[measure], result.values[measure]
            told = difference(torch, own)
            lines.append(
                Quality(
                    options, measure, float(own.mean()), told.delta, told.interval,
                    told.won + told.lost, told.n, result.details.get("int8 against float32", ""),
                )
            )  # fmt: skip
    return lines


def _documents(count: int) -> list[str]:
    found = find_suite(str(ROOT / "suites" / "suite_code_search.py"), ROOT)[0]
    texts = list(Bench().dataset(found.suite.dataset, found.path.parent).corpus.texts)
    return random.Random(0).sample(sorted(texts), min(count, len(texts)))  # noqa: S311


def _seconds(encoder: SentenceTransformerEncoder, texts: Sequence[str]) -> float:
    start = time.process_time()
    for _ in encoder.encode(texts, "document"):
        pass
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="Backends beside torch: speed and quality.")
    parser.add_argument("--documents", type=int, default=500, metavar="N", help="encoded a round")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of all backends")
    parser.add_argument("--model", default="minilm", metavar="SPEC", help="without options")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to this file")
    arguments = parser.parse_args()
    torch = prepare_torch()
    torch.set_num_threads(1)
    found = [*speeds(arguments.model, arguments.documents, arguments.rounds)]
    better = [*qualities(arguments.model)]
    print(f"{arguments.model}, one thread, {torch.backends.cpu.get_cpu_capability()}")  # noqa: T201
    for one in (*found, *better):
        print(one.line)  # noqa: T201
    if arguments.json:
        content = {
            "speed": [dataclasses.asdict(one) for one in found],
            "quality": [dataclasses.asdict(one) for one in better],
        }
        write_atomically(Path(arguments.json), [json.dumps(content, indent=1), "\n"])


if __name__ == "__main__":
    main()
