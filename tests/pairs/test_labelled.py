"""Files of labelled texts: what is read, in which order, and which line is wrong."""

from pathlib import Path

import pytest

from benchharness.errors import DataError
from benchharness.pairs.labelled import LabelledTexts, read_labelled


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8", newline="")
    return path


def test_json_lines_are_read_in_order(tmp_path):
    """Rule: numbers as labels become texts, and whole ones are spelled alike."""
    path = write(
        tmp_path / "train.jsonl",
        '{"text": " where is it", "label": "card"}\n\n{"label": 3, "text": "b"}\n'
        '{"text": "c", "label": 3.0}\n{"text": "d", "label": " 0.5"}\n',
    )

    found = read_labelled(path)

    assert found == LabelledTexts((" where is it", "b", "c", "d"), ("card", "3", "3", "0.5"),
                                  str(path))  # fmt: skip


def test_a_table_is_read_in_order(tmp_path):
    """Rule: columns by the header's names; quoted texts hold commas, quotes and blank lines."""
    path = write(
        tmp_path / "train.csv",
        '\ufefflabel, text\r\ncard,"where, ""now"""\r\n\r\n3,"one\n\ntwo"\r\n',
    )

    found = read_labelled(path)

    assert found.texts == ('where, "now"', "one\n\ntwo")
    assert found.labels == ("card", "3")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a"', "not valid JSON"),
        ('{"text": "a", "label": "x", "label_text": "y"}', "unknown column 'label_text'"),
        ('{"label": "x"}', "the record has no 'text'"),
        ('{"text": 1, "label": "x"}', "'text' is a number"),
        ('{"text": " ", "label": "x"}', "the text is empty"),
        ('{"text": "a"}', "the label is None"),
        ('{"text": "a", "label": ""}', "the label is ''"),
        ('{"text": "a", "label": true}', "the label is True"),
        ('{"text": "a", "label": ["x"]}', "the label is ['x']"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    path = write(tmp_path / "train.jsonl", f'{{"text": "a", "label": "x"}}\n{line}\n')

    with pytest.raises(DataError) as caught:
        read_labelled(path)

    assert caught.value.where == f"{path}:2"
    assert caught.value.message.startswith(message)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("text,label,more\na,x,1\n", 1, "unknown column 'more'"),
        ("where is it,card\n", 1, "unknown column 'card'"),
        ("text\na\n", 1, "the header is 'text'"),
        ("text,label,text\na,b,c\n", 1, "the header is 'text,label,text'"),
        ('text,label\n"a\nb",x\nwhere, now,card\n', 4, "the row has 3 columns, not 2"),
        ("text,label\na,x\n,x\n", 3, "the text is empty"),
        ('text,label\na,x\n"b,x\nc,x\n', 3, "not valid CSV: unexpected end of data"),
    ],
)
def test_a_wrong_row_is_named_by_the_line_where_it_begins(tmp_path, content, line, message):
    path = write(tmp_path / "train.csv", content)

    with pytest.raises(DataError) as caught:
        read_labelled(path)

    assert caught.value.where == f"{path}:{line}"
    assert caught.value.message.startswith(message)
    assert caught.value.remedy


@pytest.mark.parametrize(("name", "content"), [("a.jsonl", "\n"), ("a.csv", "text,label\n")])
def test_a_file_without_a_text_is_refused(tmp_path, name, content):
    with pytest.raises(DataError, match="the file holds no text with a label"):
        read_labelled(write(tmp_path / name, content))
