"""`Curve`: what was seen while a model was trained, and nothing of how it was asked to train."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One optimiser step.

    epoch:     share of the data seen after it, in epochs.
    loss:      mean contrastive loss of the batch before the step, in nats, of one dimension.
    grad_norm: of all weights, before clipping.
    chance:    the loss of a batch of this make-up if all similarities were equal: ln of the
               number of candidates that a query had to choose from (its in-batch negatives, hard
               negatives and the positive).
    """

    step: int
    epoch: float
    loss: float
    grad_norm: float
    chance: float


@dataclass(frozen=True)
class Evaluation:
    """The model held against queries that are not trained on; step 0 is the base model.

    value:      of the measure that picks the best step, in [0, 1]; nan where vectors were not
                finite.
    similarity: mean cosine of pairs of documents drawn at random, which stand for unrelated
                texts: near 1 all vectors point the same way.
    """

    step: int
    epoch: float
    value: float
    similarity: float


@dataclass(frozen=True)
class Curve:
    """Steps and evaluations of one training, in order. Evaluations begin with the base model."""

    steps: tuple[Step, ...]
    evaluations: tuple[Evaluation, ...]
