"""`Bench`: measures a suite's models, decides and judges, each thing once a session.

The plugin, the CLI and the Python API all go through here, so that there is one path from a
suite to its verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchharness.data.lint import Finding
from benchharness.evaluation.result import Result
from benchharness.judge.verdict import Decision, Estimate, Verdict


@dataclass(frozen=True, eq=False)
class Assessment:
    """Everything that is known of one model on one suite.

    estimates: measure -> Estimate, in the order in which the suite names them.
    verdicts:  one for each gate that binds the model, in the suite's order.
    findings:  of the lint; errors never get here, they stop the measurement.
    """

    result: Result
    estimates: Mapping[str, Estimate]
    decision: Decision
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
