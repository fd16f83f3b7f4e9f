"""How near another backend's vectors are to torch's, on some texts."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.files import write_atomically

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FILE = "agreement.json"


@dataclass(frozen=True)
class Agreement:
    """The cosine of each text's two vectors: mean and lowest, from -1 to 1; NaN if one has NaN."""

    texts: int
    mean: float
    lowest: float

    def __str__(self) -> str:
        return (
            f"cosine {self.mean:.4f} on average, {self.lowest:.4f} at least, on {self.texts} texts"
        )


def agreement_of(one: NDArray[np.float32], other: NDArray[np.float32]) -> Agreement:
    """Of two matrices [texts, dim], row by row; two zero vectors agree."""
    import numpy as np

    first, second = one.astype(np.float64), other.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    both_zero = ~first.any(axis=1) & ~second.any(axis=1)
    products = np.where(both_zero, 1.0, (first * second).sum(axis=1))
    cosines = products / np.where(lengths == 0, 1.0, lengths)
    return Agreement(len(cosines), float(cosines.mean()), float(cosines.min()))


def read_agreement(folder: Path) -> Agreement | None:
    """What was kept in the folder; None where nothing was, or it cannot be read."""
    try:
        return Agreement(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def keep_agreement(folder: Path, found: Agreement) -> None:
    """Raises OSError."""
    write_atomically(folder / _FILE, [json.dumps(dataclasses.asdict(found)), "\n"])
