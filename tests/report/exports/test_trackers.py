"""MLflow and Trackio are told the same: a run a suite and model, values by step."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType

import pytest

from benchharness.baseline.history import History, Point
from benchharness.errors import MissingDependency, UsageError
from benchharness.report.exports.trackers import TRACKERS, log_to, tracked_runs
from benchharness.report.model import Report

HISTORY = History(
    "faq",
    "a",
    (
        Point("1", "2026-11-01", {"recall@10": 0.5, "odd": math.nan}, 100),
        Point("2", "2026-11-02", {"recall@10": 0.6}, 100),
    ),
)


@pytest.fixture
def report(assess):
    return replace(Report.of([assess("faq", "a"), assess("code", "b")]), history=(HISTORY,))


@pytest.fixture
def calls(monkeypatch):
    """What doubles of both packages were told, in order."""
    told = []
    mlflow, trackio = ModuleType("mlflow"), ModuleType("trackio")

    @contextmanager
    def start_run(run_name):
        told.append(("start", run_name))
        yield
        told.append(("end",))

    mlflow.set_experiment = lambda name: told.append(("experiment", name))
    mlflow.start_run = start_run
    mlflow.log_params = lambda params: told.append(("params", params))
    mlflow.log_metrics = lambda metrics, step: told.append(("metrics", step, metrics))
    mlflow.log_artifacts = lambda local_dir, artifact_path: told.append(
        ("artifacts", local_dir, artifact_path)
    )
    trackio.init = lambda project, name, config: told.append(("init", project, name, config))
    trackio.log = lambda metrics, step: told.append(("metrics", step, metrics))
    trackio.finish = lambda: told.append(("finish",))
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    return told


def test_a_run_has_its_names_its_fingerprints_and_its_values(report):
    first, second = tracked_runs(report)

    assert (first.name, second.name) == ("faq / a", "code / b")
    assert first.params["model_fingerprint"] == "ab" * 32
    assert len(first.params["data_fingerprint"]) == 64
    assert (first.params["suite"], first.params["depth"]) == ("faq", "100")
    assert first.steps[-1]["recall_at_10"] == 0.7
    assert first.steps[-1]["recall_at_10_ci95_low"] < 0.7


def test_the_points_of_the_history_are_the_steps_before(report):
    """Oldest first, of the same suite and model alone; what is no number is left out."""
    first, second = tracked_runs(report)

    assert list(first.steps[:2]) == [{"recall_at_10": 0.5}, {"recall_at_10": 0.6}]
    assert (len(first.steps), len(second.steps)) == (3, 1)


def test_mlflow_is_told_and_keeps_the_folder(report, calls, tmp_path):
    count = log_to("mlflow", report, [tmp_path], "mine")

    assert count == 2
    assert [call[0] for call in calls] == [
        "experiment", "start", "params", "metrics", "metrics", "metrics", "artifacts", "end",
        "experiment", "start", "params", "metrics", "artifacts", "end",
    ]  # fmt: skip
    assert calls[0] == ("experiment", "mine")
    assert [call[1] for call in calls if call[0] == "metrics"] == [0, 1, 2, 0]
    assert calls[6] == ("artifacts", str(tmp_path), tmp_path.name)


def test_names_are_those_that_mlflow_allows(report, calls, tmp_path):
    """Letters, digits, _ - . space and /: a metric `recall@10` is refused by the real one."""
    log_to("mlflow", report, [tmp_path])

    names = {name for call in calls if call[0] == "metrics" for name in call[2]}
    names |= {name for call in calls if call[0] == "params" for name in call[1]}
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for name in names)
    values = [value for call in calls if call[0] == "params" for value in call[1].values()]
    assert all(isinstance(value, str) and len(value) <= 500 for value in values)


def test_trackio_is_told_the_same(report, calls):
    log_to("trackio", report, [])

    assert [call[0] for call in calls] == [
        "init", "metrics", "metrics", "metrics", "finish", "init", "metrics", "finish",
    ]  # fmt: skip
    assert calls[0][:3] == ("init", "benchharness", "faq / a")
    assert calls[0][3]["model"] == "a"


def test_a_run_that_breaks_off_is_closed(report, calls, monkeypatch):
    """Or the next run would write into it."""

    def broken(metrics, step):
        raise OSError("disk full")

    monkeypatch.setattr(sys.modules["trackio"], "log", broken)

    with pytest.raises(UsageError, match="trackio refused the report: OSError: disk full"):
        log_to("trackio", report, [])
    assert calls[-1] == ("finish",)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_package_that_is_not_installed_is_named_with_its_extra(tracker, report, monkeypatch):
    monkeypatch.setitem(sys.modules, tracker, None)

    with pytest.raises(MissingDependency) as refused:
        log_to(tracker, report, [])

    assert refused.value.remedy == f"pip install 'benchharness[{tracker}]'"


def test_nobody_is_told_who_uses_it(report, calls, monkeypatch, tmp_path):
    """MLflow's telemetry is off unless the user set it; what the user set stays."""
    import os

    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")

    log_to("mlflow", report, [tmp_path])

    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "True"


@pytest.mark.filterwarnings("ignore")  # another project's
def test_the_real_mlflow_takes_it(report, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")

    log_to("mlflow", report, [tmp_path], "mine")

    runs = mlflow.search_runs(experiment_names=["mine"], output_format="list")
    assert sorted(run.data.metrics["recall_at_10"] for run in runs) == [0.7, 0.7]


@pytest.mark.filterwarnings("ignore")  # another project's
def test_the_real_trackio_takes_it(report, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    pytest.importorskip("trackio", reason="trackio is not installed")

    assert log_to("trackio", report, [], "mine") == 2
