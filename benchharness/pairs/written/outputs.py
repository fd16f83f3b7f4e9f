"""What a run leaves behind: pairs, an evaluation set in BEIR's layout, and a folder of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchharness.data.judgments import HEAD, tsv_line
from benchharness.data.origins import FIELD, LLM
from benchharness.errors import DataError, UsageError
from benchharness.files import write_atomically
from benchharness.pairs.pair import Pair, pair_lines
from benchharness.pairs.written.drafts import Drafts
from benchharness.pairs.written.passages import Passage
from benchharness.pairs.written.plan import EVALUATION_MARK, REPORT, Plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SOURCE = "generated"
_FIELDS = ("query_id", "doc_id", "source", "synthetic", "provenance")
_HOME = ".benchharness"
_ID_DIGITS = 16
_AT_ONCE = 2048
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


def write_pairs(plan: Plan, drafts: Drafts, kept: NDArray[np.int64], llm: str) -> str:
    """sha256 of the file of pairs, in order of the passages, then as they were answered."""
    pairs = _pairs(plan, drafts, kept, llm)
    return write_atomically(plan.out, pair_lines(pairs, fields=_FIELDS))


def _pairs(plan: Plan, drafts: Drafts, kept: NDArray[np.int64], llm: str) -> Iterator[Pair]:
    for query, kind, passage, _ in walk(plan, drafts, kept):
        made = {"llm": llm, "passage": passage.hash, "prompt": plan.prompt.version, "type": kind}
        yield Pair(
            query=query,
            positive=passage.text,
            query_id=query_id_of(query, passage),
            doc_id=passage.doc_id,
            source=SOURCE,
            synthetic=True,
            provenance=tuple(sorted(made.items())),
        )


def walk(
    plan: Plan, drafts: Drafts, kept: NDArray[np.int64]
) -> Iterator[tuple[str, str, Passage, int]]:
    """Yields (query, type, passage, its row) of these drafts in their order."""
    import numpy as np

    for first in range(0, len(kept), _AT_ONCE):
        block = kept[first : first + _AT_ONCE]
        rows, inverse = np.unique(drafts.rows[block], return_inverse=True)
        passages = plan.passages.take(rows)
        columns = zip(
            drafts.texts.take(block), drafts.types[block].tolist(), inverse.tolist(), strict=True
        )
        for query, kind, at in columns:
            yield query, plan.setting.types[kind], passages[at], int(rows[at])


def query_id_of(query: str, passage: Passage) -> str:
    """`g:` and 16 hex digits of the query and its passage."""
    told = f"{passage.hash}\0{query}"
    return f"g:{hashlib.sha256(told.encode()).hexdigest()[:_ID_DIGITS]}"


def write_evaluation(
    plan: Plan, drafts: Drafts, kept: NDArray[np.int64], folder: Path
) -> dict[str, Any]:
    """What was written: an evaluation set in BEIR's layout, whose queries say that no person asked.

    The corpus holds every passage, those that were not asked about too; the id of a passage that
    is a whole document is the document's. Passages of equal text are all relevant.

    Raises DataError where two passages would have one id, UsageError where nothing can be written.
    """
    passages = plan.passages
    try:
        (folder / "qrels").mkdir(parents=True, exist_ok=True)
        mark = {"queries": len(kept), "documents": len(passages), "made_by": plan.identity}
        # First, so that a run that dies in between may write the folder again.
        write_atomically(folder / EVALUATION_MARK, [json.dumps(mark, indent=1) + "\n"])
        write_atomically(folder / "corpus.jsonl", _corpus_lines(plan))
        write_atomically(folder / "queries.jsonl", _query_lines(plan, drafts, kept))
        write_atomically(folder / "qrels" / "test.tsv", _qrels_lines(plan, drafts, kept))
    except OSError as error:
        raise UsageError(
            f"the evaluation set cannot be written: {error.strerror}", where=str(folder),
            remedy="name a folder that can be written",
        ) from error  # fmt: skip
    return {"folder": str(folder), "queries": len(kept), "documents": len(passages)}


def _corpus_lines(plan: Plan) -> Iterator[str]:
    import numpy as np

    passages = plan.passages
    for first in range(0, len(passages), _AT_ONCE):
        rows = np.arange(first, min(first + _AT_ONCE, len(passages)))
        names = passages.names(rows)
        taken = ~passages.is_whole[rows] & (passages.documents.rows_of(names) >= 0)
        if taken.any():
            name = names[int(taken.argmax())]
            raise DataError(
                f"a passage of {name.rpartition('#')[0]!r} would have the id of a document",
                where=name, remedy="give that document another id",
            )  # fmt: skip
        for name, text in zip(names, passages.texts.take(rows), strict=True):
            yield json.dumps({"_id": name, "title": "", "text": text}, ensure_ascii=False) + "\n"


def _query_lines(plan: Plan, drafts: Drafts, kept: NDArray[np.int64]) -> Iterator[str]:
    for query, kind, passage, _ in walk(plan, drafts, kept):
        about = {FIELD: LLM, "type": kind}
        row = {"_id": query_id_of(query, passage), "text": query, "metadata": about}
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _qrels_lines(plan: Plan, drafts: Drafts, kept: NDArray[np.int64]) -> Iterator[str]:
    import numpy as np

    keys = plan.passages.keys
    order = np.argsort(keys, kind="stable")
    in_order = keys[order]
    yield HEAD
    known: tuple[int, list[str]] = (-1, [])
    for query, _, passage, row in walk(plan, drafts, kept):
        if row != known[0]:  # the queries of a passage follow one another
            first, last = (np.searchsorted(in_order, keys[row], side) for side in _SIDES)
            known = (row, plan.passages.names(order[first:last]))
        for name in known[1]:
            yield tsv_line(query_id_of(query, passage), name)


def prepare_folder(plan: Plan) -> None:
    """The run's folder is there, and kept out of git where it lies below `.benchharness`."""
    folder = plan.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place in folder.absolute().parents:
            ignore = place / ".gitignore"
            if place.name == _HOME and not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the run's folder cannot be made: {error.strerror}", where=str(folder),
            remedy="name a file in a folder that can be written",
        ) from error  # fmt: skip


def write_report(plan: Plan, report: dict[str, Any]) -> Path:
    """Where report.json was written."""
    path = plan.folder / REPORT
    content = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, [f"{content}\n"])
    return path
