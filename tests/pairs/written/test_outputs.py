"""What a run leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchharness.data import beir
from benchharness.data.origins import written_queries
from benchharness.errors import DataError
from benchharness.llm.spending import Limits
from benchharness.models.cache import EmbeddingCache
from benchharness.pairs.pair import read_pairs
from benchharness.pairs.written.outputs import query_id_of
from benchharness.pairs.written.passages import Passage
from benchharness.pairs.written.plan import EVALUATION_MARK, Plan
from benchharness.pairs.written.run import Written, write_queries

LONG = "\n\n".join(" ".join(f"{name}{n}" for n in range(12)) for name in ("x", "y"))
DOCUMENTS = {
    "a": "red apples grow on old trees near the quiet river bank",
    "b": LONG,
    "copy": "Red apples grow on old trees near the  quiet river bank",
    "short": "a few words",
}
BY_TEXT = {
    DOCUMENTS["a"]: [("question", "where does fruit ripen"), ("keywords", "orchard water")],
    LONG.split("\n\n")[0]: [("how-to", "count to twelve")],
}


@pytest.fixture
def run(
    plan_of: Callable[..., Plan], corpus_of: Callable[..., Any], scripted: Callable[..., Any],
    tmp_path: Path,
) -> Callable[..., Written]:  # fmt: skip
    def made(documents: dict[str, str] = DOCUMENTS, **options: Any) -> Written:
        llm = scripted(BY_TEXT, options.pop("outcomes", None))
        plan = plan_of(corpus_of(documents), llm, **options)
        return write_queries(plan, llm, Limits(tokens=10**9), cache=EmbeddingCache.none(),
                             evaluation=tmp_path / "eval")  # fmt: skip

    return made


def test_a_pair_says_where_it_is_from(run: Callable[..., Written]) -> None:
    written = run()

    pair = read_pairs(written.out)[0]
    row = json.loads(written.out.read_text().splitlines()[0])
    assert (pair.query, pair.positive, pair.doc_id) == (
        "where does fruit ripen", DOCUMENTS["a"], "a",
    )  # fmt: skip
    assert (pair.source, pair.synthetic) == ("generated", True)
    assert pair.query_id.startswith("g:")
    made = dict(pair.provenance)
    assert made["llm"] == "scripted:model"
    assert made["type"] == "question"
    assert made["prompt"] == written.report["llm"]["prompt"]
    assert len(made["passage"]) == 32
    assert list(row) == [
        "query", "positive", "query_id", "doc_id", "source", "synthetic", "provenance",
    ]  # fmt: skip


def test_the_positive_of_a_pair_is_the_passage_and_not_the_document(
    run: Callable[..., Written],
) -> None:
    pair = next(one for one in read_pairs(run().out) if one.query == "count to twelve")

    assert (pair.doc_id, pair.positive) == ("b", LONG.split("\n\n")[0])


def test_query_ids_are_those_of_query_and_passage() -> None:
    one, other = Passage("d", 0, "t", "1" * 32), Passage("d", 0, "t", "2" * 32)

    assert query_id_of("q", one) != query_id_of("q", other)
    assert query_id_of("q", one) != query_id_of("Q", one)


def test_the_evaluation_set_is_read_as_written_by_a_language_model(
    run: Callable[..., Written], tmp_path: Path
) -> None:
    """Rule: synthetic queries are labelled everywhere, and every passage is a distractor."""
    written = run()

    data = beir.read(tmp_path / "eval", "test")

    assert data.query_origin == "llm"
    assert len(written_queries(data)) == len(data.queries) == written.pairs
    assert list(data.corpus.ids) == ["a", "b#0", "b#39", "copy", "short"]
    ids = {text: query_id for query_id, text in data.queries.items()}
    assert data.groups[ids["count to twelve"]] == {"origin": "llm", "type": "how-to"}


def test_copies_of_a_passage_are_all_relevant(run: Callable[..., Written], tmp_path: Path) -> None:
    run()

    data = beir.read(tmp_path / "eval", "test")

    ids = {text: query_id for query_id, text in data.queries.items()}
    judged = list(zip(data.qrels.query_ids, data.qrels.doc_ids, strict=True))
    assert [doc for query, doc in judged if query == ids["orchard water"]] == ["a", "copy"]
    assert [doc for query, doc in judged if query == ids["count to twelve"]] == ["b#0"]


def test_a_passage_with_the_id_of_a_document_is_an_error(
    run: Callable[..., Written], tmp_path: Path
) -> None:
    """Rule: the pairs are written all the same; they were paid for."""
    with pytest.raises(DataError, match="would have the id of a document"):
        run({**DOCUMENTS, "b#39": "a document that is called like the second passage of b"})

    assert len(read_pairs(tmp_path / "out" / "pairs.jsonl")) > 0
    assert json.loads((tmp_path / "out" / "pairs.run" / "report.json").read_text())["pairs"] > 0


def test_an_evaluation_set_is_written_again(run: Callable[..., Written], tmp_path: Path) -> None:
    run()
    first = {path: path.read_bytes() for path in sorted((tmp_path / "eval").rglob("*.*"))}

    run()

    assert {path: path.read_bytes() for path in first} == first
    assert (tmp_path / "eval" / EVALUATION_MARK) in first


def test_the_home_of_benchharness_is_kept_out_of_git(
    run: Callable[..., Written], tmp_path: Path
) -> None:
    run(out=tmp_path / ".benchharness" / "generate" / "p.jsonl")
    run(out=tmp_path / "elsewhere" / "p.jsonl")

    assert (tmp_path / ".benchharness" / ".gitignore").read_text() == "*\n"
    assert not list((tmp_path / "elsewhere").rglob(".gitignore"))
