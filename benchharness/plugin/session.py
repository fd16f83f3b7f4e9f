"""What one pytest process knows: its suites, and each suite and model measured once.

Results travel between the processes of a session (workers of xdist and their controller)
through a folder, one report for each suite and model. A lock on that folder's entry makes
measuring happen once, whatever the distribution.

    COLLECTED       the items of the session, written by every process that collects
    <key>/          the report of one suite and model, put there whole
    <key>.error     why it could not be measured
    <key>.started   it is being measured; left behind only by a process that died
    <key>.lock
    <key>.tuning.json  what came of fine-tuning it
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from benchharness.errors import BenchError, ModelError, SuiteError
from benchharness.plugin.options import Options

if TYPE_CHECKING:
    from benchharness.baseline.store import Baselines
    from benchharness.judge.bench import Assessment, Bench
    from benchharness.plugin.progress import TerminalProgress
    from benchharness.suite import Suite
    from benchharness.suite_file import FoundSuite
    from benchharness.train.tuning import Tuning

COLLECTED = "collected.json"
TUNED = ".tuning.json"
INTERNAL_ERROR = "internal-error"
_SESSION: pytest.StashKey[BenchSession] = pytest.StashKey()


class RepeatedError(BenchError):
    """The same error as an earlier item's, in one line."""

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Trouble:
    """An error on its way between processes; `nodeid` told it in full."""

    suite: str
    model: str
    status: str
    message: str
    where: str
    remedy: str
    nodeid: str

    def repeated(self) -> RepeatedError:
        first = self.message.partition("\n")[0]
        told = f" (told in full by {self.nodeid})" if self.nodeid else ""
        return RepeatedError(f"{first}{told}", status=self.status)


@dataclass(frozen=True)
class Collected:
    """The bench items of a session, in order, as (suite, model, gate), and what is not among them.

    deselected: how many were left out by -k, --deselect, --lf and the like.
    unbound:    a sentence for each gate that binds none of the models given by --bench-model.
    places:     suite -> (path, line) of its definition, for annotations.
    """

    items: tuple[tuple[str, str, str], ...] = ()
    deselected: int = 0
    unbound: tuple[str, ...] = ()
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Collected:
        file = folder / COLLECTED
        if not file.is_file():
            return cls()
        found = json.loads(file.read_text(encoding="utf-8"))
        items = tuple((suite, model, gate) for suite, model, gate in found["items"])
        places = {name: (path, line) for name, (path, line) in found["places"].items()}
        return cls(items, found["deselected"], tuple(found["unbound"]), places)

    def write(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_whole(folder / COLLECTED, json.dumps(asdict(self)))


class BenchSession:
    """The suites of this process and its `Bench`; measures nothing that the session has already.

    folder:   where the processes of the session exchange results; made when first needed.
    shared:   whether other processes wait for the results: those of an xdist worker.
    progress: makes what draws progress, when that is first needed; None draws nothing.
    """

    def __init__(
        self,
        options: Options,
        folder: Path,
        progress: Callable[[], TerminalProgress | None],
        *,
        shared: bool,
    ) -> None:
        self.options = options
        self.folder = folder
        self._shared = shared
        self._make_progress = progress
        self._progress: TerminalProgress | None = None
        self._suites: dict[str, FoundSuite] = {}
        self._bench: Bench | None = None
        self._assessed: dict[tuple[str, str], tuple[Suite, Assessment | BenchError]] = {}
        self._told: dict[tuple[str, str], str] = {}

    def claim(self, found: FoundSuite) -> FoundSuite | None:
        """The suite, or None where another file has it already.

        Raises SuiteError where two different suites have one name.
        """
        for other in self._suites.values():
            if other.suite is found.suite and other.path != found.path:
                return None
        name = found.suite.name
        earlier = self._suites.setdefault(name, found)
        if (earlier.path, earlier.line) != (found.path, found.line):
            raise SuiteError(
                f"two suites are called {name!r}: {earlier.place} and {found.place}",
                remedy="names are unique in a session, because baselines are found by them",
            )
        self._suites[name] = found
        return found

    def home_of(self, suite: Suite) -> Path | None:
        """The folder of the file that this suite was collected from."""
        found = self._suites.get(suite.name)
        return found.path.parent if found is not None and found.suite is suite else None

    def models_of(self, suite: Suite) -> Sequence[str]:
        return self.options.models or suite.models

    @property
    def suites(self) -> Sequence[FoundSuite]:
        return tuple(self._suites.values())

    def unbound_gates(self) -> tuple[str, ...]:
        """A sentence for each gate that binds none of the models of this session."""
        return tuple(
            f"{found.suite.name}: no model of this session is bound by {gate.name} "
            f"(it binds {', '.join(gate.models or ())})"
            for found in self._suites.values()
            for gate in found.suite.gates
            if not any(gate.binds(model) for model in self.models_of(found.suite))
        )

    def assess(self, suite: Suite, model: str, base: Path, *, nodeid: str) -> Assessment:
        """The assessment of the session, measured by whichever process came first.

        Raises the BenchError that stopped it: in full the first time, later as a RepeatedError.
        """
        known = self._assessed.get((suite.name, model))
        if known is not None and known[0] != suite:
            raise SuiteError(
                f"two different suites are called {suite.name!r}", where=nodeid, remedy="rename one"
            )
        if known is None:
            known = (suite, self._assess_once(suite, model, base, nodeid))
            self._assessed[suite.name, model] = known
        outcome = known[1]
        if isinstance(outcome, BenchError):
            raise self._told_once(suite, model, outcome, nodeid)
        return outcome

    def tune(self, suite: Suite, model: str, base: Path, *, nodeid: str) -> Tuning:
        """What came of fine-tuning the model, or of a pilot; as the decision says.

        Only the item of the suite and model asks for it. Raises BenchError, which then stands
        among the session's troubles.
        """
        assessment = self.assess(suite, model, base, nodeid=nodeid)
        place = place_of(self.folder, suite.name, model)
        try:
            tuning = self._tune_now(suite, model, base, assessment)
        except BenchError as error:
            trouble = trouble_of(suite, model, error, nodeid)
            file = place.with_name(f"{place.name}-tune.error")
            _write_whole(file, json.dumps(asdict(trouble)))
            raise
        finally:
            if self._progress is not None:
                self._progress.pause()
        from benchharness.report.verdict_file import tuning_text

        _write_whole(place.with_name(place.name + TUNED), tuning_text(tuning))
        return tuning

    def _tune_now(self, suite: Suite, model: str, base: Path, assessment: Assessment) -> Tuning:
        from benchharness.train.pilot import pilot
        from benchharness.train.tune import tune

        out = self.options.report / "tune" / suite.name / quote(model, safe="")
        is_wanted = self.options.finetune == "force" or assessment.decision.outcome == "tune"
        if is_wanted:
            return tune(suite, model, out=out, base=base, bench=self.bench)
        return pilot(self.bench, suite, model, base)

    def own_assessments(self) -> list[Assessment]:
        """What this process has measured, or read from another, in that order."""
        outcomes = (outcome for _, outcome in self._assessed.values())
        return [outcome for outcome in outcomes if not isinstance(outcome, BenchError)]

    def note_defect(self, suite: Suite, model: str, text: str, nodeid: str) -> None:
        """Remember an exception that is no BenchError, so that only one gate meets it."""
        if (suite.name, model) not in self._assessed:
            trouble = Trouble(suite.name, model, INTERNAL_ERROR, text, "", "", nodeid)
            place = place_of(self.folder, suite.name, model)
            _write_whole(place.with_suffix(".error"), json.dumps(asdict(trouble)))
            self._assessed[suite.name, model] = (suite, trouble.repeated())

    def _told_once(self, suite: Suite, model: str, error: BenchError, nodeid: str) -> BenchError:
        """The error, or a reference to the item of this process that has told it already."""
        if isinstance(error, RepeatedError):
            return error
        told_by = self._told.setdefault((suite.name, str(error)), nodeid)
        if told_by == nodeid:
            return error
        return trouble_of(suite, model, error, told_by).repeated()

    def _assess_once(
        self, suite: Suite, model: str, base: Path, nodeid: str
    ) -> Assessment | BenchError:
        from filelock import FileLock

        from benchharness.report.verdict_file import read_report

        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = place_of(self.folder, suite.name, model)
        error, started = place.with_suffix(".error"), place.with_suffix(".started")
        with FileLock(place.with_suffix(".lock")):
            if place.is_dir():
                return read_report(place).assessments[0]
            if error.is_file():
                return read_trouble(error).repeated()
            if started.is_file():
                return ModelError(
                    f"the process that measured {model} on {suite.name} died",
                    remedy="most often memory ran out: use fewer workers (-n), or a smaller model",
                )
            started.write_text(json.dumps([suite.name, model]), encoding="utf-8")
            try:
                return self._assess_now(suite, model, base, place, nodeid)
            finally:
                started.unlink(missing_ok=True)
                if self._progress is not None:
                    self._progress.pause()

    def _assess_now(
        self, suite: Suite, model: str, base: Path, place: Path, nodeid: str
    ) -> Assessment | BenchError:
        from benchharness.report.model import Report
        from benchharness.report.verdict_file import write_report

        try:
            assessment = self.bench.assess(suite, model, base)
        except BenchError as error:
            trouble = trouble_of(suite, model, error, nodeid)
            _write_whole(place.with_suffix(".error"), json.dumps(asdict(trouble)))
            return error
        if self._shared:
            half = place.with_suffix(".part")
            shutil.rmtree(half, ignore_errors=True)
            write_report(Report.of([assessment]), half)
            half.rename(place)
        return assessment

    @property
    def bench(self) -> Bench:
        if self._bench is None:
            from benchharness.judge.bench import Bench
            from benchharness.progress import silent

            self._progress = self._make_progress()
            self._bench = Bench(
                listener=self._progress or silent,
                limit=self.options.limit,
                policy=self.options.policy(),
                baselines=self.baselines,
            )
        return self._bench

    @property
    def baselines(self) -> Baselines:
        """What gates compare with. Raises UsageError where a ref of git is not there."""
        from benchharness.report.reference import baselines_at

        return baselines_at(self.options.compare, self.options.baselines)


def place_of(folder: Path, suite: str, model: str) -> Path:
    return folder / hashlib.sha256(f"{suite}\0{model}".encode()).hexdigest()[:16]


def trouble_of(suite: Suite, model: str, error: BenchError, nodeid: str) -> Trouble:
    return Trouble(
        suite.name, model, error.status, error.message, error.where, error.remedy, nodeid
    )


def read_trouble(file: Path) -> Trouble:
    return Trouble(**json.loads(file.read_text(encoding="utf-8")))


def read_troubles(folder: Path) -> list[Trouble]:
    """What could not be measured in this session, by whichever process."""
    return [read_trouble(file) for file in sorted(folder.glob("*.error"))]


def read_tunings(folder: Path) -> list[Tuning]:
    """What came of every fine-tuning of this session, by whichever process."""
    from benchharness.report.verdict_file import read_tuning

    return [
        read_tuning(file.read_text(encoding="utf-8")) for file in sorted(folder.glob(f"*{TUNED}"))
    ]


def read_started(folder: Path) -> list[tuple[str, str]]:
    """(suite, model) of measurements whose process died."""
    found = []
    for file in sorted(folder.glob("*.started")):
        suite, model = json.loads(file.read_text(encoding="utf-8"))
        found.append((suite, model))
    return found


def _write_whole(file: Path, text: str) -> None:
    """Write a file that other processes see whole or not at all."""
    half = file.with_name(f"{file.name}.{os.getpid()}")
    half.write_text(text, encoding="utf-8")
    half.replace(file)


def open_session(config: pytest.Config, session: BenchSession) -> None:
    config.stash[_SESSION] = session


def bench_session(config: pytest.Config) -> BenchSession:
    return config.stash[_SESSION]
