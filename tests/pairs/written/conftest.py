"""A small corpus, a language model in this process, and plans of both."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchharness.data.texts import TextTable
from benchharness.llm.model import Answer, Outcome, Request, Usage
from benchharness.pairs.written.corpora import Corpus
from benchharness.pairs.written.passages import Passages, collect
from benchharness.pairs.written.plan import Plan, plan_queries
from benchharness.pairs.written.setting import Setting
from benchharness.pairs.written.splitting import Splitter
from benchharness.progress import Listener, silent
from benchharness.testing import HashEncoder

DOCUMENTS = {
    "d0": "red apples grow on old trees near the quiet river bank",
    "d1": "green pears fall early when summer storms shake the garden",
    "d2": "blue cars need new tyres after ten thousand miles of gravel",
    "d3": "a wooden bridge over the canal was closed for repairs today",
}


@dataclass
class ScriptedModel:
    """A language model that answers by `answer`, from threads, and counts what it was asked."""

    answer: Callable[[Request], Answer]
    spec: str = "scripted:model"
    asked: Counter[str] = field(default_factory=Counter)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        return

    def count_tokens(self, request: Request, schema: object) -> int:
        return len(request.text) // 4

    def ask(self, request: Request, schema: object) -> Answer:
        with self._mutex:
            self.asked[request.key] += 1
        return self.answer(request)


def passage_in(request: Request) -> str:
    return request.text.partition(">\n")[2].rpartition("\n</")[0]


def content(*queries: tuple[str, str]) -> Mapping[str, Any]:
    return {"queries": [{"type": kind, "text": text} for kind, text in queries]}


@pytest.fixture
def scripted() -> Callable[..., ScriptedModel]:
    """A model that writes, for a passage, the queries that `by_text` has for it.

    Others get three of its words, as many queries as are wanted. outcomes: passage -> outcome.
    """

    def made(
        by_text: Mapping[str, list[tuple[str, str]]] | None = None,
        outcomes: Mapping[str, Outcome] | None = None,
    ) -> ScriptedModel:
        def answer(request: Request) -> Answer:
            text = passage_in(request)
            if outcomes and text in outcomes:
                return Answer(request.key, outcomes[text], usage=Usage(50, 0))
            words = text.split()
            own = [("question", " ".join(words[n : n + 3])) for n in range(3)]
            queries = (by_text or {}).get(text, own)
            return Answer(request.key, "ok", content(*queries), Usage(50, 10))

        return ScriptedModel(answer)

    return made


@pytest.fixture
def corpus_of() -> Callable[..., Corpus]:
    def made(documents: Mapping[str, str] = DOCUMENTS, **sides: Any) -> Corpus:
        return Corpus("small", TextTable.of(documents.items()), **sides)

    return made


@pytest.fixture
def passages_of(corpus_of: Callable[..., Corpus]) -> Callable[..., Passages]:
    """The passages of some documents, in words of the double `hash`."""

    def made(documents: Mapping[str, str], tokens: int = 16, **options: Any) -> Passages:
        setting = Setting(passage_tokens=tokens, **options)
        splitter = Splitter(HashEncoder(), tokens, setting.overlap)
        return collect(corpus_of(documents), splitter, setting)

    return made


@pytest.fixture
def plan_of(
    corpus_of: Callable[..., Corpus], scripted: Callable[..., ScriptedModel], tmp_path: Path
) -> Callable[..., Plan]:
    """The plan of a run over a corpus, with the double `hash` and no rule of a round trip."""

    def made(
        corpus: Corpus | None = None, llm: ScriptedModel | None = None, *,
        out: Path | None = None, encoder: HashEncoder | None = None, price: Any = None,
        batch: bool = False, ask_again: bool = False, listener: Listener = silent,
        **options: Any,
    ) -> Plan:  # fmt: skip
        setting = Setting(**{"round_trip": 0, "passage_tokens": 16, **options})
        return plan_queries(
            corpus or corpus_of(), encoder or HashEncoder(), llm or scripted(), setting,
            out or tmp_path / "out" / "pairs.jsonl", price=price, batch=batch,
            ask_again=ask_again, listener=listener,
        )  # fmt: skip

    return made
