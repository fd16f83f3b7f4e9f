"""The manifest of an index: which model its vectors are of, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchharness.errors import DataError, ModelError, UsageError
from benchharness.models.registry import open_model
from benchharness.serving.manifest import (
    Manifest,
    check_model,
    check_vectors_of,
    describe,
    read_manifest,
    write_manifest,
)
from benchharness.testing import HashEncoder, tiny_model

TEXTS = ["red fox", "green bird", "!!!"]


def vectors_of(encoder, texts=TEXTS):
    return np.concatenate([batch for _, batch in encoder.encode(texts, "document")])


@pytest.fixture(scope="module")
def versions(tmp_path_factory) -> tuple[Path, Path]:
    """Two versions of one model: the same files but for a little noise on the weights."""
    from safetensors.numpy import load_file, save_file

    first = tiny_model(tmp_path_factory.mktemp("models") / "first", seed=1)
    second = first.with_name("second")
    shutil.copytree(first, second)
    (weights,) = second.rglob("*.safetensors")
    noise = np.random.default_rng(0)
    noisy = {
        name: (table + noise.normal(scale=1e-3, size=table.shape)).astype(table.dtype)
        for name, table in load_file(weights).items()
    }
    save_file(noisy, weights)
    return first, second


def test_what_is_written_is_read_back(tmp_path):
    encoder = HashEncoder(dim=8)
    found = describe(encoder, vectors_of(encoder), corpus="c" * 64, files={"a.npy": "f" * 64})

    write_manifest(found, tmp_path)

    assert read_manifest(tmp_path) == found
    assert found.fingerprint == encoder.fingerprint
    assert (found.dim, found.documents, found.dtype) == (8, 3, "float32")
    assert found.created.endswith("Z")


def test_prompts_and_similarity_are_those_of_the_model(versions):
    encoder = open_model(f"{versions[0]}@query_prompt=one ")

    found = describe(encoder, vectors_of(encoder))

    assert found.prompts == {"query": "one ", "document": ""}
    assert found.similarity == "cosine"
    assert found.normalised


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [
        ([[1.0, 0.0], [0.6, 0.8]], True),
        ([[1.0, 0.0], [0.0, 0.0]], True),
        ([[1.0, 0.0], [0.0, 1.1]], False),
    ],
    ids=["unit", "a text without a token", "longer"],
)
def test_normalised_is_measured(vectors, expected):
    """Rule: every length is 1 to a thousandth, or 0."""
    found = describe(HashEncoder(dim=2), np.array(vectors, dtype=np.float32))

    assert found.normalised is expected


def test_vectors_are_a_matrix():
    with pytest.raises(DataError, match="no matrix"):
        describe(HashEncoder(dim=2), np.zeros(2, dtype=np.float32))


def test_two_versions_of_a_model_are_told_apart(versions):
    """Rule: equal dimensions, equal names: only the content tells, and both are named."""
    first, second = (open_model(str(folder)) for folder in versions)
    found = describe(first, vectors_of(first))

    check_model(found, first, "index")
    with pytest.raises(ModelError) as caught:
        check_model(found, second, "index")

    text = str(caught.value)
    assert first.dim == second.dim == found.dim
    assert first.fingerprint[:16] in text
    assert second.fingerprint[:16] in text
    assert f"both have {first.dim} components" in text
    assert "benchharness index build" in text
    assert text.startswith("index: ")


def test_other_options_are_another_model(versions):
    """Rule: a prompt changes vectors and not their dimension."""
    plain = open_model(str(versions[0]))
    found = describe(plain, vectors_of(plain))

    with pytest.raises(ModelError, match="another model"):
        check_model(found, open_model(f"{versions[0]}@document_prompt=one "), "index")


@pytest.mark.parametrize(
    ("fingerprint", "dim", "message"),
    [
        ("f" * 64, 8, "these are of ffffffffffffffff"),
        ("", 8, "an unknown model"),
        (HashEncoder(dim=8).fingerprint, 4, "8 components, and these have 4"),
    ],
)
def test_vectors_from_elsewhere_are_checked_too(fingerprint, dim, message):
    """Rule: an index that another program searches asks with a fingerprint and a dimension."""
    encoder = HashEncoder(dim=8)
    found = describe(encoder, vectors_of(encoder))

    check_vectors_of(found, encoder.fingerprint, 8, "faiss")
    with pytest.raises(ModelError, match=message):
        check_vectors_of(found, fingerprint, dim, "faiss")


def test_an_index_without_a_manifest_is_of_nobody(tmp_path):
    with pytest.raises(DataError, match="nobody knows which model"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"dim": -1},
        {"dim": "384"},
        {"documents": True},
        {"fingerprint": ""},
        {"fingerprint": 7},
        {"normalised": "yes"},
        {"added": "abc"},
        {"prompts": {"query": 1}},
        {"files": {"../outside.npy": "f" * 64}},
        {"files": {"vectors.npy": "short"}},
        {"files": ["vectors.npy"]},
    ],
    ids=str,
)
def test_a_damaged_manifest_is_refused(tmp_path, changes):
    """Rule: nothing of it is believed, and no file outside of the folder is named."""
    path = _written(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    with pytest.raises(DataError, match="the manifest cannot be used"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"schema": 1}', "\\xff"])
def test_something_else_than_a_manifest_is_refused(tmp_path, text):
    _written(tmp_path).write_text(text)

    with pytest.raises(DataError, match="the manifest cannot be used"):
        read_manifest(tmp_path)


def test_fields_of_a_later_version_are_left_alone(tmp_path):
    path = _written(tmp_path)
    before = read_manifest(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shards": 4}))

    assert read_manifest(tmp_path) == before


def test_a_manifest_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="the manifest cannot be written"):
        write_manifest(_manifest(), tmp_path / "file")


def _manifest() -> Manifest:
    encoder = HashEncoder(dim=8)
    return describe(encoder, vectors_of(encoder))


def _written(folder: Path) -> Path:
    return write_manifest(_manifest(), folder)
