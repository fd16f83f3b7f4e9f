"""Functions with docstrings, cut out of Python source without importing it.

Only positions of the syntax tree are used, never its printed form, and docstrings are cleaned
here rather than by `inspect`: the result is the same on every supported version of Python.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib.machinery
import importlib.util
import io
import re
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TEST_FOLDERS = frozenset({"tests", "test"})
_SENTENCE_END = re.compile(r"[.!?](?=\s|\Z)")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|cf|vs|resp|viz|ca|fig|eq|al)\.\Z", re.IGNORECASE)
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n|\Z")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Documented:
    """A function or method with a docstring.

    name:       `module.qualname`.
    sentence:   first sentence of the docstring, blanks collapsed.
    rest:       what follows it in the docstring, dedented and stripped.
    source:     decorators, signature and body, dedented, the docstring cut out.
    body:       the body alone, blanks collapsed, for telling duplicates.
    statements: of the body without the docstring, nested ones too; counted up to 2.
    """

    name: str
    sentence: str
    rest: str
    source: str
    body: str
    statements: int


def package_files(package: str) -> tuple[list[tuple[str, Path]], int]:
    """(module name, file) of a package's modules in order of name, and how many tests were left.

    The package is found, not imported. Files under a folder called `tests` or `test`, files
    called `test_*.py` and `conftest.py` are left out.

    Raises DataError where no such package is installed or where it has no Python source.
    """
    spec = _spec(package)
    if spec is None:
        raise DataError(
            f"the package {package!r} is not installed",
            where=f"docstrings({package!r})",
            remedy=f"install it: pip install {package.partition('.')[0]}",
        )
    roots = [Path(place) for place in spec.submodule_search_locations or ()]
    files: dict[str, Path] = {}
    tests = 0
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            inside = path.relative_to(root)
            if _is_test(inside):
                tests += 1
                continue
            parts = inside.with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            files.setdefault(".".join((package, *parts)), path)
    if not roots and spec.origin and spec.origin.endswith(".py"):
        files[package] = Path(spec.origin)
    if not files:
        raise DataError(
            f"the package {package!r} has no Python source",
            where=f"docstrings({package!r})",
            remedy="name a package that is written in Python",
        )
    return sorted(files.items()), tests


def documented_functions(module: str, path: Path) -> list[Documented] | None:
    """The functions and methods of a file that have docstrings, in order of line.

    Functions inside functions and `@overload` stubs are not among them. None where this version
    of Python cannot parse the file.
    """
    raw = path.read_bytes()
    try:
        with warnings.catch_warnings(), _no_garbage_collection():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            tree = ast.parse(raw)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.decode(encoding)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    # The syntax tree counts these three line ends only, and columns in bytes of UTF-8.
    lines = [line.encode() for line in re.split(r"\r\n|\r|\n", text)]
    return [
        _documented(name, node, lines)
        for name, node in _functions(tree.body, module)
        if _docstring_of(node) is not None
    ]


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Spares a fifth of the time: while a tree grows, none of its many nodes is garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def first_sentence(docstring: str) -> tuple[str, str]:
    """(first sentence, rest) of a docstring: up to a full stop, or the end of the paragraph.

    The sentence has its blanks collapsed; the rest is dedented and stripped.
    """
    cleaned = _dedented(docstring)
    end_of_paragraph = _PARAGRAPH_END.search(cleaned)
    paragraph = cleaned[: end_of_paragraph.start()] if end_of_paragraph else cleaned
    end = len(paragraph)
    for stop in _SENTENCE_END.finditer(paragraph):
        if not _ABBREVIATION.search(paragraph[: stop.end()]):
            end = stop.end()
            break
    return " ".join(cleaned[:end].split()), cleaned[end:].strip()


def _spec(package: str) -> importlib.machinery.ModuleSpec | None:
    """The top-level package's spec; `find_spec` of a dotted name would import its parents."""
    top, *below = package.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    for name in below:
        if spec is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(
            f"{spec.name}.{name}", list(spec.submodule_search_locations or ())
        )
    return spec


def _is_test(inside: Path) -> bool:
    name = inside.name
    in_folder = not _TEST_FOLDERS.isdisjoint(inside.parts[:-1])
    return in_folder or name == "conftest.py" or name.startswith("test_")


def _functions(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, Function):
            if not _is_overload(node):
                yield f"{prefix}.{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}.{node.name}")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _functions(node.body, prefix)
            for handler in getattr(node, "handlers", []):
                yield from _functions(handler.body, prefix)
            yield from _functions(getattr(node, "orelse", []), prefix)
            yield from _functions(getattr(node, "finalbody", []), prefix)


def _is_overload(node: Function) -> bool:
    return any(
        (isinstance(mark, ast.Name) and mark.id == "overload")
        or (isinstance(mark, ast.Attribute) and mark.attr == "overload")
        for mark in node.decorator_list
    )


def _docstring_of(node: Function) -> str | None:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        value = first.value.value
        if isinstance(value, str) and value.strip():
            # A lone surrogate, written as an escape, is no character that could be encoded.
            return value.encode("utf-8", "replace").decode()
    return None


def _documented(name: str, node: Function, lines: list[bytes]) -> Documented:
    sentence, rest = first_sentence(_docstring_of(node) or "")
    docstring = node.body[0]
    start = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
    end = node.end_lineno or node.lineno
    last = docstring.end_lineno or docstring.lineno
    after = lines[last - 1][docstring.end_col_offset :].lstrip(b"; \t")
    before = lines[docstring.lineno - 1][: docstring.col_offset]
    cut = before + after  # the indent, a comment behind the docstring, or `def f():` itself
    head, tail = lines[start - 1 : docstring.lineno - 1], lines[last:end]
    kept = [*head, *([cut] if cut.strip() else []), *tail]
    return Documented(
        name=name,
        sentence=sentence,
        rest=rest,
        source="\n".join(_moved_left(line.decode(), node.col_offset) for line in kept).strip("\n"),
        body=" ".join(b" ".join([after, *tail]).decode().split()),
        statements=_statements(node),
    )


def _moved_left(line: str, columns: int) -> str:
    margin = len(line) - len(line.lstrip(" \t"))
    return line[min(columns, margin) :].rstrip()


def _statements(node: Function) -> int:
    """How many statements follow the docstring, nested ones too; counting stops at 2."""
    count = 0
    for statement in node.body[1:]:
        for inner in ast.walk(statement):
            count += isinstance(inner, ast.stmt)
            if count == 2:
                return count
    return count


def _dedented(docstring: str) -> str:
    """The docstring without the indent that its lines after the first share."""
    first, *others = docstring.expandtabs().split("\n")
    margins = [len(line) - len(line.lstrip(" ")) for line in others if line.strip()]
    margin = min(margins, default=0)
    return "\n".join([first.lstrip(), *(line[margin:].rstrip() for line in others)]).strip()
