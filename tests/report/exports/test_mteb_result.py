"""MTEB's result files."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from benchharness.data.dataset import DatasetFingerprint
from benchharness.evaluation.result import Fingerprints
from benchharness.report.exports.mteb_result import (
    data_fingerprint,
    mteb_files,
    mteb_text,
    task_result,
)
from benchharness.report.model import Report


def test_the_fields_are_those_of_a_task_result(assess):
    """As MTEB's `TaskResult` and its check of scores name them; scores are exact."""
    one = assess("faq", "org/minilm", hits=[1.0] * 2 + [0.0])

    found = json.loads(mteb_text(one))

    assert set(found) == {
        "dataset_revision", "task_name", "mteb_version", "scores", "evaluation_time",
        "kg_co2_emissions",
    }  # fmt: skip
    assert (found["task_name"], found["mteb_version"]) == ("faq", None)
    assert found["evaluation_time"] == pytest.approx(41.5)
    assert found["scores"]["test"] == [
        {
            "recall_at_10": 2 / 3,
            "ndcg_at_10": one.estimates["ndcg@10"].value,
            "main_score": one.estimates["ndcg@10"].value,
            "hf_subset": "default",
            "languages": ["und-Zyyy"],
        }
    ]


def test_the_main_score_is_the_first_measure_without_ndcg(assess):
    one = assess()
    bare = replace(one, estimates={"recall@10": one.estimates["recall@10"]})

    assert task_result(bare)["scores"]["test"][0]["main_score"] == bare.estimates["recall@10"].value
    assert task_result(replace(one, estimates={}))["scores"]["test"][0]["main_score"] is None


def test_a_score_that_is_no_number_is_null(assess):
    (scores,) = json.loads(mteb_text(assess(hits=[math.nan, 1.0])))["scores"]["test"]

    assert scores["recall_at_10"] is None


def test_the_revision_is_the_fingerprint_of_the_data():
    """The same as a data set's own; any part changes it, the model does not."""
    prints = Fingerprints("a" * 64, "b" * 64, "c" * 64, "d" * 64, "e" * 64)

    found = data_fingerprint(prints)

    assert found == DatasetFingerprint("a" * 64, "b" * 64, "c" * 64, "d" * 64).whole
    assert data_fingerprint(replace(prints, model="f" * 64)) == found
    assert data_fingerprint(replace(prints, qrels="f" * 64)) != found


def test_each_model_and_revision_has_a_folder_with_its_tasks(assess):
    """MTEB's layout: MODEL/REVISION/TASK.json beside one model_meta.json."""
    report = Report.of([assess("faq", "org/a"), assess("code", "org/a"), assess("faq", "b")])

    found = {str(path): text for path, text in mteb_files(report)}

    revision = ("ab" * 32)[:40]
    assert set(found) == {
        f"org__a/{revision}/model_meta.json", f"org__a/{revision}/faq.json",
        f"org__a/{revision}/code.json", f"b/{revision}/model_meta.json", f"b/{revision}/faq.json",
    }  # fmt: skip
    assert json.loads(found[f"org__a/{revision}/model_meta.json"])["name"] == "org/a"


@pytest.mark.parametrize("name", ["..", ".", "../../etc/passwd", "/abs", "", "a\0b", "c:\\x"])
def test_a_name_is_never_a_path(assess, name):
    """Rule: nothing is written outside the folder that was named."""
    report = Report.of([assess(name, name)])

    for path, _ in mteb_files(report):
        assert len(path.parts) == 3
        assert not path.is_absolute()
        assert not any(part.startswith(".") or "\\" in part for part in path.parts)
