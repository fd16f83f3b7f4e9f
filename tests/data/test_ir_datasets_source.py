"""Data sets of the package ir_datasets: a collection of the test's own, registered there."""

import sys
from typing import NamedTuple

import ir_datasets
import pytest
from ir_datasets.formats import BaseDocs, BaseQrels, BaseQueries

from benchharness.data import ir_datasets_source
from benchharness.errors import DataError, MissingDependency


class Article(NamedTuple):
    doc_id: str
    title: str
    body: str


class Page(NamedTuple):
    doc_id: str
    html: str

    def default_text(self):
        return " plain "


class Image(NamedTuple):
    doc_id: str
    pixels: bytes


class Topic(NamedTuple):
    query_id: str
    title: str
    narrative: str


class Judged(NamedTuple):
    query_id: str
    doc_id: str
    relevance: int


class Docs(BaseDocs):
    def __init__(self, rows):
        self.rows = rows

    def docs_iter(self):
        if isinstance(self.rows, Exception):
            raise self.rows
        return iter(self.rows)


class Queries(BaseQueries):
    def queries_iter(self):
        yield Topic("q1", " who ", "long")


class Qrels(BaseQrels):
    def qrels_iter(self):
        yield Judged("q1", "b", 2)
        yield Judged("q1", "a", 0)


@pytest.fixture
def register(monkeypatch):
    """Registers a collection for the time of the test."""

    def put(docs, *parts):
        found = ir_datasets.Dataset(Docs(docs), *(parts or (Queries(), Qrels())))
        registered = dict(ir_datasets.registry._registered)
        monkeypatch.setattr(ir_datasets.registry, "_registered", {**registered, "own/test": found})

    return put


def test_a_collection_becomes_a_dataset(register):
    """Rule: title + " " + body; a topic's title is the query."""
    register([Article("b", "Title", "body"), Article("a", "", "body")])

    dataset = ir_datasets_source.read("own/test")

    assert dataset.name == "own/test"
    assert list(dataset.corpus.texts) == ["body", "Title body"]
    assert dataset.queries == {"q1": "who"}
    assert dataset.qrels.doc_ids == ("a", "b")
    assert dataset.relevance.doc_rows.tolist() == [1]


def test_other_fields_give_the_packages_default_text(register):
    """Rule: what ir_datasets calls the text is the text, where there is no plain field."""
    register([Page("a", "<p>plain</p>"), Page("b", "")])

    assert list(ir_datasets_source.read("own/test").corpus.texts) == ["plain", "plain"]


def test_documents_without_text_are_a_data_error(register):
    """Rule: the fields that there are, and the place."""
    register([Image("a", b"")])

    with pytest.raises(DataError, match="doc_id, pixels") as caught:
        ir_datasets_source.read("own/test")

    assert caught.value.where == "ir_datasets:own/test document 1"


def test_a_failed_download_is_a_data_error(register):
    """Rule: what the package raises on the way becomes one sentence."""
    register(RuntimeError("all sources failed\nand more"))

    with pytest.raises(DataError) as caught:
        ir_datasets_source.read("own/test")

    assert caught.value.message.endswith("could not be read or downloaded: all sources failed")


def test_a_collection_without_judgments_is_a_data_error(register):
    """Rule: the missing part is named."""
    register([], Queries())

    with pytest.raises(DataError, match="has no qrels"):
        ir_datasets_source.read("own/test")


def test_an_unknown_id_is_a_data_error():
    """Rule: no KeyError."""
    with pytest.raises(DataError, match="no data set 'no/such'"):
        ir_datasets_source.read("no/such")


def test_without_the_package_the_extra_is_named(monkeypatch):
    """Rule: an optional package is asked for by the command that installs it."""
    monkeypatch.setitem(sys.modules, "ir_datasets", None)

    with pytest.raises(MissingDependency) as caught:
        ir_datasets_source.read("own/test")

    assert "benchharness[ir-datasets]" in caught.value.remedy
