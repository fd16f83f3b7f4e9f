"""A run that is killed with SIGKILL, and the same call again: the same weights in the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchharness.models.content import content_digest

# Runs `tune` in a process of its own, which kills itself where it is told to.
DRIVER = """
import os, signal, sys
from pathlib import Path

from benchharness.data.references import beir
from benchharness.judge.bench import Bench
from benchharness.models.cache import EmbeddingCache
from benchharness.recipe import Recipe
from benchharness.suite import Suite
from benchharness.train import candidate, kfold, trainer, tune as tuning

task, model, out, cache, where = sys.argv[1:]
trainer.CHECKPOINT_SECONDS = 0.0  # a checkpoint after every step


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def in_step(folder, step):
    real = trainer.Watch.on_step_end

    def on_step_end(self, args, state, control, **others):
        if self.folder.name == folder and state.global_step == step:
            die()
        return real(self, args, state, control, **others)

    trainer.Watch.on_step_end = on_step_end


def after_judging(folder):
    real = kfold.finish

    def finish(stage, content):
        if stage.name == folder:
            die()
        real(stage, content)

    kfold.finish = finish


if where == "fold":
    in_step("fold-2", 4)
elif where == "final":
    in_step("final", 5)
elif where == "evaluation":
    after_judging("fold-2")
elif where == "saving":
    candidate.replace_folder = die
elif where == "verdict":
    tuning.judge_candidate = die

recipe = Recipe(learning_rate=5e-3, epochs=3, batch_size=32, evaluations=4, dev_queries=40,
                dev_documents=200)
suite = Suite(name="words", dataset=beir(task), models=[model], recipe=recipe)
bench = Bench(cache=EmbeddingCache(Path(cache)))
found = tuning.tune(suite, model, out=Path(out), folds=2, bench=bench)
print(found.outcome, found.held_out, [one.curve for one in found.trainings])
"""


def _run(task: Path, model: Path, out: Path, where: str) -> subprocess.CompletedProcess[str]:
    arguments = [str(task), str(model), str(out), str(out.with_name("cache")), where]
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DRIVER, *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory, task_folder, bert_model):
    """(what an uninterrupted run printed, the digest of its model)."""
    folder = tmp_path_factory.mktemp("whole")
    done = _run(task_folder, bert_model, folder / "run", "nowhere")
    assert done.returncode == 0, done.stderr
    return done.stdout, content_digest(folder / "run" / "model")


@pytest.mark.slow
@pytest.mark.parametrize("where", ["fold", "evaluation", "final", "saving", "verdict"])
def test_a_killed_run_ends_with_the_same_bytes(whole, tmp_path, task_folder, bert_model, where):
    """Rule: kill -9 anywhere, the same command: equal weights, curves and verdict."""
    killed = _run(task_folder, bert_model, tmp_path / "run", where)
    resumed = _run(task_folder, bert_model, tmp_path / "run", "nowhere")

    assert killed.returncode == -9
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == whole[0]
    assert content_digest(tmp_path / "run" / "model") == whole[1]


@pytest.mark.slow
def test_what_is_finished_is_not_done_again(whole, tmp_path, task_folder, bert_model):
    """Rule: a fold that is finished is read; one that was cut off goes on at its checkpoint."""
    _run(task_folder, bert_model, tmp_path / "run", "fold")

    kept = sorted(path.name for path in (tmp_path / "run").iterdir())
    first = json.loads((tmp_path / "run" / "fold-1" / "result.json").read_text())

    assert "fold-2" in kept
    assert "final" not in kept
    assert first["training"]["held_out"] == 90
    assert (tmp_path / "run" / "fold-2" / "checkpoint-3" / "complete").is_file()
