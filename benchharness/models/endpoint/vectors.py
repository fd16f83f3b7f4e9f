"""From the numbers of an answer to an array, and what must hold of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchharness.models.endpoint.line import Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DEFECT = "look at the service's log; batches finished before are kept in the cache"


def array_of(rows: Sequence[object], count: int, line: Line) -> NDArray[np.float32]:
    """The vectors of an answer; [count, dim], finite.

    rows: a list of numbers for each text, or its float32 bytes (little-endian) in base64.
    Raises ModelError where there is not one for each text, where they differ in length, and where
    a number is missing, NaN or infinite.
    """
    import numpy as np

    if len(rows) != count:
        raise line.error(f"{len(rows)} vectors came for {count} texts", _DEFECT)
    try:
        arrays = [_row(row) for row in rows]
    except (TypeError, ValueError, binascii.Error):
        raise line.error("a vector is neither a list of numbers nor base64", _DEFECT) from None
    sizes = sorted({len(one) for one in arrays})
    if len(sizes) != 1 or not sizes[0]:
        shown = " and ".join(map(str, sizes))
        raise line.error(f"vectors of one answer have {shown} components", _DEFECT)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        found = np.stack(arrays).astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(broken):
        raise line.error(
            f"{len(broken)} of {count} vectors hold NaN, infinity or no number", _DEFECT
        )
    return found


def _row(row: object) -> NDArray[np.float64]:
    import numpy as np

    if isinstance(row, str):
        return np.frombuffer(base64.b64decode(row, validate=True), dtype="<f4").astype(np.float64)
    if not isinstance(row, list):
        raise TypeError
    found = np.array(row)
    # None makes an array of objects, text one of strings; both are no vector of numbers.
    if found.dtype == object:
        found = found.astype(np.float64)
    if found.ndim != 1 or found.dtype.kind not in "fiu":
        raise TypeError
    return found.astype(np.float64)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors at length 1, in double precision; a zero vector stays zero."""
    import numpy as np

    exact = vectors.astype(np.float64)
    norms = np.sqrt((exact * exact).sum(axis=1, keepdims=True))
    norms[norms == 0] = 1.0
    found: NDArray[np.float32] = (exact / norms).astype(np.float32)
    return found
