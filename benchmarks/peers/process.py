"""A contestant, run as a fresh process, and what it spent: CPU seconds, wall seconds, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = Path(__file__).resolve().parent / "programs"
OURS = sys.executable
PEERS = str(ROOT / ".benchharness" / "peers" / "bin" / "python")

# One thread for everybody, texts and weights from this machine only.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TQDM_DISABLE": "1",
    "PYTHONWARNINGS": "ignore",
}
# What would be set for one contestant by a setting of the caller's shell.
_FORGOTTEN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_NUM_THREADS", "BENCHHARNESS_CACHE",
              "NUMBA_DISABLE_JIT", "TOKENIZERS_PARALLELISM")  # fmt: skip

# "cpu_s" (user and system), "wall_s" and "peak_mb" of the process, and what it told of itself.
Figures = Mapping[str, float]


def last_line(out: str) -> dict[str, float]:
    """The figures that a program prints as its last line."""
    found: dict[str, float] = json.loads(out.rstrip().rpartition("\n")[2])
    return found


def nothing(out: str) -> dict[str, float]:
    del out
    return {}


@dataclass(frozen=True)
class Contestant:
    """A command to be measured.

    environment: on top of `ENVIRONMENT`; an empty value takes a variable away.
    before:      what is done before each run, unmeasured.
    read:        what its output tells.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], object] = field(default=lambda: None)
    read: Callable[[str], dict[str, float]] = last_line


def spent_by(contestant: Contestant) -> Figures:
    """What one run spent. Ends this program with the end of its errors where it fails."""
    contestant.before()
    kept = {name: value for name, value in os.environ.items() if name not in _FORGOTTEN}
    wanted = ENVIRONMENT | dict(contestant.environment)
    environment = kept | {name: value for name, value in wanted.items() if value}
    for name, value in wanted.items():
        if not value:
            environment.pop(name, None)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - ours
            list(contestant.command), stdout=out, stderr=errors, env=environment, cwd=ROOT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise SystemExit(
                f"{contestant.name} ended with {process.returncode}: "
                f"{' '.join(contestant.command)}\n{errors.read()[-2000:]}"
            )
        told = contestant.read(out.read())
    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, KiB here
    return {
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": wall,
        "peak_mb": usage.ru_maxrss / unit,
        **told,
    }


def program(python: str, name: str, *arguments: object) -> list[str]:
    """The command of one of the programs beside this module."""
    return [python, str(PROGRAMS / name), *map(str, arguments)]
