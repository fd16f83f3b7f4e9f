"""The ONNX file in the cache: one for each content, whole or not at all."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchharness.errors import CacheError, ModelError
from benchharness.models.backends import export as exporting
from benchharness.models.backends.export import Export, make
from benchharness.models.cache import CacheWarning
from benchharness.models.registry import open_model
from benchharness.models.sentence_transformer import SentenceTransformerEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")
MODEL: Any = None  # what the stand-ins for the exporter do not look at


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """In place of the exporter: two small files; the folders that it was asked to fill."""
    found: list[Path] = []

    def write(_model: object, folder: Path, _where: str) -> None:
        found.append(folder)
        (folder / "model.onnx").write_bytes(b"graph")
        (folder / "model.onnx.data").write_bytes(b"weights")

    monkeypatch.setattr(exporting, "_export", write)
    return found


def test_an_export_is_written_once(calls: list[Path]) -> None:
    """Found again by another object of the same content."""
    make(Export("content"), MODEL, "m")
    make(Export("content"), MODEL, "m")

    assert len(calls) == 1
    assert Export("content").file.read_bytes() == b"graph"
    assert Export("content").size_bytes == len(b"graphweights")
    assert Export("other").size_bytes is None


def test_the_key_is_content_weights_and_the_libraries_that_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rule: identity is content. Another version of a library may write another graph."""
    keys = [Export("a").key, Export("b").key, Export("a", "int8").key]
    monkeypatch.setattr(exporting, "versions", lambda *names: tuple(f"{n} 99" for n in names))
    keys += [Export("a").key, Export("a", "int8").key]

    assert len(set(keys)) == 5
    assert Export("a").key == keys[3]


KILLED = """
import os, signal
from benchharness.models.backends import export

def write(model, folder, where):
    (folder / "model.onnx").write_bytes(b"half of the gra")
    os.kill(os.getpid(), signal.SIGKILL)

export._export = write
export.make(export.Export("content"), None, "m")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_export_leaves_nothing_that_is_taken_for_one(calls: list[Path]) -> None:
    """The next process deletes the half-written one, is not blocked by the lock, and writes it."""
    done = subprocess.run([sys.executable, "-c", KILLED], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    export = Export("content")
    shelf = export.folder.parent
    left = [path.name for path in shelf.iterdir()]

    make(export, MODEL, "m")

    assert len(left) == 1
    assert left[0].endswith(".unfinished")
    assert [path.name for path in shelf.iterdir()] == [export.key]
    assert export.file.read_bytes() == b"graph"


def test_two_at_a_time_write_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first, and finds what it wrote."""
    started, calls = threading.Event(), []

    def write(_model: object, folder: Path, _where: str) -> None:
        calls.append(folder)
        started.set()
        second.join(0.2)  # it is waiting for the lock meanwhile
        (folder / "model.onnx").write_bytes(b"graph")

    def wait_and_make() -> None:
        started.wait()
        make(Export("content"), MODEL, "m")

    monkeypatch.setattr(exporting, "_export", write)
    second = threading.Thread(target=wait_and_make)
    second.start()
    make(Export("content"), MODEL, "m")
    second.join()

    assert len(calls) == 1


@pytest.mark.parametrize("damage", [b"grapes", None])
def test_a_damaged_export_is_written_again(calls: list[Path], damage: bytes | None) -> None:
    """Its digest is compared whenever it is used; the warning says so."""
    export = Export("content")
    make(export, MODEL, "m")
    data = export.folder / "model.onnx.data"
    data.unlink() if damage is None else data.write_bytes(damage)

    with pytest.warns(CacheWarning, match="a damaged ONNX file was deleted"):
        make(export, MODEL, "m")

    assert len(calls) == 2
    assert data.read_bytes() == b"weights"


def test_an_exporter_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason stands in one line, and the remedy is torch."""

    def write(_model: object, folder: Path, _where: str) -> None:
        (folder / "model.onnx").write_bytes(b"half")
        raise RuntimeError("no such operator:\n  aten::rare")

    monkeypatch.setattr(exporting, "_export", write)

    with pytest.raises(
        ModelError, match="cannot be written as ONNX: RuntimeError: no such"
    ) as info:
        make(Export("content"), MODEL, "owner/name")

    assert "\n" not in info.value.message
    assert (info.value.where, "@backend" in info.value.remedy) == ("owner/name", True)
    assert list(Export("content").folder.parent.iterdir()) == []


def test_a_cache_that_cannot_be_written_to_is_named(
    calls: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy is another folder."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCHHARNESS_CACHE", str(tmp_path / "file"))

    with pytest.raises(CacheError, match="the exported model cannot be kept") as caught:
        make(Export("content"), MODEL, "m")

    assert "BENCHHARNESS_CACHE" in caught.value.remedy


@pytest.mark.slow
def test_exporting_and_quantising_say_nothing(
    bert_model: Path, shared_cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Front ends own the terminal; the root logger is left alone."""
    handlers = list(logging.getLogger().handlers)

    make(Export("tiny", "int8"), _loaded(bert_model), "tiny")

    assert capfd.readouterr() == ("", "")
    assert logging.getLogger().handlers == handlers
    assert {path.name for path in Export("tiny").folder.iterdir()} == {
        "about.json", "model.onnx", "model.onnx.data",
    }  # fmt: skip


@pytest.mark.slow
def test_int8_weights_are_those_of_matrix_products_one_scale_for_each_output(
    bert_model: Path, shared_cache: Path
) -> None:
    """The table of token vectors stays float32."""
    onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
    make(Export("tiny", "int8"), _loaded(bert_model), "tiny")

    graph = onnx.load(str(Export("tiny", "int8").file)).graph

    names = [node.op_type for node in graph.node]
    weights = [
        one for one in graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and len(one.dims) == 2
    ]  # fmt: skip
    scales = {tuple(one.dims) for one in graph.initializer if one.name.endswith("_scale")}
    # Query, key, value, what follows attention, and the two layers behind it.
    assert names.count("MatMulInteger") == len(weights) == 6
    assert scales == {(32,), (64,)}


def _loaded(folder: Path) -> SentenceTransformer:
    encoder = open_model(str(folder))
    assert isinstance(encoder, SentenceTransformerEncoder)
    return encoder.load_sentence_transformer()
