"""The queries as the language model wrote them, in bounded memory, in the order of the passages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from benchharness.data.texts import TextColumn, TextTableBuilder
from benchharness.llm.journal import Journal
from benchharness.llm.model import UNSETTLED, Answer, Usage
from benchharness.pairs.written.filters import tidy
from benchharness.pairs.written.passages import Passages
from benchharness.pairs.written.prompting import Prompt, key_of, types_of
from benchharness.pairs.written.setting import Setting
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TOLD_EVERY = 1000


@dataclass(frozen=True, eq=False)
class Drafts:
    """Queries in order of their passage, then as they were answered.

    texts:    read lazily; [n]. rows: of the passages that they are for; [n].
    types:    places in the setting's types; [n].
    outcomes: how many passages have this outcome; "unanswered" where nothing was asked yet,
              "left_out" where an earlier run asked and was killed before the answer came.
    wanted:   queries that the answered passages were asked for.
    short, long: answers with fewer or more queries than asked for.
    beyond:   queries beyond the number asked for, which are dropped.
    other_types: queries of a type that their passage was not asked for; they stay.
    left_out: rows of the passages that are left out, with what asking once more costs at worst.
    """

    texts: TextColumn
    rows: NDArray[np.int64]
    types: NDArray[np.int8]
    outcomes: Mapping[str, int]
    wanted: int
    short: int
    long: int
    beyond: int
    other_types: int
    left_out: Mapping[int, Usage] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def unanswered(self) -> int:
        """Passages that the same command would ask about."""
        return sum(self.outcomes.get(name, 0) for name in ("unanswered", *UNSETTLED))


def read_drafts(
    journal: Journal,
    passages: Passages,
    rows: NDArray[np.int64],
    setting: Setting,
    prompt: Prompt,
    listener: Listener = silent,
    *,
    left_out: Mapping[str, Usage] = MappingProxyType({}),
) -> Drafts:
    """The queries of the journal for these passages; the order of its answers changes nothing.

    left_out: key -> worst case of requests that this run did not ask again, though the journal
              has settled none of them.
    """
    import numpy as np

    builder = TextTableBuilder(None)
    places: list[int] = []
    kinds: list[int] = []
    outcomes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    lost: dict[int, Usage] = {}
    for number, (row, asked, key) in enumerate(_keys(passages, rows, setting, prompt)):
        if number % _TOLD_EVERY == 0:
            listener(Step("read answers", number, len(rows), "passages"))
        if key in left_out and not journal.settled(key):
            lost[row] = left_out[key]
            continue
        answer = journal.answer(key)
        outcomes["unanswered" if answer is None else answer.outcome] += 1
        if answer is None or answer.outcome != "ok":
            continue
        written = _queries(answer)
        counts["wanted"] += len(asked)
        counts["short"] += len(written) < len(asked)
        counts["long"] += len(written) > len(asked)
        counts["beyond"] += max(0, len(written) - len(asked))
        for kind, text in written[: len(asked)]:
            counts["other_types"] += kind not in asked
            builder.add(f"{len(places):012}", tidy(text))
            places.append(row)
            kinds.append(setting.types.index(kind))
    listener(Step("read answers", len(rows), len(rows), "passages"))
    return Drafts(
        texts=builder.finish("answers").texts,
        rows=np.array(places, dtype=np.int64),
        types=np.array(kinds, dtype=np.int8),
        outcomes=dict(outcomes | Counter(left_out=len(lost))),
        left_out=lost,
        **{name: counts[name] for name in ("wanted", "short", "long", "beyond", "other_types")},
    )


def _keys(
    passages: Passages, rows: NDArray[np.int64], setting: Setting, prompt: Prompt
) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Yields (row, types asked for, key of the request) of each passage."""
    for row, digest in zip(rows.tolist(), passages.hashes[rows].tolist(), strict=True):
        asked = types_of(digest.decode(), setting)
        yield row, asked, key_of(digest.decode(), asked, prompt)


def _queries(answer: Answer) -> Sequence[tuple[str, str]]:
    content: Mapping[str, Any] = answer.content or {}
    return [(str(one["type"]), str(one["text"])) for one in content["queries"]]
