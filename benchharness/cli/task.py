"""From `--suite` or `--data` and `--model` to the suites that are meant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchharness.errors import UsageError
from benchharness.gate import Gate
from benchharness.suite import Suite
from benchharness.suite_file import find_suite, import_suites, shown_path, suite_files

SUITES = Path("suites")
_FLOOR = re.compile(r"\s*(?P<measure>\S+?)\s*>=\s*(?P<minimum>\S+)\s*")


@dataclass(frozen=True)
class Task:
    """A suite to work on: where its relative paths start, and which models.

    place: file:line of the suite, or the data as they were named.
    """

    suite: Suite
    base: Path
    models: tuple[str, ...]
    place: str

    def unbound_gates(self) -> Iterator[str]:
        """A sentence for each gate that binds none of the models."""
        for gate in self.suite.gates:
            if not any(gate.binds(model) for model in self.models):
                bound = ", ".join(gate.models or ())
                yield f"{self.suite.name}: {gate.name} binds {bound}, which is not measured"


def tasks_of(arguments: argparse.Namespace, *, default_model: str | None = None) -> list[Task]:
    """The tasks that the arguments name. Raises UsageError, SuiteError.

    default_model: measured on `--data` where no model is named; None to insist on one.
    """
    models = tuple(dict.fromkeys(arguments.model))
    _check_specs(models)
    if arguments.data is not None:
        return [_data_task(arguments, models, default_model)]
    _refuse_for_suites(arguments)
    if arguments.suite is not None:
        found = find_suite(arguments.suite, SUITES)
    else:
        found = tuple(one for file in suite_files(SUITES) for one in import_suites(file))
        if not found:
            raise UsageError(
                f"nothing to do: {shown_path(SUITES)}/ holds no suite",
                remedy="name --suite NAME|FILE, or --data beir:DIR --model SPEC",
            )
    return [
        Task(one.suite, one.path.parent, models or tuple(one.suite.models), one.place)
        for one in found
    ]


def need_task(arguments: argparse.Namespace) -> None:
    """Raises UsageError where neither a suite nor data are named."""
    if arguments.suite is None and arguments.data is None:
        raise UsageError(
            "say what to measure",
            remedy="--suite NAME|FILE, or --data beir:DIR --model SPEC; "
            "all suites at once: pytest suites/",
        )


def _data_task(
    arguments: argparse.Namespace, models: tuple[str, ...], default_model: str | None
) -> Task:
    from benchharness.data.references import parse_reference
    from benchharness.judge.bench import suite_of

    reference = parse_reference(arguments.data, split=arguments.split)
    if not models and default_model is None:
        raise UsageError("--data needs a model", remedy="add --model minilm, or another spec")
    named = models or (str(default_model),)
    measures = getattr(arguments, "measures", None)
    if measures:
        suite = suite_of(reference, named, [name.strip() for name in measures.split(",")])
    else:
        suite = suite_of(reference, named)
    suite = replace(suite, gates=_gates(getattr(arguments, "gate", ())))
    return Task(suite, Path.cwd(), named, arguments.data)


def _refuse_for_suites(arguments: argparse.Namespace) -> None:
    for name in ("measures", "gate"):
        if getattr(arguments, name, None):
            raise UsageError(
                f"--{name} belongs to --data", remedy="a suite names its own measures and gates"
            )


def _check_specs(models: Sequence[str]) -> None:
    from benchharness.models.spec import parse_spec

    for model in models:
        parse_spec(model)


def _gates(spelled: Sequence[str]) -> list[Gate]:
    gates: list[Gate] = []
    for text in spelled:
        match = _FLOOR.fullmatch(text)
        try:
            minimum = float(match["minimum"]) if match else None
        except ValueError:
            minimum = None
        if match is None or minimum is None:
            raise UsageError(f"gate {text!r} is not a floor", remedy='write "recall@10>=0.65"')
        gates.append(Gate.floor(match["measure"], minimum))
    return gates
