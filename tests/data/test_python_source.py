"""Functions cut out of source: sentences, positions, and what is not looked at."""

import sys
import textwrap

import pytest

from benchharness.data.python_source import (
    documented_functions,
    first_sentence,
    package_files,
)
from benchharness.errors import DataError


@pytest.fixture
def extract(tmp_path):
    """The documented functions of some source, by name."""

    def run(source, encoding="utf-8"):
        path = tmp_path / "module.py"
        path.write_bytes(textwrap.dedent(source).encode(encoding))
        return {found.name: found for found in documented_functions("m", path)}

    return run


@pytest.mark.parametrize(
    ("docstring", "sentence", "rest"),
    [
        ("One. Two.", "One.", "Two."),
        ("No stop at all", "No stop at all", ""),
        ("Over two\n    lines. Rest\n    here.", "Over two lines.", "Rest\nhere."),
        ("Paragraph ends\n\nwithout a stop. Or two.", "Paragraph ends", "without a stop. Or two."),
        ("Uses e.g. this, i.e. that. Rest.", "Uses e.g. this, i.e. that.", "Rest."),
        ("Returns a.b of v1.5 here. Rest", "Returns a.b of v1.5 here.", "Rest"),
        ("The density of G. Rest", "The density of G.", "Rest"),
        ("Really? Yes! No.", "Really?", "Yes! No."),
        (
            "\n\n    First line after a break.\n\n      deeper\n    ",
            "First line after a break.",
            "deeper",
        ),
        ("A.\n\n    x\n        y\n", "A.", "x\n    y"),
    ],
)
def test_the_first_sentence_ends_at_a_full_stop_or_paragraph(docstring, sentence, rest):
    """Rule: blanks of the sentence are collapsed; the rest is dedented and stripped."""
    assert first_sentence(docstring) == (sentence, rest)


def test_the_docstring_is_cut_out_and_the_rest_stands_as_written(extract):
    """Rule: decorators, signature, comments and odd formatting stay; the indent goes."""
    found = extract(
        '''
        class Café:
            @property
            @cache(1,
                   2)
            def méthode(self,x = 1 ):   # why
                """Docs é
                over lines."""   # after
                y = """
            less indented"""
                return  x+y
        '''
    )["m.Café.méthode"]

    assert found.source == (
        "@property\n@cache(1,\n       2)\ndef méthode(self,x = 1 ):   # why\n"
        '    # after\n    y = """\nless indented"""\n    return  x+y'
    )
    assert found.sentence == "Docs é over lines."
    assert found.body == '# after y = """ less indented""" return x+y'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('def f(): "Doc."', "def f():"),
        ('def f():\n    "Doc."; return 1', "def f():\n    return 1"),
        ('def f():\n    ("Doc "\n     "two.")\n    return 1', "def f():\n    return 1"),
        ('async def f():\n\t"""Doc."""\n\treturn 1', "async def f():\n\treturn 1"),
        ('def f():\n    r"""Doc \\d."""\n\n    return 1\n', "def f():\n\n    return 1"),
    ],
)
def test_docstrings_in_odd_places_are_cut_out(extract, source, expected):
    """Rule: positions of the syntax tree decide, not the look of the line."""
    assert extract(source)["m.f"].source == expected


def test_line_ends_and_encodings_do_not_shift_the_cut(extract):
    """Rule: columns are bytes of UTF-8 whatever the file's encoding; form feeds end no line."""
    head = '# -*- coding: latin-1 -*-\r\nx = "é\x0cé"\r\n'
    source = head + 'def f():\r\n    "é."; y = "é"\r\n    return y\r\n'

    found = extract(source, encoding="latin-1")["m.f"]

    assert found.source == 'def f():\n    y = "é"\n    return y'


def test_functions_are_found_where_they_can_be_imported_from(extract):
    """Rule: modules, classes and their branches; not inside functions, no overload stubs."""
    names = extract(
        '''
        import typing
        from typing import overload
        if True:
            def a():
                """Doc."""
                def inner():
                    """Doc."""
        else:
            def b(): """Doc."""
        try:
            def c(): """Doc."""
        except ImportError:
            def d(): """Doc."""
        class E:
            class F:
                def g(self): """Doc."""
            @overload
            def h(self, x: int): """Stub."""
            @typing.overload
            def h(self, x: str): """Stub."""
            def h(self, x): """Doc."""
            def no_docstring(self): return f"{self}"
            def blank(self): """ """
        '''
    )

    assert list(names) == ["m.a", "m.b", "m.c", "m.d", "m.E.F.g", "m.E.h"]
    assert names["m.E.h"].sentence == "Doc."


@pytest.mark.parametrize(
    ("body", "statements"),
    [
        ("", 0),
        ("pass", 1),
        ("return self._x", 1),
        ("if x: return 1", 2),
        ("a = 1; b = 2; c = 3", 2),
    ],
)
def test_statements_are_counted_with_those_inside(extract, body, statements):
    """Rule: the docstring is none; counting stops at two, which is all that is asked."""
    assert extract(f'def f(x):\n    "Doc."\n    {body}\n')["m.f"].statements == statements


def test_what_python_cannot_parse_is_none(tmp_path):
    """Rule: templates and other versions' syntax are counted by the caller, never raised."""
    for name, content in {"a": b"def f(:", "b": b"\0", "c": b"# coding: nonsense\n"}.items():
        path = tmp_path / f"{name}.py"
        path.write_bytes(content)

        assert documented_functions("m", path) is None


def test_invalid_escapes_warn_nobody(extract):
    """Rule: other people's SyntaxWarnings are not ours (warnings are errors in this suite)."""
    assert extract('def f():\n    """Matches \\d here."""\n')["m.f"].sentence == "Matches \\d here."


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on the path that fails when it is imported."""
    root = tmp_path / "place" / "fragile"
    files = ["__init__.py", "b.py", "a.py", "sub/__init__.py", "sub/c.py", "conftest.py"]
    files += ["tests/test_a.py", "sub/test/x.py", "test_top.py", "testing.py", "data.txt"]
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path / "place")
    return root


def test_packages_are_found_and_not_imported(package):
    """Rule: modules in order of name, tests left out and counted, nothing executed."""
    files, tests = package_files("fragile")

    modules = ["fragile", "fragile.a", "fragile.b", "fragile.sub", "fragile.sub.c"]
    assert [module for module, _ in files] == [*modules, "fragile.testing"]
    assert tests == 4
    assert "fragile" not in sys.modules


def test_a_part_of_a_package_can_be_named(package):
    """Rule: `find_spec` of a dotted name would import the parent; here nothing is imported."""
    files, tests = package_files("fragile.sub")

    assert [module for module, _ in files] == ["fragile.sub", "fragile.sub.c"]
    assert tests == 1
    assert "fragile" not in sys.modules


def test_a_single_module_is_a_package_of_one_file():
    """Rule: a module without a folder is searched too."""
    files, tests = package_files("textwrap")

    assert [module for module, _ in files] == ["textwrap"]
    assert tests == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_package_anywhere", "not installed"),
        ("json.no_such_part", "not installed"),
        ("itertools", "no Python source"),
    ],
)
def test_packages_that_cannot_be_read_are_data_errors(name, words):
    """Rule: named, with what to do."""
    with pytest.raises(DataError, match=words) as caught:
        package_files(name)

    assert caught.value.remedy
