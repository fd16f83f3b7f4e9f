"""From rows to counts: what each filter removes, and that the order of the rows does not matter."""

import random

import numpy as np
import pytest

from benchharness.errors import DataError
from benchharness.pairs.clicks.cleaning import Names, Rules, drop_repeated, tally
from benchharness.pairs.clicks.intake import Intake

CORPUS = ("a", "b", "c", "d")
PLAIN = Rules()


@pytest.fixture
def cleaned(write_log, corpus_of):
    """((earlier, later), filters by name, names) of rows."""

    def clean(rows, rules=PLAIN, split_at=None, *, min_dwell_s=10.0, ranked=True):
        with Intake() as intake:
            intake.read(write_log(rows), ranked=ranked, min_dwell_s=min_dwell_s)
            names = Names.of(intake, corpus_of(*CORPUS).rows_of(list(intake.docs)))
            pages = drop_repeated(intake, names)
            windows, filters = tally(intake, names, pages, rules, split_at)
        return windows, {one.name: one for one in filters}, names

    return clean


def table(window, names):
    """(query, doc_id, rank, shown, clicked) of every count."""
    counts = window.counts
    columns = (counts.query, counts.doc, counts.rank, counts.shown, counts.clicked)
    return [
        (names.queries[query], CORPUS[doc], *rest)
        for query, doc, *rest in zip(*(column.tolist() for column in columns), strict=True)
    ]


def test_rows_become_counts_in_order_of_query_and_document(cleaned, pages):
    (earlier, later), _, names = cleaned(
        pages(("q2", "ab", "b"), ("q1", "ba", ""), ("q2", "ab", "ab"))
    )

    assert table(earlier, names) == [
        ("q1", "a", 2, 1, 0), ("q1", "b", 1, 1, 0), ("q2", "a", 1, 2, 1), ("q2", "b", 2, 2, 2),
    ]  # fmt: skip
    assert (earlier.rows, earlier.impressions, later.rows) == (6, 3, 0)


def test_queries_that_differ_in_case_and_blanks_are_one(cleaned, pages):
    (earlier, _), _, names = cleaned(
        pages(("Red Fox", "a", "a"), ("  red   fox", "a", ""), ("RED FOX ", "a", ""))
    )

    assert table(earlier, names) == [("red fox", "a", 1, 3, 1)]


def test_rows_without_a_query_are_removed_and_counted(cleaned, pages):
    (earlier, _), filters, _ = cleaned(pages(("  ", "ab", "a"), ("q", "ab", "")))

    assert earlier.rows == 2
    assert filters["rows without a query"].removed == 2


def test_a_repeated_row_counts_once_and_is_clicked_where_any_is(cleaned, pages):
    """Many logs write a row when a document is shown, and again when it is clicked."""
    rows = pages(("q", "ab", "")) + pages(("q", "a", "a")) + pages(("q", "a", ""))

    (earlier, _), filters, names = cleaned(rows)

    assert table(earlier, names) == [("q", "a", 1, 1, 1), ("q", "b", 2, 1, 0)]
    assert filters["repeated rows of an impression"].removed == 2


def test_a_repeated_row_may_be_spelled_otherwise(cleaned, pages):
    """Rule: the query is compared as it is grouped, whatever came before it in the log."""
    rows = pages(("z", "a", "")) + pages(("Q", "a", ""), ("q", "b", "b"), first=1)
    rows += pages(("q", "a", "a"), first=1)

    (earlier, _), filters, names = cleaned(rows)

    assert table(earlier, names) == [("q", "a", 1, 1, 1), ("q", "b", 1, 1, 1), ("z", "a", 1, 1, 0)]
    assert filters["repeated rows of an impression"].removed == 1


def test_a_repeated_row_has_the_earlier_time(cleaned, pages):
    """A row that is written again with the click, later, does not move the page."""
    rows = pages(("q", "a", "a"), ts=300) + pages(("q", "a", ""), ts=100)

    for order in (rows, rows[::-1]):
        (earlier, later), _, names = cleaned(order, split_at=200)

        assert (table(earlier, names), later.rows) == ([("q", "a", 1, 1, 1)], 0)


def test_a_row_is_removed_by_one_filter(cleaned, pages):
    """Rule: the first that fits, so that the counts add up to the rows."""
    rows = pages(("q", ["a", "gone"], "a"), session="bot")

    rows += pages(("q", "a", ""), session="bot") + pages(("q", "ab", ""), first=1, session="s")

    (earlier, _), filters, _ = cleaned(rows, Rules(0, max_rank=1))

    assert {name: one.removed for name, one in filters.items() if one.removed} == {
        "repeated rows of an impression": 1,
        "sessions of more than 0 clicks": 2,
        "ranks beyond 1": 1,
    }
    assert earlier.rows == 1


def test_another_rank_query_or_impression_is_no_repetition(cleaned, pages):
    rows = pages(("q", "a", ""), ("q", "a", "")) + pages(("r", "a", "")) + pages(("q", "ba", ""))

    (earlier, _), filters, _ = cleaned(rows)

    assert earlier.counts.shown.sum() == 5
    assert filters["repeated rows of an impression"].removed == 0


def test_sessions_of_too_many_clicks_are_removed_whole(cleaned, pages):
    """Rule: more than N; one of exactly N stays, and rows without a session are nobody's."""
    rows = (
        pages(("q", "abc", "ab"), first=0, session="bot")
        + pages(("q", "abc", "a"), first=1, session="bot")
        + pages(("q", "abc", "ab"), first=2, session="person")
        + pages(("q", "abc", "abc"), first=3, session="")
    )

    (earlier, _), filters, _ = cleaned(rows, Rules(max_clicks_per_session=2))

    assert earlier.impressions == 2
    assert filters["sessions of more than 2 clicks"].removed == 6


def test_repeated_clicks_do_not_make_a_bot(cleaned, pages):
    """Rule: a click that was logged twice is one."""
    rows = pages(("q", "ab", "a"), session="s") * 5

    (earlier, _), _, _ = cleaned(rows, Rules(max_clicks_per_session=1))

    assert earlier.impressions == 1


def test_a_click_that_was_left_at_once_is_none_and_the_row_stays(cleaned, pages):
    rows = [
        *pages(("q", "a", "a"), first=0, dwell_s=9.9),
        *pages(("q", "a", "a"), first=1, dwell_s=10),
        *pages(("q", "a", "a"), first=2, dwell_s=""),
        *pages(("q", "a", ""), first=3, dwell_s=1),
    ]

    (earlier, _), filters, names = cleaned(rows)

    assert table(earlier, names) == [("q", "a", 1, 4, 2)]
    assert (filters["short visits"].removed, filters["short visits"].unit) == (1, "clicks")


def test_documents_that_the_corpus_lacks_are_removed(cleaned, pages):
    (earlier, _), filters, _ = cleaned(pages(("q", ["a", "gone", "b"], "a")))

    assert earlier.rows == 2
    assert filters["documents that the corpus does not have"].removed == 1


def test_ranks_beyond_the_highest_are_removed(cleaned, pages):
    (earlier, _), filters, _ = cleaned(pages(("q", "abcd", "d")), Rules(max_rank=2))

    assert earlier.counts.rank.tolist() == [1, 2]
    assert filters["ranks beyond 2"].removed == 2


def test_filters_say_that_they_could_not_run(cleaned, pages):
    """Rule: a column that holds no value is as good as absent."""
    _, filters, _ = cleaned(pages(("q", "ab", "a"), session="", dwell_s=""))

    assert {name: one.not_run for name, one in filters.items() if one.not_run} == {
        "sessions of more than 100 clicks": "the log has no session",
        "short visits": "the log has no dwell_s",
        "ranks beyond the highest": "no --max-rank",
    }


def test_without_ranks_all_are_rank_1(cleaned, pages):
    rows = [{k: v for k, v in row.items() if k != "rank"} for row in pages(("q", "ab", "b"))]

    (earlier, _), _, names = cleaned(rows, ranked=False)

    assert table(earlier, names) == [("q", "a", 1, 1, 0), ("q", "b", 1, 1, 1)]


def test_an_impression_is_in_the_window_of_its_earliest_row(cleaned, pages):
    rows = pages(("q", "ab", "a"), ("q", "ab", ""), ts=100)
    rows[1]["ts"] = 300  # of the first page, which began at 100
    rows[2]["ts"], rows[3]["ts"] = 200, ""

    (earlier, later), _, names = cleaned(rows, split_at=200)

    assert table(earlier, names) == [("q", "a", 1, 1, 1), ("q", "b", 2, 1, 0)]
    assert table(later, names) == [("q", "a", 1, 1, 0), ("q", "b", 2, 1, 0)]


def test_impressions_without_a_time_cannot_be_split(cleaned, pages):
    rows = pages(("q", "ab", "a"), ts=1) + pages(("q", "ab", "a"), first=1, ts="")

    with pytest.raises(DataError, match="1 impressions have no time"):
        cleaned(rows, split_at=200)


def test_the_order_of_the_rows_does_not_matter(cleaned, pages):
    """Over many pages with repeated rows, sessions and spellings."""
    draw = random.Random(5)
    rows = []
    for page in range(300):
        docs = draw.sample("abcd", 3)
        query = draw.choice(["q", "Q", "red fox", "Red  fox", "z"])
        clicked = "".join(draw.sample(docs, draw.choice([0, 1, 2])))
        session = draw.choice("stuv")
        rows += pages((query, docs, clicked), first=page, session=session, ts=page // 3)
    rows += draw.sample(rows, 50)
    shuffled = draw.sample(rows, len(rows))

    first, filters, names = cleaned(rows, Rules(max_clicks_per_session=80), split_at=40)
    second, others, _ = cleaned(shuffled, Rules(max_clicks_per_session=80), split_at=40)

    for one, other in zip(first, second, strict=True):
        assert table(one, names) == table(other, names)
        assert np.array_equal(one.spelled, other.spelled)
    assert filters == others
    assert filters["sessions of more than 80 clicks"].removed > 0


def test_merging_on_the_way_changes_no_count(cleaned, pages, monkeypatch):
    """Rule: the memory limit is no limit of the numbers."""
    rows = pages(*[(f"q{page % 5}", "abc", "b") for page in range(400)])
    whole = cleaned(rows)

    monkeypatch.setattr("benchharness.pairs.clicks.cleaning._MERGE_ROWS", 3)
    merged = cleaned(rows)

    assert table(merged[0][0], merged[2]) == table(whole[0][0], whole[2])
    assert merged[0][0].counts.shown.sum() == 1200
