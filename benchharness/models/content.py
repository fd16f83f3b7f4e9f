"""The content of a model directory as one sha256: what can change its output, and only that."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path, PurePosixPath

# What never changes a vector: documentation, other frameworks' weights, the state of training.
_IGNORED_FOLDERS = {"onnx", "openvino", "coreml", "rust", "tf", "flax", "eval", "runs", "logs",
                    "__pycache__"}  # fmt: skip
_IGNORED_SUFFIXES = {".md", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".pdf", ".onnx",
                     ".h5", ".msgpack", ".ot", ".gguf", ".mlmodel", ".pyc", ".log", ".csv",
                     ".lock", ".tmp", ".whl"}  # fmt: skip
_IGNORED_NAMES = {
    "license", "license.txt", "notice", "notice.txt", "data_config.json", "train_script.py",
    "trainer_state.json", "training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.pt",
    "scaler.pt", "all_results.json", "train_results.json", "eval_results.json",
}  # fmt: skip
_IGNORED_PREFIXES = (".", "rng_state", "events.out.tfevents")
# Where a model came from and which library saved it; identity is content, not names or paths.
_IGNORED_KEYS = {"_name_or_path", "name_or_path", "transformers_version", "__version__",
                 "is_local", "local_files_only", "_commit_hash"}  # fmt: skip
_READ_BYTES = 1 << 20
_CANONICAL_JSON_BYTES = 1 << 20  # larger files are vocabularies; they are hashed as bytes

# The same rule as patterns, for a download from the Hub.
DOWNLOAD_IGNORED = (
    *(f"{folder}/*" for folder in sorted(_IGNORED_FOLDERS)),
    *(f"*{suffix}" for suffix in sorted(_IGNORED_SUFFIXES)),
    ".*", "pytorch_model*.bin", "training_args.bin", "optimizer*", "*.pt", "*.pth", "*.ckpt",
)  # fmt: skip


def content_files(folder: Path) -> tuple[str, ...]:
    """The files that can change what the model gives, as sorted paths with forward slashes."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _IGNORED_FOLDERS and not name.startswith(".")
            and not name.startswith("checkpoint-")
        )  # fmt: skip
        has_safetensors = any(name.endswith(".safetensors") for name in names)
        for name in names:
            if _matters(name, has_safetensors):
                found.append((Path(root) / name).relative_to(folder).as_posix())
    return tuple(sorted(found))


def content_digest(folder: Path) -> str:
    """sha256 (hex) over the names and contents of `content_files`; equal wherever they lie.

    Small JSON files count by their values: neither white space, order of keys, nor the name of
    the library that saved them matters.
    """
    digest = hashlib.sha256()
    for name in content_files(folder):
        digest.update(f"{name}\0{file_digest(folder / PurePosixPath(name))}\n".encode())
    return digest.hexdigest()


def weight_bytes(folder: Path) -> int:
    """The size of the files of `content_files` that hold weights."""
    files = (folder / PurePosixPath(name) for name in content_files(folder))
    return sum(file.stat().st_size for file in files if file.suffix in (".safetensors", ".bin"))


def file_digest(path: Path) -> str:
    """sha256 (hex) of one file's content, remembered while size and times stay the same."""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=1024)
def _digest(path: Path, size: int, _mtime_ns: int, _inode: int) -> str:
    if path.suffix == ".json" and size <= _CANONICAL_JSON_BYTES:
        raw = path.read_bytes()
        return hashlib.sha256(_canonical(raw)).hexdigest()
    return raw_digest(path)


def raw_digest(path: Path) -> str:
    """sha256 (hex) of the file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _canonical(raw: bytes) -> bytes:
    try:
        value = json.loads(raw)
    except ValueError:
        return raw
    return json.dumps(_without_origin(value), sort_keys=True).encode()


def _without_origin(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_origin(kept) for key, kept in value.items()
                if key not in _IGNORED_KEYS}  # fmt: skip
    if isinstance(value, list):
        return [_without_origin(entry) for entry in value]
    return value


def _matters(name: str, has_safetensors: bool) -> bool:
    lower = name.lower()
    if lower in _IGNORED_NAMES or lower.startswith(_IGNORED_PREFIXES):
        return False
    if Path(lower).suffix in _IGNORED_SUFFIXES:
        return False
    is_pickle = lower.startswith("pytorch_model") and Path(lower).suffix in (".bin", ".json")
    return not (has_safetensors and is_pickle)
