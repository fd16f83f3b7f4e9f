"""What is written of a mined log: the pairs, the report beside them, the evaluation queries."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchharness.data.judgments import HEAD, tsv_line
from benchharness.data.origins import FIELD
from benchharness.errors import UsageError
from benchharness.files import write_atomically
from benchharness.pairs.clicks.choosing import SOURCE
from benchharness.pairs.clicks.mining import Mined, Report
from benchharness.pairs.pair import Pair, pair_lines

SCHEMA = 1
MARK = "clicks.json"  # in a folder of evaluation queries that was written here
_PAIR_FIELDS = ("query_id", "doc_id", "source", "provenance")


@dataclass(frozen=True)
class Written:
    """The files of a mined log. later: the folder of the evaluation queries, where there are any.

    how: how a suite file names the evaluation set; "" without one.
    """

    pairs: Path
    report: Path
    later: Path | None
    how: str


def write_mined(
    mined: Mined,
    out: Path,
    corpus: Path | None = None,
    *,
    later: Path | None = None,
    suites: Path = Path("suites"),
) -> Written:
    """The files written; `FILE.jsonl` has its `FILE.report.json` and its `FILE.later/` beside it.

    corpus: its file as JSON lines, None where it has none. later: in place of `FILE.later`.
    suites: folder of the suite file that `how` is for: its relative paths start there.
    """
    stem = out.name.removesuffix(".jsonl")
    report = out.with_name(f"{stem}.report.json")
    folder = later or later_folder(out)
    how = ""
    if mined.later:
        write_atomically(folder / MARK, ["{}\n"])
        queries, qrels = folder / "queries.jsonl", folder / "qrels" / "test.tsv"
        write_atomically(queries, _query_lines(mined.later))
        write_atomically(qrels, _qrels_lines(mined.later))
        how = ", ".join(
            f"{name}={_place(path, suites)!r}"
            for name, path in (("corpus", corpus), ("queries", queries), ("qrels", qrels))
        )
        how = f"jsonl({how})"
    written = Written(out, report, folder if mined.later else None, how)
    write_atomically(out, pair_lines(mined.pairs, _PAIR_FIELDS))
    text = json.dumps(report_content(mined.report, written), indent=1, ensure_ascii=False)
    write_atomically(report, [text + "\n"])
    return written


def later_folder(out: Path) -> Path:
    """FILE.later beside FILE.jsonl."""
    return out.with_name(f"{out.name.removesuffix('.jsonl')}.later")


def check_later(folder: Path, *, is_split: bool) -> None:
    """Raises UsageError where an evaluation set would be overwritten, or be trained on unseen.

    is_split: whether this run writes one there.
    """
    is_ours = (folder / MARK).is_file()
    if is_split and folder.exists() and not is_ours and (folder.is_file() or any(folder.iterdir())):
        raise UsageError(
            f"what is there was not written by a run: it has no {MARK}",
            where=str(folder), remedy="name a new folder with --later-out",
        )  # fmt: skip
    if not is_split and is_ours:
        raise UsageError(
            "this holds the evaluation queries of an earlier run, which would be trained on now",
            where=str(folder), remedy="split again, name another --out, or remove the folder",
        )  # fmt: skip


def report_content(report: Report, written: Written) -> dict[str, object]:
    """The report in JSON's own types. The same log and settings make the same bytes."""
    content = {"schema": SCHEMA, **asdict(report)}
    if report.split is not None:
        content["split"]["at"] = shown_time(report.split.at)
    return content | {
        "negatives": 0,
        "written": {
            "pairs": str(written.pairs),
            "later": None if written.later is None else str(written.later),
            "how": written.how,
        },
    }


def shown_time(seconds: float) -> str:
    """2026-01-31T12:00:00+00:00."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _place(path: Path | None, suites: Path) -> str:
    if path is None:
        return "the corpus as JSON lines"
    return Path(os.path.relpath(path, suites)).as_posix()


def _query_lines(pairs: tuple[Pair, ...]) -> Iterator[str]:
    for query_id, text in {pair.query_id: pair.query for pair in pairs}.items():
        row = {"_id": query_id, "text": text, "metadata": {FIELD: SOURCE}}
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _qrels_lines(pairs: tuple[Pair, ...]) -> Iterator[str]:
    yield HEAD
    yield from (tsv_line(pair.query_id, pair.doc_id) for pair in pairs)
