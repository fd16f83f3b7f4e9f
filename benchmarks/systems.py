"""Quality, latency and bytes of the systems that a team would choose among, on a suite as it ships.

    .venv/bin/python benchmarks/systems.py --suite NAME [--cross-encoder DIR] [--tuned DIR]
        [--model SPEC] [--top N] [--folder DIR] [--json FILE]

`benchharness compare` measures and times them side by side; this lists the specs, and prints
recall@10 and ndcg@10 with their 95 % intervals, the paired difference to the dense model (90 %),
and what each costs. Two tables: all systems, and what codes, 64 dimensions and two stages lose
against the full vectors of the same model, also of one that was tuned with a Matryoshka loss.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchharness.cli import main as benchharness
from benchharness.files import write_atomically
from benchharness.judge.numbers import format_delta, format_interval, format_value
from benchharness.judge.paired import difference
from benchharness.report.verdict_file import read_report
from benchharness.suite_file import find_suite

ROOT = Path(__file__).resolve().parent.parent
MEASURES = ("recall@10", "ndcg@10")
SHORT = 64


@dataclass(frozen=True)
class Listed:
    """name: in the table. spec: as `compare` takes it. full: spec of what it cuts or codes."""

    name: str
    spec: str
    full: str = ""


def listed(model: str, tuned: str | None, cross_encoder: str | None, top: int) -> Iterator[Listed]:
    """Yields the systems, the dense model first: latencies are relative to it."""
    hybrid = f"hybrid(bm25,{model})"
    yield Listed("dense", model)
    yield Listed("BM25", "bm25")
    yield Listed("hybrid", hybrid)
    if cross_encoder is not None:
        yield Listed("dense, reranked", f"rerank({model},{cross_encoder})@top={top}")
        yield Listed("hybrid, reranked", f"rerank({hybrid},{cross_encoder})@top={top}")
    yield Listed("int8", f"int8({model})", model)
    yield Listed("binary", f"binary({model})", model)
    yield Listed("binary, rescored", f"rerank(binary({model}),{model})@top=100", model)
    yield from _stages("", model)
    if tuned is not None:
        yield Listed("tuned", tuned)
        yield from _stages("tuned, ", tuned)


def _stages(prefix: str, model: str) -> Iterator[Listed]:
    name, _, options = model.partition("@")
    short = f"{name}@{','.join([f'dim={SHORT}', *filter(None, [options])])}"
    yield Listed(f"{prefix}{SHORT} dimensions", short, model)
    yield Listed(f"{prefix}{SHORT}, then all", f"rerank({short},{model})@top=100", model)


def measured(suite: str, specs: list[str], folder: Path) -> Mapping[str, Any]:
    """The leaderboard of the suite, as `compare --json` gives it; its report lies in the folder."""
    out = io.StringIO()
    asked = ["compare", *specs, "--suite", suite, "--out", str(folder), "--json"]
    with contextlib.redirect_stdout(out):
        code = benchharness(asked)
    if not out.getvalue():
        raise SystemExit(code)
    board: Mapping[str, Any] = json.loads(out.getvalue())["leaderboards"][0]
    for spec, why in board["left_out"].items():
        raise SystemExit(f"{spec} has no row: {why}")
    return board


def rows_of(
    systems: list[Listed], board: Mapping[str, Any], folder: Path
) -> Iterator[dict[str, Any]]:
    """Yields a record for each system: values, differences to dense and full vectors, costs."""
    found = {one.result.model: one for one in read_report(folder).assessments}
    standings = {row["spec"]: row for row in board["standings"]}
    for one in systems:
        record: dict[str, Any] = {"system": one.name, "spec": one.spec, "n": board["n"]}
        for measure in MEASURES:
            estimate = found[one.spec].estimates[measure]
            record[measure] = {"value": estimate.value, "ci95": estimate.ci95}
            for key, other in (("to_dense", systems[0].spec), ("to_full", one.full)):
                if other and other != one.spec:
                    before, after = (found[spec].result for spec in (other, one.spec))
                    gap = difference(before.values[measure], after.values[measure])
                    record[measure][key] = {"delta": gap.delta, "ci90": gap.interval}
        for cost in ("bytes_per_vector", "latency_ms", "latency_p95_ms", "latency_ratio"):
            record[cost] = standings[one.spec][cost]
        yield record


def markdown_of(rows: list[dict[str, Any]]) -> Iterator[str]:
    head = "system", *MEASURES, "ms p50", "p95", "ratio", "bytes/doc"
    yield _line([part for name in head for part in _with_gap(name)])
    yield "|---|---|---|---|---|--:|--:|--:|--:|"
    for row in rows:
        worth = [
            text
            for measure in MEASURES
            for text in (_value(row[measure]), _gap(row[measure], "to_dense"))
        ]
        stored = row["bytes_per_vector"]
        costs = [
            f"{row['latency_ms']:,.2f}",
            f"{row['latency_p95_ms']:,.2f}",
            _ratio(row["latency_ratio"]),
            "" if stored is None else f"{stored:,.0f}",
        ]
        yield _line([row["system"], *worth, *costs])
    yield ""
    yield "| against its own full vectors | recall@10 | ndcg@10 |"
    yield "|---|---|---|"
    for row in rows:
        if "to_full" in row[MEASURES[0]]:
            yield _line([row["system"], *(_gap(row[measure], "to_full") for measure in MEASURES)])


def _with_gap(name: str) -> list[str]:
    return [name, "to dense"] if name in MEASURES else [name]


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _value(found: Mapping[str, Any]) -> str:
    return f"{format_value(found['value'])} {format_interval(tuple(found['ci95']))}"


def _gap(found: Mapping[str, Any], key: str) -> str:
    if key not in found:
        return ""
    gap = found[key]
    return f"{format_delta(gap['delta'])} {format_interval(tuple(gap['ci90']), (0.0,))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", required=True, help="name of a suite in ./suites")
    parser.add_argument("--model", help="the dense model (default: the suite's first)")
    parser.add_argument("--tuned", help="a model that was tuned with a Matryoshka loss")
    parser.add_argument("--cross-encoder", help="folder of a cross-encoder")
    parser.add_argument("--top", type=int, default=20, help="documents that it reads (default: 20)")
    parser.add_argument("--folder", help="where the report goes (default: a temporary one)")
    parser.add_argument("--json", help="file for the records")
    given = parser.parse_args()

    model = given.model or find_suite(given.suite, ROOT / "suites")[0].suite.models[0]
    systems = list(listed(model, given.tuned, given.cross_encoder, given.top))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.folder or temporary)
        board = measured(given.suite, [one.spec for one in systems], folder)
        rows = list(rows_of(systems, board, folder))
    if given.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        content = {"suite": given.suite, "machine": machine, "systems": rows}
        write_atomically(Path(given.json), [json.dumps(content, indent=1) + "\n"])
    for line in markdown_of(rows):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
