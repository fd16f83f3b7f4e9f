"""Data sets of the Hub, from folders with the Hub's layouts; no network."""

import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchharness.data import hub
from benchharness.errors import DataError, MissingDependency

CORPUS = [
    {"_id": "d2", "title": "A", "text": "b"},
    {"_id": "d1", "title": None, "text": "c"},
]
QUERIES = [{"_id": "q1", "text": "x"}]
QRELS = [{"query-id": "q1", "corpus-id": "d2", "score": 1.0}]


@pytest.fixture(autouse=True)
def _own_hub_cache(tmp_path, monkeypatch):
    """The library's cache of this test alone, and no network."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows))


@pytest.fixture
def folder(tmp_path):
    """A folder of three sub-folders, as `datasets` reads them without any declaration."""

    def make(suffix="jsonl", qrels="qrels", rows=QRELS):
        root = tmp_path / "set"
        write(root / "corpus" / f"corpus.{suffix}", CORPUS)
        write(root / "queries" / f"queries.{suffix}", QUERIES)
        write(root / qrels / f"test.{suffix}", rows)
        return root

    return make


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_folder_with_the_layout_of_mteb_is_read(folder, tmp_path, suffix):
    """Rule: corpus, queries and qrels; title + " " + text; a null title is nothing."""
    folder(suffix)

    dataset = hub.read("set", split="test", base=tmp_path)

    assert dataset.name == "set"
    assert list(dataset.corpus.ids) == ["d1", "d2"]
    assert list(dataset.corpus.texts) == ["c", "A b"]
    assert dataset.queries == {"q1": "x"}
    assert dataset.relevance.doc_rows.tolist() == [1]


def test_declared_configurations_are_read(tmp_path):
    """Rule: as on the Hub, where a README names them and the judgments are `default`."""
    root = tmp_path / "set"
    parts = {"corpus": CORPUS, "queries": QUERIES, "test": QRELS, "dev": QRELS}
    for name, rows in parts.items():
        write(root / f"{name}.parquet", rows)
    (root / "README.md").write_text(
        """---
configs:
- config_name: corpus
  data_files: [{split: corpus, path: corpus.parquet}]
- config_name: queries
  data_files: [{split: queries, path: queries.parquet}]
- config_name: default
  data_files: [{split: test, path: test.parquet}, {split: dev, path: dev.parquet}]
---
"""
    )

    dataset = hub.read(str(root), split="dev")

    assert dataset.qrels.doc_ids == ("d2",)
    assert list(dataset.corpus.texts) == ["c", "A b"]


def test_a_missing_split_names_those_that_exist(folder, tmp_path):
    """Rule: another split is never taken in its place."""
    folder()

    with pytest.raises(DataError, match="split 'dev'; there are: test"):
        hub.read("set", split="dev", base=tmp_path)


def test_fractions_as_grades_are_refused(folder, tmp_path):
    """Rule: the judgment is named by its row."""
    folder(rows=[*QRELS, {"query-id": "q1", "corpus-id": "d1", "score": 0.5}])

    with pytest.raises(DataError, match="whole number") as caught:
        hub.read("set", split="test", base=tmp_path)

    assert caught.value.where == "hub:set qrels:2"


def test_a_missing_part_names_those_that_exist(tmp_path):
    """Rule: what the layout needs is in the remedy."""
    write(tmp_path / "set" / "queries" / "queries.jsonl", QUERIES)

    with pytest.raises(DataError, match="no configuration"):
        hub.read("set", split="test", base=tmp_path)


def test_an_unreachable_hub_is_a_data_error(tmp_path):
    """Rule: one sentence with the id and the hint on HF_HUB_OFFLINE, no traceback."""
    with pytest.raises(DataError, match="cannot be read") as caught:
        hub.read("nobody/nothing", split="test", base=tmp_path)

    assert caught.value.where == "hub:nobody/nothing"
    assert "HF_HUB_OFFLINE" in caught.value.remedy
    assert "\n" not in caught.value.message


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    """Rule: an optional package is asked for by the command that installs it."""
    monkeypatch.setitem(sys.modules, "datasets", None)

    with pytest.raises(MissingDependency) as caught:
        hub.read("set", split="test", base=tmp_path)

    assert "benchharness[hub]" in caught.value.remedy
