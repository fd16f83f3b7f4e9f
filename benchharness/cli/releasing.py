"""`benchharness release MODEL`: release.json for a candidate whose gates are met."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from benchharness.baseline.store import FolderBaselines
from benchharness.cli import GATE_FAILED, PASS
from benchharness.cli.indexing import opened
from benchharness.cli.one_task import one_task
from benchharness.cli.output import progress, write, write_json
from benchharness.cli.task import Task, check_specs
from benchharness.errors import UsageError
from benchharness.gate import Gate, GuardGate, RegressionGate, SliceGate
from benchharness.judge.numbers import format_count, format_duration, format_rate
from benchharness.judge.policy import Policy

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from benchharness.judge.bench import Assessment
    from benchharness.report.release import Release
    from benchharness.serving.release_file import Old
    from benchharness.suite import Suite


def release(arguments: argparse.Namespace) -> int:
    """0 where it is written; 1, and nothing written, where a gate is not met and not allowed."""
    from benchharness.judge.bench import Bench
    from benchharness.report.model import Report
    from benchharness.report.release import release_of
    from benchharness.serving.release_file import measured_rate, release_content, write_release

    out = _checked_out(arguments.out, arguments.old)
    task = one_task(arguments, [arguments.model])
    encoder = opened(arguments.model, task.base)
    old, champion = _old(arguments.old, task)
    suite = candidate_suite(task.suite, arguments.model, old.model if old else None, champion)
    baselines = FolderBaselines(Path.cwd() / arguments.baselines)
    with progress(quiet=arguments.quiet) as listener:
        bench = Bench(listener=listener, policy=Policy(release=True), baselines=baselines)
        found = bench.assess(suite, arguments.model, task.base)
        granted = release_of(Report.of([found]))
        if not granted.granted and arguments.allow_failed is None:
            return _refused(found, granted, as_json=arguments.json)
        dataset = bench.dataset(suite.dataset, task.base)
        rate = measured_rate(encoder, dataset.corpus.texts)
    content = release_content(
        found, encoder, dataset, granted=granted.granted, why=granted.why,
        allowed=None if granted.granted else arguments.allow_failed, old=old, rate=rate,
    )  # fmt: skip
    write_release(content, out)
    if arguments.json:
        write_json(content)
    else:
        for line in lines_of(content, granted, out):
            write(line)
    return PASS


def candidate_suite(suite: Suite, model: str, old: str | None, champion: str | None) -> Suite:
    """The suite with the gates that the candidate must meet, for it alone.

    Those that bind it, and those that bind the old model, whose place it takes; of two with one
    name its own.
    champion: spec of the old model; what compares with a baseline then compares with it, measured
              now. Waivers do not hold for a release.
    """
    own = suite.gates_of(model)
    names = {gate.name for gate in own}
    inherited = [gate for gate in suite.gates_of(old) if gate.name not in names] if old else []
    placed = [
        replace(gate, models=None, against=champion)
        if champion is not None and _reads_a_baseline(gate)
        else replace(gate, models=None)
        for gate in suite.gates
        if gate in own or gate in inherited
    ]
    return replace(suite, models=(model,), gates=tuple(placed), waivers=())


def _reads_a_baseline(gate: Gate) -> TypeIs[RegressionGate | GuardGate | SliceGate]:
    if isinstance(gate, SliceGate):
        return gate.margin is not None and gate.against is None
    return isinstance(gate, RegressionGate | GuardGate) and gate.against is None


def _old(named: str | None, task: Task) -> tuple[Old | None, str | None]:
    """The version before, and its spec where it can be measured. Raises UsageError, ModelError."""
    from benchharness.serving.release_file import Old, read_release

    if named is None:
        return None, None
    if Path(named).is_file() and Path(named).suffix == ".json":
        return read_release(Path(named)), None
    check_specs([named])
    return Old(named, opened(named, task.base).fingerprint, {}), named


def _checked_out(named: str, old: str | None) -> Path:
    path = Path(named)
    if old is not None and path.exists() and path.resolve() == Path(old).resolve():
        raise UsageError(
            f"--out {named} would be written over --old", remedy="name another: --out next.json"
        )
    if path.is_dir():
        raise UsageError(f"--out {named} is a folder", remedy=f"--out {path / 'release.json'}")
    return path


def _refused(found: Assessment, release: Release, *, as_json: bool) -> int:
    if as_json:
        write_json({"granted": False, "why": release.why, "gates": _named(found)})
        return GATE_FAILED
    for line in _gate_lines(found):
        write(line)
    write(release.line)
    if not found.verdicts:
        write("  -> bind gates to this model, or say with --old whose place it takes")
    write("nothing is written; --allow-failed WHY writes it all the same, and records why")
    return GATE_FAILED


def _named(found: Assessment) -> list[dict[str, object]]:
    return [
        {"gate": one.gate, "outcome": one.outcome, "line": one.line, "met": not one.breached}
        for one in found.verdicts
    ]


def _gate_lines(found: Assessment) -> Iterator[str]:
    from benchharness.report.model import word_of

    for verdict in found.verdicts:
        yield f"  {word_of(verdict)} {verdict.gate}: {verdict.line}"


def lines_of(content: dict[str, object], release: Release, out: Path) -> Iterator[str]:
    evaluation, again, timings = (
        cast("dict[str, object]", content[name]) for name in ("evaluation", "reembed", "timings")
    )
    yield f"{content['model']} ({str(content['fingerprint'])[:16]}) on {evaluation['suite']}"
    for gate in cast("list[dict[str, object]]", evaluation["gates"]):
        yield f"  {gate['outcome']} {gate['gate']}: {gate['line']}"
    seconds = cast("float", timings["reembed_seconds"])
    rate = format_rate(cast("float", timings["documents_per_second"]), "documents")
    documents = format_count(cast("int", again["documents"]), "document")
    yield f"  to embed anew: {documents}, about {format_duration(seconds)} here at {rate}"
    yield f"  {again['why']}"
    yield release.line
    allowed = cast("dict[str, dict[str, str] | None]", content["released"])["failed_allowed"]
    if allowed is not None:
        yield f"  allowed all the same: {allowed['reason'] or 'no reason was given'}"
    yield f"written: {out}"
