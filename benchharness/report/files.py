"""Files of a report: written whole or not at all, named so that no two models meet."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

VERDICT = "verdict.json"
PER_QUERY = "per_query.jsonl"
SUMMARY = "summary.md"
RUNS = "runs"
# File systems end names at 255 bytes; a model spec may be a long path.
_LONGEST_NAME = 200


def write_atomically(path: Path, lines: Iterable[str]) -> str:
    r"""sha256 (hex) of the file, which holds the lines or, after a crash, what it held before.

    `lines` bring their own line ends. UTF-8 with "\n" on every system.
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


def run_names(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """`<suite>.<model>.trec` for each (suite, model), percent-encoded; no two names are equal.

    Names that would be equal where case does not count, or too long, carry a hash of the pair.
    """
    names = [f"{quote(suite, safe='')}.{quote(model, safe='')}" for suite, model in pairs]
    folded = [name.lower() for name in names]
    found = []
    for pair, name in zip(pairs, names, strict=True):
        stem = name
        if folded.count(name.lower()) > 1 or len(name) > _LONGEST_NAME:
            digest = hashlib.sha256("\n".join(pair).encode("utf-8", "surrogatepass")).hexdigest()
            stem = f"{name[:_LONGEST_NAME]}.{digest[:12]}"
        found.append(f"{stem}.trec")
    return found
