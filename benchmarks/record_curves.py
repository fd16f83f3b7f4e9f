"""Curves of real trainings, right and wrong ones, for `tests/train/test_diagnosis.py`.

    .venv/bin/python benchmarks/record_curves.py [NAME ...] [--list] [--folder tests/train/curves]

Trains with sentence-transformers' trainer what `RUNS` names, or the runs of the given names, and
writes one JSON a run: `steps` (step, epoch, loss, grad_norm, chance) and `evaluations` (step,
epoch, value, similarity) as lists, at most 60 steps of them. A file says nothing of how the run
was made; what it should be called stands in the test. One core, minutes; MiniLM takes longest.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

os.environ["HF_HUB_OFFLINE"] = "1"
ROOT = Path(__file__).resolve().parent.parent
MOST_STEPS = 60
DIGITS = 6


@dataclass(frozen=True)
class Run:
    """One training. model: a spec, or tiny-bert or tiny-static. data: a package or `synonyms`.

    pairs, dev, documents: how many are trained on, held out, and searched in.
    dim: of a tiny model. negatives: drawn at random for each pair.
    easy: the query is how its document begins. shuffled: it belongs to another document.
    """

    name: str
    model: str
    data: str
    rate: float
    batch: int
    epochs: float
    pairs: int = 100_000
    dev: int = 200
    documents: int = 1500
    evaluations: int = 8
    easy: bool = False
    shuffled: bool = False
    negatives: int = 0
    dim: int = 64


class Texts(NamedTuple):
    """Pairs to train on, and queries with the row of their document."""

    pairs: list[tuple[str, str]]
    queries: list[str]
    rows: list[int]
    documents: list[str]


def runs() -> Iterator[Run]:
    """All recordings; their rates are far apart, so that a name is not in doubt."""
    for rate in ("2e-5", "2e-2", "2e-1", "2e0"):
        yield Run(f"sympy-static-{rate}", "wordllama", "sympy", float(rate), 256, 3)
    yield Run("sympy-static-batch16", "wordllama", "sympy", 2e-2, 16, 1, pairs=2000)
    yield Run("sympy-static-batch16-2e0", "wordllama", "sympy", 2.0, 16, 1, pairs=2000)
    yield Run("sympy-static-batch64-5e0", "wordllama", "sympy", 5.0, 64, 3, pairs=3000)
    yield Run("sympy-static-batch4", "wordllama", "sympy", 2e-2, 4, 1, pairs=800)
    yield Run("sympy-static-few", "wordllama", "sympy", 1e-1, 32, 40, pairs=150)
    yield Run("sympy-static-easy", "wordllama", "sympy", 2e-3, 16, 1, pairs=1500, easy=True)
    yield Run("sympy-static-shuffled", "wordllama", "sympy", 2e-2, 64, 2, pairs=2000, shuffled=True)
    for rate in ("2e-5", "2e-2", "2e0"):
        yield Run(f"networkx-static-{rate}", "wordllama", "networkx", float(rate), 64, 4)
        yield Run(f"networkx-static-batch256-{rate}", "wordllama", "networkx", float(rate), 256, 6)
    yield Run("networkx-static-negatives", "wordllama", "networkx", 2e-2, 32, 2, negatives=4)
    yield Run("networkx-static-few", "wordllama", "networkx", 2e-1, 16, 40, pairs=100)
    yield Run("networkx-static-easy", "wordllama", "networkx", 2e-3, 32, 2, easy=True)
    yield Run("networkx-static-batch4", "wordllama", "networkx", 2e-2, 4, 1, pairs=600)
    for rate in ("1e-6", "5e-3", "5e-1", "1e20"):
        yield Run(f"tiny-bert-{rate}", "tiny-bert", "synonyms", float(rate), 64, 4, pairs=1500)
    for rate in ("1e-4", "2e-1", "5e1"):
        yield Run(f"tiny-static-{rate}", "tiny-static", "synonyms", float(rate), 64, 4, pairs=1500)
    yield Run("tiny-static-few", "tiny-static", "synonyms", 2e-1, 32, 60, pairs=128)
    for rate in ("5e-8", "5e-5", "5e-3"):
        yield Run(
            f"networkx-minilm-{rate}", "minilm@max_length=64", "networkx", float(rate), 16, 1,
            pairs=480, dev=150, documents=400, evaluations=5,
        )  # fmt: skip
    # Held out: recorded when the thresholds stood.
    for rate in ("2e-5", "2e-2", "2e0"):
        yield Run(f"scipy-static-{rate}", "wordllama", "scipy", float(rate), 128, 3, pairs=4000)
    for rate in ("2e-2", "2e0"):
        yield Run(f"sklearn-static-{rate}", "wordllama", "sklearn", float(rate), 32, 2, pairs=1200)
    yield Run("scipy-static-few", "wordllama", "scipy", 1e-1, 24, 40, pairs=120)
    yield Run("scipy-static-easy", "wordllama", "scipy", 2e-3, 12, 1, pairs=900, easy=True)
    yield Run("scipy-static-batch6", "wordllama", "scipy", 2e-2, 6, 1, pairs=900)
    for rate in ("1e-6", "3e-3", "3e-1"):
        yield Run(
            f"tiny32-bert-{rate}", "tiny-bert", "synonyms", float(rate), 128, 8, pairs=2000, dim=32
        )
    for rate in ("1e-5", "2e-1", "2e1"):
        yield Run(
            f"tiny32-static-{rate}", "tiny-static", "synonyms", float(rate), 16, 3, pairs=1000,
            dim=32,
        )  # fmt: skip
    for rate in ("5e-8", "5e-5", "5e-3"):
        yield Run(
            f"scipy-minilm-{rate}", "minilm@max_length=64", "scipy", float(rate), 32, 1,
            pairs=640, dev=150, documents=400, evaluations=5,
        )  # fmt: skip


def record(run: Run) -> dict[str, list[list[float]]]:
    """The run's steps, thinned, and evaluations."""
    texts = _synonyms(run) if run.data == "synonyms" else _docstrings(run)
    with tempfile.TemporaryDirectory() as folder:
        model = _model(run, Path(folder))
        steps, evaluations = _train(run, model, texts, folder)
    every = math.ceil(len(steps) / MOST_STEPS)
    return {"steps": _rounded(steps[::every]), "evaluations": _rounded(evaluations)}


def _docstrings(run: Run) -> Texts:
    pairs = list(_sentences(run.data))
    if run.easy:
        pairs = [(text[:300], text) for _, text in pairs]
    random.Random(0).shuffle(pairs)  # noqa: S311 - a sample
    if run.shuffled:
        held, queries = pairs[: run.dev], [query for query, _ in pairs[run.dev :]]
        turned = zip(queries, [text for _, text in pairs[run.dev + 1 :]], strict=False)
        pairs = [*held, *turned]
    return _held_out(run, pairs)


@cache
def _sentences(package: str) -> list[tuple[str, str]]:
    """First sentences of docstrings with the code that they are about."""
    from benchharness.data.load import load
    from benchharness.data.references import docstrings

    data = load(docstrings(package, queries=1, split="train"), Path())
    documents = data.corpus.texts.take(data.corpus.rows_of(data.qrels.doc_ids))
    queries = (data.queries[query] for query in data.qrels.query_ids)
    return list(zip(queries, documents, strict=True))


def _synonyms(run: Run) -> Texts:
    """Documents of eight words; a query has one of them and two that always stand for others."""
    draw = random.Random(1)  # noqa: S311 - a sample
    words = vocabulary()
    meaning = dict(zip(words[:300], draw.sample(words[300:], 300), strict=True))
    pairs = []
    for _ in range(run.pairs + max(run.dev, run.documents)):
        document = draw.sample(words[:300], 8)
        query = [document[0], meaning[document[1]], meaning[document[2]]]
        draw.shuffle(document)
        pairs.append((" ".join(query), " ".join(document)))
    return _held_out(run, pairs)


def vocabulary() -> list[str]:
    """600 words that spell nothing."""
    parts = ("ba", "de", "fi", "go", "ku", "la", "me", "no", "ri", "su")
    return [a + b + c for a in parts for b in parts for c in parts][:600]


def _held_out(run: Run, pairs: list[tuple[str, str]]) -> Texts:
    """The first pairs for dev, the next ones for training; the corpus is filled from both."""
    dev, rest = pairs[: run.dev], pairs[run.dev :]
    documents = [document for _, document in dev + rest[::-1]][: run.documents]
    return Texts(rest[: run.pairs], [query for query, _ in dev], list(range(len(dev))), documents)


def _model(run: Run, folder: Path) -> Any:
    from benchharness.models.registry import open_model
    from benchharness.testing import tiny_model

    kind = run.model.partition("-")[2]
    if run.model.startswith("tiny-"):
        spec = str(tiny_model(folder / "base", kind=kind, words=vocabulary(), dim=run.dim))
    else:
        spec = run.model
    encoder: Any = open_model(spec)
    return encoder.load_for_training()


def _train(run: Run, model: Any, texts: Texts, folder: str) -> tuple[list[Any], list[Any]]:
    """[step, epoch, loss, grad_norm, chance] and [step, epoch, value, similarity] of all steps."""
    import torch
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers
    from transformers import PrinterCallback, TrainerCallback

    torch.set_num_threads(1)
    chances: list[float] = []
    evaluations = [[0, 0.0, *_evaluate(model, texts)]]

    class Counting(MultipleNegativesRankingLoss):
        """Notes the number of candidates, which is smaller in an epoch's last batch."""

        def forward(self, features: Any, labels: Any) -> Any:
            columns = list(features)
            key = "attention_mask" if "attention_mask" in columns[0] else "offsets"
            chances.append(math.log(len(columns[0][key]) * (len(columns) - 1)))
            return super().forward(columns, labels)

    class Watching(TrainerCallback):
        """Evaluates at equal distances, and after the last step."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            del args, control
            every = max(1, state.max_steps // run.evaluations)
            if state.global_step % every == 0 or state.global_step == state.max_steps:
                model.eval()
                found = _evaluate(model, texts)
                model.train()
                evaluations.append([state.global_step, state.epoch, *found])

    arguments = SentenceTransformerTrainingArguments(
        output_dir=folder, num_train_epochs=run.epochs, per_device_train_batch_size=run.batch,
        learning_rate=run.rate, warmup_steps=0.1, lr_scheduler_type="cosine", seed=0,
        batch_sampler=BatchSamplers.NO_DUPLICATES, logging_steps=1, report_to="none",
        save_strategy="no", disable_tqdm=True, use_cpu=True, logging_nan_inf_filter=False,
    )  # fmt: skip
    trainer = SentenceTransformerTrainer(
        model=model, args=arguments, train_dataset=Dataset.from_dict(_columns(run, texts)),
        loss=Counting(model), callbacks=[Watching()],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    steps = [
        [entry["step"], entry["epoch"], entry["loss"], entry["grad_norm"], chance]
        for entry, chance in zip(logged, chances, strict=True)
    ]
    return steps, evaluations


def _columns(run: Run, texts: Texts) -> dict[str, list[str]]:
    columns = {
        "anchor": [query for query, _ in texts.pairs],
        "positive": [document for _, document in texts.pairs],
    }
    for number in range(run.negatives):
        draw = random.Random(number + 2)  # noqa: S311 - a sample
        columns[f"negative_{number}"] = draw.choices(columns["positive"], k=len(texts.pairs))
    return columns


def _evaluate(model: Any, texts: Texts) -> tuple[float, float]:
    """ndcg@10 of the dev queries, and the mean cosine of random pairs of documents."""
    queries, documents = (
        np.asarray(model.encode(part, normalize_embeddings=True, show_progress_bar=False))
        for part in (texts.queries, texts.documents)
    )
    if not (np.isfinite(queries).all() and np.isfinite(documents).all()):
        return math.nan, math.nan
    scores = queries @ documents.T
    own = scores[np.arange(len(queries)), texts.rows]
    # Ties count against the model: equal vectors for all find nothing.
    ranks = (scores >= own[:, None]).sum(axis=1)
    value = np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0).mean()
    left, right = np.random.default_rng(0).integers(len(documents), size=(2, 1000))
    apart = left != right
    return float(value), float((documents[left] * documents[right]).sum(axis=1)[apart].mean())


def _rounded(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[float(f"{number:.{DIGITS}g}") for number in row] for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--folder", type=Path, default=ROOT / "tests/train/curves")
    given = parser.parse_args()
    for run in runs():
        if given.names and not any(run.name.startswith(name) for name in given.names):
            continue
        if given.list:
            print(run.name)  # noqa: T201
            continue
        rows = record(run)
        lines = [f'"{part}": {json.dumps(rows[part], separators=(",", ":"))}' for part in rows]
        (given.folder / f"{run.name}.json").write_text("{" + ",\n".join(lines) + "}\n")
        last = rows["steps"][-1][2], rows["evaluations"][0][2], rows["evaluations"][-1][2]
        print(run.name, *last)  # noqa: T201


if __name__ == "__main__":
    main()
