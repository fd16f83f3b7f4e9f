"""What is trained on: each pair of texts once, from the source that is trusted most."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.references import beir, docstrings, jsonl
from benchharness.data.texts import TextTable
from benchharness.errors import DataError, UsageError
from benchharness.pairs.pair import JUDGMENTS
from benchharness.suite import DatasetReference, Suite
from benchharness.train.material import SourceCount, gather, judged_pairs, training_reference

CORPUS = {"d1": "red fox", "d2": "blue bird", "d3": "green tree", "d4": ""}
QUERIES = {"q1": "what is red", "q2": "what is blue", "q3": "unjudged"}
JUDGED = [("q1", "d1", 2), ("q2", "d2", 1), ("q2", "d1", 0)]


def dataset_of(qrels=JUDGED, queries=QUERIES, corpus=CORPUS, **fields):
    return Dataset(
        "set", TextTable.of(corpus.items()), queries,
        Qrels.of([(*row, 0) for row in qrels]), **fields,
    )  # fmt: skip


@pytest.fixture
def gathered(tmp_path):
    """`gathered({"clicks": [row, …]}, data=…)`: the material of a suite with those files."""

    def run(files=None, data=None, max_pairs=None, **fields):
        names = []
        for name, rows in (files or {}).items():
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
            names.append(f"{name}.jsonl")
        whole = data if data is not None else dataset_of()
        suite = Suite(**{"name": "faq", "dataset": beir("data"), "models": ["m"], "pairs": names}
                      | fields)  # fmt: skip
        return gather(suite, tmp_path, whole, lambda _: whole, max_pairs)

    return run


def pair(query, positive, **fields):
    return {"query": query, "positive": positive, **fields}


def judgments_of(material):
    qrels = material.judged.qrels
    return list(zip(qrels.query_ids, qrels.doc_ids, qrels.relevance.tolist(), strict=True))


# Where the training queries are


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (beir("data/faq"), beir("data/faq", split="train")),
        (docstrings("sympy", queries=500), docstrings("sympy", queries=500, split="train")),
    ],
    ids=["beir", "docstrings"],
)
def test_the_split_train_of_the_data_set_is_trained_on(dataset, expected):
    """Rule: the same reference with another split, and without the hash of the test's files."""
    suite = Suite(name="faq", dataset=dataclasses.replace(dataset, sha256="ab" * 32), models=["m"])

    found = training_reference(suite)

    assert dict(found.options) == dict(expected.options)
    assert found.kind == dataset.kind
    assert found.sha256 is None


def test_what_the_suite_names_comes_first():
    training = jsonl("c.jsonl", "q.jsonl", "r.tsv")
    suite = Suite(name="faq", dataset=beir("data"), models=["m"], training=training)

    assert training_reference(suite) == training


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (docstrings("sympy"), "queries=500"),
        (jsonl("c.jsonl", "q.jsonl", "r.tsv"), "training=jsonl"),
    ],
    ids=["all judged", "no splits"],
)
def test_without_training_queries_a_file_of_pairs_serves_or_the_way_out_is_said(dataset, words):
    bare = Suite(name="faq", dataset=dataset, models=["m"])

    assert training_reference(dataclasses.replace(bare, pairs=["p.jsonl"])) is None
    with pytest.raises(UsageError) as caught:
        training_reference(bare)
    assert words in caught.value.remedy


# Judged pairs


def test_every_relevant_document_that_is_there_is_a_pair():
    """Rule: in order of query and document; grade 0, dangling and empty ones are none."""
    data = dataset_of([*JUDGED, ("q1", "d2", 1), ("q1", "gone", 1), ("q2", "d4", 1)])

    found = [(one.query_id, one.doc_id, one.query, one.positive) for one in judged_pairs(data)]

    assert found == [
        ("q1", "d1", "what is red", "red fox"),
        ("q1", "d2", "what is red", "blue bird"),
        ("q2", "d2", "what is blue", "blue bird"),
    ]


def test_a_judged_query_without_a_text_is_no_pair():
    data = dataset_of(queries={"q1": "  "})

    assert not list(judged_pairs(data))


@pytest.mark.parametrize(
    ("origin", "synthetic"), [("llm", True), ("people", False), ("docstrings", False)]
)
def test_queries_of_a_language_model_make_synthetic_pairs(origin, synthetic):
    found = list(judged_pairs(dataset_of(query_origin=origin)))

    assert {one.synthetic for one in found} == {synthetic}
    assert {one.source for one in found} == {JUDGMENTS}


# Sources together


def test_judgments_stand_before_other_pairs_and_synthetic_ones_last(gathered):
    """Rule: whatever the order of the files, and within a file the order of its lines."""
    files = {
        "made": [pair("s2", "x", synthetic=True), pair("s1", "x", synthetic=True)],
        "clicks": [pair("c2", "x"), pair("c1", "x")],
    }

    found = gathered(files)

    assert [one.query for one in found.pairs] == [
        "what is red", "what is blue", "c2", "c1", "s2", "s1",
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["made", "clicks"])
def test_of_equal_pairs_the_most_trusted_is_kept(gathered, first):
    """Rule: equal without regard to case and blanks; judged, then people's, then synthetic."""
    files = {
        "made": [
            pair("WHAT is  red", "Red fox", synthetic=True),
            pair("new?", "x", synthetic=True),
        ],
        "clicks": [pair("what is red ", "red\nfox"), pair("New?", "X"), pair("new?", "y")],
    }
    order = sorted(files, key=lambda name: name != first)

    found = gathered({name: files[name] for name in order})

    kept = [(one.query, one.positive, one.source) for one in found.pairs]
    assert kept == [
        ("what is red", "red fox", JUDGMENTS),
        ("what is blue", "blue bird", JUDGMENTS),
        ("New?", "X", "clicks"),
        ("new?", "y", "clicks"),
    ]
    assert found.sources == {
        JUDGMENTS: SourceCount(2, 0, 0),
        "clicks": SourceCount(3, 1, 0),
        "made": SourceCount(2, 2, 0, synthetic=True),
    }


def test_synthetic_judgments_give_way_to_what_people_clicked(gathered):
    """Rule: who asked counts more than who judged."""
    found = gathered({"clicks": [pair("what is red", "red fox")]},
                     data=dataset_of(query_origin="llm"))  # fmt: skip

    assert [(one.query, one.source) for one in found.pairs] == [
        ("what is red", "clicks"), ("what is blue", JUDGMENTS),
    ]  # fmt: skip


def test_a_limit_leaves_out_the_least_trusted(gathered):
    """Rule: judged first, then people's, then synthetic; what is beyond is counted by source."""
    files = {
        "made": [pair(f"s{n}", "x", synthetic=True) for n in range(5)],
        "clicks": [pair(f"c{n}", "x") for n in range(4)],
    }

    found = gathered(files, max_pairs=4)

    assert [one.source for one in found.pairs] == [JUDGMENTS, JUDGMENTS, "clicks", "clicks"]
    assert {name: (count.beyond, count.used) for name, count in found.sources.items()} == {
        JUDGMENTS: (0, 2), "clicks": (2, 2), "made": (5, 0),
    }  # fmt: skip


def test_within_a_source_the_limit_does_not_keep_the_first_lines(gathered):
    """Rule: a choice by content: the order of a file, often one by topic, picks nothing."""
    rows = [pair(f"c{n}", "x") for n in range(100)]

    found, mirrored = (
        gathered({"clicks": rows}, max_pairs=40),
        gathered({"clicks": rows[::-1]}, max_pairs=40),
    )

    kept = {one.query for one in found.pairs}
    assert kept == {one.query for one in mirrored.pairs}
    assert kept != {"what is red", "what is blue", *(f"c{n}" for n in range(38))}


@given(
    st.lists(st.tuples(st.sampled_from("abcAB "), st.sampled_from("xyX"), st.booleans()),
             min_size=1, max_size=12),
    st.integers(1, 8),
)  # fmt: skip
def test_counts_of_every_source_add_up(tmp_path_factory, rows, most):
    """Rule: given = repeated + beyond + used, and what is used is what there is."""
    folder = tmp_path_factory.mktemp("pairs")
    lines = [json.dumps(pair(f"q{q}", p, synthetic=s)) for q, p, s in rows]
    (folder / "p.jsonl").write_text("\n".join(lines))
    suite = Suite(name="faq", dataset=beir("data"), models=["m"], pairs=["p.jsonl"])

    found = gather(suite, folder, dataset_of(), lambda _: dataset_of(), most)

    used = [one.source for one in found.pairs]
    assert len(used) <= most
    assert all(count.used == used.count(name) for name, count in found.sources.items())
    assert found.sources["p"].given == len(rows)
    texts = {(" ".join(one.query.lower().split()), one.positive.lower()) for one in found.pairs}
    assert len(texts) == len(used)


# What can be judged


def test_a_positive_of_the_corpus_makes_its_query_a_judged_one(gathered):
    """Rule: found by doc_id, or else by its text without regard to case and blanks."""
    rows = [
        pair("by id?", "a snippet", doc_id="d3", query_id="7"),
        pair("by text?", "GREEN  tree", query_id="8"),
        pair("wrong id?", "green tree", query_id="9", doc_id="gone"),
    ]

    found = gathered({"clicks": rows})

    assert judgments_of(found)[:3] == [("7", "d3", 1), ("8", "d3", 1), ("9", "d3", 1)]
    assert found.query_ids == ("7", "8", "9", "q1", "q2")
    assert found.judged.queries["8"] == "by text?"


def test_a_positive_that_is_nowhere_is_trained_on_and_judges_nothing(gathered):
    """Rule: its ids are dropped, so that it is in no fold."""
    found = gathered({"clicks": [pair("else?", "elsewhere", query_id="7", doc_id="gone")]})

    assert (found.pairs[-1].query_id, found.pairs[-1].doc_id) == ("", "")
    assert found.query_ids == ("q1", "q2")
    assert "7" not in found.judged.queries


def test_a_query_without_an_id_gets_one_by_its_text(gathered):
    """Rule: lines that ask the same belong to one query, whatever the file and spelling."""
    files = {"a": [pair("Who?", "red fox")], "b": [pair("who? ", "blue bird"), pair("o?", "x")]}

    found = gathered(files)

    one, other = (p.query_id for p in found.pairs if p.query.lower().startswith("who"))
    assert one == other
    assert one.startswith("pair:")
    assert [row for row in judgments_of(found) if row[0] == one] == [
        (one, "d1", 1), (one, "d2", 1),
    ]  # fmt: skip


def test_of_texts_that_are_twice_in_the_corpus_the_smallest_id_is_judged(gathered):
    data = dataset_of(corpus={**CORPUS, "d0": "Green tree"})

    found = gathered({"clicks": [pair("g?", "green tree", query_id="7")]}, data=data)

    assert judgments_of(found)[0] == ("7", "d0", 1)


def test_an_id_that_the_judgments_use_for_another_question_is_not_mixed_up(gathered):
    """Rule: sources number their queries alike; q1 stays what it was."""
    rows = [pair("what is green", "green tree", query_id="q1")]

    found = gathered({"clicks": rows})

    assert found.judged.queries["q1"] == "what is red"
    assert judgments_of(found)[:2] == [("clicks:q1", "d3", 1), ("q1", "d1", 2)]


def test_files_that_number_their_questions_alike_are_not_mixed_up(gathered):
    """Rule: an id is one question's, across files and within one; the others get their own."""
    files = {
        "a": [pair("red?", "red fox", query_id="7"), pair("tree?", "green tree", query_id="7")],
        "b": [pair("blue?", "blue bird", query_id="7"), pair("RED?", "blue bird", query_id="7")],
    }

    found = gathered(files)

    asked = {(found.judged.queries[one].lower(), doc) for one, doc, _ in judgments_of(found)}
    assert asked == {
        ("red?", "d1"), ("red?", "d2"), ("tree?", "d3"), ("blue?", "d2"),
        ("what is red", "d1"), ("what is blue", "d1"), ("what is blue", "d2"),
    }  # fmt: skip
    assert len({one.query_id for one in found.pairs}) == 5


def test_no_file_passes_for_the_judgments(gathered):
    """Rule: neither by its name nor by what it says; `pairs.jsonl` of another run says so."""
    files = {
        "judgments": [pair("g?", "green tree")],
        "run": [pair("h?", "gone", query_id="7", doc_id="gone", source=JUDGMENTS)],
    }

    found = gathered(files)

    assert list(found.sources) == [JUDGMENTS, "judgments.jsonl", "run.jsonl"]
    assert found.sources[JUDGMENTS].given == 2
    assert ("g?", "d3") in {(found.judged.queries[q], doc) for q, doc, _ in judgments_of(found)}
    assert found.pairs[-1].query_id == ""


def test_the_same_question_under_the_same_id_gains_a_document(gathered):
    found = gathered({"clicks": [pair("What is red", "green tree", query_id="q1")]})

    assert judgments_of(found)[:2] == [("q1", "d1", 2), ("q1", "d3", 1)]
    assert found.judged.queries["q1"] == "what is red"


def test_a_judgment_keeps_its_grade(gathered):
    """Rule: a click on a document that is judged 2 does not lower it."""
    rows = [pair("what is red", "a snippet of it", query_id="q1", doc_id="d1")]

    assert ("q1", "d1", 2) in judgments_of(gathered({"clicks": rows}))


def test_synthetic_queries_among_the_judged_ones_label_the_whole(gathered):
    """Rule: numbers on queries that no person asked are never told as people's."""
    asked = gathered({"clicks": [pair("g?", "green tree")]})
    made = gathered({"made": [pair("g?", "green tree", synthetic=True)]})
    unjudged = gathered({"made": [pair("g?", "elsewhere", synthetic=True)]})

    origins = [one.judged.query_origin for one in (asked, made, unjudged)]
    assert origins == ["people", "llm", "people"]


def test_without_files_the_judged_data_are_those_that_were_read(gathered):
    """Rule: the very object, so that its vectors and fingerprints are known already."""
    data = dataset_of()

    assert gathered(data=data).judged is data


def test_files_alone_serve_with_the_corpus_of_the_test(tmp_path):
    """Rule: none of the test's queries is trained on, or judged."""
    (tmp_path / "p.jsonl").write_text('{"query": "g?", "positive": "green tree"}')
    reference = DatasetReference("jsonl", ())
    suite = Suite(name="faq", dataset=reference, models=["m"], pairs=["p.jsonl"])

    found = gather(suite, tmp_path, dataset_of(), lambda _: pytest.fail("nothing to load"))

    assert [one.query for one in found.pairs] == ["g?"]
    assert found.query_ids == (found.pairs[0].query_id,)
    assert set(found.judged.queries.values()) == {"g?"}
    assert len(found.judged.corpus) == len(CORPUS)


def test_a_training_side_without_a_pair_is_refused(gathered):
    data = dataset_of([("q1", "gone", 1), ("q2", "d1", 0)])

    with pytest.raises(DataError, match="has no pair") as caught:
        gathered(data=data)

    assert "--pairs FILE" in caught.value.remedy


@pytest.mark.parametrize(
    "row",
    [
        pair("c?", "green tree", weight=2.0),
        pair("c?", "green tree", negatives=["red fox"]),
        pair("c?", "green tree", synthetic=True),
        pair("c", "green tree"),
        pair("c?", "green trees"),
    ],
    ids=["weight", "negatives", "synthetic", "query", "positive"],
)
def test_whatever_is_trained_on_is_in_the_fingerprint(gathered, row):
    """Rule: a run goes on only with the very same pairs."""
    before = gathered({"clicks": [pair("c?", "green tree")]}).fingerprint

    assert gathered({"clicks": [row]}).fingerprint != before
    assert gathered({"clicks": [pair("c?", "green tree")]}).fingerprint == before


# Negatives of repeated pairs


def test_a_repeated_pair_gives_its_negatives_to_the_judged_one(gathered):
    """Rule: mined negatives of a file that repeats the judgments are trained on, not lost."""
    mined = pair("What is  red", "red fox", negatives=["green tree", "blue bird"])

    material = gathered({"mined": [mined]})

    judged = {one.query_id: one for one in material.pairs if one.doc_id == "d1"}["q1"]
    assert (judged.query, judged.source) == ("what is red", JUDGMENTS)
    assert judged.negatives == ("green tree", "blue bird")
    assert material.sources["mined"] == SourceCount(1, 1, 0)


def test_the_first_repeated_pair_that_has_negatives_gives_them(gathered):
    """Rule: one set of negatives for each pair, so that all pairs have equally many."""
    files = {
        "bare": [pair("what is red", "red fox")],
        "one": [pair("what is red", "red fox", negatives=["blue bird"])],
        "two": [pair("what is red", "red fox", negatives=["green tree"])],
    }

    material = gathered(files)

    assert {one.query: one.negatives for one in material.pairs}["what is red"] == ("blue bird",)
