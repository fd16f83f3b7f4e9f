"""The one line of a release: RELEASE, or DO NOT RELEASE and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.judge.numbers import format_count
from benchharness.judge.paired import holm

if TYPE_CHECKING:
    from benchharness.judge.verdict import Verdict
    from benchharness.report.model import Report

_SHOWN = 3
_ALPHA = 0.05


@dataclass(frozen=True)
class Release:
    """Whether everything that was measured may be released, and why, in one sentence."""

    granted: bool
    why: str

    @property
    def line(self) -> str:
        return f"{'RELEASE' if self.granted else 'DO NOT RELEASE'}: {self.why}"


def release_of(report: Report) -> Release:
    """Whether every gate of the session is met, and nothing was left out.

    Not granted where a gate is not met whatever its severity, where something failed, was
    deselected or limited, and where a suite was measured that no gate judged. Where several
    comparisons say that something was lost, the sentence tells which hold after Holm's
    adjustment over all comparisons; that changes no outcome.
    """
    reasons = _reasons(report)
    if reasons:
        return Release(granted=False, why="; ".join(reasons))
    gates = format_count(len(report.verdicts), "gate")
    measured = format_count(len(report.assessments), "measurement")
    suites = format_count(len(report.suites), "suite")
    why = f"{gates} met, {measured} on {suites}, nothing left out"
    return Release(granted=True, why=why)


def _reasons(report: Report) -> list[str]:
    if not report.assessments and not report.failures:
        return ["nothing was measured"]
    reasons = []
    broken = [verdict for verdict in report.verdicts if verdict.breached]
    if broken:
        named = [f"{one.suite} / {one.model} {one.gate} {one.outcome}" for one in broken]
        shown = ", ".join(named[:_SHOWN])
        more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        reasons.append(f"{format_count(len(broken), 'gate')} not met ({shown}{more})")
        reasons += _after_holm(report.verdicts)
    if report.failures:
        reasons.append(f"{format_count(len(report.failures), 'measurement')} failed")
    unjudged = [name for name in report.suites if not _is_judged(report, name)]
    if unjudged:
        reasons.append(f"no gate judged {', '.join(unjudged)}")
    left_out = {name: count for name, count in report.selection.items() if count}
    reasons += [f"{name}: {format_count(count)}" for name, count in left_out.items()]
    if not reasons and not report.complete:
        reasons.append("not everything was measured")
    if not reasons and report.status != "pass":
        reasons.append(report.status)
    return reasons


def _is_judged(report: Report, suite: str) -> bool:
    return any(verdict.suite == suite for verdict in report.verdicts)


def _after_holm(verdicts: tuple[Verdict, ...]) -> list[str]:
    """Which losses hold when all comparisons of the session are taken together."""
    compared = [one for one in verdicts if one.comparison and one.comparison.p is not None]
    if len(compared) < 2:
        return []
    adjusted = holm([one.comparison.p or 0.0 for one in compared if one.comparison])
    held = [
        f"{one.suite} / {one.model}"
        for one, p in zip(compared, adjusted, strict=True)
        if one.outcome == "regressed" and p < _ALPHA
    ]
    regressed = sum(one.outcome == "regressed" for one in compared)
    if not regressed:
        return []
    which = f": {', '.join(dict.fromkeys(held))}" if held else ""
    verb = "holds" if len(held) == 1 else "hold"
    return [
        f"{len(held)} of {format_count(regressed, 'regression')} "
        f"{verb} after Holm over {len(compared)} comparisons{which}"
    ]
