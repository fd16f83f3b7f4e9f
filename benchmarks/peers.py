"""Us beside the peers: whole evaluations, encoding, metrics, search, cold starts.

    sh benchmarks/peers/install.sh            once: their environment, .benchharness/peers
    .venv/bin/python benchmarks/peers.py [--quick] [--only ROW ...] [--rounds N] [--out FILE.json]
    .venv/bin/python benchmarks/peers.py --show FILE.json ...

Prints a Markdown table of ratios, goals and whether they are reached, what each contestant spent,
and how far its results are from ours. Every measurement is a process of its own on the same texts,
the same weights and one thread; contestants take turns, and ratios are medians over the rounds.
CPU seconds are user and system time of the process. --show joins the rows of several files.
All rows in three rounds take about three hours; --quick takes tiny sizes, to try the command.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers.machine import machine, versions
from peers.process import PEERS, ROOT
from peers.rows.cold import collecting
from peers.rows.encoding import busy, encoding
from peers.rows.evaluation import evaluation, evaluation_large
from peers.rows.scoring import metrics, search, search_memory
from peers.rows.setting import Setting
from peers.table import markdown, record

from benchharness.files import write_atomically

if TYPE_CHECKING:
    from peers.work import Work

ROWS: dict[str, Callable[[Setting], Work]] = {
    "cold": collecting,
    "metrics": metrics,
    "search": search,
    "search-memory": search_memory,
    "busy": busy,
    "evaluation": evaluation,
    "encode": encoding,
    "evaluation-large": evaluation_large,
}


def measured(names: list[str], rounds: int, *, quick: bool, out: str | None) -> dict[str, Any]:
    """The content of the JSON file, which is written anew after each row."""
    content: dict[str, Any] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": machine(),
        "versions": versions(),
        "quick": quick,
        "rows": [],
    }
    data = ROOT / ".benchharness" / "peers-data"
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            work = ROWS[name](Setting(data, Path(scratch), quick))
            if not Path(PEERS).is_file() and any(PEERS in one.command for one in work.contestants):
                raise SystemExit("the peers are not installed; run: sh benchmarks/peers/install.sh")
            content["rows"].append(record(work, work.measured(rounds)))
            if out:
                write_atomically(Path(out), [json.dumps(content, indent=1), "\n"])
    return content


def joined(files: list[str]) -> dict[str, Any]:
    """The rows of all files, one file after the other, under the date of the first."""
    contents = [json.loads(Path(file).read_text()) for file in files]
    if len({one["machine"]["cpu"] for one in contents}) > 1:
        raise SystemExit("these files are of different machines")
    return contents[0] | {"rows": [row for one in contents for row in one["rows"]]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    parser.add_argument("--only", nargs="+", choices=tuple(ROWS), metavar="ROW",
                        help=f"of {', '.join(ROWS)}")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="of each row (default: 3)")
    parser.add_argument("--out", metavar="FILE", help="also write everything as JSON")
    parser.add_argument("--show", nargs="+", metavar="FILE", help="only print what was measured")
    given = parser.parse_args()
    if given.show:
        content = joined(given.show)
    else:
        content = measured(given.only or list(ROWS), given.rounds, quick=given.quick, out=given.out)
    for line in markdown(content):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
