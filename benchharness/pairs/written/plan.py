"""What a run will ask and what that costs at most, known before anything is paid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.data.lines import COMPRESSED
from benchharness.errors import UsageError
from benchharness.llm.in_flight import Lost, lost_of
from benchharness.llm.journal import Journal
from benchharness.llm.model import LanguageModel, Request, Usage
from benchharness.llm.spending import Estimate, Price, estimate, worst_case
from benchharness.models.encoder import Encoder
from benchharness.pairs.written.corpora import Corpus
from benchharness.pairs.written.passages import Chosen, Passages, choose, collect
from benchharness.pairs.written.prompting import (
    Prompt,
    key_of,
    prompt_of,
    request_of,
    types_of,
)
from benchharness.pairs.written.setting import Setting
from benchharness.pairs.written.splitting import Splitter
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JOURNAL = "answers.jsonl"
INDEX = "passages.jsonl"
REPORT = "report.json"
BATCHES = "batches"
# What marks a folder of BEIR's layout as written here, and hence to be written again.
EVALUATION_MARK = "generated.json"


@dataclass(frozen=True, eq=False)
class Plan:
    """A run that may begin.

    chosen:    the passages to ask about.
    capacity:  the longest passage in tokens.
    open_rows: the chosen passages to ask about: the journal has not settled them.
    left_out:  the chosen passages that a run asked about which was killed, and that are not asked
               about again.
    spent:     tokens that runs before this one paid for.
    lost:      what those that were killed sent in vain, and may have paid for.
    ask_again: leaves none of these out.
    estimate:  of what is left to ask.
    largest:   what the most expensive of these requests takes at its worst.
    """

    corpus: Corpus
    encoder: Encoder
    setting: Setting
    prompt: Prompt
    passages: Passages
    chosen: Chosen
    capacity: int
    identity: Mapping[str, str | int]
    out: Path
    open_rows: NDArray[np.int64]
    left_out: NDArray[np.int64]
    spent: Usage
    lost: Lost
    ask_again: bool
    estimate: Estimate
    largest: Usage
    price: Price | None
    batch: bool

    @property
    def folder(self) -> Path:
        return run_folder(self.out)

    def requests(self) -> Requests:
        """The requests for all chosen passages; whoever asks them leaves out what was answered."""
        return Requests(self.passages, self.chosen.rows, self.setting, self.prompt)


@dataclass(frozen=True, eq=False)
class Requests:
    """The requests of some passages, made one by one each time that they are walked through."""

    passages: Passages
    rows: NDArray[np.int64]
    setting: Setting
    prompt: Prompt

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Request]:
        for _, passage in self.passages.walk(self.rows):
            yield request_of(passage.hash, passage.text, self.setting, self.prompt)


def run_folder(out: Path) -> Path:
    """FILE.run beside FILE.jsonl: what the run keeps."""
    stem = out.name.removesuffix(".jsonl")
    return out.with_name(f"{stem}.run")


def check_places(out: Path, evaluation: Path | None) -> None:
    """Raises UsageError where a file or folder that is not of such a run would be overwritten."""
    if out.suffix in COMPRESSED:
        raise UsageError(
            "files of pairs are written uncompressed",
            where=str(out), remedy=f"write {out.with_suffix('')}, and compress it yourself",
        )  # fmt: skip
    if out.is_dir():
        raise UsageError("this is a folder", where=str(out), remedy=f"name a file: {out}/q.jsonl")
    if out.exists() and not (run_folder(out) / JOURNAL).is_file():
        raise UsageError(
            f"this file is not of a run: there is no {run_folder(out).name}/{JOURNAL} beside it",
            where=str(out), remedy="name another file, or move it away",
        )  # fmt: skip
    if evaluation is None or not evaluation.exists():
        return
    if not evaluation.is_dir() or (
        any(evaluation.iterdir()) and not (evaluation / EVALUATION_MARK).is_file()
    ):
        raise UsageError(
            f"what is there was not written by a run: it has no {EVALUATION_MARK}",
            where=str(evaluation), remedy="name a new folder",
        )  # fmt: skip


def plan_queries(
    corpus: Corpus,
    encoder: Encoder,
    llm: LanguageModel,
    setting: Setting,
    out: Path,
    *,
    price: Price | None = None,
    batch: bool = False,
    ask_again: bool = False,
    listener: Listener = silent,
) -> Plan:
    """The plan of a run that writes its pairs to `out`; pays nothing and writes nothing.

    What the journal of an earlier run beside `out` has is not in the estimate, nor what was on
    its way when such a run was killed, unless it is to be asked again. `batch` reckons with the
    price of batches.

    Raises UsageError where that run was another one or is still going on, DataError for a corpus
    without text, and LLMError where the service does not count tokens.
    """
    capacity = setting.capacity(encoder)
    splitter = Splitter(encoder, capacity, setting.overlap)
    prompt = prompt_of(setting)
    identity: dict[str, str | int] = {
        "llm": llm.spec,
        "prompt": prompt.version,
        "queries": setting.queries,
        "passages": f"{capacity} tokens of {encoder.spec}, {setting.overlap} of them shared",
        "seed": setting.seed,
    }
    journal_path = run_folder(out) / JOURNAL
    if journal_path.is_file():  # refused before minutes are spent on splitting
        Journal(journal_path, identity).close()
    passages = collect(corpus, splitter, setting, listener)
    chosen = choose(passages, corpus, setting, listener)
    open_rows, left_out, spent, lost = chosen.rows, chosen.rows[:0], Usage(), Lost()
    if journal_path.is_file():
        with Journal(journal_path, identity) as journal:
            lost, spent = lost_of(journal), journal.usage
            asked_once = {} if ask_again else lost.unanswered
            is_open = ~_holds(journal.settled, keys_of(passages, chosen.rows, setting, prompt))
            rest = chosen.rows[is_open]
            is_out = _holds(asked_once.__contains__, keys_of(passages, rest, setting, prompt))
            open_rows, left_out = rest[~is_out], rest[is_out]
    listener(Step("estimate", 0, 0))
    requests = Requests(passages, open_rows, setting, prompt)
    expected = estimate(requests, llm, prompt.schema, price, seed=setting.seed, batch=batch)
    worst = (worst_case(request, prompt.schema) for request in requests)
    return Plan(
        corpus=corpus, encoder=encoder, setting=setting, prompt=prompt, passages=passages,
        chosen=chosen, capacity=capacity, identity=identity, out=out, open_rows=open_rows,
        left_out=left_out, spent=spent, lost=lost, ask_again=ask_again, estimate=expected,
        largest=max(worst, key=lambda usage: usage.tokens, default=Usage()), price=price,
        batch=batch,
    )  # fmt: skip


def keys_of(
    passages: Passages, rows: NDArray[np.int64], setting: Setting, prompt: Prompt
) -> Iterator[str]:
    """Yields the key of the request for each of these rows."""
    for digest in passages.hashes[rows].tolist():
        yield key_of(digest.decode(), types_of(digest.decode(), setting), prompt)


def _holds(condition: Callable[[str], bool], keys: Iterable[str]) -> NDArray[np.bool_]:
    import numpy as np

    return np.fromiter(map(condition, keys), dtype=bool)
