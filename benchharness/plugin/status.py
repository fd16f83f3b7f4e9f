"""The word for a session in verdict.json, which never says anything else than the exit code.

exit 0   pass; incomplete where --bench-limit kept gates from being judged; no-suites where
         every item was skipped; what it would be otherwise where a plugin forces the code
exit 1   fail (a gate), error (a gate without a number), data-error, model-error … (what kept
         a model from being measured), internal-error (a defect, or a worker died),
         tests-failed (only tests besides the gates failed)
exit 2   suite-error (a suite file could not be collected; with xdist the exit code is 1),
         else interrupted
exit 3   internal-error
exit 4   usage-error (an option or the configuration is wrong)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.report.model import Failure

TESTS_FAILED = "tests-failed"
SUITE_ERROR = "suite-error"
USAGE_ERROR = "usage-error"


def status_for(
    exitstatus: int,
    assessments: Sequence[Assessment],
    failures: Sequence[Failure],
    *,
    wrong_suite: bool = False,
    worker_died: bool = False,
) -> str:
    """The status of a session that ends with `exitstatus`; see the module's docstring."""
    from benchharness.report.model import INTERNAL_ERROR, INTERRUPTED, status_of

    if exitstatus == pytest.ExitCode.INTERNAL_ERROR:
        return INTERNAL_ERROR
    if wrong_suite and exitstatus != pytest.ExitCode.OK:
        return SUITE_ERROR
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        return INTERRUPTED
    found = status_of(assessments, failures, ended=INTERNAL_ERROR if worker_died else "")
    if exitstatus == pytest.ExitCode.USAGE_ERROR:
        return USAGE_ERROR
    if exitstatus == pytest.ExitCode.OK:
        # Not always "pass": a mark may have skipped every item, and another plugin may have
        # turned the exit code of a failed session into 0.
        return found
    return TESTS_FAILED if found in ("pass", "incomplete", "no-suites") else found
