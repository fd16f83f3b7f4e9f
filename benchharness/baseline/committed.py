"""The history of baselines as git has it: what each commit left in their files."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from benchharness.baseline.history import History, Point
from benchharness.baseline.store import relative_name

MOST = 50
SHALLOW = "the clone is shallow: earlier commits are not here"
# What a report waits for at most; the log of a very large repository may take longer.
_PATIENCE_S = 20.0
_FEW_PATHS = 500  # whose names fit a command line
_QUERIES = b'"queries":'
_COMMIT = "\x1e"
_SHORT = 9  # letters of a commit


@dataclass(frozen=True)
class _Version:
    """A file as a commit left it."""

    commit: str
    day: str
    blob: str


def history_of(
    folder: Path, pairs: Iterable[tuple[str, str]], *, most: int = MOST
) -> tuple[History, ...]:
    """The committed baselines of each (suite, model) that has any, in the order of `pairs`.

    folder: of the baselines, in a working tree; what lies there uncommitted is no point.
    most:   points kept of each pair, the latest ones.

    Never raises: without git or a repository there are pairs without points, whose note says why,
    and a version that is no whole baseline of that pair is left out. Renamed files begin anew.
    """
    wanted = {relative_name(suite, model): (suite, model) for suite, model in pairs}
    if not wanted or not folder.is_dir():
        return ()
    try:
        versions = _versions(folder, list(wanted), most + 1)
        note = SHALLOW if _is_shallow(folder) else ""
        with _blobs(folder) as read:
            found = [
                _history(pair, versions.get(name, ()), read, most) for name, pair in wanted.items()
            ]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        why = _reason(error)
        return tuple(History(suite, model, (), why) for suite, model in wanted.values())
    return tuple(replace(one, note=note) for one in found if one.points)


def committed_history(folder: Path, pairs: Iterable[tuple[str, str]]) -> tuple[History, ...]:
    """`history_of`, without those that have no point: what a report keeps."""
    return tuple(one for one in history_of(folder, pairs) if one.points)


def _history(
    pair: tuple[str, str], versions: Sequence[_Version], read: _Reader, most: int
) -> History:
    points: list[Point] = []
    accepted = 0
    for version in versions:  # oldest first
        head = _head(read(version.blob))
        if head is None or (head.get("suite"), head.get("model")) != pair:
            continue
        point, accepted = _point(version, head, accepted)
        if point is not None:
            points.append(point)
    return History(*pair, tuple(points[-most:]))


def _point(version: _Version, head: Mapping[str, Any], known: int) -> tuple[Point | None, int]:
    """The point, and how many accepted drops the file has told of; None for a damaged file."""
    try:
        means = {str(name): float(mean) for name, mean in head["means"].items()}
        reasons = [str(one["reason"]) for one in head["accepted"]]
        n = int(head["n"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None, known
    if not all(map(math.isfinite, means.values())):
        return None, known
    note = "; ".join(dict.fromkeys(reasons[known:]))
    return Point(version.commit, version.day, means, n, note), len(reasons)


def _head(content: bytes) -> Mapping[str, Any] | None:
    """The file without its queries, which are most of it; None where it is no JSON."""
    before, _, _ = content.partition(_QUERIES)
    for text in (before.rstrip().rstrip(b",") + b"}", content):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "means" in found:
            return found
    return None


def _versions(folder: Path, names: Sequence[str], most: int) -> dict[str, list[_Version]]:
    """name -> its versions, oldest first, at most so many of each; deletions are none."""
    paths = [f"./{name}" for name in names] if len(names) <= _FEW_PATHS else ["."]
    wanted = set(names)
    # Twice, because each version may have been deleted before the next one was written.
    log = _git(
        folder,
        "log",
        f"--max-count={2 * most * len(names)}",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "--no-ext-diff",
        "--no-color",
        "--relative",
        f"--format={_COMMIT}%H %cs",
        "--",
        *paths,
    )
    found: dict[str, list[_Version]] = {}
    commit = day = ""
    for line in log.split("\n"):
        if line.startswith(_COMMIT):
            commit, _, day = line[1:].partition(" ")
            commit = commit[:_SHORT]
        elif line.startswith(":"):
            facts, _, name = line.partition("\t")
            blob = facts.split(" ")[3]
            versions = found.setdefault(name, [])
            if name in wanted and blob.strip("0") and len(versions) < most:
                versions.append(_Version(commit, day, blob))
    return {name: versions[::-1] for name, versions in found.items()}


def _is_shallow(folder: Path) -> bool:
    return _git(folder, "rev-parse", "--is-shallow-repository").strip() == "true"


def _arguments(folder: Path, *arguments: str) -> list[str]:
    settings = ["-c", "core.quotePath=false", "-c", "log.showSignature=false"]
    return ["git", "--literal-pathspecs", "-C", str(folder), *settings, *arguments]


def _git(folder: Path, *arguments: str) -> str:
    """What git prints. Raises OSError, SubprocessError."""
    done = subprocess.run(  # noqa: S603 -- no shell; names follow "--"
        _arguments(folder, *arguments), capture_output=True, check=True, timeout=_PATIENCE_S
    )
    return done.stdout.decode("utf-8", "replace")


class _Reader:
    """Contents of blobs, one at a time from one process: histories may be larger than memory."""

    def __init__(self, asked: IO[bytes], told: IO[bytes]) -> None:
        self._asked = asked
        self._told = told

    def __call__(self, blob: str) -> bytes:
        """The content; empty for what is not there, as in a partial clone."""
        self._asked.write(f"{blob}\n".encode())
        self._asked.flush()
        facts = self._told.readline().split()
        if len(facts) != 3:
            return b""
        content = self._told.read(int(facts[2]))
        self._told.read(1)  # the line's end
        return content


@contextmanager
def _blobs(folder: Path) -> Iterator[_Reader]:
    process = subprocess.Popen(  # noqa: S603 -- no shell
        _arguments(folder, "cat-file", "--batch"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        assert process.stdin is not None  # noqa: S101 -- narrows the type
        assert process.stdout is not None  # noqa: S101 -- narrows the type
        yield _Reader(process.stdin, process.stdout)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no git here"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"git took more than {_PATIENCE_S:g} s to tell its log"
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        return f"git has no history here: {said[0]}" if said else "git has no history here"
    return f"git's history cannot be read: {error}"
