"""The journal of answers."""

from __future__ import annotations

import pytest

from benchharness.errors import DataError, UsageError
from benchharness.llm.journal import Journal
from benchharness.llm.model import Answer, Usage

RUN = {"model": "anthropic:m", "prompt": 3}
GOOD = Answer("a", "ok", {"queries": ["é", "b"]}, Usage(10, 4, 2, 1))
FAILED = Answer("b", "failed", detail="529: overloaded")


def reopened(path):
    return Journal(path, RUN)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "answers.jsonl"


def test_an_answer_comes_back_as_it_was_after_the_process_ends(path):
    with Journal(path, RUN) as journal:
        journal.append(GOOD)
        journal.append(FAILED)

    with reopened(path) as journal:
        assert journal.answer("a") == GOOD
        assert journal.answer("b") == FAILED
        assert journal.answer("c") is None
        assert list(journal.answers()) == [GOOD, FAILED]
        assert len(journal) == 2


@pytest.mark.parametrize(
    ("outcome", "settled"),
    [
        ("ok", True),
        ("refused", True),
        ("truncated", True),
        ("malformed", True),
        ("rejected", True),
        ("expired", False),
        ("failed", False),
    ],
)
def test_only_what_asking_again_may_change_is_unsettled(path, outcome, settled):
    with Journal(path, RUN) as journal:
        journal.append(Answer("k", outcome, {} if outcome == "ok" else None))

        assert journal.settled("k") is settled
    with reopened(path) as journal:
        assert journal.settled("k") is settled
        assert not journal.settled("another")


def test_the_last_answer_of_a_key_counts_and_all_of_them_are_paid(path):
    with Journal(path, RUN) as journal:
        journal.append(Answer("a", "failed", usage=Usage(1, 1)))
        journal.append(FAILED)
        journal.append(GOOD)

    with reopened(path) as journal:
        assert list(journal.answers()) == [FAILED, GOOD]
        assert journal.counts == {"ok": 1, "failed": 1}
        assert journal.usage == Usage(11, 5, 2, 1)


def test_a_settled_key_is_not_written_twice(path):
    with Journal(path, RUN) as journal:
        journal.append(GOOD)

        with pytest.raises(ValueError, match="'a'"):
            journal.append(GOOD)


def test_what_a_batch_paid_is_told_apart(path):
    with Journal(path, RUN) as journal:
        journal.append(GOOD, batch=True)
        journal.append(Answer("b", "refused", usage=Usage(5, 1)))

    with reopened(path) as journal:
        assert journal.usage == Usage(15, 5, 2, 1)
        assert journal.batch_usage == GOOD.usage


def test_answers_in_batches_are_none_to_requests_that_were_sent_alone(path):
    with Journal(path, RUN) as journal:
        journal.append(FAILED)
        journal.append(Answer("b", "expired"), batch=True)
        journal.append(Answer("b", "ok", {}))
        journal.append(GOOD, batch=True)

    with reopened(path) as journal:
        assert (journal.times("a"), journal.times("b"), journal.times("c")) == (0, 2, 0)


def test_a_torn_last_line_is_asked_again(path):
    with Journal(path, RUN) as journal:
        journal.append(GOOD)
        journal.append(Answer("c", "ok", {"queries": []}))
    path.write_bytes(path.read_bytes()[:-5])

    with reopened(path) as journal:
        assert journal.settled("a")
        assert not journal.settled("c")
        journal.append(Answer("c", "ok", {"queries": ["again"]}))
    with reopened(path) as journal:
        assert journal.answer("c").content == {"queries": ["again"]}


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        '{"outcome":"ok","content":{}}',
        '{"key":"x","outcome":"splendid"}',
        '{"key":"x","outcome":"ok"}',
        '{"key":"x","outcome":"failed","content":{}}',
        '{"key":"x","outcome":"failed","input_tokens":-1}',
        '{"key":"x","outcome":"failed","input_tokens":true}',
    ],
)
def test_a_damaged_line_is_an_error_with_its_place(path, line):
    with Journal(path, RUN) as journal:
        journal.append(GOOD)
    path.write_text(path.read_text() + line + "\n")

    with pytest.raises(DataError) as caught:
        reopened(path)

    assert caught.value.where == f"{path}:3"


def test_a_journal_of_another_run_is_refused_with_both_named(path):
    Journal(path, RUN).close()

    with pytest.raises(UsageError) as caught:
        Journal(path, {**RUN, "prompt": 4})

    assert "prompt 3 there and 4 now" in str(caught.value)


def test_answers_may_be_appended_while_they_are_read(path):
    """Rule: reading tells what stood there when it began, and does not disturb writing."""
    with Journal(path, RUN) as journal:
        journal.append(GOOD)
        journal.append(FAILED)
        reading = journal.answers()
        first = next(reading)
        journal.append(Answer("c", "ok", {}))

        rest = list(reading)

    assert (first, rest) == (GOOD, [FAILED])
