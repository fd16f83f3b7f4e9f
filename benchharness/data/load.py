"""From a reference to a `Dataset`: the one place that picks the reader."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.data import beir, docstrings, hub, ir_datasets_source, jsonl, trec
from benchharness.errors import DataError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchharness.data.dataset import Dataset
    from benchharness.suite import DatasetReference


@dataclass(frozen=True)
class _Options:
    """The arguments of a reference, and where its paths start."""

    given: Mapping[str, str | int | bool | None]
    base: Path
    spill_dir: Path | None

    def text(self, name: str) -> str:
        return str(self.given[name])

    def text_or_none(self, name: str) -> str | None:
        value = self.given.get(name)
        return None if value is None else str(value)

    def number_or_none(self, name: str) -> int | None:
        value = self.given.get(name)
        return None if value is None else int(value)

    def path(self, name: str) -> Path:
        # An absolute path replaces the base. Messages and reports name the path, so it is as
        # short as it can be: without "..", and relative where it lies below the working folder.
        path = Path(os.path.normpath(self.base / Path(self.text(name)).expanduser()))
        here = Path.cwd()
        return path.relative_to(here) if path.is_relative_to(here) else path


_READERS: Mapping[str, Callable[[_Options], Dataset]] = {
    "beir": lambda o: beir.read(o.path("path"), o.text("split"), o.spill_dir),
    "trec": lambda o: trec.read(o.path("corpus"), o.path("topics"), o.path("qrels"), o.spill_dir),
    "jsonl": lambda o: jsonl.read(
        o.path("corpus"), o.path("queries"), o.path("qrels"), o.spill_dir
    ),
    "ir_datasets": lambda o: ir_datasets_source.read(o.text("id"), o.spill_dir),
    "hub": lambda o: hub.read(
        o.text("id"),
        split=o.text("split"),
        revision=o.text_or_none("revision"),
        qrels=o.text_or_none("qrels"),
        base=o.base,
        spill_dir=o.spill_dir,
    ),
    "docstrings": lambda o: docstrings.read(
        o.text("package"),
        o.text("document"),
        queries=o.number_or_none("queries"),
        split=o.text("split"),
        seed=o.number_or_none("seed") or 0,
    ),
}


def load(reference: DatasetReference, base: Path, spill_dir: Path | None = None) -> Dataset:
    """The dataset that a reference names, read now.

    base:      where relative paths start: the folder of the suite file.
    spill_dir: where the texts of a large corpus are kept while it is used (None: the system's
               temporary folder).

    Raises DataError where something cannot be read, and where the content has another
    fingerprint than the reference pins; MissingDependency where a source needs a package that is
    not installed.
    """
    reader = _READERS.get(reference.kind)
    if reader is None:
        raise UsageError(
            f"no reader is called {reference.kind!r}", remedy=did_you_mean(reference.kind, _READERS)
        )
    dataset = reader(_Options(dict(reference.options), base, spill_dir))
    if reference.sha256 is not None and dataset.fingerprint.whole != reference.sha256:
        raise DataError(
            f"the content has sha256 {dataset.fingerprint.whole}, "
            f"the reference pins {reference.sha256}",
            where=str(reference),
            remedy="restore the data, or pin the new value if the change is meant",
        )
    return dataset
