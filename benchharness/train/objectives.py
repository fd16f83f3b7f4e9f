"""From a recipe and examples to what the trainer takes: data sets, losses and batch samplers.

The column order is the meaning: anchor, positive, then negatives. A column too many would be a
negative, so the data sets are made here and nowhere else.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from benchharness.errors import ModelError, UsageError
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import is_encoder
from benchharness.models.registry import open_model
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.pairs.pair import Pair
from benchharness.train.labels import label_role

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

    from benchharness.pairs.labelled import LabelledTexts
    from benchharness.recipe import Recipe

RETRIEVAL, REPLAY, LABELS, TEACHER = "retrieval", "replay", "labels", "teacher"
_LABEL = "label"
_SMALLEST_LABEL_BATCH = 4
# How much nearer, in cosine, a text is to texts of its label than to others.
_LABEL_MARGIN = 0.25
# Batches of labelled texts are balanced, which leaves the tails of frequent labels out.
_MORE_LABELS = 1.5


@dataclass(frozen=True)
class Examples:
    """What a model is trained on.

    pairs:   retrieval, with equally many negatives each.
    replay:  pairs of another domain, so that it is not forgotten.
    labels:  texts with labels, for the second task.
    taught:  (texts, vectors of the teacher), for distillation.
    """

    pairs: tuple[Pair, ...]
    replay: tuple[Pair, ...] = ()
    labels: LabelledTexts | None = None
    taught: tuple[tuple[str, ...], Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Objectives:
    """data sets and losses by name, the batch size in force, and facts for the report."""

    datasets: dict[str, Dataset]
    losses: dict[str, Any]
    prompts: dict[str, dict[str, str]]
    batch_size: int
    candidates: int
    steps_per_epoch: int


def distinct_positives(pairs: Sequence[Pair]) -> int:
    return len({pair.positive for pair in pairs})


def batch_size_for(pairs: Sequence[Pair], wanted: int) -> int:
    """The wanted batch, or as many rows as have different positives.

    A batch in which no text comes twice cannot have more rows, and an epoch of larger ones would
    leave rows out without a word.
    """
    most = min(distinct_positives(pairs), len({pair.query for pair in pairs}), len(pairs))
    return max(2, min(wanted, most))


def shown_by_weight(pairs: Sequence[Pair], seed: int) -> Iterator[Pair]:
    """Yields each pair as often as its weight says on average, drawn by a hash of its texts."""
    for pair in pairs:
        whole, rest = divmod(pair.weight, 1.0)
        digest = hashlib.sha256(f"{seed}\0{pair.query}\0{pair.positive}".encode()).digest()
        drawn = int.from_bytes(digest[:8], "little") / 2**64 < rest
        yield from [pair] * (int(whole) + drawn)


def make_objectives(
    encoder: SentenceTransformerEncoder,
    model: SentenceTransformer,
    examples: Examples,
    recipe: Recipe,
    base: Path,
) -> Objectives:
    """What the trainer is given; `recipe` is resolved, and `model` the one to be trained.

    Raises UsageError where the examples do not fit the recipe.
    """
    batch = batch_size_for(examples.pairs, recipe.batch_size or 2)
    loss = retrieval_loss(encoder, model, recipe, batch, base)
    rows = list(shown_by_weight(examples.pairs, recipe.seed))
    if not rows:
        raise UsageError(
            f"the weights of {len(examples.pairs)} pairs are so small that none is shown",
            remedy="raise them: a pair of weight 1 is shown once in an epoch",
        )
    datasets = {RETRIEVAL: _pair_dataset(rows)}
    losses: dict[str, Any] = {RETRIEVAL: loss}
    prompts = {RETRIEVAL: _pair_prompts(encoder, datasets[RETRIEVAL])}
    steps = math.ceil(len(rows) / batch)
    if examples.replay:
        size = batch_size_for(examples.replay, batch)
        replayed = _as_many(examples.replay, steps * size, recipe.seed)
        datasets[REPLAY] = _pair_dataset([replace(pair, negatives=()) for pair in replayed])
        losses[REPLAY] = retrieval_loss(encoder, model, recipe, batch, base)
        prompts[REPLAY] = _pair_prompts(encoder, datasets[REPLAY])
    if examples.labels is not None:
        # Turns are taken until one side is used up: that side must be the pairs.
        rows_wanted = math.ceil(_MORE_LABELS * steps * _even(batch))
        datasets[LABELS] = _label_dataset(examples.labels, rows_wanted, recipe.seed)
        losses[LABELS] = _label_loss(model)
        prompts[LABELS] = _named(encoder.prompts[label_role(encoder)], ["text"])
    if examples.taught is not None:
        texts, vectors = examples.taught
        datasets[TEACHER] = _taught_dataset(texts, vectors, steps * batch, recipe.seed)
        losses[TEACHER] = _teacher_loss(model, vectors.shape[1])
        prompts[TEACHER] = _named(encoder.prompts["document"], ["text"])
    negatives = len(datasets[RETRIEVAL].column_names) - 2
    return Objectives(
        datasets, losses, {n: p for n, p in prompts.items() if p}, batch,
        candidates=batch * (1 + negatives), steps_per_epoch=steps * len(datasets),
    )  # fmt: skip


def retrieval_loss(
    encoder: SentenceTransformerEncoder,
    model: SentenceTransformer,
    recipe: Recipe,
    batch: int,
    base: Path,
) -> torch.nn.Module:
    """Multiple negatives ranking, as the recipe varies it; its value is that of one dimension."""
    from sentence_transformers.sentence_transformer import losses

    cached = batch > recipe.rows_at_once and not encoder.is_static
    extra: dict[str, Any] = {"mini_batch_size": recipe.rows_at_once} if cached else {}
    loss: torch.nn.Module
    if recipe.guide is not None:
        kind = losses.CachedGISTEmbedLoss if cached else losses.GISTEmbedLoss
        guide = _open_guide(recipe.guide, base)
        loss = kind(model, guide, temperature=1 / recipe.scale, **extra)
    else:
        ranking = (
            losses.CachedMultipleNegativesRankingLoss
            if cached
            else losses.MultipleNegativesRankingLoss
        )
        loss = ranking(model, scale=recipe.scale, **extra)
    dims = dimensions_of(encoder, model, recipe)
    if len(dims) > 1:
        loss = losses.MatryoshkaLoss(model, loss, list(dims))
    return loss


def dimensions_of(
    encoder: SentenceTransformerEncoder, model: SentenceTransformer, recipe: Recipe
) -> tuple[int, ...]:
    """The dimensions to train, the full one first; a spec's own `dim` is among them.

    Raises UsageError where one is not below the full one.
    """
    full = model.get_embedding_dimension() or 0
    cut = encoder.options.dim
    wanted = sorted({*recipe.matryoshka, *([cut] if cut else [])}, reverse=True)
    beyond = [dim for dim in wanted if dim > full]
    if beyond:
        raise UsageError(
            f"recipe: matryoshka names {beyond[0]} components, {encoder.spec} has {full}",
            remedy=f"name dimensions below {full}",
        )
    return (full, *(dim for dim in wanted if dim < full))


def _open_guide(spec: str, base: Path) -> SentenceTransformer:
    system = open_model(spec, base)
    if not isinstance(system, SentenceTransformerEncoder):
        raise UsageError(
            f"recipe: guide {spec!r} is no sentence-transformers model",
            remedy="name one, such as minilm",
        )
    return system.load_sentence_transformer()


def teach(
    spec: str, base: Path, queries: Sequence[str], documents: Sequence[str], cache: EmbeddingCache
) -> tuple[tuple[str, ...], Any]:
    """The texts with the teacher's vectors, each text once. Raises UsageError, ModelError."""
    import numpy as np

    teacher = open_model(spec, base)
    if not is_encoder(teacher):
        raise UsageError(f"recipe: the teacher {spec!r} gives no vectors", remedy="name an encoder")
    asked = tuple(dict.fromkeys(queries))
    told = tuple(text for text in dict.fromkeys(documents) if text not in set(asked))
    vectors = [cache.encode(teacher, list(asked), "query")]
    if told:
        vectors.append(cache.encode(teacher, list(told), "document"))
    found = np.concatenate(vectors)
    if not np.isfinite(found).all():
        raise ModelError("the teacher gave vectors that are not finite", where=spec)
    return (*asked, *told), found


# --- data sets ----------------------------------------------------------------------------------


def _pair_dataset(pairs: Sequence[Pair]) -> Dataset:
    from datasets import Dataset

    columns = {
        "anchor": [pair.query for pair in pairs],
        "positive": [pair.positive for pair in pairs],
    }
    for place in range(len(pairs[0].negatives)):
        columns[f"negative_{place + 1}"] = [pair.negatives[place] for pair in pairs]
    return Dataset.from_dict(columns)


def _as_many(pairs: Sequence[Pair], rows: int, seed: int) -> list[Pair]:
    """Pairs in a seeded order, repeated or cut to that many rows."""
    ordered = sorted(
        pairs, key=lambda p: hashlib.sha256(f"{seed}\0{p.query}\0{p.positive}".encode()).digest()
    )
    return [ordered[row % len(ordered)] for row in range(rows)]


def _label_dataset(labels: LabelledTexts, rows: int, seed: int) -> Dataset:
    from datasets import Dataset

    numbers = {label: number for number, label in enumerate(sorted(set(labels.labels)))}
    pairs = [Pair(text, label) for text, label in zip(labels.texts, labels.labels, strict=True)]
    chosen = _as_many(pairs, rows, seed)
    return Dataset.from_dict(
        {"text": [p.query for p in chosen], _LABEL: [numbers[p.positive] for p in chosen]}
    )


def _taught_dataset(texts: Sequence[str], vectors: Any, rows: int, seed: int) -> Dataset:
    from datasets import Dataset

    order = _as_many([Pair(text, str(row)) for row, text in enumerate(texts)], rows, seed)
    return Dataset.from_dict(
        {
            "text": [pair.query for pair in order],
            _LABEL: [vectors[int(pair.positive)].tolist() for pair in order],
        }
    )


def _label_loss(model: SentenceTransformer) -> torch.nn.Module:
    from sentence_transformers.sentence_transformer import losses

    # The library's default, a margin of 5 between Euclidean distances, is out of reach for
    # vectors of length 1 and pulls all of them together.
    cosine = losses.BatchHardTripletLossDistanceFunction.cosine_distance
    return losses.BatchAllTripletLoss(model, distance_metric=cosine, margin=_LABEL_MARGIN)


def _teacher_loss(model: SentenceTransformer, dim: int) -> torch.nn.Module:
    from sentence_transformers.sentence_transformer import losses

    own = model.get_embedding_dimension()
    return losses.EmbedDistillLoss(
        model, distance_metric="cosine", projection_dim=None if own == dim else dim
    )


def _pair_prompts(encoder: SentenceTransformerEncoder, dataset: Dataset) -> dict[str, str]:
    documents = [name for name in dataset.column_names if name != "anchor"]
    return _named(encoder.prompts["query"], ["anchor"]) | _named(
        encoder.prompts["document"], documents
    )


def _named(prompt: str, columns: Sequence[str]) -> dict[str, str]:
    return dict.fromkeys(columns, prompt) if prompt else {}


def _even(batch: int) -> int:
    return max(_SMALLEST_LABEL_BATCH, batch - batch % 2)


def batch_sampler(dataset: Any, **others: Any) -> Any:
    """The library's sampler for a data set: by label where there is one, else no text twice."""
    from sentence_transformers.base.sampler import (
        DefaultBatchSampler,
        GroupByLabelBatchSampler,
        NoDuplicatesBatchSampler,
    )
    from torch.utils.data import RandomSampler

    if "anchor" in dataset.column_names:
        return NoDuplicatesBatchSampler(dataset, **others)
    first = dataset[0][_LABEL]
    if isinstance(first, int):
        return GroupByLabelBatchSampler(
            dataset, **(others | {"batch_size": _even(others["batch_size"])})
        )
    return DefaultBatchSampler(RandomSampler(dataset, generator=others["generator"]), **others)
