"""One training: a base model, examples and a recipe in; the best weights and the curve out.

The base model is candidate zero: where no step is better than it on the dev queries, the
weights that come out are its own.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import MissingDependency, ModelError
from benchharness.models.runtime import computes, prepare_torch
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.progress import Listener, silent
from benchharness.progress import Step as Progress
from benchharness.train.curve import Curve, Evaluation
from benchharness.train.objectives import (
    RETRIEVAL,
    Examples,
    Objectives,
    batch_sampler,
    dimensions_of,
    make_objectives,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from benchharness.recipe import Kind, Recipe
    from benchharness.train.devset import DevSet
    from benchharness.train.trainer import Trainer, Watch


@dataclass(frozen=True, eq=False)
class Fitted:
    """A training that ended.

    model:      holds the weights of the best step, or those of the last one without dev queries.
    curve:      what was seen on the way.
    best_share: where the best step lies in the schedule, from 0 (the base model) to 1.
    facts:      what the report says of it: steps, batch, candidates, rows seen, seconds.
    """

    model: SentenceTransformer
    curve: Curve
    best_share: float
    facts: dict[str, float]

    @property
    def is_base(self) -> bool:
        return self.best_share == 0.0


def kind_of(encoder: SentenceTransformerEncoder, recipe: Recipe) -> Kind:
    if encoder.is_static:
        return "static"
    return "lora" if recipe.lora is not None else "transformer"


def fit(
    encoder: SentenceTransformerEncoder,
    examples: Examples,
    recipe: Recipe,
    folder: Path,
    *,
    base: Path,
    dev: DevSet | None = None,
    share: float | None = None,
    start: SentenceTransformer | None = None,
    listener: Listener = silent,
    stage: str = "train",
) -> Fitted:
    """The fitted model, after training on the examples.

    folder: of the checkpoints; a training that was killed there goes on from the last one, and
            gives the same bits.
    base:   where relative model specs of the recipe start.
    dev:    queries that pick the step; None to train to `share` of the schedule (None: its end).
    start:  the model to go on with; None for the encoder's own weights.

    Raises MissingDependency without accelerate and datasets, ModelError where memory runs out.
    """
    need_training_packages(lora=recipe.lora is not None)
    began = time.monotonic()
    recipe = recipe.resolved(kind_of(encoder, recipe))
    model = start if start is not None else encoder.load_for_training()
    before = _state_of(model)
    with _seeded(recipe.seed), _memory(encoder, recipe), _reading(model, recipe.max_length):
        if recipe.lora is not None:
            _add_adapters(model, recipe.lora)
        objectives = make_objectives(encoder, model, examples, recipe, base)
        total = max(1, math.ceil(objectives.steps_per_epoch * (recipe.epochs or 1.0)))
        trainer, watch = _trainer(encoder, model, objectives, recipe, folder, total)
        watch.stop_at = None if share is None else max(1, round(share * total))
        watch.tell = lambda done, of: listener(Progress(stage, done, of, "steps"))
        if dev is not None:
            watch.evaluate = _evaluation(encoder, model, dev)
        _run(trainer, watch, folder)
    model, reached = _best(model, watch, before, lora=recipe.lora is not None)
    model.eval()
    candidates, batch = objectives.candidates, objectives.batch_size
    facts = {
        "steps": watch.last_step,
        "steps_planned": total,
        "batch_size": batch,
        "candidates": candidates,
        "rows_seen": _rows_seen(watch.curve, candidates // batch),
        "pairs": len(examples.pairs),
        "seconds": time.monotonic() - began,
    }
    shown = {name: float(value) for name, value in facts.items()}
    return Fitted(model, watch.curve, min(reached / total, 1.0), shown)


def _best(
    model: SentenceTransformer, watch: Watch, before: dict[str, Any], *, lora: bool
) -> tuple[SentenceTransformer, int]:
    """(the model with the weights of its best step, that step); 0 is the model as it came."""
    best = watch.best if watch.evaluate is not None else None
    if best is None:
        return (_merged(model) if lora else model), watch.last_step
    if best.step and watch.best_state is not None:
        model.load_state_dict(watch.best_state)
    if lora:
        model = _merged(model)
    if not best.step:
        model.load_state_dict(before)
    return model, best.step


def _evaluation(
    encoder: SentenceTransformerEncoder, model: SentenceTransformer, dev: DevSet
) -> Callable[[int, float], Evaluation]:
    """What looks at the model in training as it will be measured."""
    live, length = encoder.around(model), encoder.max_length

    def evaluate(step: int, epoch: float) -> Evaluation:
        with _plain_forward(model), _reading(model, length):
            return dev.evaluate(live, step, epoch)

    return evaluate


@contextmanager
def _memory(encoder: SentenceTransformerEncoder, recipe: Recipe) -> Iterator[None]:
    """Names what to lower where memory runs out."""
    torch = prepare_torch()
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"batches of {recipe.batch_size}, {recipe.rows_at_once} rows at once, do not fit into "
            "the device's memory",
            where=encoder.spec,
            remedy=f"--set rows_at_once={max(2, recipe.rows_at_once // 2)}, or less max_length",
        ) from error


def _rows_seen(curve: Curve, candidates_per_row: int) -> int:
    """From the curve, which a resumed training has in full."""
    return sum(round(math.exp(step.chance) / candidates_per_row) for step in curve.steps)


def need_training_packages(*, lora: bool = False) -> None:
    """Nothing, where the packages that training needs are there. Raises MissingDependency."""
    from importlib.util import find_spec

    for package in ("accelerate", "datasets"):
        if find_spec(package) is None:
            raise MissingDependency.of(package, extra="train", wanted_for="fine-tuning")
    if lora and find_spec("peft") is None:
        raise MissingDependency.of("peft", extra="lora", wanted_for="a recipe with lora")


def precision_of(encoder: SentenceTransformerEncoder, recipe: Recipe, device: str) -> str:
    """float32, bfloat16 or float16: what the arithmetic of training is done in.

    "auto" is bfloat16 where the device computes with it; a static model is never worth it.
    """
    if recipe.precision != "auto":
        return recipe.precision
    return "bfloat16" if not encoder.is_static and computes("bfloat16", device) else "float32"


def _trainer(
    encoder: SentenceTransformerEncoder,
    model: SentenceTransformer,
    objectives: Objectives,
    recipe: Recipe,
    folder: Path,
    total: int,
) -> tuple[Trainer, Watch]:
    """The library's trainer for `total` steps, and what watches it."""
    from transformers import PrinterCallback

    from benchharness.train.trainer import Recorded, Trainer, Watch

    dimensions = dimensions_of(encoder, model, recipe)
    recorded = Recorded(objectives.losses[RETRIEVAL], len(dimensions))
    several = len(objectives.datasets) > 1
    watch = Watch(
        model, recorded, folder,
        every=max(1, total // recipe.evaluations), patience=recipe.patience,
    )  # fmt: skip
    trainer = Trainer(
        model=model,
        args=_arguments(encoder, model, objectives, recipe, folder, total),
        train_dataset=objectives.datasets if several else objectives.datasets[RETRIEVAL],
        loss={**objectives.losses, RETRIEVAL: recorded} if several else recorded,
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, watch


def _arguments(
    encoder: SentenceTransformerEncoder,
    model: SentenceTransformer,
    objectives: Objectives,
    recipe: Recipe,
    folder: Path,
    total: int,
) -> Any:
    from sentence_transformers import SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.training_args import MultiDatasetBatchSamplers

    device = model.device.type
    precision = precision_of(encoder, recipe, device)
    prompts = objectives.prompts
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=total,
        per_device_train_batch_size=objectives.batch_size,
        learning_rate=recipe.learning_rate or 0.0,
        warmup_steps=recipe.warmup,
        lr_scheduler_type=recipe.schedule,
        weight_decay=recipe.weight_decay,
        bf16=precision == "bfloat16",
        fp16=precision == "float16",
        batch_sampler=batch_sampler,
        multi_dataset_batch_sampler=MultiDatasetBatchSamplers.ROUND_ROBIN,
        prompts=prompts if len(objectives.datasets) > 1 else prompts.get(RETRIEVAL),
        eval_strategy="no",
        save_strategy="no",
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
        use_cpu=device == "cpu",
        dataloader_pin_memory=device == "cuda",
    )


def _run(trainer: Trainer, watch: Watch, folder: Path) -> None:
    from benchharness.train.trainer import last_checkpoint

    found = last_checkpoint(folder)
    if found is not None:
        watch.resume(found)
    trainer.train(resume_from_checkpoint=str(found) if found is not None else None)
    # What mixed precision has put around the model's forward must not stay for measuring.
    vars(watch.model).pop("forward", None)
    vars(watch.model).pop("_original_forward", None)


@contextmanager
def _plain_forward(model: SentenceTransformer) -> Iterator[None]:
    """The model as it will be measured, without what mixed precision puts around it."""
    wrapped = vars(model).pop("forward", None)
    try:
        yield
    finally:
        if wrapped is not None:
            vars(model)["forward"] = wrapped


@contextmanager
def _reading(model: SentenceTransformer, length: int | None) -> Iterator[None]:
    """The model reads that many tokens of a text; None leaves it as it is."""
    if length is None or type(model[0]).__name__ == "StaticEmbedding":
        yield
        return
    before = model.max_seq_length
    model.max_seq_length = length
    try:
        yield
    finally:
        model.max_seq_length = before


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds every generator that training draws from; afterwards they are as they were."""
    import random

    import numpy as np
    import torch

    python, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_state)


def _state_of(model: SentenceTransformer) -> dict[str, Any]:
    from benchharness.train.trainer import copied

    return copied(model.state_dict())


def _add_adapters(model: SentenceTransformer, rank: int) -> None:
    """Puts adapters of that rank on every linear layer; only they are trained."""
    from peft import LoraConfig, TaskType, get_peft_model

    first: Any = model[0]
    config = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.05,
        target_modules="all-linear",
    )
    with warnings.catch_warnings():
        # peft asks transformers by a name that transformers has deprecated.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        first.model = get_peft_model(first.model, config)


def _merged(model: SentenceTransformer) -> SentenceTransformer:
    """The model with its adapters worked into its weights: a plain model again."""
    first: Any = model[0]
    first.model = first.model.merge_and_unload()
    return model
