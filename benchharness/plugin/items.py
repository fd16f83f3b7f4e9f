"""What pytest collects: a suite file, its suites, and one item for each gate and model.

    suites/suite_faq.py::support-faq::floor-recall@10[minilm@max_length=128]

Collecting reads no data and opens no model. An item measures in its setup, so that trouble with
data or a model is an error of the item and not a failed gate, and judges in its call.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchharness.errors import BenchError
from benchharness.plugin.session import Collected, bench_session
from benchharness.plugin.texts import BenchWarning, GateFailed, plain_repr
from benchharness.suite_file import FoundSuite, located, suites_of

if TYPE_CHECKING:
    from benchharness.gate import Gate
    from benchharness.judge.verdict import Verdict
    from benchharness.train.tuning import Tuning


TUNE = "tune"


class SuiteFile(pytest.Module):
    """A `suite_*.py`: its suites, then the test functions that it holds besides."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        ordinary = list(super().collect())
        session = bench_session(self.config)
        suites = [session.claim(found) for found in suites_of(self.obj, self.path)]
        collectors = [
            SuiteCollector.from_parent(self, name=found.suite.name, found=found)
            for found in suites
            if found is not None
        ]
        return [*collectors, *ordinary]

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ARG002 -- collectors have one style
    ) -> Any:
        error = excinfo.value
        if not isinstance(error, BenchError):
            return super().repr_failure(excinfo)
        error = located(error, self.path)
        if hasattr(self.config, "workerinput"):
            return str(error)  # xdist tells errors of several workers once where texts are equal
        line = int(error.where.rpartition(":")[2]) if error.where[-1].isdigit() else 1
        return plain_repr(excinfo, str(error), self.path, line)


class SuiteCollector(pytest.Collector):
    """A suite: its gates by model, so that what needs one model stands together."""

    def __init__(self, *, found: FoundSuite, **others: Any) -> None:
        super().__init__(**others)
        self.found = found

    def collect(self) -> Iterator[BenchItem]:
        suite = self.found.suite
        for model in bench_session(self.config).models_of(suite):
            gates = suite.gates_of(model)
            for gate in gates:
                yield GateItem.of(self, f"{gate.name}[{model}]", model, gate)
            if not gates:
                yield BenchItem.of(self, f"measure[{model}]", model, None)
            if bench_session(self.config).options.finetune != "never":
                yield TuneItem.of(self, f"{TUNE}[{model}]", model, None)


class BenchItem(pytest.Item):
    """`measure[MODEL]`: a model that no gate binds is measured all the same."""

    def __init__(self, *, model: str, gate: Gate | None, **others: Any) -> None:
        super().__init__(**others)
        parent = self.parent
        assert isinstance(parent, SuiteCollector)  # noqa: S101 -- narrows the type
        self.found = parent.found
        self.model = model
        self.gate = gate
        self.word = ""
        self.add_marker("benchharness")
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(group_of(model)))

    @classmethod
    def of(cls, parent: SuiteCollector, name: str, model: str, gate: Gate | None) -> BenchItem:
        # As text, so that pytest reads what is in brackets as it reads it back for --lf.
        nodeid = f"{parent.nodeid}::{name}"
        return cls.from_parent(parent, name=name, nodeid=nodeid, model=model, gate=gate)

    @property
    def identity(self) -> dict[str, str]:
        """What travels with the item's reports: names, and later the outcome."""
        return {"suite": self.found.suite.name, "model": self.model, "gate": self.part}

    @property
    def part(self) -> str:
        """What the item is about, besides suite and model."""
        return self.gate.name if self.gate else ""

    def setup(self) -> None:
        assessment = bench_session(self.config).assess(
            self.found.suite, self.model, self.found.path.parent, nodeid=self.nodeid
        )
        self.assessment = assessment
        self.user_properties.append(("decision", assessment.decision.outcome))

    def runtest(self) -> None:
        limit = self.assessment.result.limit
        if limit is not None:
            pytest.skip(f"incomplete: --bench-limit kept {limit} queries, too few to judge")

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.found.path, self.found.line - 1, f"{self.found.suite.name}::{self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        error = excinfo.value
        if isinstance(error, GateFailed | BenchError | BenchWarning):
            return plain_repr(excinfo, str(error), self.found.path, self.found.line)
        # A defect: its traceback from here down, without the frames of pytest and of imports.
        excinfo.traceback = excinfo.traceback.cut(path=__file__)
        return super().repr_failure(excinfo, style or "short")


class GateItem(BenchItem):
    """One gate for one model."""

    def runtest(self) -> None:
        assert self.gate is not None  # noqa: S101 -- narrows the type
        verdict = verdict_of(self.assessment.verdicts, self.gate.name)
        self.user_properties.extend(properties_of(verdict, self.assessment.estimates))
        if verdict.outcome == "incomplete":
            pytest.skip(verdict.line)
        if verdict.waived:
            pytest.xfail(f"waived, {verdict.waived}: {verdict.line}")
        if verdict.failed or verdict.waived:  # waived, and pytest was told --runxfail
            raise GateFailed(lines_of(verdict))
        if verdict.breached:
            self._tell(verdict)
        elif self.found.suite.waiver_of(self.gate, self.model):
            self.warn(BenchWarning(f"{self.gate.name} passes: its waiver is not needed any more"))

    def _tell(self, verdict: Verdict) -> None:
        """A breach that fails nothing is named as what it is, and warned of unless told not to."""
        from benchharness.report.model import word_of

        word = word_of(verdict)
        self.word = "warned" if word == "warn" else word
        if verdict.severity == "warn":
            self.warn(BenchWarning(verdict.line))


class TuneItem(BenchItem):
    """`tune[MODEL]`: fine-tunes where the decision asks for it; see `--bench-finetune`.

    Passes where the tuned model is better. What is not an improvement is named as what it is and
    fails nothing: the base model is kept.
    """

    @property
    def part(self) -> str:
        return TUNE

    tuning: Tuning | None = None

    def setup(self) -> None:
        super().setup()
        if not self._why_not():
            suite, base = self.found.suite, self.found.path.parent
            session = bench_session(self.config)
            self.tuning = session.tune(suite, self.model, base, nodeid=self.nodeid)

    def runtest(self) -> None:
        tuning = self.tuning
        if tuning is None:
            pytest.skip(self._why_not())
        self.user_properties.append(("tuning", tuning.outcome))
        if tuning.outcome != "improved":
            self.word = tuning.outcome
        if tuning.outcome == "regressed":
            self.warn(BenchWarning(f"{self.model} is kept: {tuning.why}"))

    def _why_not(self) -> str:
        """Why nothing is trained; empty where something is."""
        found = self.assessment
        if found.result.limit is not None:
            return f"incomplete: --bench-limit kept {found.result.limit} queries"
        if not found.result.trainable:
            return f"{self.model} has no weights that could be trained"
        is_forced = bench_session(self.config).options.finetune == "force"
        if found.decision.outcome == "skip" and not is_forced:
            return f"not worth it: {found.decision.why}"
        return ""


def verdict_of(verdicts: Iterable[Verdict], gate: str) -> Verdict:
    return next(verdict for verdict in verdicts if verdict.gate == gate)


def lines_of(verdict: Verdict) -> tuple[str, ...]:
    return (verdict.line, f"  -> {verdict.advice}") if verdict.advice else (verdict.line,)


def properties_of(verdict: Verdict, estimates: Any) -> Iterator[tuple[str, str | float]]:
    """The verdict's numbers as JUnit properties, by name; absent ones are left out."""
    numbers: dict[str, float | None] = {"value": verdict.value, "minimum": verdict.minimum}
    if verdict.measure in estimates:
        numbers["ci95_low"], numbers["ci95_high"] = estimates[verdict.measure].ci95
    numbers["delta"], numbers["margin"], numbers["mde"] = verdict.delta, verdict.margin, verdict.mde
    if verdict.ci90 is not None:
        numbers["ci90_low"], numbers["ci90_high"] = verdict.ci90
    yield "outcome", verdict.outcome
    for name, number in numbers.items():
        if number is not None:
            yield name, float(number)


def group_of(model: str) -> str:
    """The xdist group of a model: one worker opens it. xdist splits node ids at the last "@"."""
    return "bench-" + model.replace("@", "+")


# What the hooks do with items and their reports.

CHECKED = pytest.StashKey[list[list[str]]]()
_DESELECTED = pytest.StashKey[int]()


def rewrite_asserts(path: Path) -> None:
    """Let pytest explain the asserts of test functions in a suite file, as in any test file."""
    parts = [path.stem]
    for folder in path.parents:
        if not (folder / "__init__.py").is_file():
            break
        parts.insert(0, folder.name)
    name = ".".join(parts)
    if name not in sys.modules:
        pytest.register_assert_rewrite(name)


def note_deselected(items: Iterable[pytest.Item]) -> None:
    bench = [item for item in items if isinstance(item, BenchItem)]
    if bench:
        stash = bench[0].config.stash
        stash[_DESELECTED] = stash.get(_DESELECTED, 0) + len(bench)


def announce(session: pytest.Session) -> None:
    """Tell the controller what this session will run, and take an older verdict away.

    Where everything was deselected there is nothing to tell, and the older verdict goes too.
    """
    items = [item for item in session.items if isinstance(item, BenchItem)]
    deselected = session.config.stash.get(_DESELECTED, 0)
    if not items and not deselected:
        return
    from benchharness.report.verdict_file import remove_verdict

    bench = bench_session(session.config)
    remove_verdict(bench.options.report)
    if not items:
        return
    named = tuple((i.identity["suite"], i.identity["model"], i.identity["gate"]) for i in items)
    places = {one.suite.name: (str(one.path), one.line) for one in bench.suites}
    Collected(named, deselected, bench.unbound_gates(), places).write(bench.folder)


def unresolved_margins(config: pytest.Config) -> list[str]:
    """A line for each gate whose margin is too small for the queries of its baseline."""
    from benchharness.errors import BenchError
    from benchharness.judge.power import unresolved

    session = bench_session(config)
    lines: dict[str, None] = {}
    for found in session.suites:
        for model in session.models_of(found.suite):
            try:
                n = session.baselines.size(found.suite.name, model)
            except BenchError:
                continue  # told by the gate itself
            for gate in found.suite.gates_of(model) if n else ():
                sentence = unresolved(gate, n or 0)
                if sentence:
                    lines[f"{found.suite.name}: {sentence}"] = None
    return list(lines)


def complete_report(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
) -> None:
    """Add to the report what the controller needs, and texts in place of tracebacks.

    `report.benchharness` is plain data, because it crosses from workers to the controller.
    """
    checked = item.stash.get(CHECKED, None)
    facts: dict[str, Any] = {"checked": checked} if checked else {}
    if isinstance(item, BenchItem):
        facts |= item.identity
        facts["word"] = item.word
        if report.failed and call.excinfo is not None:
            report.longrepr = item.repr_failure(call.excinfo)
            if call.when == "setup" and not isinstance(call.excinfo.value, BenchError):
                text = call.excinfo.exconly()
                bench_session(item.config).note_defect(
                    item.found.suite, item.model, text, item.nodeid
                )
        elif report.skipped and isinstance(report.longrepr, tuple):
            path, line, _ = item.reportinfo()
            report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
    if facts:
        vars(report)["benchharness"] = facts
