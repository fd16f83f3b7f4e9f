"""The loop on a real model and a real corpus, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_wordllama_learns_to_search_sympy(tmp_path):
    """Rule: from *tune* to *improved* in one command; out of fold recall@10 is 1.7 times the
    base's at least, and the held-out queries confirm it.
    """
    command = ["tune", "--suite", "sympy-code-search", "--model", "wordllama", "-q"]
    cache = {"BENCHHARNESS_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}

    done = subprocess.run(
        [sys.executable, "-m", "benchharness", *command, "--out", str(tmp_path / "run")],
        cwd=ROOT, env=os.environ | cache, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    verdict = json.loads((tmp_path / "run" / "verdict.json").read_text(encoding="utf-8"))
    result = verdict["results"][0]
    tuning = result["tuning"]
    assert result["decision"]["outcome"] == "tune"
    assert tuning["outcome"] == "improved"
    assert tuning["out_of_fold"]["n"] == 3956
    assert tuning["out_of_fold"]["tuned"] >= 1.7 * tuning["out_of_fold"]["base"]
    assert tuning["held_out"]["n"] == 1000
    assert tuning["held_out"]["ci90"][0] > 0
    assert {one["diagnoses"][0]["name"] for one in tuning["trainings"]} == {"healthy"}
