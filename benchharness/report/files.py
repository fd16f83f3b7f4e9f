"""The names of a report's files, such that no two models meet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

VERDICT = "verdict.json"
PER_QUERY = "per_query.jsonl"
EXHIBITS = "exhibits.jsonl"
PAGE = "report.html"
CHANGES = "changes.jsonl"
SUMMARY = "summary.md"
RUNS = "runs"
# File systems end names at 255 bytes; a model spec may be a long path.
_LONGEST_NAME = 200


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
