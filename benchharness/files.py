"""Files that are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path


def write_atomically(path: Path, lines: Iterable[str]) -> str:
    r"""sha256 (hex) of the file, which holds the lines or, after a crash, what it held before.

    `lines` bring their own line ends. UTF-8 with "\n" on every system. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    digest = hashlib.sha256()
    try:
        with draft.open("wb") as file:
            for line in lines:
                encoded = line.encode("utf-8", "backslashreplace")
                digest.update(encoded)
                file.write(encoded)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return digest.hexdigest()
