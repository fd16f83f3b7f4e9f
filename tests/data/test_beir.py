"""BEIR folders: what is read, and every way in which a file can be wrong."""

import gzip
import json
import random

import pytest
import zstandard

from benchharness.data import beir
from benchharness.errors import DataError


def test_a_document_is_title_blank_text_stripped(make_beir):
    """Rule 8 of the design: title + " " + text, stripped; a missing or null title is nothing."""
    corpus = [
        {"_id": "a", "title": " Title ", "text": " text \n"},
        {"_id": "b", "title": None, "text": "only text"},
        {"_id": "c", "text": "only text"},
        {"_id": "d", "title": "only title", "text": ""},
    ]

    dataset = beir.read(make_beir(corpus=corpus), "test")

    assert list(dataset.corpus.texts) == ["Title   text", "only text", "only text", "only title"]


def test_the_parts_of_a_folder_become_a_dataset(make_beir):
    """Rule: documents in order of id, qrels in order of (query_id, doc_id) with their lines."""
    folder = make_beir(qrels="query-id\tcorpus-id\tscore\nq2\td2\t2\nq1\td10\t0\nq1\td1\t1\n")

    dataset = beir.read(folder, "test")

    assert dataset.name == "set"
    assert list(dataset.corpus.ids) == ["d1", "d10", "d2"]
    assert dataset.corpus.line_at(2) == 1
    assert dataset.queries == {"q1": "who sleeps", "q2": "who makes honey"}
    assert dataset.qrels.query_ids == ("q1", "q1", "q2")
    assert dataset.qrels.doc_ids == ("d1", "d10", "d2")
    assert dataset.qrels.relevance.tolist() == [1, 0, 2]
    assert dataset.qrels.lines.tolist() == [4, 3, 2]
    assert dataset.qrels.source == str(folder / "qrels" / "test.tsv")
    assert dataset.details == (("split", "test"),)


@pytest.mark.parametrize("header", ["", "query-id\tcorpus-id\tscore\n", "qid\tdocno\trel\n"])
def test_qrels_are_read_with_and_without_a_header(make_beir, header):
    """Rule: a header is known by its names, so that no judgment is taken for one."""
    dataset = beir.read(make_beir(qrels=f"{header}q1\td1\t1\n"), "test")

    assert len(dataset.qrels) == 1


def test_a_query_that_is_called_query_is_no_header(make_beir):
    """Rule: a first line with a whole number for a grade is a judgment."""
    dataset = beir.read(make_beir(qrels="query\td1\t1\n"), "test")

    assert dataset.qrels.query_ids == ("query",)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_folders_are_the_same_dataset(make_beir, suffix):
    """Rule: the fingerprint is that of the content, not of the files."""
    plain = beir.read(make_beir("plain"), "test").fingerprint
    folder = make_beir("packed")
    pack = gzip.compress if suffix == ".gz" else zstandard.compress
    for path in [*folder.glob("*.jsonl"), *folder.glob("qrels/*.tsv")]:
        path.with_name(path.name + suffix).write_bytes(pack(path.read_bytes()))
        path.unlink()

    packed = beir.read(folder, "test").fingerprint

    assert packed == plain


def test_the_order_of_the_files_is_not_in_the_fingerprint(make_beir):
    """Rule: identity is content; shuffling the lines of every file changes nothing."""
    corpus = [{"_id": f"d{n}", "text": f"text {n * n}"} for n in range(50)]
    queries = [{"_id": f"q{n}", "text": f"query {n}"} for n in range(20)]
    qrels = [f"q{n}\td{n}\t1" for n in range(20)]
    first = make_beir("a", corpus=corpus, queries=queries, qrels="\n".join(qrels))
    for rows in (corpus, queries, qrels):
        random.Random(0).shuffle(rows)
    second = make_beir("b", corpus=corpus, queries=queries, qrels="\n".join(qrels))

    assert beir.read(first, "test").fingerprint == beir.read(second, "test").fingerprint


def test_each_part_is_hashed_apart(make_beir):
    """Rule: a changed judgment changes the qrels' hash and neither the corpus' nor the queries'."""
    before = beir.read(make_beir("a"), "test").fingerprint
    after = beir.read(make_beir("b", qrels="q1\td1\t1\nq2\td2\t1\n"), "test").fingerprint

    assert (before.corpus, before.queries) == (after.corpus, after.queries)
    assert before.qrels != after.qrels
    assert before.whole != after.whole


def test_whole_numbers_are_ids(make_beir):
    """Rule: ids are strings; numbers in JSON are converted, so they meet the qrels' strings."""
    folder = make_beir(
        corpus=[{"_id": 7, "text": "x"}], queries=[{"_id": 1, "text": "y"}], qrels="1\t7\t1\n"
    )

    dataset = beir.read(folder, "test")

    assert dataset.relevance.doc_rows.tolist() == [0]


def test_grades_may_be_written_as_whole_floats(make_beir):
    """Rule: "1.0" is 1, negative grades are not relevant."""
    dataset = beir.read(make_beir(qrels="q1\td1\t1.0\nq1\td2\t-2\nq2\td2\t+3\n"), "test")

    assert dataset.qrels.relevance.tolist() == [1, -2, 3]
    assert dataset.relevance.grades.tolist() == [1, 3]


def test_a_judgment_given_twice_counts_once(make_beir):
    """Rule: the same judgment again is left out and counted."""
    dataset = beir.read(make_beir(qrels="q1\td1\t1\nq1\td1\t1.0\nq1\td1\t1\n"), "test")

    assert len(dataset.qrels) == 1
    assert dataset.left_out == (("judgments given again with the same grade", 2),)


def test_a_query_given_twice_counts_once(make_beir):
    """Rule: the same query again is left out and counted."""
    queries = [{"_id": "q1", "text": "who"}, {"_id": "q1", "text": "who "}]

    dataset = beir.read(make_beir(queries=queries), "test")

    assert dataset.queries == {"q1": "who"}
    assert dataset.left_out == (("queries given again with the same text", 1),)


GOOD = '{"_id": "x1", "text": "fine"}\n'

MALFORMED = [
    # part, content, place, words
    ("corpus", GOOD * 213 + "{broken", "corpus.jsonl:214", ["not valid JSON", "column 2"]),
    ("corpus", GOOD + "[1, 2]", "corpus.jsonl:2", ["a list, not an object"]),
    ("corpus", GOOD + '"text"', "corpus.jsonl:2", ["a string, not an object"]),
    ("corpus", '{"id_": "a", "text": "x"}', "corpus.jsonl:1", ["no '_id'", "'id_', 'text'"]),
    ("corpus", '{"_id": null, "text": "x"}', "corpus.jsonl:1", ["'_id' is a null"]),
    ("corpus", '{"_id": true, "text": "x"}', "corpus.jsonl:1", ["'_id' is a true or false"]),
    ("corpus", '{"_id": 1.5, "text": "x"}', "corpus.jsonl:1", ["'_id' is a number"]),
    ("corpus", '{"_id": "", "text": "x"}', "corpus.jsonl:1", ["'_id' is empty"]),
    ("corpus", GOOD + '\n{"_id": "a"}', "corpus.jsonl:3", ["no 'text'", "'_id'"]),
    ("corpus", '{"_id": "a", "text": null}', "corpus.jsonl:1", ["'text' is a null"]),
    ("corpus", '{"_id": "a", "text": ["x"]}', "corpus.jsonl:1", ["'text' is a list"]),
    ("corpus", '{"_id": "a", "title": 3, "text": ""}', "corpus.jsonl:1", ["'title' is a number"]),
    ("corpus", '{"_id": "a", "text": "\\ud83d"}', "corpus.jsonl:1", ["surrogate", "\\ud83d"]),
    ("corpus", GOOD.encode() + b'{"_id": "\xff"}', "corpus.jsonl:2", ["not UTF-8", "0xff"]),
    ("corpus", "[" * 100_000, "corpus.jsonl:1", ["not usable JSON"]),
    ("corpus", GOOD + GOOD.replace("fine", "else"), "corpus.jsonl:2", ["'x1'", "corpus.jsonl:1"]),
    ("queries", "{", "queries.jsonl:1", ["not valid JSON"]),
    ("queries", '{"_id": "a", "query": "x"}', "queries.jsonl:1", ["no 'text'", "'query'"]),
    ("queries", GOOD + GOOD.replace("fine", "else"), "queries.jsonl:2", ["'x1'", "another text"]),
    ("qrels", "q1\td1\n", "qrels/test.tsv:1", ["2 tab-separated columns, not 3"]),
    ("qrels", "q1 0 d1 1\n", "qrels/test.tsv:1", ["1 tab-separated columns"]),
    ("qrels", "q1\td1\t1\nq1\td2\t0.5\n", "qrels/test.tsv:2", ["'0.5' is not a whole number"]),
    ("qrels", "q1\td1\tyes\n", "qrels/test.tsv:1", ["'yes' is not a whole number"]),
    ("qrels", "q1\td1\tnan\n", "qrels/test.tsv:1", ["'nan' is not a whole number"]),
    ("qrels", "q1\td1\t99999999999\n", "qrels/test.tsv:1", ["too large"]),
    ("qrels", "q1\t\t1\n", "qrels/test.tsv:1", ["'corpus-id' is empty"]),
    ("qrels", "q1\td1\t1\nq1\td1\t2\n", "qrels/test.tsv:2", ["judged 2", "1 at", "test.tsv:1"]),
]


@pytest.mark.parametrize(("part", "content", "place", "words"), MALFORMED)
def test_what_cannot_be_read_is_named_with_its_line(make_beir, part, content, place, words):
    """Rule: one DataError with file:line, what is wrong, and a remedy where there is one."""
    folder = make_beir(**{part: content})

    with pytest.raises(DataError) as caught:
        beir.read(folder, "test")

    assert caught.value.where == f"{folder}/{place}"
    for word in words:
        assert word in caught.value.message


def test_fractions_of_a_grade_come_with_a_remedy(make_beir):
    """Rule: grades are not rounded silently; the message says what to do."""
    with pytest.raises(DataError) as caught:
        beir.read(make_beir(qrels="q1\td1\t0.5\n"), "test")

    assert "scale or round" in caught.value.remedy


def test_a_missing_split_names_those_that_exist(make_beir):
    """Rule: compressed splits count; the nearest name is offered."""
    folder = make_beir()
    (folder / "qrels" / "train.tsv.gz").write_bytes(gzip.compress(b"q1\td1\t1\n"))

    with pytest.raises(DataError, match="split 'tets'") as caught:
        beir.read(folder, "tets")

    assert caught.value.where == str(folder / "qrels")
    assert "test, train" in caught.value.message
    assert "did you mean test?" in caught.value.remedy
    assert len(beir.read(folder, "train").qrels) == 1


@pytest.mark.parametrize("missing", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_a_data_error(make_beir, missing):
    """Rule: the path and what was looked for, before any other file is read."""
    folder = make_beir(corpus="not json")
    (folder / missing).unlink()

    with pytest.raises(DataError) as caught:
        beir.read(folder, "test")

    assert caught.value.where in (str(folder / missing), str(folder / "qrels"))
    assert missing.rpartition("/")[2] in caught.value.message


def test_a_missing_folder_is_a_data_error(tmp_path):
    """Rule: the folder as given."""
    with pytest.raises(DataError, match="no such folder") as caught:
        beir.read(tmp_path / "none", "test")

    assert caught.value.where == str(tmp_path / "none")


def test_empty_files_are_no_crash(make_beir):
    """Rule: an empty corpus or no judgment is an error of the lint, which sees the whole."""
    dataset = beir.read(
        make_beir(corpus="", queries="", qrels="query-id\tcorpus-id\tscore\n"), "test"
    )

    assert (len(dataset.corpus), len(dataset.queries), len(dataset.qrels)) == (0, 0, 0)
    assert len(dataset.relevance) == 0
    assert len(dataset.fingerprint.whole) == 64


def test_json_numbers_survive_as_they_are_written(make_beir):
    """Rule: an id of many digits is not rounded on its way through JSON."""
    long_id = 12345678901234567890123
    folder = make_beir(corpus=json.dumps({"_id": long_id, "text": "x"}))

    assert list(beir.read(folder, "test").corpus.ids) == [str(long_id)]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_metadata_of_queries_are_their_groups(make_beir, suffix):
    """Rule: `metadata` as BEIR has it, read from packed files too; other fields are none."""
    queries = [
        {"_id": "q1", "text": "who sleeps", "metadata": {"lang": "en", "year": 2026}},
        {"_id": "q2", "text": "who makes honey", "metadata": {}, "lang": "de"},
    ]
    folder = make_beir(queries=queries)
    if suffix:
        path = folder / "queries.jsonl"
        path.with_name("queries.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()

    dataset = beir.read(folder, "test")

    assert dataset.groups == {"q1": {"lang": "en", "year": "2026"}}
