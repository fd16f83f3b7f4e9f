"""The `--bench-*` options: declared in one place, checked once, frozen."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from benchharness.judge.policy import Policy

DEFAULT_REPORT = ".benchharness/report"
DEFAULT_BASELINES = "baselines"
_UPDATES = ("missing", "changed", "all")
# Options that the command for an update replaces.
_REPLACED = ("--bench-update", "--bench-reason", "--bench-release", "--bench-compare")
_WITH_VALUE = ("--bench-reason", "--bench-compare")


@dataclass(frozen=True)
class Options:
    """What the user asked of this session; plain values, because workers of xdist get them too.

    models:       specs that replace the models of every suite; empty for the suites' own.
    report:       absolute folder of the report.
    limit:        number of queries to keep of each suite, None for all.
    baselines:    absolute folder of the committed results.
    compare:      what takes the place of that folder: a path or `git:REF`; None for nothing.
    update:       "missing", "changed" or "all" where baselines are to be written.
    reason:       why a value may get worse.
    inconclusive: "warn", "fail", "pass", or None for what each gate says.
    missing:      "fail" or "warn".
    release:      whether this is the strict preset.
    finetune:     "never", "auto" or "force".
    command:      what the user typed, without what an update replaces.
    """

    models: tuple[str, ...]
    report: Path
    limit: int | None
    baselines: Path
    compare: str | None = None
    update: str | None = None
    reason: str = ""
    inconclusive: str | None = None
    missing: str = "fail"
    release: bool = False
    finetune: str = "never"
    command: str = "pytest"

    def packed(self) -> dict[str, Any]:
        """The options as what xdist can carry."""
        packed = asdict(self)
        return {name: str(v) if isinstance(v, Path) else v for name, v in packed.items()}

    @classmethod
    def unpacked(cls, packed: dict[str, Any]) -> Options:
        """The options that `packed` gave."""
        given = {field.name: packed[field.name] for field in fields(cls)}
        given["models"] = tuple(given["models"])
        given["report"], given["baselines"] = Path(given["report"]), Path(given["baselines"])
        return cls(**given)

    def policy(self) -> Policy:
        from benchharness.judge.policy import Policy

        return Policy(
            inconclusive=self.inconclusive,
            missing=self.missing,
            release=self.release,
            update=self.update,
            reason=self.reason,
            command=self.command,
        )


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchharness", "retrieval benchmarks (benchharness)")
    group.addoption(
        "--bench-model",
        action="append",
        default=[],
        metavar="SPEC",
        type=_spec,
        help="Measure this model instead of the suites' own. Repeat for more.",
    )
    group.addoption(
        "--bench-report",
        default=DEFAULT_REPORT,
        metavar="DIR",
        help=f"Folder of verdict.json and the files beside it (default: {DEFAULT_REPORT}).",
    )
    group.addoption(
        "--bench-limit",
        default=None,
        metavar="N",
        type=_limit,
        help="Measure only N queries of each suite, to try it out. Its gates are not judged.",
    )
    group.addoption(
        "--bench-baselines",
        default=None,
        metavar="DIR",
        help=f"Folder of the committed results (default: {DEFAULT_BASELINES} in the root folder).",
    )
    group.addoption(
        "--bench-compare",
        default=None,
        metavar="PATH|git:REF",
        help="Compare with another folder of baselines, with a report's folder, or with the "
        "baselines as a ref of git has them, instead of the folder of --bench-baselines.",
    )
    group.addoption(
        "--bench-update",
        nargs="?",
        const="missing",
        default=None,
        metavar="missing|changed|all",
        type=_update,
        help="Write baselines of what is measured: where there is none (the default), where "
        "there is one, or both.",
    )
    group.addoption(
        "--bench-reason",
        default="",
        metavar="TEXT",
        help="Why values may get worse in an update; kept in the baseline.",
    )
    group.addoption(
        "--bench-update-in-ci",
        action="store_true",
        help="Allow --bench-update where CI or BUILD_NUMBER is set.",
    )
    group.addoption(
        "--bench-inconclusive",
        default=None,
        choices=("warn", "fail", "pass"),
        help="What a comparison does that settles nothing (default: as the gate says, or warn).",
    )
    group.addoption(
        "--bench-missing",
        default="fail",
        choices=("fail", "warn"),
        help="What a gate does that has no baseline (default: fail).",
    )
    group.addoption(
        "--bench-release",
        action="store_true",
        help="The strict preset: inconclusive, missing and warned gates fail, waivers do not "
        "count, and nothing may be left out. Ends with RELEASE or DO NOT RELEASE.",
    )
    group.addoption(
        "--bench-finetune",
        default="never",
        choices=("never", "auto", "force"),
        help="Fine-tune: where the decision is tune (auto; optional and undecided get a quick "
        "pilot), or every model that can be (force). Default: never.",
    )


def read_options(config: pytest.Config) -> Options:
    """The options of this session. Raises pytest.UsageError for a value that cannot work."""
    start = config.invocation_params.dir
    report = start / config.getoption("bench_report")
    blocked = next((path for path in (report, *report.parents) if path.is_file()), None)
    if blocked is not None:
        raise pytest.UsageError(f"--bench-report: {blocked} is a file, not a folder")
    given = config.getoption("bench_baselines")
    options = Options(
        models=tuple(dict.fromkeys(config.getoption("bench_model"))),
        report=report,
        limit=config.getoption("bench_limit"),
        baselines=start / given if given else config.rootpath / DEFAULT_BASELINES,
        compare=_absolute(config.getoption("bench_compare"), start),
        update=config.getoption("bench_update"),
        reason=config.getoption("bench_reason"),
        inconclusive=config.getoption("bench_inconclusive"),
        missing=config.getoption("bench_missing"),
        release=config.getoption("bench_release"),
        finetune=config.getoption("bench_finetune"),
        command=_command(config.invocation_params.args),
    )
    _check_update(options, in_ci_allowed=config.getoption("bench_update_in_ci"))
    _check_ref(options)
    if options.compare is not None and Path(options.compare).resolve() == report.resolve():
        raise pytest.UsageError(
            "--bench-compare names the folder that this session's report replaces: "
            "write the new one elsewhere with --bench-report"
        )
    return options


def _check_ref(options: Options) -> None:
    """Ask git for the ref now: a wrong one must not be found after an hour of measuring."""
    if options.compare is None or not options.compare.startswith("git:"):
        return
    from benchharness.baseline.store import GitBaselines
    from benchharness.errors import BenchError

    try:
        GitBaselines.at(options.compare.removeprefix("git:"), options.baselines)
    except BenchError as error:
        raise pytest.UsageError(f"--bench-compare: {error}") from None


def _check_update(options: Options, *, in_ci_allowed: bool) -> None:
    if options.baselines.is_file():
        raise pytest.UsageError(f"--bench-baselines: {options.baselines} is a file, not a folder")
    if options.update is None:
        if options.reason:
            raise pytest.UsageError("--bench-reason belongs to --bench-update=changed or =all")
        return
    if options.compare is not None:
        raise pytest.UsageError(
            "--bench-update writes what --bench-compare does not read: run them one by one"
        )
    if options.release:
        raise pytest.UsageError("--bench-release judges, --bench-update writes: run one of them")
    if options.limit is not None:
        raise pytest.UsageError("--bench-limit leaves queries out: it makes no baseline")
    if (os.environ.get("CI") or os.environ.get("BUILD_NUMBER")) and not in_ci_allowed:
        raise pytest.UsageError(
            "--bench-update is refused in CI (CI or BUILD_NUMBER is set): update on your machine "
            "and commit the files, or add --bench-update-in-ci"
        )


def _absolute(compare: str | None, start: Path) -> str | None:
    """The place to compare with; a ref is left as it is. Raises pytest.UsageError."""
    if compare is None or compare.startswith("git:"):
        return compare
    path = start / compare
    if not path.is_dir():
        raise pytest.UsageError(
            f"--bench-compare: there is no folder {path}; a ref of git is written git:{compare}"
        )
    return str(path)


def _command(arguments: Sequence[str]) -> str:
    """What was typed, without the options that the command for an update replaces."""
    kept: list[str] = []
    before = ""
    for argument in map(str, arguments):
        is_value = before in _WITH_VALUE or (before == "--bench-update" and argument in _UPDATES)
        if not is_value and argument.partition("=")[0] not in _REPLACED:
            kept.append(argument)
        before = "" if is_value else argument
    return shlex.join(["pytest", *kept])


def _spec(text: str) -> str:
    from benchharness.errors import BenchError
    from benchharness.models.spec import parse_spec

    try:
        parse_spec(text)
    except BenchError as error:
        raise argparse.ArgumentTypeError(f"{error.message} ({error.remedy})") from None
    return text


def _limit(text: str) -> int:
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if limit < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of queries of at least 1")
    return limit


def _update(text: str) -> str:
    if text not in _UPDATES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not missing, changed or all "
            "(before a path write --bench-update=missing, with the equals sign)"
        )
    return text
