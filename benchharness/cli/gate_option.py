"""Gates as they are spelled on the command line: `recall@10>=0.65`, `recall@10:margin=0.02`."""

from __future__ import annotations

import re

from benchharness.errors import UsageError, did_you_mean
from benchharness.gate import FloorGate, Gate, RegressionGate

_FLOOR = re.compile(r"\s*(?P<measure>\S+?)\s*>=\s*(?P<minimum>\S+)\s*")
_REGRESSION = re.compile(r"\s*(?P<measure>[^\s:]+)\s*:\s*(?P<options>\S.*)")
_OPTIONS = ("margin", "alpha")


def parse_gate(text: str) -> FloorGate | RegressionGate:
    """The floor that `MEASURE>=MINIMUM` spells, or the regression gate of `MEASURE:margin=X`.

    After the margin `,alpha=X` may follow. Raises UsageError for any other spelling, SuiteError
    for an unknown measure or a number out of range.
    """
    floor = _FLOOR.fullmatch(text)
    if floor is not None:
        return Gate.floor(floor["measure"], _number(text, "minimum", floor["minimum"]))
    regression = _REGRESSION.fullmatch(text)
    if regression is None:
        raise UsageError(
            f"gate {text!r} is neither a floor nor a margin",
            remedy='write "recall@10>=0.65" or "recall@10:margin=0.02"',
        )
    options = _options(text, regression["options"])
    if "margin" not in options:
        raise UsageError(f"gate {text!r} names no margin", remedy='write "recall@10:margin=0.02"')
    return Gate.regression(
        regression["measure"], margin=options["margin"], alpha=options.get("alpha", 0.05)
    )


def parse_comparison(text: str) -> RegressionGate:
    """The regression gate that is spelled. Raises as `parse_gate`, and UsageError for a floor."""
    gate = parse_gate(text)
    if isinstance(gate, FloorGate):
        raise UsageError(
            f"gate {text!r} is a floor, and a comparison judges differences",
            remedy=f'write "{gate.measure}:margin=0.02"',
        )
    return gate


def _options(text: str, spelled: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for pair in spelled.split(","):
        name, _, value = (part.strip() for part in pair.partition("="))
        if name not in _OPTIONS:
            raise UsageError(
                f"unknown option {name!r}",
                where=f"gate {text!r}",
                remedy=did_you_mean(name, _OPTIONS),
            )
        if name in found:
            raise UsageError(f"{name} is given twice", where=f"gate {text!r}", remedy="once")
        found[name] = _number(text, name, value)
    return found


def _number(text: str, name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(
            f"{name} {value!r} is not a number",
            where=f"gate {text!r}",
            remedy='write "recall@10>=0.65" or "recall@10:margin=0.02"',
        ) from None
