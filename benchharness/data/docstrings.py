"""The reader behind `docstrings(package)`: search over any installed Python package.

A query is the first sentence of a function's docstring; its document is the function's source
without the docstring ("code"), or the rest of the docstring ("prose"). The package is read, not
imported, and the result depends on its source alone: the rules below use no hash of Python, no
printed syntax tree and no order of a file system.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.data.components import components, held_out
from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.python_source import (
    Documented,
    documented_functions,
    package_files,
)
from benchharness.data.similarity import normalised
from benchharness.data.texts import TextTable
from benchharness.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIN_QUERY_WORDS = 3  # "Return self." asks for nothing
MIN_PROSE_WORDS = 20  # a rest such as "See also: f" describes nothing
MIN_STATEMENTS = 2  # a body of one statement (pass, return self._x) is trivial

NO_PARSE = "files that this Python cannot parse"
TESTS = "test files"
SAME_NAME = "functions defined again under one name"
SPECIAL = "special methods such as __repr__"
SHORT_QUERY = f"functions whose first sentence has under {MIN_QUERY_WORDS} words"
TRIVIAL = f"functions with a body of under {MIN_STATEMENTS} statements"
SHORT_PROSE = f"functions whose docstring goes on for under {MIN_PROSE_WORDS} words"
DUPLICATE = {
    "code": "functions whose body repeats another's",
    "prose": "functions whose docstring goes on like another's",
}


@dataclass(frozen=True)
class Extracted:
    """The whole search task of a package, before it is split.

    documents: doc_id (`module.qualname`) -> text.
    queries:   query_id (`q:` + the smallest relevant doc_id) -> text.
    pairs:     (query_id, doc_id) of every relevant document, in order.
    left_out:  (reason, count).
    """

    documents: dict[str, str]
    queries: dict[str, str]
    pairs: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, int], ...]

    @property
    def digest(self) -> str:
        """sha256 (hex) of all (query_id, query, doc_id, document)."""
        digest = hashlib.sha256()
        for query_id, doc_id in self.pairs:
            for value in (query_id, self.queries[query_id], doc_id, self.documents[doc_id]):
                encoded = value.encode()
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
        return digest.hexdigest()


def read(package: str, document: str, *, queries: int | None, split: str, seed: int) -> Dataset:
    """The dataset of an installed package.

    With `queries`, that many are held out as split "test" and the others are "train"; neither
    shares a query or a relevant document with the other, and the corpus is the whole package
    for both. Without it, all queries are "test".

    Raises DataError where the package is not installed or has too few functions.
    """
    extracted = extract(package, document)
    if not extracted.documents:
        raise DataError(
            f"no function of {package!r} has a docstring that makes a query and a document",
            where=f"docstrings({package!r})",
            remedy="name a package with documented functions",
        )
    chosen = _chosen(extracted, package, queries, split, seed)
    pairs = [pair for pair in extracted.pairs if pair[0] in chosen]
    details = [
        ("package", f"{package} {_version(package)}"),
        ("document", document),
        ("split", split),
        ("queries of the package", str(len(extracted.queries))),
    ]
    if queries is not None:
        details.append(("seed", str(seed)))
    return Dataset(
        name=f"{package}-{document}",
        corpus=TextTable.of(extracted.documents.items(), source=f"docstrings({package!r})"),
        queries={name: text for name, text in extracted.queries.items() if name in chosen},
        qrels=Qrels.of((query_id, doc_id, 1, 0) for query_id, doc_id in pairs),
        left_out=extracted.left_out,
        query_origin="docstrings",
        details=tuple(details),
        groups={name: {"subpackage": _subpackage(name)} for name in sorted(chosen)},
    )


def extract(package: str, document: str) -> Extracted:
    """Every document of a package and the queries that ask for it; see the constants above.

    Of functions with one name the first is kept, of equal texts that of the smallest doc_id.
    Queries that are equal but for case and blanks are one query with several documents.
    """
    left_out: Counter[str] = Counter()
    by_id: dict[str, Documented] = {}
    for function in _functions(package, left_out):
        if function.name in by_id:
            left_out[SAME_NAME] += 1
        else:
            by_id[function.name] = function
    documents: dict[str, str] = {}
    askers: dict[str, list[str]] = {}  # normalised query -> doc_ids, the smallest first
    seen: set[str] = set()
    for doc_id in sorted(by_id):
        function = by_id[doc_id]
        reason = _unfit(function, document)
        if reason is None:
            same = function.body if document == "code" else normalised(function.rest)
            reason = DUPLICATE[document] if same in seen else None
            seen.add(same)
        if reason is not None:
            left_out[reason] += 1
            continue
        documents[doc_id] = function.source if document == "code" else function.rest
        askers.setdefault(normalised(function.sentence), []).append(doc_id)
    queries = {f"q:{doc_ids[0]}": by_id[doc_ids[0]].sentence for doc_ids in askers.values()}
    pairs = sorted((f"q:{doc_ids[0]}", doc_id) for doc_ids in askers.values() for doc_id in doc_ids)
    return Extracted(documents, queries, tuple(pairs), tuple(sorted(left_out.items())))


def _functions(package: str, left_out: Counter[str]) -> Iterator[Documented]:
    files, tests = package_files(package)
    if tests:
        left_out[TESTS] = tests
    for module, path in files:
        found = documented_functions(module, path)
        if found is None:
            left_out[NO_PARSE] += 1
        yield from found or ()


def _unfit(function: Documented, document: str) -> str | None:
    """Why a function makes no query or no document; None where it makes both."""
    name = function.name.rpartition(".")[2]
    if name.startswith("__") and name.endswith("__"):
        return SPECIAL
    if len(function.sentence.split()) < MIN_QUERY_WORDS:
        return SHORT_QUERY
    if document == "code" and function.statements < MIN_STATEMENTS:
        return TRIVIAL
    if document == "prose" and len(function.rest.split()) < MIN_PROSE_WORDS:
        return SHORT_PROSE
    return None


def _chosen(
    extracted: Extracted, package: str, queries: int | None, split: str, seed: int
) -> Iterable[str]:
    if queries is None:
        return extracted.queries.keys()
    if queries >= len(extracted.queries):
        raise DataError(
            f"{package!r} has {len(extracted.queries)} queries; {queries} cannot be held out",
            where=f"docstrings({package!r})",
            remedy="ask for fewer, or leave queries= out to judge all of them",
        )
    test = held_out(components(extracted.pairs), queries, seed)
    return test if split == "test" else extracted.queries.keys() - test


def _subpackage(query_id: str) -> str:
    """`sympy.core` of `q:sympy.core.add.Add.flatten`: what slices of such queries are cut by."""
    return ".".join(query_id.removeprefix("q:").split(".")[:2])


def _version(package: str) -> str:
    """The version of the distribution that a package comes from, "unknown" where none does."""
    from importlib import metadata

    top = package.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"of Python {platform.python_version()}"
    try:
        return metadata.version(top)
    except metadata.PackageNotFoundError:
        owners = metadata.packages_distributions().get(top, [])
    return metadata.version(owners[0]) if owners else "unknown"
