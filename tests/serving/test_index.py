"""A stored index: what it finds, what it takes in, and whom it refuses."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.data.texts import TextTable
from benchharness.errors import DataError, ModelError, UsageError
from benchharness.models.registry import open_model
from benchharness.serving import index as index_module
from benchharness.serving.index import StoredIndex, build_index
from benchharness.serving.manifest import MANIFEST, describe, write_manifest
from benchharness.testing import HashEncoder, tiny_model

WORDS = ("ash", "birch", "cedar", "elm", "fir", "larch", "maple", "oak", "pine", "yew")
OLD, NEW = HashEncoder(salt="old", spec="old"), HashEncoder(salt="new", spec="new")


def corpus_of(numbers, seed=0):
    return TextTable.of((f"d{number:03}", text_of(number, seed)) for number in numbers)


def text_of(number, seed=0):
    return " ".join(random.Random(f"{seed} {number}").choices(WORDS, k=4))


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


def test_it_finds_what_brute_force_finds(tmp_path):
    """Rule: exact, by (-score, doc_id), with float32 scores."""
    corpus = corpus_of(range(60))
    index = build_index(OLD, corpus, tmp_path / "index")
    queries = [text_of(number, seed=1) for number in range(10)]

    found = index.search(OLD, queries, 7)

    documents = next(OLD.encode(list(corpus.texts), "document"))[1].astype(np.float64)
    asked = next(OLD.encode(queries, "query"))[1].astype(np.float64)
    for one, vector in zip(found, asked, strict=True):
        scores = (documents * vector).sum(axis=1).astype(np.float32)
        best = sorted(range(60), key=lambda row: (-scores[row], row))[:7]
        assert [each.doc_id for each in one] == [corpus.id_at(row) for row in best]
        assert [each.score for each in one] == [float(scores[row]) for row in best]


def test_what_was_built_is_opened_as_a_memory_map(tmp_path):
    built = build_index(OLD, corpus_of(range(5)), tmp_path)

    opened = StoredIndex.open(tmp_path)

    assert isinstance(opened.vectors, np.memmap)
    assert opened.manifest == built.manifest
    assert opened.manifest.corpus == corpus_of(range(5)).fingerprint
    assert opened.ids == tuple(f"d{number:03}" for number in range(5))
    assert opened.damage() == ()


@pytest.mark.parametrize("model", [NEW, HashEncoder(dim=32, salt="old")], ids=["weights", "dim"])
def test_another_model_is_neither_asked_nor_taken_in(tmp_path, model):
    """Rule: refused before anything is encoded, also at the same dimension; nothing changes."""
    index = build_index(OLD, corpus_of(range(5)), tmp_path)
    before = bytes_of(tmp_path)

    for refused in (
        lambda: index.search(model, ["ash"]),
        lambda: index.add(model, corpus_of([7])),
    ):
        with pytest.raises(ModelError) as caught:
            refused()
        assert OLD.fingerprint[:16] in caught.value.message
        assert model.fingerprint[:16] in caught.value.message

    assert bytes_of(tmp_path) == before


def test_two_real_versions_of_one_dimension_do_not_meet(tmp_path):
    """Rule: what fine-tuning gives: the same architecture, the same dimension, other weights."""
    first, second = (
        open_model(str(tiny_model(tmp_path / f"v{seed}", seed=seed, kind="bert")))
        for seed in (1, 2)
    )
    index = build_index(first, TextTable.of([("a", "the red fox"), ("b", "a dog")]), tmp_path / "i")

    assert [one.doc_id for one in index.search(first, ["the red fox"], 2)[0]] == ["a", "b"]
    with pytest.raises(ModelError, match=f"both have {first.dim} components"):
        index.search(second, ["the red fox"], 2)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=12, unique=True), st.integers(1, 40))
def test_adding_later_is_building_at_once(tmp_path_factory, numbers, cut):
    """Rule: the same files, byte for byte, however the documents were divided."""
    folder = tmp_path_factory.mktemp("index")
    cut = 1 + cut % (len(numbers) - 1)
    whole = build_index(OLD, corpus_of(numbers), folder / "whole")

    grown = build_index(OLD, corpus_of(numbers[:cut]), folder / "grown").add(
        OLD, corpus_of(numbers[cut:])
    )

    assert grown.manifest.files == whole.manifest.files
    assert grown.ids == whole.ids
    assert grown.manifest.documents == len(numbers)
    assert grown.manifest.added == (corpus_of(numbers[cut:]).fingerprint,)
    assert {path.name for path in grown.folder.iterdir()} == {
        *grown.manifest.files, MANIFEST, ".lock",
    }  # fmt: skip


def test_a_document_that_is_there_is_not_added_again(tmp_path):
    """Rule: refused with its id; what was there stays as it was."""
    index = build_index(OLD, corpus_of(range(5)), tmp_path)
    before = bytes_of(tmp_path)

    with pytest.raises(DataError, match=r"document 'd003' \(and 1 more\) is in the index already"):
        index.add(OLD, corpus_of([3, 4, 9]))

    assert bytes_of(tmp_path) == before


def test_an_addition_that_dies_leaves_the_index_of_before(tmp_path, monkeypatch):
    """Rule: the manifest is what makes a change; before it, nothing has happened."""
    before = build_index(OLD, corpus_of(range(5)), tmp_path)

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(index_module, "write_manifest", dies)
    with pytest.raises(KeyboardInterrupt):
        before.add(OLD, corpus_of([8]))
    monkeypatch.undo()

    after = StoredIndex.open(tmp_path)
    assert after.manifest == before.manifest
    assert after.damage() == ()
    assert after.add(OLD, corpus_of([8])).manifest.documents == 6


def test_two_that_add_from_the_same_state_both_stay(tmp_path):
    """Rule: the second adds to what the first left, not to what it had opened."""
    one = build_index(OLD, corpus_of([1]), tmp_path)
    other = StoredIndex.open(tmp_path)

    one.add(OLD, corpus_of([2]))
    last = other.add(OLD, corpus_of([3]))

    assert last.ids == ("d001", "d002", "d003")


def test_nothing_is_built_over_an_index(tmp_path):
    """Rule: vectors are never made anew in place; the old index is what one falls back to."""
    build_index(OLD, corpus_of([1]), tmp_path)
    before = bytes_of(tmp_path)

    with pytest.raises(UsageError, match="there is an index already, of old"):
        build_index(NEW, corpus_of([1]), tmp_path)

    assert bytes_of(tmp_path) == before


def test_an_empty_corpus_makes_no_index(tmp_path):
    with pytest.raises(DataError, match="there is no document"):
        build_index(OLD, TextTable.of([]), tmp_path)


def test_texts_without_a_token_come_last_and_find_nothing(tmp_path):
    corpus = TextTable.of([("a", "!!!"), ("b", "oak"), ("c", "elm")])
    index = build_index(OLD, corpus, tmp_path)

    found, nothing = index.search(OLD, ["oak", "???"], 3)

    assert [one.doc_id for one in found] == ["b", "c", "a"]
    assert nothing == ()
    assert index.search(OLD, []) == ()


def test_a_changed_byte_is_named(tmp_path):
    index = build_index(OLD, corpus_of(range(5)), tmp_path)
    (vectors,) = tmp_path.glob("vectors-*.npy")
    content = bytearray(vectors.read_bytes())
    content[-1] ^= 1
    vectors.write_bytes(content)

    assert index.damage() == (f"{vectors.name} is not the file that the manifest was written for",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vectors-*.npy", b"", "the vectors cannot be read"),
        ("ids-*.jsonl", b'"d000"\n', "the vectors are"),
        ("ids-*.jsonl", b"d000\n", "the ids cannot be read"),
        ("ids-*.jsonl", b"7\n", "no string"),
    ],
)
def test_files_of_something_else_are_refused(tmp_path, name, content, message):
    build_index(OLD, corpus_of(range(5)), tmp_path)
    (path,) = tmp_path.glob(name)
    path.write_bytes(content)

    with pytest.raises(DataError, match=message):
        StoredIndex.open(tmp_path)


def test_objects_are_never_unpickled(tmp_path):
    """Rule: an index from elsewhere may hold anything; nothing in it runs."""
    build_index(OLD, corpus_of(range(2)), tmp_path)
    (path,) = tmp_path.glob("vectors-*.npy")
    with path.open("wb") as file:
        np.save(file, np.array([print, print], dtype=object), allow_pickle=True)

    with pytest.raises(DataError, match="the vectors cannot be read"):
        StoredIndex.open(tmp_path)


def test_a_manifest_beside_a_foreign_index_opens_no_index_of_ours(tmp_path):
    write_manifest(describe(OLD, np.ones((3, 64), dtype=np.float32)), tmp_path)

    with pytest.raises(DataError, match="did not build"):
        StoredIndex.open(tmp_path)
