"""The text table: order, look-up, repeated ids, and memory."""

import hashlib
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.data.texts import TextTable, TextTableBuilder
from benchharness.errors import DataError

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
DOCUMENTS = st.dictionaries(IDS, st.text(st.characters(codec="utf-8"), max_size=30), max_size=40)


def table_of(documents, **thresholds):
    builder = TextTableBuilder(None, **thresholds)
    for line, (doc_id, text) in enumerate(documents, start=1):
        builder.add(doc_id, text, line)
    return builder.finish("corpus.jsonl")


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_documents_stand_in_order_of_id_whatever_the_order_of_the_file(documents, random):
    """Rule: row order is the order of the id's UTF-8 bytes, which is Python's order of str."""
    shuffled = list(documents.items())
    random.shuffle(shuffled)

    table = table_of(shuffled, spill_bytes=100, batch_bytes=200)

    assert list(table.ids) == sorted(documents)
    assert list(table.ids) == sorted(documents, key=str.encode)
    assert list(table.texts) == [documents[doc_id] for doc_id in sorted(documents)]
    lines = {doc_id: line for line, (doc_id, _) in enumerate(shuffled, start=1)}
    assert [table.line_at(row) for row in range(len(table))] == [lines[i] for i in table.ids]


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_fingerprint_depends_on_content_alone(documents, random):
    """Rule: the fingerprint ignores file order, batches and spilling; it is the plain sha256."""
    shuffled = list(documents.items())
    random.shuffle(shuffled)
    expected = hashlib.sha256()
    for doc_id in sorted(documents):
        for value in (doc_id, documents[doc_id]):
            expected.update(len(value.encode()).to_bytes(8, "little") + value.encode())

    kept = table_of(documents.items()).fingerprint
    spilled = table_of(shuffled, spill_bytes=100, batch_bytes=200).fingerprint

    assert kept == spilled == expected.hexdigest()


def test_fingerprint_tells_where_an_id_ends():
    """Rule: lengths are hashed, so that moving a letter from id to text changes the hash."""
    assert TextTable.of([("ab", "c")]).fingerprint != TextTable.of([("a", "bc")]).fingerprint


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS.filter(bool), st.data())
def test_texts_are_a_sequence_like_a_list(documents, data):
    """Rule: indices, slices and take behave as those of a list of the same strings."""
    table = table_of(documents.items(), spill_bytes=100, batch_bytes=200)
    plain = [documents[doc_id] for doc_id in sorted(documents)]
    rows = data.draw(st.lists(st.integers(-len(plain), len(plain) - 1), max_size=20))
    cut = data.draw(st.slices(len(plain)))

    taken = table.texts.take(rows)

    assert taken == [plain[row] for row in rows]
    assert table.texts[cut] == plain[cut]
    assert [table.texts[row] for row in rows] == taken


def test_a_row_outside_the_table_is_an_index_error():
    """Rule: as for a list, so that iteration protocols work."""
    table = TextTable.of([("a", "x")])

    with pytest.raises(IndexError):
        table.texts[1]


def test_rows_of_ids_are_minus_one_where_absent():
    """Rule: rows_of answers in the order of the question, repeated ids included."""
    table = TextTable.of([("b", "2"), ("a", "1"), ("é", "3")])

    rows = table.rows_of(["é", "x", "a", "a", ""])

    assert rows.dtype == np.int64
    assert rows.tolist() == [2, -1, 0, 0, -1]
    assert [table.id_at(row) for row in (0, 1, 2)] == ["a", "b", "é"]


def test_an_empty_table_answers_everything():
    """Rule: an empty corpus is a finding of the lint, not a crash of the reader."""
    table = TextTable.of([])

    assert len(table) == 0
    assert list(table.texts) == []
    assert table.rows_of(["a"]).tolist() == [-1]
    assert table.fingerprint == hashlib.sha256().hexdigest()


def test_a_repeated_id_with_the_same_text_is_kept_once_and_counted():
    """Rule: repeats change neither content nor fingerprint; the first line is remembered."""
    table = table_of([("b", "2"), ("a", "1"), ("b", "2"), ("b", "2")])

    assert list(table.ids) == ["a", "b"]
    assert table.repeated == 2
    assert table.repeated_at == (("b", 3), ("b", 4))
    assert table.line_at(1) == 1
    assert table.fingerprint == TextTable.of([("a", "1"), ("b", "2")]).fingerprint


def test_a_repeated_id_with_another_text_names_both_lines():
    """Rule: which of two texts is meant cannot be guessed, so reading stops."""
    with pytest.raises(DataError) as caught:
        table_of([("b", "2"), ("a", "1"), ("b", "two")])

    assert caught.value.where == "corpus.jsonl:3"
    assert "'b'" in caught.value.message
    assert "corpus.jsonl:1" in caught.value.message


def test_half_a_surrogate_pair_is_a_data_error():
    """Rule: text that is no Unicode stops with its id, not with a UnicodeEncodeError."""
    with pytest.raises(DataError, match="surrogate") as caught:
        TextTable.of([("a", "fine"), ("b", "\ud800")])

    assert caught.value.where == "'b'"


def test_a_spill_folder_that_does_not_exist_is_a_data_error(tmp_path):
    """Rule: the folder is named, with what to do."""
    builder = TextTableBuilder(tmp_path / "none", spill_bytes=1, batch_bytes=1)

    with pytest.raises(DataError, match="temporary file") as caught:
        builder.add("a", "text", 1)

    assert caught.value.where == str(tmp_path / "none")


def test_the_spill_file_has_no_name(tmp_path):
    """Rule: nothing is left behind, even by a process that is killed."""
    builder = TextTableBuilder(tmp_path, spill_bytes=10, batch_bytes=10)
    for number in range(50):
        builder.add(f"d{number:02}", f"text {number}", number)
    table = builder.finish()

    assert list(tmp_path.iterdir()) == []
    assert table.texts[7] == "text 7"


PEAK = textwrap.dedent(
    """
    import json, pathlib, resource, sys
    kind, path = sys.argv[1], pathlib.Path(sys.argv[2])
    if kind == "dicts":
        corpus = [json.loads(line) for line in path.open()]
        count = len(corpus)
    elif kind == "nothing":
        import pyarrow, pyarrow.compute, numpy
        count = 0
    else:
        from benchharness.data.jsonl import read_corpus
        table = read_corpus(path)
        count = len(table)
        assert table.fingerprint
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    anonymous = next(
        int(line.split()[1]) / 1024
        for line in open("/proc/self/status")
        if line.startswith("RssAnon")
    )
    print(json.dumps([count, peak, anonymous]))
    """
)


def peak_of(kind, path):
    """(documents, peak megabytes, megabytes that are not the mapped file) of a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, kind, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return json.loads(done.stdout)


def write_corpus(path, count):
    filler = "lorem ipsum dolor sit amet " * 25
    with path.open("w") as stream:
        for number in range(count):
            record = {"_id": f"doc{number * 7919 % count}", "text": f"{number} {filler}"}
            stream.write(json.dumps(record) + "\n")


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")


@linux
def test_200_000_documents_are_read_in_bounded_memory(tmp_path):
    """Rule: beyond the libraries, reading needs less than half of the text's own size."""
    corpus = tmp_path / "corpus.jsonl"
    write_corpus(corpus, 200_000)
    _, libraries, _ = peak_of("nothing", corpus)

    count, _, anonymous = peak_of("table", corpus)

    assert count == 200_000
    assert anonymous - libraries < 0.5 * corpus.stat().st_size / 2**20


@linux
@pytest.mark.slow
def test_a_million_documents_are_read_in_bounded_memory(tmp_path):
    """Rule: the peak, mapped pages included, stays below 1.2 GB and far below that of dicts."""
    corpus = tmp_path / "corpus.jsonl"
    write_corpus(corpus, 1_000_000)

    count, peak, anonymous = peak_of("table", corpus)
    _, of_dicts, _ = peak_of("dicts", corpus)

    assert count == 1_000_000
    assert peak < 1200
    assert anonymous < 300
    assert of_dicts > 4 * anonymous
