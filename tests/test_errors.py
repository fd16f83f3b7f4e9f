"""Errors say what, where and what next, and survive the trip between processes."""

import pickle

import pytest

from benchharness.errors import BenchError, DataError, MissingDependency, did_you_mean


def test_an_error_prints_place_message_and_remedy():
    error = DataError("no id", where="corpus.jsonl:214", remedy="add an '_id'")

    assert str(error) == "corpus.jsonl:214: no id\n  -> add an '_id'"


def test_an_error_without_place_and_remedy_is_its_message():
    assert str(BenchError("it broke")) == "it broke"


def test_errors_cross_process_borders_whole():
    """Workers of pytest-xdist hand their errors to the controller."""
    error = DataError("no id", where="corpus.jsonl:214", remedy="add an '_id'")

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is DataError
    assert (copy.message, copy.where, copy.remedy) == (error.message, error.where, error.remedy)


def test_a_missing_package_names_the_command_that_installs_it():
    error = MissingDependency.of("zstandard", extra="zstd", wanted_for="reading corpus.jsonl.zst")

    assert "pip install 'benchharness[zstd]'" in str(error)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [("minlm", "did you mean minilm?"), ("zzz", "known: bm25, minilm")],
    ids=["near", "far"],
)
def test_did_you_mean_names_the_nearest_or_all(word, sentence):
    assert did_you_mean(word, ["minilm", "bm25"]) == sentence
