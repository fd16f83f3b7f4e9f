"""The word for a session in verdict.json, which never says anything else than the exit code.

exit 0   pass; incomplete where --bench-limit kept gates from being judged, or where baselines
         were written in place of judging; no-suites where every item was skipped; what it would
         be otherwise where a plugin forces the code
exit 1   fail (a gate), error (a gate without a number), data-error, model-error … (what kept
         a model from being measured), internal-error (a defect), incomplete (a worker died),
         not-released (--bench-release, and something was left out or judged by no gate),
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
INCOMPLETE = "incomplete"
NOT_RELEASED = "not-released"
SUITE_ERROR = "suite-error"
USAGE_ERROR = "usage-error"


def status_for(
    exitstatus: int,
    assessments: Sequence[Assessment],
    failures: Sequence[Failure],
    *,
    wrong_suite: bool = False,
    worker_died: bool = False,
    refused: bool = False,
) -> str:
    """The status of a session that ends with `exitstatus`; see the module's docstring."""
    from benchharness.report.model import INTERNAL_ERROR, INTERRUPTED, status_of

    ended = {
        pytest.ExitCode.INTERNAL_ERROR: INTERNAL_ERROR,
        pytest.ExitCode.INTERRUPTED: SUITE_ERROR if wrong_suite else INTERRUPTED,
        pytest.ExitCode.USAGE_ERROR: SUITE_ERROR if wrong_suite else USAGE_ERROR,
    }
    if exitstatus in ended:
        return ended[pytest.ExitCode(exitstatus)]
    if wrong_suite and exitstatus != pytest.ExitCode.OK:
        return SUITE_ERROR
    found = status_of(assessments, failures)
    is_green = found in ("pass", INCOMPLETE, "no-suites")
    if worker_died and (is_green or found == INTERNAL_ERROR):
        return INCOMPLETE
    if refused and is_green:
        return NOT_RELEASED
    # With exit code 0 not always "pass": a mark may have skipped every item, and another plugin
    # may have turned the exit code of a failed session into 0.
    return TESTS_FAILED if is_green and exitstatus != pytest.ExitCode.OK else found
