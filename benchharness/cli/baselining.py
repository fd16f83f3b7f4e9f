"""`benchharness baseline`: what is committed, one of it in full, and clearing out what is left."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from benchharness.baseline.file import parse
from benchharness.baseline.record import Baseline
from benchharness.baseline.store import FolderBaselines, shown
from benchharness.cli.output import write, write_json
from benchharness.cli.task import SUITES
from benchharness.errors import BenchError, DataError, UsageError, did_you_mean
from benchharness.gate import GuardGate
from benchharness.suite import Suite
from benchharness.suite_file import import_suites, shown_path, suite_files

Pair = tuple[str, str]
_HEX_SHOWN = 16
_UPDATE = "pytest suites/ --bench-update"


def list_all(arguments: argparse.Namespace) -> int:
    """2 where a file cannot be read, else 0."""
    store = _store(arguments)
    rows = [(shown(file), _read(store, file)) for file in store.files()]
    if arguments.json:
        write_json([_summary(place, found) for place, found in rows])
    else:
        for place, found in rows:
            write(_line(place, found))
        if not rows:
            write(f"{shown(store.folder)} holds no baseline; {_UPDATE} writes them")
    return 2 if any(isinstance(found, DataError) for _, found in rows) else 0


def show(arguments: argparse.Namespace) -> int:
    store = _store(arguments)
    found = _chosen(store, arguments.suite, arguments.model)
    if arguments.json:
        write_json([_content(one) for one in found])
        return 0
    for one in found:
        for line in _lines(one):
            write(line)
    return 0


def prune(arguments: argparse.Namespace) -> int:
    """Deletes baselines of suites and models that ./suites knows no more; see `_known`."""
    store = _store(arguments)
    known = _known()
    gone, left = [], []
    for file in store.files():
        found = _read(store, file)
        if isinstance(found, DataError):
            left.append(file)
        elif (found.suite, found.model_spec) not in known:
            gone.append(file)
    if not arguments.dry_run:
        for file in gone:
            _delete(file)
    if arguments.json:
        write_json(
            {
                "deleted": [shown(file) for file in gone],
                "dry_run": arguments.dry_run,
                "not_baselines": [shown(file) for file in left],
            }
        )
        return 0
    for file in left:
        write(f"left {shown(file)} as it is: it cannot be read as a baseline of that name")
    for file in gone:
        write(f"{'would delete' if arguments.dry_run else 'deleted'} {shown(file)}")
    if not gone:
        write("nothing to delete: ./suites knows every baseline")
    return 0


def read_named(store: FolderBaselines, file: Path) -> Baseline:
    """What a file of the folder holds.

    Raises DataError where it cannot be read, is damaged, or is that of another suite or model
    than its path says.
    """
    return named_as_its_file(read_baseline(file), store, file)


def read_baseline(file: Path) -> Baseline:
    """What the file holds, whatever its name. Raises DataError."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the baseline cannot be read: {error}", where=shown(file)) from error
    return parse(text, shown(file))


def named_as_its_file(found: Baseline, store: FolderBaselines, file: Path) -> Baseline:
    """The baseline. Raises DataError where the file is named after another suite or model."""
    if store.path(found.suite, found.model_spec) != file:
        raise DataError(
            f"the file is the baseline of {found.suite} / {found.model_spec}, which its name "
            "does not say",
            where=found.place,
            remedy=f"move it to {shown(store.path(found.suite, found.model_spec))}, or delete it",
        )
    return found


def _store(arguments: argparse.Namespace) -> FolderBaselines:
    folder = Path.cwd() / arguments.baselines
    if not folder.is_dir():
        raise UsageError(
            f"there is no folder {shown(folder)}",
            remedy=f"{_UPDATE} writes baselines; --baselines names another folder",
        )
    return FolderBaselines(folder)


def _read(store: FolderBaselines, file: Path) -> Baseline | DataError:
    try:
        return read_named(store, file)
    except DataError as error:
        return error


def _chosen(store: FolderBaselines, suite: str, model: str | None) -> list[Baseline]:
    """The baselines of a suite, or the one of the model. Raises UsageError where there is none."""
    if model is not None:
        found = store.find(suite, model)
        if found is not None:
            return [found]
    rows = [_read(store, file) for file in store.files()]
    whole = [row for row in rows if isinstance(row, Baseline)]
    of_suite = [one for one in whole if one.suite == suite]
    if model is not None and of_suite:
        raise UsageError(
            f"there is no baseline of {suite} / {model}",
            remedy=did_you_mean(model, [one.model_spec for one in of_suite]),
        )
    if not of_suite:
        names = sorted({one.suite for one in whole})
        raise UsageError(
            f"there is no baseline of the suite {suite!r} that can be read",
            remedy=did_you_mean(suite, names) if names else f"{_UPDATE} writes baselines",
        )
    return of_suite


def _line(place: str, found: Baseline | DataError) -> str:
    if isinstance(found, DataError):
        return f"{place}: CANNOT BE READ: {found.message}"
    from benchharness.judge.numbers import format_count
    from benchharness.report.wording import one_line

    means = ", ".join(f"{name} {value:.4f}" for name, value in _means(found).items())
    drops = f"; {format_count(len(found.accepted), 'accepted drop')}" if found.accepted else ""
    queries = format_count(len(found), "query", "queries")
    return one_line(f"{found.suite} / {found.model_spec}: {queries}, {means}{drops}")


def _summary(place: str, found: Baseline | DataError) -> dict[str, object]:
    if isinstance(found, DataError):
        return {"path": place, "readable": False, "message": found.message}
    return {
        "path": place,
        "readable": True,
        "suite": found.suite,
        "model": found.model_spec,
        "n": len(found),
        "means": _means(found),
        "accepted": len(found.accepted),
    }


def _means(found: Baseline) -> dict[str, float]:
    return {name: found.mean(name) for name in sorted(found.values)}


def _content(found: Baseline) -> dict[str, object]:
    return {
        **_summary(found.place, found),
        "fingerprints": _fingerprints(found),
        "depth": found.depth,
        "drop_same_id": found.drop_same_id,
        "environment": dict(found.environment),
        "noise": dict(found.noise),
        "accepted": [asdict(one) for one in found.accepted],
    }


def _fingerprints(found: Baseline) -> dict[str, str]:
    return {"corpus": found.corpus, "model": found.model, "template": found.template}


def _lines(found: Baseline) -> Iterator[str]:
    from benchharness.judge.numbers import format_value
    from benchharness.report.wording import one_line

    yield _line(found.place, found)
    yield f"  file: {found.place}"
    yield from _block("fingerprints", {n: v[:_HEX_SHOWN] for n, v in _fingerprints(found).items()})
    yield from _block("environment", found.environment)
    noise = {name: format_value(value, (0.0,)) for name, value in sorted(found.noise.items())}
    yield from _block("noise", noise or {"not looked at": "benchharness noise SUITE MODEL"})
    if not found.accepted:
        yield "  accepted drops: none"
        return
    yield "  accepted drops:"
    for one in found.accepted:
        before, after = (
            format_value(one.before, (one.after,)),
            format_value(one.after, (one.before,)),
        )
        yield one_line(f"    {one.date} {one.measure} {before} → {after}: {one.reason}")


def _block(title: str, facts: Mapping[str, str]) -> Iterator[str]:
    from benchharness.report.wording import one_line

    yield f"  {title}:"
    yield from (one_line(f"    {name}: {value}") for name, value in facts.items())


def _known() -> set[Pair]:
    """Every (suite, model) that the suites in ./suites may be compared on.

    A guard compares on another suite, with the models of its own. Raises UsageError where there
    are no suites, or where a file does not say which it has: nothing may be deleted then.
    """
    suites: list[Suite] = []
    for file in suite_files(SUITES):
        try:
            suites += [found.suite for found in import_suites(file)]
        except Exception as error:  # a suite file may raise anything, and all of it stops here
            message = error.message if isinstance(error, BenchError) else str(error)
            raise UsageError(
                f"nothing was deleted: {shown_path(file)} cannot be imported, so its suites are "
                f"not known: {type(error).__name__}: {message}",
                where=getattr(error, "where", ""),
                remedy="mend the file, or take it away",
            ) from error
    if not suites:
        raise UsageError(
            f"nothing was deleted: {shown_path(SUITES)}/ holds no suite",
            remedy="run it in the folder that holds suites/",
        )
    known = {(suite.name, model) for suite in suites for model in suite.models}
    for suite in suites:
        for gate in suite.gates:
            if isinstance(gate, GuardGate):
                known |= {(gate.suite, model) for model in suite.models if gate.binds(model)}
    return known


def _delete(file: Path) -> None:
    """Deletes the file, and its folder where nothing else is in it. Raises UsageError."""
    try:
        file.unlink()
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
    except OSError as error:
        raise UsageError(
            f"the baseline cannot be deleted: {error.strerror}", where=shown(file)
        ) from error
