"""`Policy`: what a session makes of outcomes that are neither clearly good nor clearly bad."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Policy:
    """How strict a session is, and what it updates.

    inconclusive: "warn", "fail" or "pass"; None for what each gate says (else "warn").
    missing:      what a missing baseline does: "fail" or "warn".
    release:      the strict preset: inconclusive, missing and warned all fail; no waivers.
    today:        the day that waivers are held against.
    update:       "missing", "changed" or "all" where the session writes baselines.
    reason:       why a value may get worse; goes into the file.
    command:      what the user would type to run this session again.
    """

    inconclusive: str | None = None
    missing: str = "fail"
    release: bool = False
    today: datetime.date = field(default_factory=datetime.date.today)
    update: str | None = None
    reason: str = ""
    command: str = "pytest suites/"

    def severity(self, outcome: str, gate_severity: str, gate_inconclusive: str | None) -> str:
        """What an outcome does that is not met: "error", "warn" or "note"."""
        if self.release:
            return "error"
        found = {"fail": "error", "warn": "warn", "pass": "note"}
        if outcome == "inconclusive":
            severity = found[self.inconclusive or gate_inconclusive or "warn"]
        elif outcome == "no-baseline":
            severity = found[self.missing]
        else:
            severity = "error"
        return "warn" if severity == "error" and gate_severity == "warn" else severity

    def update_command(self, mode: str, *, reason: bool) -> str:
        """The command that writes the baseline."""
        why = ' --bench-reason "WHY"' if reason else ""
        return f"{self.command} --bench-update={mode}{why}"
