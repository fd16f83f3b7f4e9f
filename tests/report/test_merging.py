"""Several stored reports as one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchharness.baseline.history import History
from benchharness.errors import DataError, UsageError
from benchharness.judge.ranking import leaderboards_of
from benchharness.report.files import PER_QUERY
from benchharness.report.merging import read_merged
from benchharness.report.model import Failure, Report
from benchharness.report.verdict_file import write_report


def hits(top):
    return [1.0] * top + [0.0] * (100 - top)


@pytest.fixture
def stored(tmp_path):
    """`stored(report, report …)`: the folders that they were written to."""

    def write(*reports):
        folders = [tmp_path / f"run{number}" for number in range(len(reports))]
        for report, folder in zip(reports, folders, strict=True):
            write_report(report, folder)
        return folders

    return write


def test_models_and_suites_stand_beside_one_another(assess, stored, tuning):
    """In the order of the folders; counts are added, nothing is lost."""
    failure = Failure("x", "minilm", "data-error", "no queries")
    first = replace(
        Report.of([assess("faq", "a")], selection={"deselected": 1}),
        tunings=(tuning(model="a"),),
        history=(History("faq", "a", ()),),
    )
    second = Report.of([assess("faq", "b"), assess("code", "a")], [failure], {"deselected": 2})

    found = read_merged(stored(first, second))

    pairs = [(one.result.suite, one.result.model) for one in found.assessments]
    assert pairs == [("faq", "a"), ("faq", "b"), ("code", "a")]
    assert found.failures == (failure,)
    assert found.selection == {"deselected": 3}
    assert (found.status, found.complete) == ("data-error", False)
    assert (len(found.tunings), len(found.history)) == (1, 1)


def test_models_of_one_suite_are_ranked_anew(assess, stored):
    """As if they had been measured together; boards of other suites are kept as they were."""
    own = [assess("code", "a", hits=hits(80)), assess("code", "b", hits=hits(20))]
    kept = leaderboards_of(own)
    apart = [assess("faq", "a", hits=hits(90)), assess("faq", "b", hits=hits(30))]
    first = replace(Report.of([*own, apart[0]]), leaderboards=kept)

    found = read_merged(stored(first, Report.of(apart[1:])), with_queries=False)

    assert [board.suite for board in found.leaderboards] == ["code", "faq"]
    assert found.leaderboards[0] == kept[0]
    assert found.leaderboards[1] == leaderboards_of(apart)[0]
    assert found.leaderboards[1].outperforms["a"] == ("b",)


def test_a_board_that_lacks_a_model_is_replaced(assess, stored):
    """A suite has one board, with the models of all folders."""
    own = [assess("faq", "a", hits=hits(80)), assess("faq", "b", hits=hits(20))]
    first = replace(Report.of(own), leaderboards=leaderboards_of(own))

    found = read_merged(stored(first, Report.of([assess("faq", "c", hits=hits(50))])))

    (board,) = found.leaderboards
    assert [one.spec for one in board.standings] == ["a", "c", "b"]


def test_the_same_suite_and_model_twice_is_refused_with_both_folders(assess, stored):
    """Which of both would be meant? Nothing is chosen silently."""
    folders = stored(Report.of([assess("faq", "a")]), Report.of([assess("faq", "a")]))

    with pytest.raises(UsageError, match="faq / a is in two folders") as refused:
        read_merged(folders)

    assert all(str(folder) in str(refused.value) for folder in folders)
    with pytest.raises(UsageError):
        read_merged([folders[0], folders[0]])


@pytest.mark.parametrize(
    ("words", "worst"),
    [
        (("pass", "fail"), "fail"),
        (("fail", "error"), "error"),
        (("incomplete", "pass"), "incomplete"),
        (("no-suites", "pass"), "pass"),
        (("fail", "data-error"), "data-error"),
        (("data-error", "interrupted"), "interrupted"),
        (("not-released", "pass"), "not-released"),
        (("interrupted", "internal-error"), "internal-error"),
        (("error", "tests-failed"), "tests-failed"),
    ],
)
def test_the_worst_status_is_that_of_all(assess, stored, words, worst):
    reports = [
        replace(Report.of([assess(f"s{number}")]), status=word) for number, word in enumerate(words)
    ]

    assert read_merged(stored(*reports)).status == worst
    assert read_merged(list(reversed(stored(*reports)))).status == worst


def test_one_folder_is_read_as_it_is_and_only_what_is_needed(assess, stored):
    """Without queries per_query.jsonl is not opened."""
    (folder,) = stored(Report.of([assess()]))
    (folder / PER_QUERY).unlink()

    assert read_merged([folder], with_queries=False).assessments[0].result.model == "minilm"
    with pytest.raises(DataError, match="no report can be read here"):
        read_merged([folder])


def test_a_folder_of_a_killed_session_is_refused(assess, stored, tmp_path):
    """There is no verdict.json before everything else is written."""
    (whole,) = stored(Report.of([assess()]))
    (tmp_path / "killed").mkdir()

    with pytest.raises(DataError, match="no report can be read here"):
        read_merged([whole, tmp_path / "killed"])
