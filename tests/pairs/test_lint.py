"""Files of pairs: every finding by itself, where it is, and that an orderly file has none."""

import json
import random
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.similarity import text_key
from benchharness.data.texts import TextTable
from benchharness.errors import DataError
from benchharness.pairs import census as census_module
from benchharness.pairs import leaks, suite_leaks
from benchharness.pairs.batches import SIZES, epoch_of
from benchharness.pairs.census import SourceTally, take_census
from benchharness.pairs.groups import joined, repeated_rows, several
from benchharness.pairs.leaks import find_leaks
from benchharness.pairs.lint import lint_pairs
from benchharness.pairs.pair import read_pairs
from benchharness.testing import TINY_WORDS, HashEncoder

GOOD = [
    {"query": f"question {n} about cards", "positive": f"Answer {n}: see page {n}.",
     "query_id": f"q{n}", "doc_id": f"d{n}", "negatives": [f"Page {n} of another book."]}
    for n in range(5)
]  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def run(rows, name="pairs.jsonl"):
        path = tmp_path / name
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return run


def changed(number, **fields):
    return [row | fields if n == number else row for n, row in enumerate(GOOD)]


def findings(report, *severities):
    chosen = severities or ("error", "warning", "note")
    return {one.code: one for one in report.findings if one.severity in chosen}


# --- each finding -------------------------------------------------------------------------------


def test_an_orderly_file_has_no_finding(write):
    report = lint_pairs([write(GOOD)])

    assert report.findings == ()
    assert (report.pairs, report.queries, report.positives, report.most_of_one) == (5, 5, 5, 1)
    assert report.sources == (("pairs", SourceTally(5, 0, 5)),)
    assert report.largest_batch == 5


@pytest.mark.parametrize(
    ("code", "severity", "rows", "line"),
    [
        ("short-query", "warning", changed(1, query=" x "), 2),
        ("long-query", "warning", changed(2, query="word " * 65), 3),
        ("identical-sides", "warning", changed(1, query="ANSWER 1:  see page 1."), 2),
        ("query-in-positive", "note", changed(3, query="answer 3: SEE"), 4),
        ("query-as-negative", "warning", changed(0, negatives=["Question 0  about cards"]), 1),
        ("repeated-negative", "warning", [row | {"negatives": ["a", "b" if n else "A "]}
                                          for n, row in enumerate(GOOD)], 1),
        ("duplicate-pairs", "warning", [*GOOD, GOOD[2] | {"query": "Question 2 about  CARDS"}], 6),
        ("several-positives", "note", changed(3, query=GOOD[0]["query"], query_id="q0"), 4),
        ("text-under-ids", "warning", [*GOOD, GOOD[0] | {"query": "other words", "doc_id": "d9",
                                                         "query_id": "q9"}], 6),
        ("doc-id-with-texts", "note", changed(4, doc_id="d0"), 5),
        ("query-id-with-texts", "warning", changed(4, query_id="q0"), 5),
        ("uneven-negatives", "warning", changed(2, negatives=[]), 3),
        ("positive-as-negative", "error", changed(2, negatives=["answer 2: see page  2."]), 3),
        ("unreadable", "error", [*GOOD, '{"query": "only"}'], 6),
    ],
)  # fmt: skip
def test_each_oddity_is_found_alone_and_with_its_line(write, code, severity, rows, line):
    """Rule: one odd line in an orderly file gives one finding, which names it."""
    path = write(rows)

    report = lint_pairs([path])

    (found,) = report.findings
    assert (found.code, found.severity) == (code, severity)
    assert found.where.split(", ")[0] == f"{path}:{line}"


def test_a_limit_is_not_an_oddity_yet(write):
    """Rule: two characters and 64 words are allowed."""
    rows = [*changed(1, query="ab"), GOOD[0] | {"query": "word " * 64, "query_id": "q7"}]

    report = lint_pairs([write(rows)])

    assert not {"short-query", "long-query"} & findings(report).keys()


def test_a_positive_of_another_pair_of_the_query_is_no_negative(write):
    """Rule: by text and over files; the same text with another query is one."""
    first = write(changed(0, negatives=["Fine"]), "a.jsonl")
    second = write([{"query": "QUESTION 0 about cards", "positive": "fine", "negatives": ["x"]},
                    {"query": "unasked", "positive": "else", "negatives": ["fine"]}],
                   "b.jsonl")  # fmt: skip

    found = findings(lint_pairs([first, second]), "error")

    assert list(found) == ["positive-as-negative"]
    assert found["positive-as-negative"].where == f"{first}:1"
    assert found["positive-as-negative"].message.startswith("1 of 7 pairs")


def test_every_bad_line_is_counted_and_the_rest_is_read(write):
    """Rule: the first is explained, three are named, and reading goes on."""
    path = write(["{", *GOOD, '{"query": "", "positive": "a"}', "[]", "7"])

    report = lint_pairs([path])

    found = findings(report)["unreadable"]
    assert report.pairs == 5
    assert found.message == "4 lines cannot be read; the first: the line is no JSON object"
    assert found.where == f"{path}:1, {path}:7, {path}:8"


def test_a_line_that_is_not_utf_8_ends_the_reading_with_an_error(write, tmp_path):
    path = write(GOOD)
    path.write_bytes(path.read_bytes() + b'{"query": "caf\xe9", "positive": "a"}\n')

    report = lint_pairs([path])

    assert report.pairs == 5
    assert findings(report, "error")["unreadable"].where == f"{path}:6"


def test_a_file_without_a_pair_is_an_error(write):
    report = lint_pairs([write([])])

    assert [one.code for one in report.findings] == ["no-pairs"]


def test_whoever_watches_is_told_of_pairs(write, monkeypatch):
    monkeypatch.setattr(census_module, "_PAIRS_A_STEP", 2)
    steps = []

    lint_pairs([write(GOOD)], listener=steps.append)

    assert [(one.stage, one.done) for one in steps] == [
        ("read pairs.jsonl", 0), ("read pairs.jsonl", 2), ("read pairs.jsonl", 4),
        ("fill batches", 0),
    ]  # fmt: skip


def test_a_file_that_is_not_there_stops(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        lint_pairs([tmp_path / "gone.jsonl"])


def test_errors_come_first_and_notes_last(write):
    rows = [*changed(3, query="answer 3: see"), "{", GOOD[0]]

    report = lint_pairs([write(rows)])

    assert [one.severity for one in report.findings] == ["error", "warning", "note"]


def test_sources_are_counted_over_all_files(write):
    """Rule: a pair without a source has that of its file; largest first."""
    clicks = write(
        [{"query": f"click {n}", "positive": f"page {n}"} for n in range(3)], "clicks.jsonl"
    )
    made = write([{"query": f"made {n}", "positive": f"text {n}", "source": "llm",
                   "synthetic": n > 0, "negatives": ["n"]} for n in range(2)])  # fmt: skip

    report = lint_pairs([clicks, made])

    assert report.sources == (("clicks", SourceTally(3, 0, 0)), ("llm", SourceTally(2, 1, 2)))


# --- near duplicates ----------------------------------------------------------------------------

LONG = "how do i order a new card when the old one was lost on a journey abroad and i need it soon "


def test_near_duplicate_queries_with_other_positives_are_told(write):
    """Rule: one word of forty differs; with a common positive there is nothing to tell."""
    rows = [{"query": LONG * 2 + end, "positive": f"text {n}"} for n, end in enumerate("ab")]
    alike = [{"query": LONG * 2 + end, "positive": "text"} for end in "ab"]

    apart = findings(lint_pairs([write(rows)]))
    together = findings(lint_pairs([write(alike)]))

    assert apart["near-queries"].severity == "note"
    assert apart["near-queries"].message.startswith("2 queries are near duplicates")
    assert "near-queries" not in together


def test_a_sample_is_said_to_be_one(write, monkeypatch):
    """Rule: what was not searched is told, found or not; the order of lines changes nothing."""
    monkeypatch.setattr(census_module, "NEAR_SAMPLE", 3)
    rows = [{"query": f"question number {n}", "positive": f"t{n}"} for n in range(8)]

    found = lint_pairs([write(rows)])
    turned = lint_pairs([write(rows[::-1])])

    assert findings(found)["near-queries"].message == (
        "no near-duplicate queries were found (sought in a sample of 3 of 8)"
    )
    assert turned.findings == found.findings


def test_the_sample_is_that_of_the_smallest_keys(write, monkeypatch):
    monkeypatch.setattr(census_module, "NEAR_SAMPLE", 4)
    texts = [f"question {n}" for n in range(30)] * 2
    random.Random(0).shuffle(texts)

    census = take_census([write([{"query": text, "positive": "a"} for text in texts])])

    expected = sorted(set(texts), key=text_key)[:4]
    assert sorted(census.query_sample.values(), key=text_key) == expected


# --- length -------------------------------------------------------------------------------------


class Short(HashEncoder):
    max_length = 5


def test_positives_that_the_model_cuts_off_are_counted_by_text(write):
    """Rule: more than five words are cut; a text that comes twice is one."""
    rows = [{"query": f"q {n}", "positive": text} for n, text in enumerate(
        ["one two three four five", "a b c d e f", "A b c d e f", "a b c d e f g"])]  # fmt: skip

    found = findings(lint_pairs([write(rows)], model=Short()))["truncated-positives"]
    unlimited = findings(lint_pairs([write(rows)], model=HashEncoder()))["truncated-positives"]

    assert found.severity == "warning"
    assert found.message == (
        "hash reads 5 tokens: 2 of 3 distinct positives (66.6 %) are longer and are cut off"
    )
    assert unlimited.severity == "note"


# --- batches ------------------------------------------------------------------------------------


def test_what_batches_leave_out_stands_in_the_report(write):
    """Rule: exact texts meet, as in the library; 40 documents of 75 queries each."""
    rows = [{"query": f"q {d} {n}", "positive": f"Text {d}"} for d in range(40) for n in range(75)]

    report = lint_pairs([write(rows)])

    expected = [(d, 10_000 + 75 * d + n) for d in range(40) for n in range(75)]
    assert report.epochs == tuple(epoch_of(expected, size) for size in SIZES)
    assert report.epochs[2].left_out == 1_120
    assert (report.positives, report.most_of_one) == (40, 75)
    assert report.largest_batch == 40


# --- test sides ---------------------------------------------------------------------------------


def held(queries, documents, qrels):
    rows = [(query_id, doc_id, 1, 0) for query_id, doc_id in qrels]
    return Dataset("faq", TextTable.of(documents.items()), queries, Qrels.of(rows))


def test_a_test_query_that_is_trained_on_is_an_error(write):
    test = held({"q1": "Question 1 about cards"}, {"d1": "Answer 1: see page 1."}, [("q1", "d1")])

    found = findings(lint_pairs([write(GOOD)], [test]), "error")

    assert list(found) == ["test-queries-trained-on"]
    assert "what is measured would be memory" in found["test-queries-trained-on"].message


def test_what_is_shared_is_a_warning_and_nothing_is_a_note(write):
    """Rule: a document that other queries are tested on may be wanted; it is counted."""
    shared = held({"t": "another question"}, {"x": "answer 1: SEE page 1."}, [("t", "x")])
    apart = held({"t": "another question"}, {"x": "elsewhere"}, [("t", "x")])

    warned = findings(lint_pairs([write(GOOD)], [shared]))
    noted = findings(lint_pairs([write(GOOD)], [apart]))

    assert warned["shared-with-the-test"].severity == "warning"
    assert "trained on with other queries: 1 relevant document" in (
        warned["shared-with-the-test"].message
    )
    assert noted["test-side"].severity == "note"


@pytest.mark.parametrize("seed", range(4))
def test_the_pairs_that_are_read_again_give_away_as_much_as_all(write, monkeypatch, seed):
    """Reference: `find_leaks` on every pair, with small samples so that many are left out."""
    monkeypatch.setattr(leaks, "NEAR_SAMPLE", 60)
    monkeypatch.setattr(suite_leaks, "NEAR_SAMPLE", 60)
    rng = random.Random(seed)

    def text(words):
        return " ".join(rng.choices(TINY_WORDS, k=words))

    queries = {f"t{n}": text(40) for n in range(12)}
    documents = {f"x{n}": text(40) for n in range(12)}
    test = held(queries, documents, [(f"t{n}", f"x{n}") for n in range(12)])
    rows = [{"query": text(12), "positive": text(20), "query_id": f"p{n}"} for n in range(300)]
    rows += [{"query": queries["t1"].upper(), "positive": text(9), "query_id": "p"}]
    rows += [{"query": text(9), "positive": documents["x2"], "doc_id": "other"}]
    rows += [{"query": text(9), "positive": text(9), "doc_id": "x3"}]
    rows += [{"query": text(9), "positive": text(9), "query_id": "t4"}]
    rows += [{"query": f"{queries[f't{n}']} and", "positive": f"{documents[f'x{n}']} too"}
             for n in range(5, 12)]  # fmt: skip
    rng.shuffle(rows)
    path = write(rows)

    chosen = list(suite_leaks.touching(take_census([path]), test))

    whole, part = find_leaks(read_pairs(path), test), find_leaks(chosen, test)
    assert len(chosen) < 160
    assert whole.near_queries + whole.near_documents > 0
    assert part.test_queries_touched >= {"t1", "t2", "t3"}
    fields = ("near_queries", "shared_documents", "near_documents", "test_queries_touched", "n",
              "equal_queries", "by_id_only", "same_ids", "examples")  # fmt: skip
    assert [getattr(part, name) for name in fields] == [getattr(whole, name) for name in fields]


# --- memory and groups --------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_length_of_the_texts(write, monkeypatch):
    """Rule: texts are read and left, but for a sample; 3 MB of positives leave less than 1 MB."""
    monkeypatch.setattr(census_module, "NEAR_SAMPLE", 10)
    path = write([{"query": f"q {n}", "positive": f"{n} " + "x" * 3_000} for n in range(1_000)])
    take_census([path])
    tracemalloc.start()

    census = take_census([path])

    assert len(census) == 1_000
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40))
def test_groups_are_those_of_a_dictionary(rows):
    """Reference: sets and counters over the same values; 0 stands for none."""
    own = np.array([row[0] for row in rows], dtype=np.uint64)
    beside = np.array([row[1] for row in rows], dtype=np.uint64)

    again = repeated_rows(joined(own, beside))
    count, places = several(own, beside)

    assert again.tolist() == [n for n, row in enumerate(rows) if row in rows[:n]]
    others = {}
    for first, second in rows:
        if first and second:
            others.setdefault(first, set()).add(second)
    assert count == sum(len(one) > 1 for one in others.values())
    assert Counter(own[places].tolist()) == {k: len(v) - 1 for k, v in others.items() if len(v) > 1}
