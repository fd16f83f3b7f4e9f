"""What must hold of vectors before they are searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchharness.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.models.encoder import Encoder

_BLOCK_ROWS = 65_536  # vectors looked at together, so that a large memory map stays on disk
_SHOWN = 3


def check_vectors(
    vectors: NDArray[np.float32], ids: Sequence[str], texts: Sequence[str], encoder: Encoder
) -> NDArray[np.bool_]:
    """Which texts have no token and hence a zero vector: they are to rank last; [n].

    Raises ModelError, naming the first few ids, where there is not one vector for each text,
    where a vector holds NaN or infinity (a top-k ranks NaN first), or where the vector of a text
    with tokens is zero.
    """
    import numpy as np

    if vectors.ndim != 2 or len(vectors) != len(ids):
        shape = " x ".join(map(str, vectors.shape))
        raise ModelError(
            f"{encoder.spec} gave vectors of shape {shape} for {len(ids)} texts",
            remedy="an encoder gives one row of equal length for each text",
        )
    without_tokens = np.zeros(len(vectors), dtype=bool)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS]
        broken = np.flatnonzero(~np.isfinite(block).all(axis=1)) + start
        if len(broken):
            raise ModelError(
                f"{encoder.spec} gave NaN or infinity for {_count(broken)}",
                where=_named(ids, broken),
                remedy="try @dtype=float32, or look at these texts",
            )
        zero = np.flatnonzero(~block.any(axis=1)) + start
        if not len(zero):
            continue
        counts = encoder.token_counts([texts[row] for row in zero.tolist()])
        if (counts > 0).any():
            blamed = zero[counts > 0]
            raise ModelError(
                f"{encoder.spec} gave a zero vector for {_count(blamed)} that has tokens",
                where=_named(ids, blamed),
                remedy="a zero vector has no direction; look at these texts and at the model",
            )
        without_tokens[zero] = True
    return without_tokens


def _count(rows: NDArray[np.int64]) -> str:
    return "a text" if len(rows) == 1 else f"{len(rows)} texts"


def _named(ids: Sequence[str], rows: NDArray[np.int64]) -> str:
    shown = ", ".join(ids[row] for row in rows[:_SHOWN].tolist())
    return shown + (", …" if len(rows) > _SHOWN else "")
