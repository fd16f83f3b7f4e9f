"""Three files by hand: names of ids, and qrels in each of their forms."""

import json

import pytest

from benchharness.data import jsonl
from benchharness.errors import DataError


@pytest.fixture
def files(tmp_path):
    """Paths of a corpus, queries and qrels, each written from rows or text."""

    def write(corpus, queries, qrels):
        paths = []
        parts = {"docs.jsonl": corpus, "asked.jsonl": queries, "judged": qrels}
        for name, content in parts.items():
            listed = not isinstance(content, str)
            paths.append(tmp_path / name)
            text = "\n".join(json.dumps(row) for row in content) if listed else content
            paths[-1].write_text(text)
        return paths

    return write


DOCS = [{"_id": "a", "text": "x"}]
ASKED = [{"_id": "q", "text": "y"}]


@pytest.mark.parametrize("doc_name", ["_id", "id", "doc_id"])
@pytest.mark.parametrize("query_name", ["_id", "id", "query_id"])
def test_ids_stand_under_any_usual_name(files, doc_name, query_name):
    """Rule: `_id`, `id` or `doc_id` / `query_id`."""
    paths = files([{doc_name: "a", "text": "x"}], [{query_name: "q", "text": "y"}], "q\ta\t1\n")

    dataset = jsonl.read(*paths)

    assert list(dataset.corpus.ids) == ["a"]
    assert dataset.queries == {"q": "y"}


@pytest.mark.parametrize(
    "qrels",
    [
        "q\ta\t2\n",
        "query-id\tcorpus-id\tscore\nq\ta\t2\n",
        "q 0 a 2\n",
        "q\t0\ta\t2\n",
        '{"query_id": "q", "doc_id": "a", "relevance": 2}\n',
        '{"query-id": "q", "corpus-id": "a", "score": 2.0}\n',
    ],
)
def test_qrels_are_read_in_every_usual_form(files, qrels):
    """Rule: tab-separated, TREC's four columns and JSON lines say the same."""
    dataset = jsonl.read(*files(DOCS, ASKED, qrels))

    assert dataset.qrels.query_ids == ("q",)
    assert dataset.qrels.doc_ids == ("a",)
    assert dataset.qrels.relevance.tolist() == [2]


@pytest.mark.parametrize(
    ("qrels", "line", "words"),
    [
        ('{"query_id": "q", "doc_id": "a"}', 1, "no relevance"),
        ('{"query_id": "q", "relevance": 1}', 1, "no 'corpus-id' (nor corpus_id, doc_id"),
        ('{"query_id": "q", "doc_id": "a", "relevance": true}', 1, "'True' is not a whole number"),
        ("q 0 a 1\nq 0 b\n", 2, "3 columns, not 4"),
    ],
)
def test_wrong_qrels_name_their_line(files, qrels, line, words):
    """Rule: file:line and what is missing."""
    paths = files(DOCS, ASKED, qrels)

    with pytest.raises(DataError) as caught:
        jsonl.read(*paths)

    assert caught.value.where == f"{paths[2]}:{line}"
    assert words in caught.value.message


def test_an_empty_file_of_qrels_is_no_crash(files):
    """Rule: nothing judged is for the lint to say."""
    assert len(jsonl.read(*files(DOCS, ASKED, "")).qrels) == 0


@pytest.mark.parametrize(
    ("metadata", "groups"),
    [
        ({"lang": "de"}, {"lang": "de"}),
        (
            {"lang": "de", "year": 2026, "share": 0.5},
            {"lang": "de", "year": "2026", "share": "0.5"},
        ),
        ({"long": True, "new": False}, {"long": "true", "new": "false"}),
        ({"lang": "de", "tags": ["a"], "more": {"a": 1}, "none": None}, {"lang": "de"}),
        ({"tags": ["a"]}, None),
        ({}, None),
        (None, None),
        ("de", None),
        (["de"], None),
    ],
)
def test_the_metadata_of_a_query_are_its_groups(files, metadata, groups):
    """Rule: words, numbers and truth values, as JSON writes them; lists and tables name none."""
    dataset = jsonl.read(*files(DOCS, [ASKED[0] | {"metadata": metadata}], "q\ta\t1\n"))

    assert dataset.groups == ({} if groups is None else {"q": groups})


def test_queries_without_metadata_have_no_groups(files):
    asked = [*ASKED, {"id": 7, "text": "z", "metadata": {"lang": "en"}}]

    dataset = jsonl.read(*files(DOCS, asked, "q\ta\t1\n"))

    assert dataset.groups == {"7": {"lang": "en"}}
