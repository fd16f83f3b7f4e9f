"""References name data sets, read nothing and refuse what cannot be meant."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchharness.data import references
from benchharness.errors import UsageError
from benchharness.suite import DatasetReference

HEAVY = ("numpy", "pyarrow", "datasets", "ir_datasets", "scipy", "pandas", "torch", "zstandard")


def test_references_are_equal_where_their_arguments_are():
    """Rule: a reference is data: sorted options, paths as text, nothing of the file system."""
    first = references.beir(Path("data/faq"), split="dev")
    second = references.beir("data/faq", "dev")

    assert first == second
    assert first == DatasetReference("beir", (("path", "data/faq"), ("split", "dev")))
    assert hash(first) == hash(second)


def test_every_source_has_a_reference():
    """Rule: kinds and options are what the readers expect."""
    pin = "AB" * 32

    assert references.trec("c", "t", "q").options == (
        ("corpus", "c"),
        ("qrels", "q"),
        ("topics", "t"),
    )
    assert references.jsonl("c", "x", "q", sha256=pin).sha256 == "ab" * 32
    assert references.ir_datasets("beir/scifact/test").options == (("id", "beir/scifact/test"),)
    assert dict(references.hub("mteb/scifact", revision="v1").options) == {
        "id": "mteb/scifact",
        "split": "test",
        "revision": "v1",
        "qrels": None,
    }
    assert dict(references.docstrings("networkx", "prose", queries=500).options) == {
        "package": "networkx",
        "document": "prose",
        "queries": 500,
        "split": "test",
        "seed": 0,
    }


def test_importing_references_brings_in_nothing_heavy():
    """Rule: suites are collected by every pytest run, so this module is the standard library."""
    code = (
        "import sys, benchharness.data.references\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: references.beir(""), "path is ''"),
        (lambda: references.beir(3), "path is 3"),
        (lambda: references.beir("x", split=""), "split is ''"),
        (lambda: references.beir("x", sha256="abc"), "64 hexadecimal digits"),
        (lambda: references.hub(None), "id is None"),
        (lambda: references.docstrings("not a name"), "not the name of a Python package"),
        (lambda: references.docstrings("x", "cod"), "'cod' of docstrings is unknown"),
        (lambda: references.docstrings("x", queries=0), "queries is 0"),
        (lambda: references.docstrings("x", queries=True), "queries is True"),
        (lambda: references.docstrings("x", seed="a"), "seed is 'a'"),
        (lambda: references.docstrings("x", split="dev"), "no split 'dev'"),
        (lambda: references.docstrings("x", split="train"), "no split 'train'"),
    ],
)
def test_wrong_arguments_are_refused_at_once(make, words):
    """Rule: a suite file with a wrong reference fails when it is collected, with a remedy."""
    with pytest.raises(UsageError) as caught:
        make()

    assert words in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("beir:data/faq", references.beir("data/faq", "dev")),
        ("beir:C:/data", references.beir("C:/data", "dev")),
        ("hub:mteb/scifact", references.hub("mteb/scifact", "dev")),
        ("ir_datasets:beir/scifact/test", references.ir_datasets("beir/scifact/test")),
    ],
)
def test_references_are_spelled_on_the_command_line(spelled, expected):
    """Rule: KIND:ARGUMENT, cut at the first colon."""
    assert references.parse_reference(spelled, split="dev") == expected


def test_docstrings_are_spelled_on_the_command_line():
    """Rule: all queries of the package, judged on its code."""
    assert references.parse_reference("docstrings:networkx") == references.docstrings("networkx")


@pytest.mark.parametrize(
    ("spelled", "words"),
    [
        ("data/faq", "beir:data/faq"),
        ("", "beir:DIR"),
        ("bier:data/faq", "did you mean beir?"),
        ("beir:", "beir:DIR"),
        ("trec:a,b,c", "dataset=trec(...)"),
    ],
)
def test_what_cannot_be_spelled_comes_with_a_remedy(spelled, words):
    """Rule: the remedy shows what to type."""
    with pytest.raises(UsageError) as caught:
        references.parse_reference(spelled)

    assert words in caught.value.remedy
