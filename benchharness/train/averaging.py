"""Weight averaging with the base model: less of what was learnt, less of what was forgotten.

Source: S. Xiao et al., LM-Cocktail: resilient tuning of language models via model merging, 2023;
equals `SentenceTransformer.merge(method="linear")`, which needs another package.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchharness.judge.numbers import order
from benchharness.train.tuning import Averaged

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

# Shares of the tuned weights that are tried, the largest first.
ALPHAS = (1.0, 0.75, 0.5, 0.25)

Tensors = dict[str, "torch.Tensor"]


def weights_of(model: SentenceTransformer) -> Tensors:
    """A copy of the model's weights, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def set_average(
    model: SentenceTransformer, base: Tensors, tuned: Tensors, alpha: float
) -> SentenceTransformer:
    """The model with alpha x tuned + (1 - alpha) x base as its weights.

    Tensors of whole numbers, such as positions, are taken from the tuned side.
    """
    mixed = {
        name: alpha * value + (1 - alpha) * base[name] if value.is_floating_point() else value
        for name, value in tuned.items()
    }
    model.load_state_dict(mixed)
    return model


def best_on_dev(curve: Sequence[Averaged]) -> float:
    """The alpha of the highest dev value; of equals the largest. A value that is none is lowest."""

    def height(one: Averaged) -> tuple[float, float]:
        return (-1.0 if one.dev is None or math.isnan(one.dev) else one.dev), one.alpha

    return max(curve, key=height).alpha


def largest_that_keeps(curve: Sequence[Averaged], guard_base: float, margin: float) -> float | None:
    """The largest alpha at which the guard's dev value lost less than the margin; else None."""
    keeps = [one.alpha for one in curve if one.guard is not None
             and order(margin, guard_base - one.guard) > 0]  # fmt: skip
    return max(keeps, default=None)
