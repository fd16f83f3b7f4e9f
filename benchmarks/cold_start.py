"""How long a front end takes to start, beside plain pytest on an empty directory.

    .venv/bin/python benchmarks/cold_start.py [ROUNDS]

Runs every command in turn, round by round, and prints medians and the ratio to plain pytest
(`-p no:benchharness`) on an empty directory. The promise is a ratio of at most 1.5.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEER = "pytest, empty directory, without the plugin"


def commands(empty: Path) -> dict[str, list[str]]:
    pytest = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    return {
        PEER: [*pytest, "-p", "no:benchharness", str(empty)],
        "pytest, empty directory, with the plugin": [*pytest, str(empty)],
        "pytest --collect-only suites/": [*pytest, str(ROOT / "suites")],
        "benchharness --help": [sys.executable, "-m", "benchharness", "--help"],
    }


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False, cwd=ROOT)  # noqa: S603 - ours
    return time.perf_counter() - start


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as empty:
        Path(empty, "pytest.ini").write_text("[pytest]\n")
        timed: dict[str, list[float]] = {name: [] for name in commands(Path(empty))}
        for _ in range(rounds + 1):
            for name, command in commands(Path(empty)).items():
                timed[name].append(seconds(command))
    peer = timed[PEER][1:]  # the first round warms the disk cache
    for name, spent in timed.items():
        ratio = statistics.median(a / b for a, b in zip(spent[1:], peer, strict=True))
        print(f"{statistics.median(spent[1:]):6.2f} s  x{ratio:4.2f}  {name}")  # noqa: T201


if __name__ == "__main__":
    main()
