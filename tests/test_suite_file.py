"""Suites out of files: which objects, on which line, found by which name."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchharness.errors import SuiteError, UsageError
from benchharness.suite_file import find_suite, import_suites, is_suite_file

SUITE = """
from benchharness import Suite, beir

{variable} = Suite(
    name="{name}",
    dataset=beir("data/faq"),
    models=["bm25"],
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    return tmp_path / "suites"


def write(path: Path, *names: str) -> Path:
    path.write_text(
        "".join(SUITE.format(variable=name.replace("-", "_"), name=name) for name in names),
        encoding="utf-8",
    )
    return path


def test_suites_come_in_order_of_definition_with_their_lines(folder: Path) -> None:
    """Whatever their names."""
    found = import_suites(write(folder / "suite_x.py", "zeta", "alpha"))

    assert [(one.suite.name, one.line) for one in found] == [("zeta", 4), ("alpha", 12)]
    assert found[0].place == "suites/suite_x.py:4"


def test_a_suite_is_found_by_name_among_all_files(folder: Path) -> None:
    """Also in folders below."""
    write(folder / "suite_a.py", "faq")
    (folder / "below").mkdir()
    write(folder / "below" / "suite_b.py", "support", "sales")

    (found,) = find_suite("sales", Path("suites"))

    assert (found.suite.name, found.path.name) == ("sales", "suite_b.py")


def test_a_file_stands_for_all_its_suites(folder: Path) -> None:
    """The name of a file is as good as the name of a suite."""
    write(folder / "suite_a.py", "faq", "sales")

    found = find_suite("suites/suite_a.py", Path("suites"))

    assert [one.suite.name for one in found] == ["faq", "sales"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("fak", "no suite 'fak' in suites/\n  -> did you mean faq?"),
        ("suites/suite_none.py", "suites/suite_none.py is not a Python file"),
        ("suites/empty.py", "suites/empty.py defines no suite"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(folder: Path, asked: str, message: str) -> None:
    """A UsageError says what was meant."""
    write(folder / "suite_a.py", "faq")
    (folder / "empty.py").write_text("", encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        find_suite(asked, Path("suites"))

    assert message in str(caught.value)


def test_a_wrong_suite_is_located(folder: Path) -> None:
    """SuiteError names file and line of the call that was wrong."""
    path = write(folder / "suite_a.py", "faq")
    path.write_text(path.read_text().replace('["bm25"]', "[]"), encoding="utf-8")

    with pytest.raises(SuiteError) as caught:
        import_suites(path)

    assert caught.value.where == "suites/suite_a.py:4"


def test_a_file_that_is_not_python_is_located(folder: Path) -> None:
    """A syntax error is the user's to mend: one sentence with its line."""
    path = folder / "suite_a.py"
    path.write_text("import benchharness\nfaq = Suite(\n", encoding="utf-8")

    with pytest.raises(SuiteError) as caught:
        import_suites(path)

    assert caught.value.where == "suites/suite_a.py:2"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("suite_a.py", "from benchharness import Suite", True),
        ("suite_a.py", "import unittest", False),
        ("suite_a.py", "from benchharness2 import Suite", False),
        ("my_suite_a.py", "from benchharness import Suite", False),
        ("suite_a.txt", "from benchharness import Suite", False),
    ],
)
def test_a_suite_file_is_told_by_name_and_content(
    folder: Path, name: str, text: str, expected: bool
) -> None:
    """Other projects may have files of that name."""
    (folder / name).write_text(text, encoding="utf-8")

    assert is_suite_file(folder / name) is expected
