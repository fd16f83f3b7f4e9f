"""The ONNX file of a model's transformer, in the cache: made once, whole or not at all.

    <cache>/exports/<key>/model.onnx, model.onnx.data     the graph and its weights
    <cache>/exports/<key>/about.json                      what made it, and each file's sha256
    <cache>/exports/<key>/agreement.json                  int8 only: see `agreement`
    <cache>/locks/export-<key>.lock                       held while it is made

The key is content: the model's files, the weights asked for, and the libraries that write it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import BenchError, CacheError, ModelError
from benchharness.files import write_atomically
from benchharness.models.backends.forward import OUTPUT, example_features, transformer_of
from benchharness.models.backends.packages import prepare_onnxruntime, versions
from benchharness.models.cache import CacheWarning, default_cache_folder
from benchharness.models.content import raw_digest
from benchharness.models.runtime import prepare_torch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Raised whenever what is written here changes.
EXPORT_VERSION = "onnx/1"
_WRITERS = ("torch", "transformers", "onnx", "onnxscript")
_MODEL, _ABOUT, _UNFINISHED = "model.onnx", "about.json", ".unfinished"
_TALKATIVE = ("torch.onnx", "onnxscript", "onnx_ir", "onnxruntime")


@dataclass(frozen=True)
class Export:
    """A folder of the cache, whether or not the file is there yet.

    content: sha256 of the model's files. weights: "int8", or None for float32.
    """

    content: str
    weights: str | None = None

    @property
    def key(self) -> str:
        writers = _WRITERS if self.weights is None else (*_WRITERS, "onnxruntime")
        identity = {
            "export": EXPORT_VERSION,
            "content": self.content,
            "weights": self.weights,
            "written by": versions(*writers),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        return default_cache_folder() / "exports" / self.key

    @property
    def file(self) -> Path:
        return self.folder / _MODEL

    @property
    def size_bytes(self) -> int | None:
        """Of the graph and its weights; None before they are made."""
        files = _digests(self.folder)
        return sum((self.folder / name).stat().st_size for name in files) if files else None


def make(export: Export, model: SentenceTransformer, where: str) -> None:
    """Writes the export, unless it is there and sound; another process that does so is awaited.

    model: in float32 on the CPU. Raises ModelError where the transformer cannot be exported,
    CacheError where the folder cannot be written to.
    """
    if _is_sound(export.folder):
        return
    if export.weights is not None:
        plain = Export(export.content)
        make(plain, model, where)
        _write(export, lambda folder: _quantise(plain.file, folder), where)
    else:
        _write(export, lambda folder: _export(model, folder, where), where)


def _write(export: Export, write: Callable[[Path], None], where: str) -> None:
    """Lets `write` fill a folder beside the export's, which it then becomes."""
    import filelock

    shelf = export.folder.parent
    lock = shelf.parent / "locks" / f"export-{export.key}.lock"
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        lock.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(lock):
            if _is_sound(export.folder):
                return
            for left in shelf.glob(f"{export.key}.*{_UNFINISHED}"):
                shutil.rmtree(left, ignore_errors=True)
            _remove_damaged(export.folder)
            draft = Path(tempfile.mkdtemp(_UNFINISHED, f"{export.key}.", shelf))
            try:
                _fill(draft, write, where)
                draft.rename(export.folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise CacheError(
            f"the exported model cannot be kept: {error.strerror or error}",
            where=str(shelf),
            remedy="set BENCHHARNESS_CACHE to a folder that can be written to",
        ) from error


def _fill(draft: Path, write: Callable[[Path], None], where: str) -> None:
    with _quiet():
        try:
            write(draft)
        except (BenchError, OSError):
            raise
        except Exception as error:  # what the exporter and the quantiser raise has no common class
            reason = " ".join(str(error).split())[:300]
            raise ModelError(
                f"the model cannot be written as ONNX: {type(error).__name__}: {reason}",
                where=where,
                remedy="leave @backend out, or update onnx, onnxscript and onnxruntime",
            ) from error
    files = {path.name: raw_digest(path) for path in sorted(draft.iterdir())}
    about = {"files": files, "written by": [EXPORT_VERSION, *versions(*_WRITERS)]}
    write_atomically(draft / _ABOUT, [json.dumps(about, indent=1), "\n"])


def _export(model: SentenceTransformer, folder: Path, where: str) -> None:
    """Writes the inside of the first module, for any number of texts and of tokens."""
    torch = prepare_torch()
    features = example_features(model, where)
    names, tensors = tuple(features), tuple(features.values())
    inside = transformer_of(model, where).model

    class TokenVectors(torch.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.inside = inside

        def forward(self, *read: Any) -> Any:
            states = self.inside(**dict(zip(names, read, strict=True)), return_dict=True)
            return states[OUTPUT]

    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with torch.no_grad():
        program = torch.onnx.export(
            TokenVectors().eval(), tensors, input_names=names, output_names=["token_embeddings"],
            dynamic_shapes=(tuple(free for _ in names),), dynamo=True, verbose=False,
        )  # fmt: skip
    # Weights in a file of their own: a single one ends at 2 GB.
    program.save(str(folder / _MODEL), external_data=True)


def _quantise(plain: Path, folder: Path) -> None:
    """Writes the graph with int8 weights, one scale for each output of a matrix product."""
    prepare_onnxruntime()
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        ready = Path(scratch) / _MODEL
        quant_pre_process(
            str(plain), str(ready), skip_optimization=True, skip_symbolic_shape=True,
            save_as_external_data=True, all_tensors_to_one_file=True,
            external_data_location=f"{_MODEL}.data",
        )  # fmt: skip
        quantize_dynamic(
            ready, folder / _MODEL, op_types_to_quantize=["MatMul"], per_channel=True,
            weight_type=QuantType.QInt8, use_external_data_format=True,
        )  # fmt: skip


# --- what is there ------------------------------------------------------------------------------


def _digests(folder: Path) -> dict[str, str]:
    """File name -> sha256 as noted when it was written; empty where nothing is there."""
    try:
        found = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_sound(folder: Path) -> bool:
    noted = _digests(folder)
    try:
        return bool(noted) and all(raw_digest(folder / one) == is_ for one, is_ in noted.items())
    except OSError:
        return False


def _remove_damaged(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
        warnings.warn(
            f"a damaged ONNX file was deleted and is written again: {folder}", CacheWarning,
            stacklevel=2,
        )  # fmt: skip


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences what the exporter and the quantiser log and warn of their own workings."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
