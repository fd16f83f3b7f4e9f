"""Numbers as text, such that a printed number never contradicts the verdict beside it.

0.54996 against a floor of 0.55 is a failure; printed as "0.5500" it reads as a pass. So every
number is printed against what it is compared with, and gets digits until it stands visibly on
its true side. Numbers within 1e-12 of each other are the same number.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Sums of many floats differ in the last bits with the order of summation, never by this much.
TOLERANCE = 1e-12
_MOST_DIGITS = 15


def order(value: float, threshold: float) -> int:
    """-1, 0 or 1 where the value is below, at (within 1e-12) or above the threshold."""
    if abs(value - threshold) <= TOLERANCE:
        return 0
    return 1 if value > threshold else -1


def format_value(value: float, against: Sequence[float] = (), digits: int = 4) -> str:
    """The value with `digits` decimals, and more until it is on its side of every threshold."""
    return _agreeing([(value, ROUND_HALF_EVEN)], against, digits)[0]


def format_move(before: float, after: float) -> str:
    """`0.8360 → 0.5117`: with digits until unequal numbers are printed unequal, in their order."""
    sides = (before, after)
    for digits in range(4, _MOST_DIGITS + 1):
        old, new = (_rounded(one, digits, ROUND_HALF_EVEN) for one in sides)
        if old != new or order(before, after) == 0:
            break
    return f"{old} → {new}" if order(before, after) else f"{old} → {old}"


def format_interval(interval: tuple[float, float], against: Sequence[float] = ()) -> str:
    """`[0.637, 0.696]`: the ends rounded outwards to 3 decimals, more where `against` needs it.

    Outwards, so that the printed interval holds the true one and the value printed beside it.
    """
    low, high = interval
    ends = _agreeing([(low, ROUND_FLOOR), (high, ROUND_CEILING)], against, digits=3)
    return f"[{ends[0]}, {ends[1]}]"


def format_threshold(threshold: float) -> str:
    """The threshold as it was written, with at least 2 decimals: 0.8 is `0.80`."""
    text = f"{threshold:.12f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2}"


def format_delta(delta: float, against: Sequence[float] = (0.0,)) -> str:
    """The signed difference: `+0.0213`, `-0.0040`, `0.0000`."""
    text = format_value(delta, against)
    return f"+{text}" if order(delta, 0.0) > 0 else text


def format_gap(value: str, threshold: str) -> str:
    """The distance of two printed numbers, exact to the digits printed: 0.6287, 0.65 -> 0.0213."""
    return f"{abs(Decimal(value) - Decimal(threshold)):f}"


def format_count(number: int, singular: str = "", plural: str = "") -> str:
    """`5,412`, with a noun `1 query` or `5,412 queries`."""
    text = f"{number:,}"
    if not singular:
        return text
    return f"{text} {singular if number == 1 else plural or singular + 's'}"


def format_share(part: int, whole: int) -> str:
    """`87.5 %`, rounded down, so that 899 of 1,000 never read as 90 %; `<0.1 %` of very few."""
    if whole <= 0:
        return "0 %"
    if 0 < 1000 * part < whole:
        return "<0.1 %"
    return f"{math.floor(1000 * part / whole) / 10:g} %"


def format_duration(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `2 min 05 s` or `1 h 02 min`."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def format_rate(per_second: float, unit: str) -> str:
    """`131 documents/s`; two significant digits below 10."""
    number = f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"
    return f"{number} {unit}/s"


def format_size(size_bytes: int) -> str:
    """`512 bytes`, `19.3 MB`: powers of 1,000, as disks and downloads count them."""
    if size_bytes < 1000:
        return format_count(size_bytes, "byte")
    size = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:,.1f} TB"


def _agreeing(
    numbers: Sequence[tuple[float, str]], against: Sequence[float], digits: int
) -> list[str]:
    """The numbers with equally many decimals, as few as put each on its side of `against`."""
    for decimals in range(digits, _MOST_DIGITS + 1):
        texts = [_rounded(number, decimals, mode) for number, mode in numbers]
        if all(
            not math.isfinite(number) or _agrees(float(text), number, against)
            for text, (number, _) in zip(texts, numbers, strict=True)
        ):
            return texts
    return [repr(number) for number, _ in numbers]


def _agrees(printed: float, true: float, against: Sequence[float]) -> bool:
    return all(order(printed, threshold) == order(true, threshold) for threshold in against)


def _rounded(number: float, decimals: int, mode: str) -> str:
    if not math.isfinite(number):
        return str(number)
    # Through the shortest decimal: 0.65 is 0.65 for the reader, not 0.65000000000000002.
    # The noise of summation beyond the tolerance is dropped first, or 0.6500000000000001 would
    # be rounded outwards to 0.651.
    exact = Decimal(repr(number))
    if decimals <= 12:
        exact = exact.quantize(Decimal(1).scaleb(-13), ROUND_HALF_EVEN)
    text = f"{exact.quantize(Decimal(1).scaleb(-decimals), mode):f}"
    return text.removeprefix("-") if float(text) == 0 else text
