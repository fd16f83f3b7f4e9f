"""A report's folder, written and read: verdict.json and the files beside it.

verdict.json is written last and names the sha256 of per_query.jsonl and of changes.jsonl, so
that a folder is either whole or refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchharness.baseline.history import History
from benchharness.data.lint import Finding
from benchharness.errors import DataError, SuiteError, UsageError
from benchharness.evaluation.result import Fingerprints, Result
from benchharness.files import write_atomically
from benchharness.judge.exhibit import Exhibit
from benchharness.judge.leaderboard import Leaderboard
from benchharness.judge.verdict import Change, Comparison, Decision, Estimate, Verdict
from benchharness.report.change_file import Key, change_lines, parse_change_lines
from benchharness.report.exhibit_file import exhibit_lines, parse_exhibit_lines
from benchharness.report.files import (
    CHANGES,
    EXHIBITS,
    PAGE,
    PER_QUERY,
    RUNS,
    SUMMARY,
    VERDICT,
    run_names,
)
from benchharness.report.markdown import summarise
from benchharness.report.model import Failure, Report
from benchharness.report.query_file import Answers, Pair, parse_query_lines, query_lines
from benchharness.report.run_file import trec_lines

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.report.release import Release
    from benchharness.train.tuning import Tuning

SCHEMA = 1
T = TypeVar("T")
Changes = tuple[Change, ...]
_DECISION = ("outcome", "why", "measure", "trainable", "queries_needed", "advice", "evidence")
_VERDICT = (
    "gate", "outcome", "severity", "measure", "value", "minimum", "delta", "ci90", "margin", "mde",
    "line", "advice", "waived", "updated",
)  # fmt: skip
_COMPARISON = (
    "reference", "measure", "before", "after", "n", "added", "removed", "changed", "won", "lost",
    "tied", "interval", "confidence", "method", "p", "environment",
)  # fmt: skip
_RESULT = (
    "trainable", "query_origin", "limit", "counts", "details", "environment", "timings", "costs",
    "drop_same_id",
)  # fmt: skip
_NOT_FINITE = ("nan", "inf", "-inf")


def write_report(report: Report, folder: Path, release: Release | None = None) -> Path:
    """The path of verdict.json, after writing it and the files beside it, each atomically.

    Raises UsageError where the folder cannot be written, SuiteError where two results have the
    same suite and model.
    """
    results = [assessment.result for assessment in report.assessments]
    pairs = [(result.suite, result.model) for result in results]
    for suite, model in pairs:
        if pairs.count((suite, model)) > 1:
            raise SuiteError(
                f"two results are called {suite} / {model}",
                remedy="give each suite a name of its own",
            )
    names = run_names(pairs)
    try:
        for result, name in zip(results, names, strict=True):
            write_atomically(folder / RUNS / name, trec_lines(result.run))
        files: dict[str, object] = {"runs": sorted(names)}
        files["per_query_sha256"] = write_atomically(folder / PER_QUERY, query_lines(results))
        files["changes_sha256"] = write_atomically(folder / CHANGES, change_lines(report.verdicts))
        exhibits = exhibit_lines(report.assessments)
        files["exhibits_sha256"] = write_atomically(folder / EXHIBITS, exhibits)
        write_atomically(folder / SUMMARY, [summarise(report, release)])
        content = _content(report, files, release)
        text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        write_atomically(folder / VERDICT, [text])
    except OSError as error:
        raise UsageError(
            f"the report cannot be written: {error.strerror}",
            where=str(error.filename or folder),
            remedy="name a folder that can be written with --bench-report or --out",
        ) from error
    return folder / VERDICT


def remove_verdict(folder: Path) -> None:
    """Nothing; afterwards the folder tells nothing of an earlier session.

    Called when a session starts, so that one that crashes never leaves an older, green verdict.
    Removes verdict.json first, then what it names; other files stay. Raises UsageError.
    """
    try:
        try:
            text = (folder / VERDICT).read_text("utf-8")
        except FileNotFoundError:
            return
        except UnicodeDecodeError:
            text = ""
        (folder / VERDICT).unlink(missing_ok=True)
        for name in _named_runs(text):
            (folder / RUNS / name).unlink(missing_ok=True)
        for name in (PER_QUERY, CHANGES, EXHIBITS, SUMMARY, PAGE):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"an older verdict cannot be removed: {error.strerror}",
            where=str(error.filename or folder),
            remedy="name a folder that can be written with --bench-report or --out",
        ) from error


def _named_runs(text: str) -> list[str]:
    """The runs that a verdict.json names: plain names only, whatever stands there."""
    try:
        names = json.loads(text)["files"]["runs"]
        return [
            name
            for name in names
            if isinstance(name, str) and name.endswith(".trec") and Path(name).name == name
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def read_report(folder: Path) -> Report:
    """The report that `write_report` wrote there, every number the same.

    Queries come in order of query_id. Raises DataError where the folder holds no report, one of
    another schema, or a damaged one.
    """
    verdict = _read(folder / VERDICT)
    try:
        content = json.loads(verdict)
        schema, files = content["schema"], content["files"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder / VERDICT, "it is not a verdict of benchharness") from error
    if schema != SCHEMA:
        raise _damaged(folder / VERDICT, f"its schema is {schema!r}, this version reads {SCHEMA}")
    try:
        per_query = _read_lines(folder / PER_QUERY, files["per_query_sha256"])
        changes = parse_change_lines(_read_lines(folder / CHANGES, files["changes_sha256"]))
        depths = {(row["suite"], row["model"]): row["depth"] for row in content["results"]}
        exhibits = _read_exhibits(folder, files.get("exhibits_sha256"))
        return _report(content, parse_query_lines(per_query, depths), changes, exhibits)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder / VERDICT, f"{type(error).__name__}: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"no report can be read here: {error.strerror}",
            where=str(path),
            remedy="name the folder that --bench-report or --out was given",
        ) from error


def _read_exhibits(folder: Path, sha256: str | None) -> dict[Pair, Exhibit]:
    """What was shown of each result; empty for a folder of a version that kept none."""
    return {} if sha256 is None else parse_exhibit_lines(_read_lines(folder / EXHIBITS, sha256))


def _read_lines(path: Path, sha256: str) -> list[str]:
    content = _read(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _damaged(path, "its content is not what verdict.json was written with")
    return content.decode().splitlines()


def _damaged(path: Path, message: str) -> DataError:
    return DataError(
        f"the report cannot be used: {message}",
        where=str(path),
        remedy="measure again, or name another folder",
    )


def _content(
    report: Report, files: Mapping[str, object], release: Release | None
) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "status": report.status,
        "complete": report.complete,
        "release": asdict(release) if release is not None else None,
        "selection": _plain(report.selection),
        "results": [
            _result(assessment) | _tuning(report.tuning_of(assessment))
            for assessment in report.assessments
        ],
        "failures": [asdict(failure) for failure in report.failures],
        "leaderboards": _plain([asdict(board) for board in report.leaderboards]),
        "history": _plain([asdict(one) for one in report.history]),
        "files": dict(sorted(files.items())),
    }


def _result(assessment: Assessment) -> dict[str, object]:
    result = assessment.result
    decision, verdicts = assessment.decision, assessment.verdicts
    facts = {name: _plain(getattr(result, name)) for name in _RESULT}
    return {
        "suite": result.suite,
        "model": result.model,
        "fingerprints": asdict(result.fingerprints),
        "measures": {name: _estimate(found) for name, found in assessment.estimates.items()},
        "decision": {name: _plain(getattr(decision, name)) for name in _DECISION}
        | {"estimate": _estimate(decision.estimate)},
        "gates": [_gate(verdict) for verdict in verdicts],
        "ceilings": _plain(result.ceilings),
        "ties": _plain(result.ties),
        "depth": result.run.depth,
        **facts,
        "findings": [asdict(finding) for finding in assessment.findings],
    }


def _tuning(tuning: Tuning | None) -> dict[str, object]:
    """What came of fine-tuning, under "tuning"; nothing where nobody tried."""
    return {} if tuning is None else {"tuning": _plain(asdict(tuning))}


def tuning_text(tuning: Tuning) -> str:
    """The tuning as JSON, as it stands in verdict.json."""
    return json.dumps(_plain(asdict(tuning)), indent=1, allow_nan=False) + "\n"


def read_tuning(text: str) -> Tuning:
    """The tuning that `tuning_text` gave. Raises ValueError for anything else."""
    from pydantic import TypeAdapter

    from benchharness.train.tuning import Tuning

    return TypeAdapter(Tuning).validate_json(text)


def _read_tunings(rows: Iterable[Mapping[str, Any]]) -> tuple[Tuning, ...]:
    return tuple(read_tuning(json.dumps(row["tuning"])) for row in rows if "tuning" in row)


def _gate(verdict: Verdict) -> dict[str, object]:
    found = {name: _plain(getattr(verdict, name)) for name in _VERDICT}
    one = verdict.comparison
    compared = {name: _plain(getattr(one, name)) for name in _COMPARISON} if one else None
    return {**found, "comparison": compared}


def _estimate(found: Estimate) -> dict[str, object]:
    return {
        "value": _plain(found.value),
        "ci95": _plain(found.ci95),
        "ceiling": _plain(found.ceiling),
        "n": found.n,
        "method": found.method,
    }


def _plain(value: object) -> object:
    """The value in JSON's own types; numbers that are not finite become words."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):  # also numpy's float64
        return float(value) if math.isfinite(value) else str(float(value))
    if value is None or isinstance(value, str | bool | int):
        return value
    item = getattr(value, "item", None)  # other numbers of numpy
    return _plain(item()) if callable(item) else str(value)


def _report(
    content: Mapping[str, Any],
    answers: Mapping[Pair, Answers],
    changes: Mapping[Key, Changes],
    exhibits: Mapping[Pair, Exhibit],
) -> Report:
    return Report(
        assessments=tuple(
            _read_result(row, answers, changes, exhibits) for row in content["results"]
        ),
        failures=tuple(Failure(**row) for row in content["failures"]),
        selection=dict(content["selection"]),
        status=str(content["status"]),
        tunings=_read_tunings(content["results"]),
        leaderboards=_read_rows(content.get("leaderboards", ()), Leaderboard),
        history=_read_rows(content.get("history", ()), History),
    )


def _read_rows(rows: Iterable[Mapping[str, Any]], noun: type[T]) -> tuple[T, ...]:
    """The records as they were written. Raises ValueError for anything else."""
    from pydantic import TypeAdapter

    adapter = TypeAdapter(noun)
    return tuple(adapter.validate_python(row) for row in rows)


def _read_result(
    row: Mapping[str, Any],
    answers: Mapping[Pair, Answers],
    changes: Mapping[Key, Changes],
    exhibits: Mapping[Pair, Exhibit],
) -> Assessment:
    # bench.py is the whole pipeline; a reader of files needs only this noun of it.
    from benchharness.judge.bench import Assessment

    suite, model = row["suite"], row["model"]
    found = answers[suite, model]
    decision = {name: row["decision"][name] for name in _DECISION}
    return Assessment(
        result=Result(
            suite=suite,
            model=model,
            run=found.run,
            fingerprints=Fingerprints(**row["fingerprints"]),
            values=found.values,
            ceilings={name: _number(value) for name, value in row["ceilings"].items()},
            capped_recall=found.capped_recall,
            ties={int(cut): count for cut, count in row["ties"].items()},
            facts=found.facts,
            **{name: row[name] for name in _RESULT},
        ),
        estimates={name: _read_estimate(value) for name, value in row["measures"].items()},
        decision=Decision(**decision, estimate=_read_estimate(row["decision"]["estimate"])),
        verdicts=tuple(
            _read_verdict(suite, model, gate, changes.get((suite, model, gate["gate"]), ()))
            for gate in row["gates"]
        ),
        findings=tuple(Finding(**finding) for finding in row["findings"]),
        exhibit=exhibits.get((suite, model), Exhibit()),
    )


def _read_verdict(suite: str, model: str, gate: Mapping[str, Any], changes: Changes) -> Verdict:
    fields = {name: gate[name] for name in _VERDICT}
    for name in ("value", "minimum", "delta", "margin", "mde"):
        fields[name] = _number(fields[name])
    fields["ci90"] = _interval(fields["ci90"])
    return Verdict(
        suite=suite,
        model=model,
        comparison=_read_comparison(gate["comparison"], changes),
        **fields,
    )


def _read_comparison(row: Mapping[str, Any] | None, changes: Changes) -> Comparison | None:
    if row is None:
        return None
    fields = {name: row[name] for name in _COMPARISON}
    for name in ("before", "after"):
        fields[name] = _number(fields[name])
    fields["interval"] = _interval(fields["interval"])
    fields["environment"] = tuple((name, old, new) for name, old, new in fields["environment"])
    return Comparison(**fields, changes=changes)


def _interval(ends: Any) -> tuple[float, float] | None:
    return (_number(ends[0]), _number(ends[1])) if ends is not None else None


def _read_estimate(row: Mapping[str, Any]) -> Estimate:
    low, high = row["ci95"]
    return Estimate(
        value=_number(row["value"]),
        ci95=(_number(low), _number(high)),
        n=row["n"],
        method=row["method"],
        ceiling=_number(row["ceiling"]),
    )


def _number(value: Any) -> Any:
    return float(value) if value in _NOT_FINITE else value
