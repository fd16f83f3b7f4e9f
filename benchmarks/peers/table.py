"""The table: what was claimed, what came out, and what each contestant spent."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from peers.work import Figures, Spent, Work

UNITS = {"cpu_s": "CPU s", "work_cpu_s": "CPU s", "wall_s": "s", "work_wall_s": "s",
         "peak_mb": "MB"}  # fmt: skip


def record(work: Work, spent: Spent) -> dict[str, Any]:
    """Everything that is known of a row, as JSON."""
    claims = []
    for claim in work.claims:
        claims.append({
            "work": claim.text, "ours": claim.ours, "other": claim.other, "figure": claim.figure,
            "ours_value": _median(spent[claim.ours], claim.figure),
            "other_value": _median(spent[claim.other], claim.figure) if claim.other else None,
            "ratio": claim.ratio(spent), "kind": claim.kind, "goal": claim.goal,
            "bound": claim.bound, "verdict": claim.verdict(spent),
        })  # fmt: skip
    return {
        "row": work.name,
        "title": work.title,
        "rounds": len(next(iter(spent.values()))),
        "claims": claims,
        "spent": {name: list(rounds) for name, rounds in spent.items()},
        "notes": list(work.notes(spent)),
    }


def markdown(content: Mapping[str, Any]) -> Iterator[str]:
    """Yields the lines of the whole report, with the date and the machine."""
    machine, versions = content["machine"], content["versions"]
    yield (
        f"{content['date']}, {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:g} GB, {machine['system']}, Python {machine['python']}, "
        f"load {machine['load']} at the start, commit {machine.get('commit') or 'unknown'}."
    )
    yield ""
    for name, found in versions.items():
        yield f"- {name}: {', '.join(f'{one} {version}' for one, version in found.items())}"
    yield ""
    yield "| work | ours | beside | its | ratio | goal | | rounds |"
    yield "|---|--:|---|--:|--:|--:|---|--:|"
    for row in content["rows"]:
        for claim in row["claims"]:
            yield _claim_line(claim, row["rounds"])
    yield ""
    yield "| spent | CPU s | from, to | wall s | work alone | MB | nDCG@10 | recall@10 |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for row in content["rows"]:
        for name, rounds in row["spent"].items():
            yield _spent_line(f"{row['row']}: {name}", rounds)
    for row in content["rows"]:
        if row["notes"]:
            yield ""
            yield f"{row['title']}:"
            yield ""
            yield from (f"- {note}" for note in row["notes"])


def _claim_line(claim: Mapping[str, Any], rounds: int) -> str:
    unit = UNITS[claim["figure"]]
    other = "" if claim["other_value"] is None else f"{_figure(claim['other_value'])} {unit}"
    ratio = "" if claim["kind"] == "value" else f"{claim['ratio']:.2f}"
    cells = [
        claim["work"], f"{_figure(claim['ours_value'])} {unit}", claim["other"], other, ratio,
        claim["bound"], claim["verdict"], str(rounds),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _spent_line(name: str, rounds: Sequence[Figures]) -> str:
    cpu = [figures["cpu_s"] for figures in rounds]
    work = [key for key in ("work_cpu_s", "work_wall_s") if key in rounds[0]]
    values = [
        f"{_median(rounds, key):.4f}" if key in rounds[0] else ""
        for key in ("ndcg@10", "recall@10")
    ]
    cells = [
        name, _figure(statistics.median(cpu)), f"{_figure(min(cpu))} to {_figure(max(cpu))}",
        _figure(_median(rounds, "wall_s")),
        ", ".join(f"{_figure(_median(rounds, key))} {UNITS[key]}" for key in work),
        f"{_median(rounds, 'peak_mb'):,.0f}", *values,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _median(rounds: Sequence[Figures], key: str) -> float:
    return statistics.median(figures[key] for figures in rounds)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 100 else f"{value:.0f}"
