"""Which documents queries are written for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchharness.data import beir as beir_data
from benchharness.errors import DataError, UsageError
from benchharness.pairs.written.corpora import corpus_of_suite, open_corpus
from benchharness.testing import write_beir


def documents(spelled: str, base: Path) -> dict[str, str]:
    table = open_corpus(spelled, base).documents
    return dict(zip(table.ids, table.texts, strict=True))


def test_a_folder_has_a_document_for_each_text_file(tmp_path: Path) -> None:
    (tmp_path / "notes" / "deep").mkdir(parents=True)
    (tmp_path / "notes" / ".git").mkdir()
    (tmp_path / "notes" / "a.md").write_text("\ufeff# One\n\ntext\n", encoding="utf-8")
    (tmp_path / "notes" / "deep" / "b.TXT").write_text("two", encoding="utf-8")
    (tmp_path / "notes" / "c.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / "notes" / ".git" / "d.txt").write_text("hidden", encoding="utf-8")

    assert documents("notes", tmp_path) == {"a.md": "# One\n\ntext", "deep/b.TXT": "two"}


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_bytes(b"caf\xe9")

    with pytest.raises(DataError, match="0xe9") as caught:
        open_corpus("notes", tmp_path)

    assert caught.value.where.endswith("a.txt")


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(DataError, match=r"no \.md or \.txt file"):
        open_corpus("empty", tmp_path)


def test_the_corpus_of_beir_needs_no_judgments(tmp_path: Path) -> None:
    (tmp_path / "faq").mkdir()
    row = {"_id": "d1", "title": "T", "text": "body"}
    (tmp_path / "faq" / "corpus.jsonl").write_text(json.dumps(row), encoding="utf-8")

    assert documents("beir:faq", tmp_path) == {"d1": "T body"}
    assert documents("faq/corpus.jsonl", tmp_path) == {"d1": "T body"}


def test_a_beir_folder_is_not_taken_for_text_files(tmp_path: Path) -> None:
    write_beir(tmp_path / "faq", {"d1": "x"}, {}, {})

    with pytest.raises(UsageError) as caught:
        open_corpus("faq", tmp_path)

    assert caught.value.remedy == "write beir:faq"


def test_docstrings_are_a_corpus(tmp_path: Path) -> None:
    assert any(name.startswith("iniconfig") for name in documents("docstrings:iniconfig", tmp_path))


@pytest.mark.parametrize("spelled", ["nowhere", "nowhere.jsonl", "C:/nowhere", "beir:"])
def test_what_is_not_there_is_refused_with_the_forms(spelled: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_corpus(spelled, tmp_path)

    assert "beir:DIR" in caught.value.remedy or "write" in caught.value.remedy


def test_an_unknown_kind_says_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bier"):
        open_corpus("bier:faq", tmp_path)


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text("", encoding="utf-8")

    with pytest.raises(DataError, match="no document"):
        open_corpus("c.jsonl", tmp_path)


def test_the_test_side_of_a_suite_is_its_judged_queries_and_relevant_documents(
    tmp_path: Path,
) -> None:
    """Rule: a document that is judged not relevant is no document of the test."""
    folder = write_beir(
        tmp_path / "faq", {"d1": "one", "d2": "two", "d3": "three"},
        {"q1": "first?", "q2": "second?", "unjudged": "third?"},
        {"q1": {"d1": 1, "d2": 0}, "q2": {"d2": 0}},
    )  # fmt: skip

    corpus = corpus_of_suite("faq", beir_data.read(folder, "test"))

    assert corpus.test_documents == {"d1"}
    assert corpus.test_queries == ("first?", "second?")
