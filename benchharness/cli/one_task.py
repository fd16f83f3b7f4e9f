"""The one suite that a command works on, which compares versions of a model."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchharness.cli.output import plain_json
from benchharness.cli.task import Task, tasks_of
from benchharness.errors import UsageError
from benchharness.files import write_atomically


def one_task(arguments: argparse.Namespace, models: Sequence[str]) -> Task:
    """The suite or data that are named. Raises UsageError where a file holds several suites."""
    tasks = tasks_of(arguments, models=models)
    if len(tasks) > 1:
        names = ", ".join(task.suite.name for task in tasks)
        raise UsageError(
            f"{arguments.suite} holds {len(tasks)} suites", remedy=f"name one of them: {names}"
        )
    return tasks[0]


def write_result(content: object, folder: str, name: str) -> Path:
    """The path of a result, after writing it into the folder. Raises UsageError."""
    path = Path(folder) / name
    text = json.dumps(plain_json(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        write_atomically(path, [text])
    except OSError as error:
        raise UsageError(
            f"the result cannot be written: {error.strerror}",
            where=str(path),
            remedy="name a folder that can be written with --out",
        ) from error
    return path
