"""Retrieval benchmarks as tests: measure, decide, gate.

Every public name is looked up when it is first used, because pytest imports this module in each
of its runs: importing it reads no other module of benchharness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchharness.data.references import beir, docstrings, hub, ir_datasets, jsonl, trec
    from benchharness.errors import BenchError
    from benchharness.gate import Gate, Waiver
    from benchharness.judge.bench import measure
    from benchharness.judge.comparison import compare
    from benchharness.judge.decision import decide
    from benchharness.recipe import Recipe
    from benchharness.suite import Suite, Thresholds
    from benchharness.train.tune import tune

__all__ = [
    "BenchError",
    "Gate",
    "Recipe",
    "Suite",
    "Thresholds",
    "Waiver",
    "beir",
    "compare",
    "decide",
    "docstrings",
    "hub",
    "ir_datasets",
    "jsonl",
    "measure",
    "trec",
    "tune",
]

_HOMES = {
    "BenchError": "benchharness.errors",
    "Gate": "benchharness.gate",
    "Recipe": "benchharness.recipe",
    "Suite": "benchharness.suite",
    "Thresholds": "benchharness.suite",
    "Waiver": "benchharness.gate",
    "beir": "benchharness.data.references",
    "compare": "benchharness.judge.comparison",
    "decide": "benchharness.judge.decision",
    "docstrings": "benchharness.data.references",
    "hub": "benchharness.data.references",
    "ir_datasets": "benchharness.data.references",
    "jsonl": "benchharness.data.references",
    "measure": "benchharness.judge.bench",
    "trec": "benchharness.data.references",
    "tune": "benchharness.train.tune",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version

        return version("benchharness")
    if name not in _HOMES:
        raise AttributeError(f"module 'benchharness' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
