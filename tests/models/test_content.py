"""The identity of a model directory: content, not names, paths or other frameworks' files."""

import json
import os
import shutil
from pathlib import Path

import pytest

from benchharness.models.content import content_digest, content_files, weight_bytes


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps({"hidden_size": 8, "model_type": "bert"}))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "mean"}))
    return folder


def test_a_copy_elsewhere_has_the_same_digest(model: Path, tmp_path: Path) -> None:
    """Neither the path nor the times of the files count."""
    copied = tmp_path / "other" / "name"
    shutil.copytree(model, copied)
    os.utime(copied / "model.safetensors", (0, 0))

    assert content_digest(copied) == content_digest(model)


@pytest.mark.parametrize(
    "name",
    [
        "README.md", ".gitattributes", "onnx/model.onnx", "openvino/openvino_model.xml",
        "tf_model.h5", "rust_model.ot", "pytorch_model.bin", "checkpoint-500/model.safetensors",
        "optimizer.pt", "training_args.bin", "eval/results.csv", "loss.png", "data_config.json",
    ],
)  # fmt: skip
def test_files_that_cannot_change_a_vector_do_not_count(model: Path, name: str) -> None:
    """Documentation, other frameworks and the state of training are left out."""
    before = content_digest(model)

    path = model / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("anything")

    assert content_digest(model) == before


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "tokenizer.json", "1_Pooling/config.json", "vocab.txt", "modeling.py",
     "2_Dense/model.safetensors", "spiece.model", "merges.txt", "modules.json"],
)  # fmt: skip
def test_files_that_can_change_a_vector_count(model: Path, name: str) -> None:
    """A changed or an added one makes another model."""
    before = content_digest(model)

    path = model / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("something else")

    assert content_digest(model) != before


def test_the_library_that_saved_the_model_does_not_count(model: Path) -> None:
    """Versions, origins and the order of keys in a configuration change no vector."""
    before = content_digest(model)

    (model / "config.json").write_text(
        json.dumps(
            {
                "model_type": "bert",
                "transformers_version": "9.9",
                "_name_or_path": "/somewhere",
                "hidden_size": 8,
            },
            indent=4,
        )
    )

    assert content_digest(model) == before


def test_a_value_in_a_configuration_counts(model: Path) -> None:
    """Other values of a configuration may change vectors."""
    before = content_digest(model)

    (model / "config.json").write_text(json.dumps({"hidden_size": 9, "model_type": "bert"}))

    assert content_digest(model) != before


def test_pickled_weights_count_where_they_are_the_only_ones(tmp_path: Path) -> None:
    """A dense layer of older models has no safetensors; then the pickle is what is loaded."""
    (tmp_path / "pytorch_model.bin").write_bytes(b"weights")

    assert content_files(tmp_path) == ("pytorch_model.bin",)


def test_the_same_content_in_another_file_is_another_model(model: Path) -> None:
    """Names within the directory count: a moved file is loaded differently."""
    before = content_digest(model)

    (model / "model.safetensors").rename(model / "other.safetensors")

    assert content_digest(model) != before


def test_the_size_of_a_model_is_that_of_its_weights(model: Path) -> None:
    """Weights of every module; neither the tokenizer nor another framework's copy."""
    (model / "2_Dense").mkdir()
    (model / "2_Dense" / "pytorch_model.bin").write_bytes(b"12345")
    (model / "pytorch_model.bin").write_bytes(b"the same weights again")
    (model / "onnx").mkdir()
    (model / "onnx" / "model.onnx").write_bytes(b"once more")

    assert weight_bytes(model) == len(b"weights") + len(b"12345")
