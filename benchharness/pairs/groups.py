"""Groups of equal keys, in numpy: what is repeated, and what has several of something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)


def joined(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One key of 64 bits for each two, equal where both are equal; [n]."""
    import numpy as np

    mixed: NDArray[np.uint64] = first * np.uint64(_MULTIPLIERS[0])
    mixed ^= mixed >> np.uint64(29)
    mixed += second * np.uint64(_MULTIPLIERS[1])
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(_MULTIPLIERS[1])
    mixed ^= mixed >> np.uint64(29)
    return mixed


def repeated_rows(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The rows whose key stood in an earlier row, in order."""
    import numpy as np

    first = np.unique(keys, return_index=True)[1]
    return np.setdiff1d(np.arange(len(keys)), first, assume_unique=True)


def several(own: NDArray[np.uint64], beside: NDArray[np.uint64]) -> tuple[int, NDArray[np.int64]]:
    """(how many values of `own` have more than one `beside`, the rows where another is first).

    A value of 0 stands for none and is left out on either side.
    """
    import numpy as np

    rows = np.flatnonzero((own != 0) & (beside != 0))
    first = rows[np.unique(joined(own[rows], beside[rows]), return_index=True)[1]]
    first.sort()  # the first row of each two, in order
    again = first[repeated_rows(own[first])] if len(first) else first
    return len(np.unique(own[again])), again
