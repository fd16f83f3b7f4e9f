"""sentence-transformers' trainer with what a run needs besides; imported when training starts.

This module alone imports torch and the trainer at its top, because its classes derive from
theirs. `benchharness.train.fitting` imports it inside a function.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from benchharness.files import write_atomically
from benchharness.train.curve import Curve, Evaluation, Step

# A run that is killed loses at most this much, plus the time to save.
CHECKPOINT_SECONDS = 60.0
CURVE = "curve.json"
_WEIGHTS = "weights.safetensors"
_WHOLE = "complete"
_IN_LOSS = "loss."

Tensors = dict[str, torch.Tensor]


class Recorded(torch.nn.Module):
    """A contrastive loss that remembers what it gave, at the scale of one dimension."""

    def __init__(self, loss: torch.nn.Module, dimensions: int) -> None:
        super().__init__()
        self.loss = loss
        self.dimensions = dimensions
        self._last: tuple[float, float] | None = None

    def forward(self, features: Any, labels: Any) -> torch.Tensor:
        value: torch.Tensor = self.loss(features, labels)
        rows = _rows(features[0])
        chance = math.log(max(2, rows * (len(features) - 1)))
        self._last = float(value.detach()) / self.dimensions, chance
        return value

    def taken(self) -> tuple[float, float] | None:
        """(loss, loss by chance) of the last batch, once."""
        last, self._last = self._last, None
        return last


def _rows(features: dict[str, Any]) -> int:
    # A bag of tokens has one flat tensor of ids, and where each text begins in it.
    return len(features["offsets"] if "offsets" in features else features["input_ids"])


class Trainer(SentenceTransformerTrainer):
    """The library's trainer; checkpoints are plain safetensors, and no model card is begun."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """The run writes a card of its own, at its end."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        save_file(copied(self._own_state()), str(folder / _WEIGHTS))

    def _load_from_checkpoint(self, checkpoint_path: str, model: Any = None) -> None:
        state = load_file(str(Path(checkpoint_path) / _WEIGHTS))
        own = {name: value for name, value in state.items() if not name.startswith(_IN_LOSS)}
        (model or self.model).load_state_dict(own)
        for name, tensor in self._loss_state().items():
            tensor.data.copy_(state[name])

    def _own_state(self) -> Tensors:
        return {**self.model.state_dict(), **self._loss_state()}

    def _loss_state(self) -> Tensors:
        """Weights that belong to a loss and not to the model, such as a projection."""
        losses = self.loss if isinstance(self.loss, dict) else {"": self.loss}
        own = {id(parameter) for parameter in self.model.parameters()}
        found: Tensors = {}
        for key, loss in losses.items():
            for name, parameter in loss.named_parameters():
                if parameter.requires_grad and id(parameter) not in own:
                    found[f"{_IN_LOSS}{key}.{name}"] = parameter
        return found


def copied(state: Tensors) -> Tensors:
    """The tensors on the CPU, each with memory of its own."""
    return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}


# The events of a callback have parameters that not every answer needs.
# ruff: noqa: ARG002


class Watch(TrainerCallback):
    """Records the curve, evaluates on dev queries, keeps the best weights, ends and saves.

    All that it knows is in the curve, so that a run that is resumed goes on as it would have.

    every:    steps between evaluations; `patience` of them without a new best end the training.
    evaluate: the model at a (step, epoch) -> Evaluation; None where there are no dev queries.
    stop_at:  the step after which training ends, whatever the schedule; None for the last.
    tell:     is told (step, steps) after each.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        recorded: Recorded,
        folder: Path,
        *,
        every: int,
        patience: int,
    ) -> None:
        self.model = model
        self.recorded = recorded
        self.folder = folder
        self.every = every
        self.patience = patience
        self.evaluate: Callable[[int, float], Evaluation] | None = None
        self.stop_at: int | None = None
        self.tell: Callable[[int, int], None] = lambda _done, _of: None
        self.steps: list[Step] = []
        self.evaluations: list[Evaluation] = []
        self.best_state: Tensors | None = None
        self._saved_at = time.monotonic()

    @property
    def last_step(self) -> int:
        return self.steps[-1].step if self.steps else 0

    @property
    def curve(self) -> Curve:
        return Curve(tuple(self.steps), tuple(self.evaluations))

    @property
    def best(self) -> Evaluation | None:
        """The evaluation of the highest value, the earliest of equals; the base is the first."""
        finite = [one for one in self.evaluations if math.isfinite(one.value)]
        return max(finite, key=lambda one: (one.value, -one.step), default=None)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if self.evaluate is not None and not self.evaluations:
            self.evaluations.append(self.evaluate(0, 0.0))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        last = self.recorded.taken()
        if last is None or not logs or "grad_norm" not in logs:
            return
        norm = float(logs["grad_norm"])
        self.steps.append(Step(state.global_step, float(state.epoch or 0), last[0], norm, last[1]))
        if not (math.isfinite(last[0]) and math.isfinite(norm)):
            control.should_training_stop = True

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        step, last = state.global_step, self.stop_at or state.max_steps
        self.tell(step, last)
        if step >= last:
            control.should_training_stop = True
        elif time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            control.should_save = True
        if self.evaluate is not None and (step % self.every == 0 or step >= last):
            self._look(step, float(state.epoch or 0), control)

    def _look(self, step: int, epoch: float, control: TrainerControl) -> None:
        assert self.evaluate is not None  # noqa: S101 -- narrows the type
        self.evaluations.append(self.evaluate(step, epoch))
        best = self.best
        if best is not None and best.step == step:
            self.best_state = copied(self.model.state_dict())
        since = [one for one in self.evaluations if best is None or one.step > best.step]
        if len(since) >= self.patience or not math.isfinite(self.evaluations[-1].value):
            control.should_training_stop = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        folder = self.folder / f"checkpoint-{state.global_step}"
        if self.best_state is not None:
            save_file(self.best_state, str(folder / "best.safetensors"))
        write_atomically(folder / CURVE, [json.dumps(asdict(self.curve), allow_nan=True)])
        write_atomically(folder / _WHOLE, ["\n"])
        for other in self.folder.glob("checkpoint-*"):  # this one takes their place
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        self._saved_at = time.monotonic()

    def resume(self, checkpoint: Path) -> None:
        """Takes up what was known at the checkpoint."""
        content = json.loads((checkpoint / CURVE).read_text(encoding="utf-8"))
        self.steps = [Step(**row) for row in content["steps"]]
        self.evaluations = [Evaluation(**row) for row in content["evaluations"]]
        best = checkpoint / "best.safetensors"
        self.best_state = load_file(str(best)) if best.is_file() else None


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{_WHOLE}")]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
