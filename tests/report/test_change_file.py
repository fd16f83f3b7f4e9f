"""changes.jsonl: every changed query, as it was found, in one order."""

import json

import pytest

from benchharness.gate import Gate
from benchharness.judge.verdict import Change, Comparison, Moved, Verdict
from benchharness.report.change_file import change_lines, parse_change_lines


def made(suite="faq", model="minilm", gate="regression-recall@10", changes=()):
    one = Comparison("here", "recall@10", 0.5, 0.4, 10, changes=tuple(changes))
    return Verdict(gate, suite, model, "regressed", "error", 0.4, "worse", comparison=one)


CHANGE = Change(
    "q:add",
    before=1.0,
    after=0.1,
    moved=(Moved("d1", 4, 27), Moved("d2", 5, None), Moved("d3", None, 2)),
    newcomers=("n1", "n2"),
    groups={"topic": "sums", "lang": "de"},
)


def test_a_line_is_as_documented():
    """Keys and order; a rank below the run is null, metadata stands in order of its fields."""
    (line,) = change_lines([made(changes=[CHANGE])])

    assert line == (
        '{"suite": "faq", "model": "minilm", "gate": "regression-recall@10", '
        '"query_id": "q:add", "before": 1.0, "after": 0.1, '
        '"moved": [["d1", 4, 27], ["d2", 5, null], ["d3", null, 2]], '
        '"newcomers": ["n1", "n2"], "groups": {"lang": "de", "topic": "sums"}}\n'
    )


def test_lines_stand_in_order_of_suite_model_and_gate():
    """Whatever the order of judging; within a gate the order of the comparison stays."""
    two = [Change("q2", 1.0, 0.0), Change("q1", 1.0, 0.5)]
    names = [("b", "m", "g"), ("a", "n", "g"), ("a", "m", "h"), ("a", "m", "g")]
    verdicts = [made(*name, two) for name in names]

    rows = [json.loads(line) for line in change_lines(verdicts)]

    keys = [(row["suite"], row["model"], row["gate"], row["query_id"]) for row in rows]
    assert keys == [(*name, query) for name in sorted(names) for query in ("q2", "q1")]
    assert list(change_lines(verdicts)) == list(change_lines(verdicts[::-1]))


def test_verdicts_without_a_comparison_have_no_lines(assess):
    assert list(change_lines(assess(gates=[Gate.floor("recall@10", 0.9)]).verdicts)) == []


def test_a_regression_writes_every_changed_query(change):
    """33 lost, then 12 won; nothing of the 955 that are tied."""
    rows = [json.loads(line) for line in change_lines(change().verdicts)]

    differences = [row["after"] - row["before"] for row in rows]
    assert differences == [-1.0] * 33 + [1.0] * 12


@pytest.mark.parametrize("text", ['"', "\n", "\x1b[0m", "é東", "\ud800", "\u2028", ""])
def test_changes_read_back_as_they_were(text):
    """Any text as id, name or value; every number bit for bit."""
    one = Change(text, 0.1 + 0.2, 1 / 3, (Moved(text, None, 10**6),), (text, text), {text: text})
    verdicts = [made(text, text, text, [one, CHANGE]), made(changes=[CHANGE])]

    lines = list(change_lines(verdicts))

    assert parse_change_lines(lines) == {
        (text, text, text): (one, CHANGE),
        ("faq", "minilm", "regression-recall@10"): (CHANGE,),
    }
    assert all(line.count("\n") == 1 and line.isascii() for line in lines)


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-5],
        lambda line: line.replace('"moved"', '"gone"'),
        lambda line: line.replace('["d1", 4, 27]', '["d1", 4]'),
        lambda line: line.replace('"before": 1.0', '"before": [1]'),
        lambda line: line.replace('{"lang": "de", "topic": "sums"}', "7"),
    ],
)
def test_a_damaged_line_is_not_read(damage):
    """Refused, never guessed."""
    (line,) = change_lines([made(changes=[CHANGE])])

    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_change_lines([damage(line)])
