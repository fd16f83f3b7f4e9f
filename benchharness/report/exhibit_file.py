"""exhibits.jsonl: what a page shows of each result, with the texts; one line a suite and model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from benchharness.judge.exhibit import Exhibit

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment

Pair = tuple[str, str]


def exhibit_lines(assessments: Sequence[Assessment]) -> Iterator[str]:
    """One line of JSON for each assessment, in order of (suite, model); nan is a string."""
    for one in sorted(assessments, key=lambda one: (one.result.suite, one.result.model)):
        row = {"suite": one.result.suite, "model": one.result.model, **asdict(one.exhibit)}
        yield json.dumps(_finite(row), allow_nan=False) + "\n"


def parse_exhibit_lines(lines: Sequence[str]) -> dict[Pair, Exhibit]:
    """The exhibits by (suite, model). Raises KeyError, TypeError or ValueError."""
    from pydantic import TypeAdapter

    adapter = TypeAdapter(Exhibit)
    found: dict[Pair, Exhibit] = {}
    for line in lines:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise TypeError("an exhibit is not a table")
        pair = str(row.pop("suite")), str(row.pop("model"))
        found[pair] = adapter.validate_python(row)
    return found


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float) and value - value != 0:  # nan and the infinities
        return str(value)
    return value
