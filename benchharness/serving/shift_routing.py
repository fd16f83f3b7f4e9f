"""Which index a query is sent to while traffic moves from the old one to the new."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence

from benchharness.errors import UsageError

# The share of traffic on the new index, in percent, step by step.
STEPS = (0.0, 1.0, 10.0, 50.0, 100.0)


def place_of(query_id: str, salt: str = "") -> float:
    """Where the query stands in the order in which queries move, from 0 to below 1.

    sha256 of salt and id, so that it is the same in every process and language. Another salt
    makes another order.
    """
    digest = hashlib.sha256(f"{salt}\0{query_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def is_moved(query_id: str, percent: float, salt: str = "") -> bool:
    """Whether the query goes to the new index while `percent` of the traffic does.

    Sticky and monotone: a query that went there at some share goes there at every larger one.
    """
    return place_of(query_id, salt) < percent / 100


def moved(query_ids: Iterable[str], percent: float, salt: str = "") -> tuple[bool, ...]:
    """`is_moved` of each query, in their order."""
    return tuple(is_moved(query_id, percent, salt) for query_id in query_ids)


def parse_steps(spelled: str) -> tuple[float, ...]:
    """`0,1,10,50,100` as percentages.

    Raises UsageError unless they rise, from 0 to 100: step 0 is what the others are compared
    with, and without 100 nothing is said of the new index alone.
    """
    try:
        steps = tuple(float(word) for word in spelled.split(","))
    except ValueError:
        raise UsageError(f"--steps: {spelled!r} are no percentages", remedy=_example()) from None
    check_steps(steps)
    return steps


def check_steps(steps: Sequence[float]) -> None:
    """Raises UsageError unless the percentages rise from 0 to 100."""
    rises = all(one < other for one, other in itertools.pairwise(steps))
    if len(steps) < 2 or not rises or steps[0] != 0 or steps[-1] != 100:
        shown = ",".join(f"{step:g}" for step in steps)
        raise UsageError(f"steps {shown} do not rise from 0 to 100", remedy=_example())


def _example() -> str:
    return "--steps " + ",".join(f"{step:g}" for step in STEPS)
