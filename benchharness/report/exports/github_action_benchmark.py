"""The report as benchmark-action/github-action-benchmark reads it: `customBiggerIsBetter`."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from benchharness.judge.numbers import format_count
from benchharness.report.wording import one_line, shown_estimate

if TYPE_CHECKING:
    from benchharness.report.model import Report


def github_benchmark_text(report: Report) -> str:
    """A JSON array with an entry for each suite, model and measure, in order of the report.

    The name is the key of the chart. The value is exact; `range` is the 95 % interval as it is
    printed, `extra` the number of queries. A value that is no number has no entry: a chart could
    not show it.
    """
    rows = []
    for assessment in report.assessments:
        result = assessment.result
        for measure, found in assessment.estimates.items():
            if not math.isfinite(found.value):
                continue
            _, interval = shown_estimate(assessment, measure)
            queries = format_count(found.n, "query", "queries")
            rows.append(
                {
                    "name": one_line(f"{result.suite} / {result.model} / {measure}"),
                    "unit": measure.partition("@")[0],
                    "value": float(found.value),
                    "range": interval,
                    "extra": f"{queries}; 95 % interval: {found.method}",
                }
            )
    return json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
