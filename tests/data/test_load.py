"""From references to datasets: paths, pins and kinds."""

import shutil

import pytest

from benchharness.data import references
from benchharness.data.load import load
from benchharness.errors import DataError, UsageError
from benchharness.suite import DatasetReference


def test_relative_paths_start_at_the_base(make_beir, tmp_path, monkeypatch):
    """Rule: the suite file's folder is where paths start, not the working directory."""
    folder = make_beir("set")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    relative = load(references.beir("set"), tmp_path)
    absolute = load(references.beir(folder), tmp_path / "elsewhere")

    assert relative.fingerprint == absolute.fingerprint
    assert relative.qrels.source == f"{folder}/qrels/test.tsv"


def test_every_file_reference_has_a_reader(make_beir, tmp_path):
    """Rule: the same content has one fingerprint, whichever reader it came through."""
    folder = make_beir("set")
    beir = load(references.beir(folder), tmp_path)

    jsonl = load(
        references.jsonl("set/corpus.jsonl", "set/queries.jsonl", "set/qrels/test.tsv"), tmp_path
    )
    (folder / "qrels.trec").write_text("q2 0 d2 2\nq1 0 d1 1\n")
    trec = load(
        references.trec("set/corpus.jsonl", "set/queries.jsonl", "set/qrels.trec"), tmp_path
    )

    assert jsonl.fingerprint == trec.fingerprint == beir.fingerprint
    assert (jsonl.name, trec.name) == ("set", "set")


def test_a_pin_that_agrees_loads(make_beir, tmp_path):
    """Rule: the pin is the whole fingerprint, and survives a move of the folder."""
    pin = load(references.beir(make_beir("set")), tmp_path).fingerprint.whole
    shutil.move(tmp_path / "set", tmp_path / "moved")

    dataset = load(references.beir("moved", sha256=pin), tmp_path)

    assert dataset.fingerprint.whole == pin


def test_a_pin_that_differs_names_both_values(make_beir, tmp_path):
    """Rule: changed content is refused with the value found and the value pinned."""
    pin = load(references.beir(make_beir("set")), tmp_path).fingerprint.whole
    changed = load(references.beir(make_beir("set", qrels="q1\td1\t1\n")), tmp_path)

    with pytest.raises(DataError) as caught:
        load(references.beir("set", sha256=pin), tmp_path)

    assert pin in caught.value.message
    assert changed.fingerprint.whole in caught.value.message
    assert caught.value.where == "beir(path='set', split='test')"


def test_docstrings_load_by_reference(tmp_path):
    """Rule: options reach the reader."""
    dataset = load(references.docstrings("email", "code", queries=10, seed=1), tmp_path)

    assert len(dataset.relevance) == 10
    assert dict(dataset.details)["seed"] == "1"


def test_an_unknown_kind_is_a_usage_error(tmp_path):
    """Rule: references made by hand are checked too."""
    with pytest.raises(UsageError, match="'bier'"):
        load(DatasetReference("bier", ()), tmp_path)


def test_messages_name_the_shortest_path(tmp_path, monkeypatch):
    """`../data` of a suite file reads as `data` where the user stands above both."""
    (tmp_path / "suites").mkdir()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DataError) as caught:
        load(references.beir("../data"), tmp_path / "suites")

    assert caught.value.where == "data"
