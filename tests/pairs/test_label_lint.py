"""Files of labelled texts: their balance, what repeats, and how they are told from pairs."""

import pytest

from benchharness.pairs.label_lint import is_labelled, lint_labels


def write(path, *rows):
    path.write_text("text,label\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def codes(report):
    return {one.code: one.severity for one in report.findings}


def test_counts_are_those_of_each_label(tmp_path):
    """Rule: largest first, then by name; even labels are a note."""
    report = lint_labels(write(tmp_path / "a.csv", "a,x", "b,y", "c,y", "d,x", "e,w", "f,w"))

    assert (report.texts, report.counts) == (6, (("w", 2), ("x", 2), ("y", 2)))
    assert codes(report) == {"balance": "note"}
    assert report.findings[0].message == ("3 labels of 2 to 2 texts; the largest, 'w', has 33.3 %")


def test_a_label_with_more_than_half_of_the_texts_is_a_warning(tmp_path):
    report = lint_labels(write(tmp_path / "a.csv", "a,x", "b,x", "c,x", "d,y", "e,y"))

    assert codes(report) == {"balance": "warning"}


def test_a_label_with_one_text_is_named(tmp_path):
    report = lint_labels(write(tmp_path / "a.csv", "a,x", "b,x", "c,y", "d,z", "e,z"))

    assert report.single == ("y",)
    assert codes(report) == {"single-text": "warning", "balance": "note"}


def test_a_text_that_comes_again_is_told_from_one_with_two_labels(tmp_path):
    """Rule: texts are compared without regard to case and blanks; each with its line."""
    path = write(tmp_path / "a.csv", "red fox,x", "Red  fox,x", "blue,y", "BLUE,x", "green,y")

    report = lint_labels(path)

    found = {one.code: one for one in report.findings}
    assert found["repeated-texts"].where == f"{path}:3"
    assert found["text-with-labels"].where == f"{path}:5"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(["a,x", "b,x"], {"one-label"}), ([], {"one-label"}), (["a,x", "b,y,z"], {"unreadable"})],
    ids=["one", "none", "broken"],
)
def test_what_cannot_be_learnt_from_is_an_error(tmp_path, rows, expected):
    report = lint_labels(write(tmp_path / "a.csv", *rows))

    assert expected <= {one.code for one in report.findings if one.severity == "error"}


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("a.csv", "", True),
        ("a.jsonl", '{"text": "a", "label": 1}', True),
        ("a.jsonl", '{"query": "a", "positive": "b"}', False),
        ("a.jsonl", '{"text": "a"}', False),
        ("a.jsonl", "{", False),
        ("a.jsonl", "", False),
    ],
)
def test_a_file_of_labels_is_told_by_its_fields(tmp_path, name, line, expected):
    (tmp_path / name).write_text(line, encoding="utf-8")

    assert is_labelled(tmp_path / name) is expected
