"""The reader behind `hub(id)`: data sets of the Hugging Face Hub in mteb's or BEIR's layout."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.data.dataset import Dataset
from benchharness.data.fields import (
    DOC_ID_NAMES,
    QUERY_ID_NAMES,
    document_text_of,
    grade,
    identifier_of,
    text_of,
)
from benchharness.data.jsonl import gather_queries
from benchharness.data.judgments import Judgment, collect
from benchharness.data.texts import TextTable, TextTableBuilder
from benchharness.errors import BenchError, DataError, MissingDependency, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from datasets import Dataset as Rows

_QUERY_COLUMNS = ("query-id", "query_id", "qid")
_DOC_COLUMNS = ("corpus-id", "corpus_id", "doc_id", "docid")
_GRADE_COLUMNS = ("score", "relevance", "label")


def read(
    dataset_id: str,
    *,
    split: str,
    revision: str | None = None,
    qrels: str | None = None,
    base: Path | None = None,
    spill_dir: Path | None = None,
) -> Dataset:
    """The dataset of a Hub id, or of a folder (relative to `base`) with the same layout.

    Configurations `corpus` and `queries` hold the texts; `qrels`, else `default`, the judgments,
    of which `split` is read. Raises DataError where the Hub or a part cannot be reached.
    """
    source = _Source(dataset_id, revision, base)
    judged = _Source(qrels, None, base) if qrels else source
    query_rows = source.rows("queries", split)
    qrels_rows = judged.judgments(split)
    texts, repeated = gather_queries(_queries(query_rows, source), f"{source} queries")
    judgments, left_out = collect(_judgments(qrels_rows, judged), f"{judged} qrels")
    return Dataset(
        name=Path(dataset_id).name if source.is_folder else dataset_id,
        corpus=_corpus(source.rows("corpus", split), source, spill_dir),
        queries=texts,
        qrels=judgments,
        left_out=left_out + repeated,
        details=(("split", split), *((("revision", revision),) if revision else ())),
    )


class _Source:
    """A data set with named configurations, on the Hub or in a folder."""

    def __init__(self, dataset_id: str, revision: str | None, base: Path | None) -> None:
        folder = (base or Path()) / Path(dataset_id).expanduser()
        self.is_folder = folder.is_dir()
        self._place = str(folder) if self.is_folder else dataset_id
        self._revision = None if self.is_folder else revision
        self._name = f"hub:{dataset_id}"
        try:
            import datasets
        except ImportError as error:
            raise MissingDependency.of(
                "datasets", extra="hub", wanted_for=f"reading {self}"
            ) from error
        self._library = datasets
        with self._explained("its configurations"):
            self.configurations: list[str] = datasets.get_dataset_config_names(
                self._place, revision=self._revision
            )

    def __str__(self) -> str:
        return self._name

    def rows(self, configuration: str, split: str) -> Rows:
        """The rows of `corpus` or `queries`, whose one split is called differently everywhere."""
        parts = self._load(configuration)
        for name in (configuration, split):
            if name in parts:
                return parts[name]
        if len(parts) == 1:
            return next(iter(parts.values()))
        raise DataError(
            f"configuration {configuration!r} has the splits {', '.join(sorted(parts))}, "
            f"and neither {configuration!r} nor {split!r}",
            where=str(self),
            remedy=f"use split={min(parts)!r} if that is meant",
        )

    def judgments(self, split: str) -> Rows:
        # In a folder of undeclared parts, "default" would be all of them mixed.
        undeclared = self._has("queries") and "queries" not in self.configurations
        parts = self._load("qrels" if undeclared or self._has("qrels") else "default")
        if split not in parts:
            raise DataError(
                f"there are no judgments of split {split!r}; there are: {', '.join(sorted(parts))}",
                where=str(self),
                remedy=did_you_mean(split, parts),
            )
        return parts[split]

    def _has(self, configuration: str) -> bool:
        in_folder = self.is_folder and (Path(self._place) / configuration).is_dir()
        return configuration in self.configurations or in_folder

    def _load(self, configuration: str) -> Mapping[str, Rows]:
        # A folder without a README that declares configurations is one configuration to
        # `datasets`; its sub-folders are then the parts.
        arguments: dict[str, Any] = {"revision": self._revision}
        if configuration in self.configurations:
            arguments["name"] = configuration
        elif self._has(configuration):
            arguments["data_dir"] = configuration
        elif configuration == "default" and len(self.configurations) == 1:
            arguments["name"] = self.configurations[0]
        else:
            raise DataError(
                f"there is no configuration {configuration!r}; there are: "
                f"{', '.join(self.configurations)}",
                where=str(self),
                remedy="name a data set with the configurations corpus, queries and qrels",
            )
        with self._explained(f"configuration {configuration!r}"):
            parts: Mapping[str, Rows] = self._library.load_dataset(self._place, **arguments)
        return parts

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turns what the Hub's client raises into one sentence, and keeps its bars off."""
        from datasets.exceptions import DatasetsError
        from datasets.utils import (
            are_progress_bars_disabled,
            disable_progress_bars,
            enable_progress_bars,
        )

        shown = not are_progress_bars_disabled()
        disable_progress_bars()
        try:
            yield
        except BenchError:
            raise
        # HTTP and connection errors of the client are OSErrors; ValueError is what it raises
        # for unknown configurations and files that it cannot make sense of.
        except (OSError, ValueError, RuntimeError, DatasetsError) as error:
            raise DataError(
                f"{what} cannot be read: {_first_line(error)}",
                where=str(self),
                remedy="check the id, the network and HF_TOKEN; HF_HUB_OFFLINE=1 reads only what "
                "is in the local cache, so unset it to download",
            ) from error
        finally:
            if shown:
                enable_progress_bars()


def _corpus(rows: Rows, source: _Source, spill_dir: Path | None) -> TextTable:
    name = f"{source} corpus"
    builder = TextTableBuilder(spill_dir)
    for number, row in enumerate(rows, start=1):
        where = f"{name}:{number}"
        builder.add(identifier_of(row, DOC_ID_NAMES, where), document_text_of(row, where), number)
    return builder.finish(name)


def _queries(rows: Rows, source: _Source) -> Iterator[tuple[str, str, int]]:
    for number, row in enumerate(rows, start=1):
        where = f"{source} queries:{number}"
        yield identifier_of(row, QUERY_ID_NAMES, where), text_of(row, where).strip(), number


def _judgments(rows: Rows, source: _Source) -> Iterator[Judgment]:
    for number, row in enumerate(rows, start=1):
        where = f"{source} qrels:{number}"
        name = next((name for name in _GRADE_COLUMNS if name in row), None)
        if name is None:
            raise DataError(
                f"the judgments have no relevance (looked for {', '.join(_GRADE_COLUMNS)}); "
                f"their columns are {', '.join(row)}",
                where=where,
                remedy="name the data set with the judgments: hub(..., qrels='ID')",
            )
        query_id = identifier_of(row, _QUERY_COLUMNS, where)
        yield query_id, identifier_of(row, _DOC_COLUMNS, where), grade(row[name], where), number


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
