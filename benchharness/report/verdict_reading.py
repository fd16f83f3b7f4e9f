"""A report's folder, read: every number as it was written, and nothing from a damaged folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchharness.baseline.history import History
from benchharness.data.lint import Finding
from benchharness.errors import DataError
from benchharness.evaluation.result import Fingerprints, Result
from benchharness.judge.exhibit import Exhibit
from benchharness.judge.leaderboard import Leaderboard
from benchharness.judge.verdict import Change, Comparison, Decision, Estimate, Verdict
from benchharness.report.change_file import Key, parse_change_lines
from benchharness.report.exhibit_file import parse_exhibit_lines
from benchharness.report.files import CHANGES, EXHIBITS, PER_QUERY, VERDICT
from benchharness.report.model import Failure, Report
from benchharness.report.query_file import Answers, Pair, parse_query_lines

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.report.release import Release
    from benchharness.train.tuning import Tuning

SCHEMA = 1
DECISION_FIELDS = ("outcome", "why", "measure", "trainable", "queries_needed", "advice", "evidence")
VERDICT_FIELDS = (
    "gate", "outcome", "severity", "measure", "value", "minimum", "delta", "ci90", "margin", "mde",
    "line", "advice", "waived", "updated",
)  # fmt: skip
COMPARISON_FIELDS = (
    "reference", "measure", "before", "after", "n", "added", "removed", "changed", "won", "lost",
    "tied", "interval", "confidence", "method", "p", "environment",
)  # fmt: skip
RESULT_FIELDS = (
    "trainable", "query_origin", "limit", "counts", "details", "environment", "timings", "costs",
    "drop_same_id",
)  # fmt: skip
_NOT_FINITE = ("nan", "inf", "-inf")
T = TypeVar("T")
Changes = tuple[Change, ...]


def read_report(folder: Path, *, with_queries: bool = True) -> Report:
    """The report that `write_report` wrote there, every number the same.

    Queries come in order of query_id. Raises DataError where the folder holds no report, one of
    another schema, or a damaged one.

    with_queries: False leaves per_query.jsonl unread. Results then have no run but its depth, no
                  values and no facts of queries; estimates, verdicts and exhibits are all there.
    """
    content = _content_of(folder)
    try:
        files = content["files"]
        changes = parse_change_lines(_read_lines(folder / CHANGES, files["changes_sha256"]))
        depths = {(row["suite"], row["model"]): row["depth"] for row in content["results"]}
        exhibits = _read_exhibits(folder, files.get("exhibits_sha256"))
        if with_queries:
            per_query = _read_lines(folder / PER_QUERY, files["per_query_sha256"])
            answers = parse_query_lines(per_query, depths)
        else:
            answers = {pair: Answers.unread(depth) for pair, depth in depths.items()}
        return _report(content, answers, changes, exhibits)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder / VERDICT, f"{type(error).__name__}: {error}") from error


def read_release(folder: Path) -> Release | None:
    """The release line that the report was written with; None where nobody asked for one.

    Raises DataError as `read_report` does.
    """
    from benchharness.report.release import Release

    found = _content_of(folder).get("release")
    if found is None:
        return None
    try:
        return Release(granted=bool(found["granted"]), why=str(found["why"]))
    except (KeyError, TypeError) as error:
        raise _damaged(folder / VERDICT, f"{type(error).__name__}: {error}") from error


def read_files(folder: Path) -> Mapping[str, object]:
    """The names and hashes of the files beside verdict.json. Raises DataError."""
    files: Mapping[str, object] = _content_of(folder)["files"]
    return files


def _content_of(folder: Path) -> Mapping[str, Any]:
    """verdict.json as it stands there, of the schema that this version reads."""
    try:
        content: Mapping[str, Any] = json.loads(_read(folder / VERDICT))
        schema, _ = content["schema"], content["files"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder / VERDICT, "it is not a verdict of benchharness") from error
    if schema != SCHEMA:
        raise _damaged(folder / VERDICT, f"its schema is {schema!r}, this version reads {SCHEMA}")
    return content


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


def read_tuning(text: str) -> Tuning:
    """The tuning that `tuning_text` gave. Raises ValueError for anything else."""
    from pydantic import TypeAdapter

    from benchharness.train.tuning import Tuning

    return TypeAdapter(Tuning).validate_json(text)


def _read_tunings(rows: Iterable[Mapping[str, Any]]) -> tuple[Tuning, ...]:
    return tuple(read_tuning(json.dumps(row["tuning"])) for row in rows if "tuning" in row)


def _report(
    content: Mapping[str, Any],
    answers: Mapping[Pair, Answers],
    changes: Mapping[Key, Changes],
    exhibits: Mapping[Pair, Exhibit],
) -> Report:
    found = Report(
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
    # A limited run fails its gates as "incomplete", and is called so itself.
    told = {"pass": (), "incomplete": ("incomplete",)}.get(found.status)
    failed = [
        verdict.gate
        for verdict in found.verdicts
        if verdict.failed and told is not None and verdict.outcome not in told
    ]
    if failed:
        raise ValueError(f"its status is {found.status}, and {failed[0]} failed")
    if content["complete"] is not found.complete:
        raise ValueError(f"it says complete: {content['complete']}, which its results are not")
    return found


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
    decision = {name: row["decision"][name] for name in DECISION_FIELDS}
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
            **{name: row[name] for name in RESULT_FIELDS},
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
    fields = {name: gate[name] for name in VERDICT_FIELDS}
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
    fields = {name: row[name] for name in COMPARISON_FIELDS}
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
