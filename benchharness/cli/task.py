"""From `--suite` or `--data` and `--model` to the suites that are meant."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchharness.cli.gate_option import parse_gate
from benchharness.errors import UsageError
from benchharness.suite import Suite
from benchharness.suite_file import FoundSuite, find_suite, import_suites, shown_path, suite_files

SUITES = Path("suites")


@dataclass(frozen=True)
class Task:
    """A suite to work on: where its relative paths start, and which models.

    place: file:line of the suite, or the data as they were named.
    file:  the suite file as one would type it; empty where the data have none.
    """

    suite: Suite
    base: Path
    models: tuple[str, ...]
    place: str
    file: str = ""

    def unbound_gates(self) -> Iterator[str]:
        """A sentence for each gate that binds none of the models."""
        for gate in self.suite.gates:
            if not any(gate.binds(model) for model in self.models):
                bound = ", ".join(gate.models or ())
                yield f"{self.suite.name}: {gate.name} binds {bound}, which is not measured"


def tasks_of(
    arguments: argparse.Namespace,
    *,
    models: Sequence[str] | None = None,
    default_model: str | None = None,
) -> list[Task]:
    """The tasks that the arguments name. Raises UsageError, SuiteError.

    models:        in place of those of `--model`.
    default_model: measured on `--data` where no model is named; None to insist on one.
    """
    chosen = tuple(dict.fromkeys(arguments.model if models is None else models))
    check_specs(chosen)
    if arguments.data is not None:
        return [_data_task(arguments, chosen, default_model)]
    _refuse_for_suites(arguments)
    if arguments.suite is not None:
        return suite_tasks(arguments.suite, chosen)
    found = tuple(one for file in suite_files(SUITES) for one in import_suites(file))
    if not found:
        raise UsageError(
            f"nothing to do: {shown_path(SUITES)}/ holds no suite",
            remedy="name --suite NAME|FILE, or --data beir:DIR --model SPEC",
        )
    return [_suite_task(one, chosen) for one in found]


def suite_tasks(name_or_file: str, models: Sequence[str] = ()) -> list[Task]:
    """The suites of a file, or the one of that name in ./suites. Raises UsageError, SuiteError.

    models: in place of each suite's own.
    """
    check_specs(models)
    return [_suite_task(found, tuple(models)) for found in find_suite(name_or_file, SUITES)]


def need_task(arguments: argparse.Namespace) -> None:
    """Raises UsageError where neither a suite nor data are named."""
    if arguments.suite is None and arguments.data is None:
        raise UsageError(
            "say what to measure",
            remedy="--suite NAME|FILE, or --data beir:DIR --model SPEC; "
            "all suites at once: pytest suites/",
        )


def check_specs(models: Sequence[str]) -> None:
    """Raises UsageError for a model spec that cannot be read; opens nothing."""
    from benchharness.models.spec import parse_spec

    for model in models:
        parse_spec(model)


def _suite_task(found: FoundSuite, models: tuple[str, ...]) -> Task:
    return Task(
        found.suite,
        found.path.parent,
        models or tuple(found.suite.models),
        found.place,
        shown_path(found.path),
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
    gates = [parse_gate(text) for text in getattr(arguments, "gate", ())]
    return Task(replace(suite, gates=gates), Path.cwd(), named, arguments.data)


def _refuse_for_suites(arguments: argparse.Namespace) -> None:
    for name in ("measures", "gate"):
        if getattr(arguments, name, None):
            raise UsageError(
                f"--{name} belongs to --data", remedy="a suite names its own measures and gates"
            )
