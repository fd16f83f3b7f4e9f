"""Suites out of a Python file: which objects of a module are its suites, and on which line.

The plugin lets pytest import the file; the command line imports it here. Both then ask the
same questions of the module.
"""

from __future__ import annotations

import ast
import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType

from benchharness.errors import BenchError, SuiteError, UsageError, did_you_mean
from benchharness.suite import Suite

PATTERN = "suite_*.py"
_MENTION = re.compile(rb"\bbenchharness\b")


@dataclass(frozen=True)
class FoundSuite:
    """A suite with the place of its definition; `line` counts from 1, `path` is absolute."""

    suite: Suite
    path: Path
    line: int

    @property
    def place(self) -> str:
        return f"{shown_path(self.path)}:{self.line}"


def is_suite_file(path: Path) -> bool:
    """Whether the name is `suite_*.py` and the file speaks of benchharness.

    The second condition keeps pytest from importing the `suite_*.py` of projects that have
    nothing to do with benchharness, in whose environment it happens to be installed.
    """
    if path.suffix != ".py" or not path.name.startswith("suite_"):
        return False
    try:
        return _MENTION.search(path.read_bytes()) is not None
    except OSError:
        return False


def suites_of(module: ModuleType, path: Path) -> tuple[FoundSuite, ...]:
    """The suites that the module defines, in order of definition, each once.

    A suite that was imported from another `suite_*.py` belongs to that file; one imported from
    any other module belongs to this one.
    """
    lines, foreign = _bindings(path)
    found: dict[int, FoundSuite] = {}
    for name, value in vars(module).items():
        if isinstance(value, Suite) and name not in foreign:
            found.setdefault(id(value), FoundSuite(value, path, lines.get(name, 1)))
    return tuple(found.values())


def _bindings(path: Path) -> tuple[dict[str, int], set[str]]:
    """(line of the first binding of each name, names imported from other suite files)."""
    lines: dict[str, int] = {}
    foreign: set[str] = set()
    for node in _module_level(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom):
            origin = (node.module or "").rpartition(".")[2]
            for alias in node.names:
                name = alias.asname or alias.name
                lines.setdefault(name, node.lineno)
                if origin.startswith("suite_"):
                    foreign.add(name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            lines.setdefault(node.id, node.lineno)
    return lines, foreign


def _module_level(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes outside functions and classes, in order of the text."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
        ):
            yield child
            yield from _module_level(child)


def line_in(path: Path, trace: TracebackType | None) -> int | None:
    """The innermost line of `path` in a traceback, counted from 1; None where it is not there."""
    lines = [
        line for frame, line in traceback.walk_tb(trace) if _is(frame.f_code.co_filename, path)
    ]
    return lines[-1] if lines else None


def _is(filename: str, path: Path) -> bool:
    return filename == str(path) or Path(filename) == path


def located(error: BenchError, path: Path) -> BenchError:
    """The error with `path:line` in front, where its traceback went through the file."""
    line = line_in(path, error.__traceback__)
    place = f"{shown_path(path)}:{line}" if line else shown_path(path)
    message = f"{error.where}: {error.message}" if error.where else error.message
    return type(error)(message, where=place, remedy=error.remedy)


def shown_path(path: Path) -> str:
    """The path as a person would type it: relative to the working directory where it is below."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


def import_suites(path: Path) -> tuple[FoundSuite, ...]:
    """The suites of a file, which is imported under a name of its own.

    Raises the BenchError of a wrong suite with its place, and a SuiteError where the file cannot
    be read as Python or holds no suite. Whatever else the file raises is its own affair.
    """
    from importlib.util import module_from_spec, spec_from_file_location

    path = path.resolve()
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UsageError(f"{shown_path(path)} is not a Python file", remedy="name a suite_*.py")
    module = module_from_spec(spec)
    # The folder is importable while the file runs, as it is under pytest.
    sys.path.insert(0, str(path.parent))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BenchError as error:
        raise located(error, path) from None
    except SyntaxError as error:
        place = f"{shown_path(Path(error.filename or path))}:{error.lineno or 1}"
        raise SuiteError(f"not Python: {error.msg}", where=place) from None
    finally:
        sys.path.remove(str(path.parent))
    return suites_of(module, path)


def find_suite(name_or_file: str, folder: Path) -> tuple[FoundSuite, ...]:
    """The suites of a file, or the one suite of that name in the `suite_*.py` of `folder`.

    Raises UsageError where there is none, naming what there is.
    """
    path = Path(name_or_file)
    if path.suffix == ".py" or path.is_file():
        found = import_suites(path)
        if not found:
            raise UsageError(
                f"{shown_path(path)} defines no suite", remedy="see README: a suite in ten lines"
            )
        return found
    known: dict[str, FoundSuite] = {}
    for file in suite_files(folder):
        for candidate in import_suites(file):
            known.setdefault(candidate.suite.name, candidate)
    if name_or_file in known:
        return (known[name_or_file],)
    place = shown_path(folder)
    if not known:
        raise UsageError(
            f"no suite {name_or_file!r}: {place}/ holds no suite_*.py with a suite",
            remedy="name a suite file, or use --data beir:DIR --model SPEC",
        )
    raise UsageError(
        f"no suite {name_or_file!r} in {place}/", remedy=did_you_mean(name_or_file, known)
    )


def suite_files(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """The suite files below a folder, or right in it, in order of path."""
    if folder.is_dir():
        found = folder.rglob(PATTERN) if deep else folder.glob(PATTERN)
        yield from (path for path in sorted(found) if is_suite_file(path))
