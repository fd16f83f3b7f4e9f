"""The report as MTEB's results: one file a suite and model, with MTEB's names of fields."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchharness.data.dataset import DatasetFingerprint
from benchharness.report.exports.measure_names import spelled_out

if TYPE_CHECKING:
    from benchharness.evaluation.result import Fingerprints
    from benchharness.judge.bench import Assessment
    from benchharness.report.model import Report

_MAIN = "ndcg@10"
# What a result does not know: the language of its texts, as ISO 639-3 and 15924 have it.
_LANGUAGES = ["und-Zyyy"]


def task_result(assessment: Assessment) -> dict[str, object]:
    """The fields of MTEB's `TaskResult`, with the scores exact and a nan where there is none.

    main_score is ndcg@10, or the first measure where that was not measured. dataset_revision is
    the fingerprint of the data; the split is called "test"; evaluation_time is in seconds.
    mteb_version is null: MTEB measured nothing.
    """
    result, estimates = assessment.result, assessment.estimates
    main = _MAIN if _MAIN in estimates else next(iter(estimates), None)
    scores: dict[str, object] = {
        spelled_out(name): _number(found.value) for name, found in estimates.items()
    }
    return {
        "dataset_revision": data_fingerprint(result.fingerprints),
        "task_name": result.suite,
        "mteb_version": None,  # a file without the field is taken for a layout of older days
        "scores": {
            "test": [
                {
                    **scores,
                    "main_score": _number(estimates[main].value) if main else None,
                    "hf_subset": "default",
                    "languages": _LANGUAGES,
                }
            ]
        },
        "evaluation_time": math.fsum(
            seconds for name, seconds in result.timings.items() if name.endswith("_s")
        ),
        "kg_co2_emissions": None,
    }


def mteb_text(assessment: Assessment) -> str:
    """The file of one result."""
    return _text(task_result(assessment))


def mteb_files(report: Report) -> Iterator[tuple[PurePosixPath, str]]:
    """Yields (path, text) in the layout of MTEB's results: MODEL/REVISION/TASK.json.

    Beside the tasks of a model lies its model_meta.json; the revision is the model's fingerprint.
    """
    told: set[PurePosixPath] = set()
    for assessment in report.assessments:
        result = assessment.result
        folder = PurePosixPath(_file_name(result.model)) / result.fingerprints.model[:40]
        if folder not in told:
            told.add(folder)
            meta = {"name": result.model, "revision": result.fingerprints.model}
            yield folder / "model_meta.json", _text(meta)
        yield folder / f"{_file_name(result.suite)}.json", mteb_text(assessment)


def data_fingerprint(prints: Fingerprints) -> str:
    """One sha256 (hex) of the corpus, the queries, the judgments and the text template."""
    return DatasetFingerprint(prints.corpus, prints.queries, prints.qrels, prints.template).whole


def _file_name(name: str) -> str:
    """The name as MTEB writes it, `org__model`; other characters are percent-encoded."""
    found = quote(name.replace("/", "__"), safe="@=,")
    return "%2E" + found[1:] if found.startswith(".") else found or "%"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _text(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
