"""A history that another job kept in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchharness.baseline.history import History, Point
from benchharness.baseline.history_file import read_history
from benchharness.errors import DataError

LINE = {
    "suite": "faq", "model": "minilm", "commit": "1a2b3c4", "day": "2026-11-25",
    "means": {"recall@10": 0.7133, "ndcg@10": 1}, "n": 1000,
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "history.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path

    return write


def test_points_are_told_by_suite_and_model_in_order_of_the_file(write):
    other = {**LINE, "model": "bm25"}
    later = {**LINE, "day": "2026-11-26", "note": "re-chunked"}

    found = read_history(write(LINE, other, later))

    point = Point("1a2b3c4", "2026-11-25", {"recall@10": 0.7133, "ndcg@10": 1.0}, 1000)
    assert found == (
        History(
            "faq",
            "minilm",
            (point, Point("1a2b3c4", "2026-11-26", point.means, 1000, "re-chunked")),
        ),
        History("faq", "bm25", (point,)),
    )


def test_an_empty_file_is_no_history(write):
    assert read_history(write()) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"day": "yesterday"}, "is no date"), ({"day": 3}, "day"), ({"n": 0}, "'n' is 0"),
        ({"n": True}, "'n' is True"), ({"n": "5"}, "'n' is '5'"), ({"means": []}, "'means'"),
        ({"means": {"a": "b"}}, "'means'"), ({"means": {"a": True}}, "'means'"),
        ({"means": {"a": float("nan")}}, "'means'"), ({"suite": None}, "suite"),
        ({"note": 3}, "note"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(write, change, message):
    """With its place: nothing is guessed, and no line is left out silently."""
    path = write(LINE, {**LINE, **change})

    with pytest.raises(DataError, match=message) as refused:
        read_history(path)

    assert refused.value.where == f"{path}:2"
    assert refused.value.remedy


@pytest.mark.parametrize("field", sorted(LINE))
def test_every_field_is_needed(write, field):
    with pytest.raises(DataError):
        read_history(write({name: value for name, value in LINE.items() if name != field}))


def test_an_absent_file_is_one_message(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_history(tmp_path / "absent.jsonl")


def test_the_documented_line_is_read(tmp_path):
    """docs/verdict.md shows one."""
    docs = (Path(__file__).parents[2] / "docs" / "verdict.md").read_text(encoding="utf-8")
    (line,) = [one for one in docs.splitlines() if one.startswith('{"suite"')]
    path = tmp_path / "history.jsonl"
    path.write_text(line + "\n", encoding="utf-8")

    ((found,),) = (one.points for one in read_history(path))

    assert (found.n, found.note) == (1000, "why a drop was accepted")
