"""Search over a package's docstrings: what is left out, merged and held out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import benchharness
from benchharness.data import docstrings
from benchharness.data.lint import lint
from benchharness.errors import DataError

LONG = "It goes on " + "and on " * 10 + "until it has told {} at length."

SOURCE = f'''
def alpha(x):
    """Turn alpha into gold. {LONG.format("alpha")}"""
    y = x
    return y

def beta(x):
    """Turn beta into gold. {LONG.format("beta")}"""
    z = x + 1
    return z

def again(x):
    """Turn  ALPHA into
    gold. {LONG.format("again")}"""
    for y in x:
        print(y)

def copied(x):
    """Copy the body of alpha. {LONG.format("  alpha").upper()}"""
    y  =  x

    return y

def copy_of_alpha(argument):
    """Copy of the body. Short rest."""
    y = x
    return y

def trivial(x):
    """Return nothing but this. {LONG.format("trivial")}"""
    return x

def terse(x):
    """Too short. {LONG.format("terse")}"""
    y = x
    return y

class C:
    def __repr__(self):
        """Show the whole class. {LONG.format("repr")}"""
        y = x
        return y

    @property
    def size(self):
        """The size in bytes. {LONG.format("size")}"""
        y = self
        return y

    @size.setter
    def size(self, value):
        """Set the size in bytes. {LONG.format("setter")}"""
        y = value
        self.y = y
'''


@pytest.fixture
def alchemy(tmp_path, monkeypatch):
    """An installed package of one module and one test file."""
    folder = tmp_path / "site" / "alchemy"
    (folder / "tests").mkdir(parents=True)
    (folder / "__init__.py").write_text(SOURCE)
    (folder / "tests" / "test_it.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return "alchemy"


def test_code_is_searched_by_its_first_sentence(alchemy):
    """Rule: ids are module.qualname, query ids `q:` + the smallest doc_id; equal queries merge."""
    found = docstrings.extract(alchemy, "code")

    assert sorted(found.documents) == [
        "alchemy.C.size",
        "alchemy.again",
        "alchemy.alpha",
        "alchemy.beta",
    ]
    assert found.documents["alchemy.alpha"] == "def alpha(x):\n    y = x\n    return y"
    assert found.queries == {
        "q:alchemy.C.size": "The size in bytes.",
        "q:alchemy.again": "Turn ALPHA into gold.",
        "q:alchemy.beta": "Turn beta into gold.",
    }
    assert found.pairs == (
        ("q:alchemy.C.size", "alchemy.C.size"),
        ("q:alchemy.again", "alchemy.again"),
        ("q:alchemy.again", "alchemy.alpha"),
        ("q:alchemy.beta", "alchemy.beta"),
    )


def test_whatever_is_left_out_of_code_is_counted(alchemy):
    """Rule: every documented function is a document or is counted under one reason."""
    found = docstrings.extract(alchemy, "code")

    assert dict(found.left_out) == {
        docstrings.TESTS: 1,
        docstrings.SAME_NAME: 1,
        docstrings.SPECIAL: 1,
        docstrings.SHORT_QUERY: 1,
        docstrings.TRIVIAL: 1,
        docstrings.DUPLICATE["code"]: 2,
    }


def test_prose_is_the_docstring_after_its_first_sentence(alchemy):
    """Rule: bodies do not matter; short and repeated rests are left out and counted."""
    found = docstrings.extract(alchemy, "prose")

    assert found.documents["alchemy.trivial"] == LONG.format("trivial")
    assert "alchemy.copied" not in found.documents or "alchemy.alpha" not in found.documents
    assert dict(found.left_out) == {
        docstrings.TESTS: 1,
        docstrings.SAME_NAME: 1,
        docstrings.SPECIAL: 1,
        docstrings.SHORT_QUERY: 1,
        docstrings.SHORT_PROSE: 1,
        docstrings.DUPLICATE["prose"]: 1,
    }


def test_queries_are_grouped_by_the_first_two_names_of_their_module(alchemy):
    """Rule: slices are cut by `subpackage`; only queries that were drawn have groups."""
    dataset = docstrings.read(alchemy, "code", queries=None, split="test", seed=0)

    assert dataset.groups == {
        "q:alchemy.C.size": {"subpackage": "alchemy.C"},
        "q:alchemy.again": {"subpackage": "alchemy.again"},
        "q:alchemy.beta": {"subpackage": "alchemy.beta"},
    }
    assert dataset.groups.keys() == dataset.queries.keys()


def test_the_dataset_labels_its_queries(alchemy):
    """Rule: synthetic queries are labelled, and the package's version is a detail."""
    dataset = docstrings.read(alchemy, "code", queries=None, split="test", seed=0)

    assert dataset.query_origin == "docstrings"
    assert dataset.name == "alchemy-code"
    assert ("package", "alchemy unknown") in dataset.details
    assert len(dataset.qrels) == 4
    assert not any(finding.code == "same-ids" for finding in lint(dataset))


def test_a_package_without_documented_functions_is_a_data_error(tmp_path, monkeypatch):
    """Rule: nothing to search is said at once."""
    (tmp_path / "bare.py").write_text("def f(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(DataError, match="no function of 'bare'"):
        docstrings.read("bare", "code", queries=None, split="test", seed=0)


@pytest.fixture(scope="module")
def halves():
    """The two splits of the standard library's email package."""
    read = {"queries": 40, "seed": 3}
    return [docstrings.read("email", "code", split=split, **read) for split in ("test", "train")]


def test_test_and_train_share_neither_query_nor_relevant_document(halves):
    """Rule: split by component; together they are all queries, and both see the whole corpus."""
    test, train = halves
    whole = docstrings.extract("email", "code")

    assert len(test.queries) == 40
    assert test.queries.keys() | train.queries.keys() == whole.queries.keys()
    assert not test.queries.keys() & train.queries.keys()
    assert not set(test.qrels.doc_ids) & set(train.qrels.doc_ids)
    assert len(test.qrels) + len(train.qrels) == len(whole.pairs)
    assert test.corpus.fingerprint == train.corpus.fingerprint
    assert len(test.corpus) == len(whole.documents)


def test_another_seed_draws_other_queries(halves):
    """Rule: the seed picks the test queries and changes no document."""
    other = docstrings.read("email", "code", queries=40, split="test", seed=4)

    assert other.queries != halves[0].queries
    assert other.fingerprint.corpus == halves[0].fingerprint.corpus


def test_more_queries_than_there_are_cannot_be_held_out(alchemy):
    """Rule: both numbers are in the message."""
    with pytest.raises(DataError, match="has 3 queries; 3 cannot be held out"):
        docstrings.read(alchemy, "code", queries=3, split="test", seed=0)


def test_the_standard_library_has_pythons_version():
    """Rule: what is shipped with Python is named by its version."""
    dataset = docstrings.read("email", "prose", queries=None, split="test", seed=0)

    assert dict(dataset.details)["package"].startswith("email of Python 3.")


DIGEST = """
import json, sys
from benchharness.data.docstrings import extract
from benchharness.data.components import components, held_out
found = extract(sys.argv[1], "code")
drawn = held_out(components(found.pairs), 40, 0)
print(json.dumps([len(found.documents), found.digest, sorted(drawn)]))
"""


def test_the_hash_seed_of_python_changes_nothing(halves):
    """Rule: the same triples and the same draw in every process."""
    root = str(Path(benchharness.__file__).parents[1])
    outputs = {
        subprocess.run(
            [sys.executable, "-S", "-c", DIGEST, "email"],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": root},
        ).stdout
        for hash_seed in ("0", "1", "2")
    }

    assert len(outputs) == 1
    assert json.loads(outputs.pop())[0] == len(halves[0].corpus)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "document", "queries", "version", "documents", "digest"),
    [
        (
            "sympy",
            "code",
            1000,
            "1.14.0",
            5380,
            "bcec30341d21ae998d4faf42e1cf1ef218864c3d4b65edea29190e2e73382f9b",
        ),
        (
            "networkx",
            "prose",
            500,
            "3.6.1",
            1172,
            "0255e8f460a46d61697557c3ab4cd13f2c5f0ca9a27a6d4eadb2925503eae2f7",
        ),
    ],
)
def test_the_shipped_corpora_are_the_same_on_every_python(
    package, document, queries, version, documents, digest
):
    """Rule: the pinned packages give these documents, on 3.11, 3.12 and 3.13 alike."""
    found = docstrings.extract(package, document)
    dataset = docstrings.read(package, document, queries=queries, split="test", seed=0)

    assert dict(dataset.details)["package"] == f"{package} {version}"
    assert len(found.documents) == len(dataset.corpus) == documents
    assert found.digest == digest
    assert len(dataset.relevance) == queries
