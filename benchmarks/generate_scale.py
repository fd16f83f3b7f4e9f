"""How much memory `generate` takes for 100,000 passages and 300,000 queries.

    .venv/bin/python benchmarks/generate_scale.py [--passages N] [--round-trip K] [--most-mb MB]

A language model that answers at once writes three queries for each passage of a made-up corpus;
they pass through splitting, asking, the filters and the writers in a process of its own, whose
peak memory is printed, stage by stage and in all. With --round-trip the double `hash` ranks the
passages for every query; it is off by default, since the search is what takes the time there.
Exits 1 where the peak is above --most-mb. Seen on two cores: 452 MB; with --round-trip 20, 514 MB.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchharness.files import write_atomically
from benchharness.llm.model import Answer, Request, Usage
from benchharness.llm.spending import Limits
from benchharness.models.cache import EmbeddingCache
from benchharness.pairs.written.corpora import open_corpus
from benchharness.pairs.written.plan import plan_queries
from benchharness.pairs.written.run import write_queries
from benchharness.pairs.written.setting import Setting
from benchharness.progress import Step
from benchharness.testing import HashEncoder

PASSAGES = 100_000
_PER_DOCUMENT = 4
_SENTENCE = 12  # words
_SENTENCES = 5  # a paragraph, which is a passage: two do not fit into one
_TOKENS = 80
_WORDS = 20_000


class InstantModel:
    """Answers every request at once: words of the passage, in an order of their own."""

    spec = "instant:model"

    def check(self) -> None:
        return

    def count_tokens(self, request: Request, schema: type) -> int:  # noqa: ARG002
        return len(request.text) // 4

    def ask(self, request: Request, schema: type) -> Answer:  # noqa: ARG002
        words = request.text.split()[1:-8]
        dice = random.Random(request.key)  # noqa: S311
        kinds = ("question", "keywords", "how-to")
        queries = [{"type": kind, "text": " ".join(dice.sample(words, 7))} for kind in kinds]
        return Answer(request.key, "ok", {"queries": queries}, Usage(400, 90))


def corpus_lines(passages: int) -> Iterator[str]:
    dice = random.Random(0)  # noqa: S311
    for number in range(passages // _PER_DOCUMENT):
        paragraphs = []
        for _ in range(_PER_DOCUMENT):
            words = (f"w{dice.randrange(_WORDS)}" for _ in range(_SENTENCES * _SENTENCE))
            sentences = (" ".join(next(words) for _ in range(_SENTENCE)) for _ in range(_SENTENCES))
            paragraphs.append(". ".join(sentences) + ".")
        text = "\n\n".join(paragraphs)
        yield json.dumps({"_id": f"d{number:06}", "text": text}) + "\n"


def inside(folder: Path, round_trip: int) -> None:
    """The run itself; prints JSON with what it made and its peak memory in MB."""
    peaks: dict[str, float] = {}

    def listen(step: Step) -> None:
        peaks[step.stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000

    setting = Setting(passage_tokens=_TOKENS, round_trip=round_trip)
    started = time.perf_counter()
    model = InstantModel()
    plan = plan_queries(
        open_corpus(str(folder / "corpus.jsonl"), folder), HashEncoder(), model, setting,
        folder / "pairs.jsonl", listener=listen,
    )  # fmt: skip
    written = write_queries(
        plan, model, Limits(tokens=10**12), cache=EmbeddingCache(folder / "cache"),
        evaluation=folder / "evaluation", listener=listen,
    )  # fmt: skip
    peaks["all"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    found = {
        "passages": len(plan.passages),
        "queries": written.report["queries"]["written"],
        "pairs": written.pairs,
        "seconds": time.perf_counter() - started,
        "peak_mb": peaks,
    }
    print(json.dumps(found))  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--passages", type=int, default=PASSAGES)
    parser.add_argument("--round-trip", type=int, default=0)
    parser.add_argument("--most-mb", type=float, default=1500.0)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside is not None:
        inside(arguments.inside, arguments.round_trip)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        write_atomically(Path(scratch) / "corpus.jsonl", corpus_lines(arguments.passages))
        done = subprocess.run(  # noqa: S603 - ours
            [sys.executable, __file__, "--inside", scratch, "--round-trip",
             str(arguments.round_trip)],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    found = json.loads(done.stdout)
    for stage, peak in found["peak_mb"].items():
        print(f"{peak:8,.0f} MB  {stage}")  # noqa: T201
    print(  # noqa: T201
        f"{found['passages']:,} passages, {found['queries']:,} queries, {found['pairs']:,} pairs "
        f"in {found['seconds']:.0f} s"
    )
    return int(found["peak_mb"]["all"] > arguments.most_mb)


if __name__ == "__main__":
    sys.exit(main())
