"""The folder of a run: what was asked, and what is finished, so that a killed run goes on.

run.json             what was asked: a folder serves one question only
pairs.jsonl          the training pairs
folds.json           the fold of each query
fold-1/ … final/     checkpoints; then curve.json, every step, and result.json
candidate/           the tuned model
model/               the model to use: the tuned one, or the base kept
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from benchharness.errors import UsageError
from benchharness.files import write_atomically

RUN = "run.json"
PAIRS = "pairs.jsonl"
FOLDS = "folds.json"
NEGATIVES = "negatives.md"
RESULT = "result.json"
CURVE = "curve.json"
CANDIDATE = "candidate"
MODEL = "model"
# Other versions give other bits: a run is finished with those that it was begun with.
_LIBRARIES = ("torch", "transformers", "sentence-transformers", "accelerate", "tokenizers")
_CANNOT_WRITE = ("No space left", "PytorchStreamWriter", "os error 28")


@contextmanager
def opened(folder: Path, question: Mapping[str, Any]) -> Iterator[Path]:
    """The folder, held by this process alone, and known to be of this question.

    Raises UsageError where another process works in it, where it holds another run, and where it
    cannot be written.
    """
    from filelock import FileLock, Timeout
    from safetensors import SafetensorError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            _claim(folder, question)
            yield folder
    except Timeout:
        raise UsageError(
            "another process is fine-tuning into this folder",
            where=str(folder),
            remedy="wait for it, or name another folder with --out",
        ) from None
    except (FileNotFoundError, IsADirectoryError):
        raise  # nothing of a disk that cannot be written
    except OSError as error:
        raise _unwritten(error.strerror or str(error), error.filename or folder) from error
    except (SafetensorError, RuntimeError) as error:
        # safetensors and torch have errors of their own for a full disk.
        if not any(mark in str(error) for mark in _CANNOT_WRITE):
            raise
        raise _unwritten("no space left on the device", folder) from error


def _unwritten(why: str, where: str | Path) -> UsageError:
    return UsageError(
        f"the run cannot be written: {why}",
        where=str(where),
        remedy="make room, and type the same command again: what is finished is kept",
    )


def _claim(folder: Path, question: Mapping[str, Any]) -> None:
    asked = json.loads(json.dumps({**question, "versions": _versions()}))
    file = folder / RUN
    if not file.is_file():
        write_atomically(file, [json.dumps(asked, indent=1, sort_keys=True) + "\n"])
        return
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        kept = {}
    differences = list(_differences(kept, asked))
    if differences:
        raise UsageError(
            f"the folder holds another run: {'; '.join(differences[:3])}",
            where=str(folder),
            remedy="name another folder with --out, or delete this one",
        )


def _differences(kept: Any, asked: Any, path: str = "") -> Iterator[str]:
    if isinstance(kept, dict) and isinstance(asked, dict):
        for name in sorted(kept.keys() | asked.keys()):
            yield from _differences(kept.get(name), asked.get(name), f"{path}{name} ")
    elif kept != asked:
        yield f"{path.strip()} was {kept!r}, now {asked!r}"


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def finished(stage: Path) -> dict[str, Any] | None:
    """What a finished stage wrote; None where it is not finished."""
    try:
        found = json.loads((stage / RESULT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def finish(stage: Path, content: Mapping[str, Any]) -> None:
    """Writes what the stage found, as its last file, and takes its checkpoints away."""
    write_atomically(stage / RESULT, [json.dumps(content) + "\n"])
    for checkpoint in stage.rglob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)


def replace_folder(folder: Path, new: Path) -> None:
    """Puts the finished folder `new` in the place of `folder`."""
    if folder.exists():
        shutil.rmtree(folder)
    new.rename(folder)


def write_lines(file: Path, lines: Iterable[str]) -> None:
    write_atomically(file, lines)
