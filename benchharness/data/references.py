"""Names of data sets for suites: `beir(...)`, `docstrings(...)` and the others read nothing.

Each function returns a `DatasetReference`, which is data. `benchharness.data.load` turns it into
a `Dataset` when something is measured. Relative paths start at the folder of the suite file.
`sha256` pins the content: a data set with another fingerprint is refused when it is loaded.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from benchharness.errors import UsageError, did_you_mean
from benchharness.suite import DatasetReference

if TYPE_CHECKING:
    from collections.abc import Callable

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DOCUMENTS = ("code", "prose")

Value = str | int | bool | None
PathLike = str | os.PathLike[str]


def beir(path: PathLike, split: str = "test", *, sha256: str | None = None) -> DatasetReference:
    """A reference to a folder in BEIR's layout.

    The folder holds `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`, each plain, `.gz`
    or `.zst`. Raises UsageError for an argument of the wrong kind, as all functions here do.
    """
    return _reference("beir", sha256, path=_path("path", path), split=_word("split", split))


def trec(
    corpus: PathLike, topics: PathLike, qrels: PathLike, *, sha256: str | None = None
) -> DatasetReference:
    """A reference to a TREC collection: `<DOC>` files, `<top>` topics and four-column qrels.

    The corpus may be a folder or JSON lines, the topics lines of `query_id TAB text`.
    """
    return _reference(
        "trec",
        sha256,
        corpus=_path("corpus", corpus),
        topics=_path("topics", topics),
        qrels=_path("qrels", qrels),
    )


def jsonl(
    corpus: PathLike, queries: PathLike, qrels: PathLike, *, sha256: str | None = None
) -> DatasetReference:
    """A reference to three files: corpus and queries as JSON lines, qrels in any usual form.

    Ids stand under `_id`, `id` or `doc_id` / `query_id`; qrels are tab-separated, TREC's four
    columns or JSON lines.
    """
    return _reference(
        "jsonl",
        sha256,
        corpus=_path("corpus", corpus),
        queries=_path("queries", queries),
        qrels=_path("qrels", qrels),
    )


def ir_datasets(id: str, *, sha256: str | None = None) -> DatasetReference:
    """A reference to a data set of the package ir_datasets, such as "beir/scifact/test"."""
    return _reference("ir_datasets", sha256, id=_word("id", id))


def hub(
    id: str,
    split: str = "test",
    revision: str | None = None,
    *,
    qrels: str | None = None,
    sha256: str | None = None,
) -> DatasetReference:
    """A reference to a data set of the Hugging Face Hub, or a folder with the same layout.

    Its configurations are `corpus`, `queries` and `qrels` (or `default`), as in mteb's
    collections. `qrels` names a second data set where the judgments are kept apart, such as
    "BeIR/scifact-qrels". `revision` is a branch, tag or commit of the first.
    """
    return _reference(
        "hub",
        sha256,
        id=_word("id", id),
        split=_word("split", split),
        revision=None if revision is None else _word("revision", revision),
        qrels=None if qrels is None else _word("qrels", qrels),
    )


def docstrings(
    package: str,
    document: str = "code",
    queries: int | None = None,
    split: str = "test",
    seed: int = 0,
    *,
    sha256: str | None = None,
) -> DatasetReference:
    """A reference to the docstrings of an installed Python package, which is never imported.

    A query is the first sentence of a function's docstring; its document is the function's
    source without the docstring ("code") or the rest of the docstring ("prose"). `queries` holds
    that many out as split "test" and leaves the others as "train"; `seed` picks which.
    """
    if not isinstance(package, str) or not all(part.isidentifier() for part in package.split(".")):
        raise UsageError(
            f"{package!r} is not the name of a Python package",
            remedy="write the name that is imported, such as docstrings('networkx')",
        )
    if document not in _DOCUMENTS:
        raise UsageError(
            f"document {document!r} of docstrings is unknown",
            remedy=did_you_mean(str(document), _DOCUMENTS),
        )
    if queries is not None and (not _is_whole(queries) or queries < 1):
        raise UsageError(
            f"queries is {queries!r}", remedy="queries is a whole number of at least 1"
        )
    if not _is_whole(seed):
        raise UsageError(f"seed is {seed!r}", remedy="seed is a whole number, such as 0")
    if split not in ("test", "train"):
        raise UsageError(
            f"docstrings has no split {split!r}", remedy="use split='test' or split='train'"
        )
    if split == "train" and queries is None:
        raise UsageError(
            "docstrings has no split 'train' while all queries are judged",
            remedy="hold some out for the test, such as docstrings('networkx', queries=500)",
        )
    return _reference(
        "docstrings",
        sha256,
        package=package,
        document=document,
        queries=queries,
        split=split,
        seed=seed,
    )


def parse_reference(
    spelled: str, split: str = "test", *, sha256: str | None = None
) -> DatasetReference:
    """The reference that `KIND:ARGUMENT` spells, as after `--data`.

    Read are `beir:DIR`, `docstrings:PACKAGE`, `ir_datasets:ID` and `hub:ID`; ir_datasets names
    its split in the id, so `split` is not used there. Raises UsageError for anything else.
    """
    makers: dict[str, Callable[[str], DatasetReference]] = {
        "beir": lambda argument: beir(argument, split, sha256=sha256),
        "docstrings": lambda argument: docstrings(argument, split=split, sha256=sha256),
        "hub": lambda argument: hub(argument, split, sha256=sha256),
        "ir_datasets": lambda argument: ir_datasets(argument, sha256=sha256),
    }
    kind, colon, argument = spelled.partition(":")
    forms = "beir:DIR, docstrings:PACKAGE, ir_datasets:ID or hub:ID"
    if kind in ("trec", "jsonl"):
        raise UsageError(
            f"{kind} needs three paths, which {spelled!r} cannot hold",
            remedy=f"name the data set in a suite file: dataset={kind}(...)",
        )
    if not colon:
        raise UsageError(
            f"data {spelled!r} does not say what it is",
            remedy=f"write {forms}, for instance: --data beir:{spelled or 'DIR'}",
        )
    if kind not in makers:
        raise UsageError(
            f"data {spelled!r} is of unknown kind {kind!r}",
            remedy=f"{did_you_mean(kind, makers)}; write {forms}",
        )
    if not argument:
        raise UsageError(f"data {spelled!r} names nothing after the colon", remedy=f"write {forms}")
    return makers[kind](argument)


def _reference(kind: str, sha256: str | None, **options: Value) -> DatasetReference:
    if sha256 is not None:
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256.lower()):
            raise UsageError(
                f"sha256 is {sha256!r}, not 64 hexadecimal digits",
                remedy="leave sha256= out, or copy the data set's fingerprint in full",
            )
        sha256 = sha256.lower()
    return DatasetReference(kind, tuple(sorted(options.items())), sha256)


def _path(name: str, value: PathLike) -> str:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise UsageError(f"{name} is {value!r}", remedy=f"{name} is a path, such as 'data/faq'")
    return os.fspath(value)


def _word(name: str, value: str) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name} is {value!r}", remedy=f"{name} is a string that is not empty")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
