"""The report in an experiment tracker: a run for each suite and model, in MLflow or Trackio.

Both keep what they are told on this machine, unless their own settings name a server.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import MissingDependency, UsageError
from benchharness.report.exports.measure_names import spelled_out
from benchharness.report.exports.mteb_result import data_fingerprint
from benchharness.report.model import word_of

if TYPE_CHECKING:
    from types import ModuleType

    from benchharness.judge.bench import Assessment
    from benchharness.report.model import Report

PROJECT = "benchharness"
_LONGEST = 500  # letters of a parameter that every version of MLflow takes


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of one suite and model.

    params: what was measured: names, fingerprints, the decision and the gates' words.
    steps:  values by name: one entry for each point of the history, the report's own last.
    """

    name: str
    params: Mapping[str, str]
    steps: Sequence[Mapping[str, float]]


def tracked_runs(report: Report) -> list[TrackedRun]:
    """A run for each assessment, in order of the report; numbers that are none are left out."""
    return [
        TrackedRun(
            f"{one.result.suite} / {one.result.model}",
            _params(one),
            [*_earlier(report, one), _now(one)],
        )
        for one in report.assessments
    ]


def log_to(tracker: str, report: Report, folders: Sequence[Path], project: str = PROJECT) -> int:
    """The number of runs that "mlflow" or "trackio" was told; MLflow also keeps the folders.

    Raises MissingDependency where the package is not installed, UsageError where the tracker
    refuses.
    """
    log = _LOGGERS[tracker]
    package = _package(tracker)
    runs = tracked_runs(report)
    try:
        for run in runs:
            log(package, run, folders, project)
    except Exception as error:  # the boundary to another program, whose errors have no common kind
        raise UsageError(
            f"{tracker} refused the report: {type(error).__name__}: {error}",
            remedy=f"look at the settings of {tracker}, such as where it keeps its runs",
        ) from error
    return len(runs)


def _package(name: str) -> ModuleType:
    # Neither may call home about who uses it; a user who wants that has set it already.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependency.of(name, extra=name, wanted_for=f"--to {name}") from error


def _log_to_mlflow(mlflow: Any, run: TrackedRun, folders: Sequence[Path], project: str) -> None:
    mlflow.set_experiment(project)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params(dict(run.params))
        for step, values in enumerate(run.steps):
            mlflow.log_metrics(dict(values), step=step)
        for number, folder in enumerate(folders):
            place = folder.name if len(folders) == 1 else f"{number}-{folder.name}"
            mlflow.log_artifacts(str(folder), artifact_path=place or "report")


def _log_to_trackio(trackio: Any, run: TrackedRun, folders: Sequence[Path], project: str) -> None:
    del folders
    trackio.init(project=project, name=run.name, config=dict(run.params))
    try:
        for step, values in enumerate(run.steps):
            trackio.log(dict(values), step=step)
    finally:
        trackio.finish()


_LOGGERS: Mapping[str, Callable[[Any, TrackedRun, Sequence[Path], str], None]] = {
    "mlflow": _log_to_mlflow,
    "trackio": _log_to_trackio,
}
TRACKERS = tuple(_LOGGERS)


def _params(assessment: Assessment) -> dict[str, str]:
    result = assessment.result
    found = {
        "suite": result.suite,
        "model": result.model,
        "data_fingerprint": data_fingerprint(result.fingerprints),
        "model_fingerprint": result.fingerprints.model,
        "depth": str(result.run.depth),
        "decision": assessment.decision.outcome,
        "gates": "; ".join(f"{one.gate} {word_of(one)}" for one in assessment.verdicts),
    }
    return {name: value[:_LONGEST] for name, value in found.items()}


def _earlier(report: Report, assessment: Assessment) -> Iterator[Mapping[str, float]]:
    """Yields the means of each committed baseline, oldest first."""
    pair = (assessment.result.suite, assessment.result.model)
    for history in report.history:
        if (history.suite, history.model) == pair:
            for point in history.points:
                yield _finite({**point.means})


def _now(assessment: Assessment) -> Mapping[str, float]:
    values: dict[str, float] = {}
    for name, found in assessment.estimates.items():
        values[name] = found.value
        values[f"{name}_ci95_low"], values[f"{name}_ci95_high"] = found.ci95
    return _finite(values)


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {
        spelled_out(name): float(value) for name, value in values.items() if math.isfinite(value)
    }
