"""What the values of a click log must be: rules for one text each, applied to whole columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchharness.errors import DataError, shortened

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_CLICKED = {"1": True, "true": True, "1.0": True, "0": False, "false": False, "0.0": False}
_LARGEST_RANK = 100_000
# Seconds of the year 5138: whoever writes more counts in milliseconds.
_LARGEST_TIME = 1e11

Rule = Callable[[str], Any]


class Wrong(ValueError):
    """A value that its rule refuses; the text says how it should be."""


def text_id(text: str) -> str:
    """An id, which is not empty."""
    if not text.strip():
        raise Wrong("give every row one")
    return text


def rank(text: str) -> int:
    """A whole number from 1; "3.0" is 3."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (number.is_integer() and 1 <= number <= _LARGEST_RANK):
        raise Wrong("ranks are whole numbers that count from 1")
    return int(number)


def clicked(text: str) -> bool:
    """Whether it was clicked: 0, 1, true or false."""
    try:
        return _CLICKED[text.strip().lower()]
    except KeyError:
        raise Wrong("write 0, 1, true or false") from None


def dwell_s(text: str) -> float:
    """Seconds from 0; NaN where there is no value."""
    if not text.strip():
        return math.nan
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if math.isnan(seconds):
        return math.nan
    if not 0 <= seconds < math.inf:
        raise Wrong("dwell times are seconds of at least 0, or empty")
    return seconds


def timestamp(text: str) -> float:
    """Seconds since 1970 in UTC, of ISO 8601 or of seconds; NaN where there is no value.

    A time without a zone is in UTC.
    """
    plain = text.strip()
    if not plain:
        return math.nan
    try:
        seconds = float(plain)
    except ValueError:
        try:
            moment = datetime.fromisoformat(plain)
        except ValueError:
            raise Wrong("write ISO 8601, such as 2026-01-31T12:00:00Z, or seconds") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not abs(seconds) < _LARGEST_TIME:
        raise Wrong("seconds since 1970, not milliseconds")
    return seconds


def numbers(
    column: pa.Array, rule: Rule, dtype: Any, name: str, source: str, lines: Sequence[int]
) -> NDArray[Any]:
    """What the rule makes of each row; [rows]. Each distinct text is looked at once.

    Raises DataError with the first row of the first text that the rule refuses.
    """
    import numpy as np
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(column)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    texts = encoded.dictionary.to_pylist()
    made = np.empty(len(texts), dtype=dtype)
    # Distinct texts stand in order of their first row, so the first refused is the first wrong row.
    for place, text in enumerate(texts):
        try:
            made[place] = rule(text)
        except Wrong as wrong:
            row = int(np.argmax(codes == place))
            shown = shortened(text) if text.strip() else "empty"
            raise DataError(
                f"{name} is {shown}", where=f"{source}:{lines[row]}", remedy=str(wrong)
            ) from None
    found: NDArray[Any] = made[codes]
    return found
