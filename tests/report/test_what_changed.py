"""The sentences behind a comparison, from changes made by hand."""

from dataclasses import replace

import pytest

from benchharness.gate import Gate
from benchharness.judge.verdict import Change, Comparison, Moved, Verdict
from benchharness.report.what_changed import (
    COUNTED,
    ENVIRONMENT,
    LOST,
    comparison_cells,
    details,
    environment_line,
    group_lines,
    lost_line,
    rest_line,
)


def lost(query_id="q1", **fields):
    return Change(query_id, 1.0, 0.0, **fields)


def won(query_id="q2", **fields):
    return Change(query_id, 0.0, 1.0, **fields)


@pytest.mark.parametrize(
    ("moved", "depth", "where"),
    [
        ([Moved("d1", 4, 27)], 100, "d1 4 → 27"),
        ([Moved("d1", 4, None)], 100, "d1 4 → below 100"),
        ([Moved("d1", 4, None)], 1000, "d1 4 → below 1,000"),
        ([Moved("d1", 4, None)], None, "d1 4 → below the run"),
        ([Moved("d1", 4, 27), Moved("d2", None, 9)], 100, "d1 4 → 27, d2 not in the run → 9"),
        ([], 100, "no relevant document left the top 10"),
        (
            [Moved(f"d{rank}", rank, 11) for rank in range(1, 6)],
            100,
            "d1 1 → 11, d2 2 → 11, d3 3 → 11 and 2 more",
        ),
    ],
    ids=["moved", "gone", "deep", "unknown-depth", "entered", "within", "many"],
)
def test_a_lost_query_names_the_ranks_before_and_now(moved, depth, where):
    """Below the run's depth where the document left it, of many the first three."""
    line = lost_line(lost(moved=tuple(moved)), "recall@10", depth)

    assert line == f"q1 1.0000 → 0.0000  {where}"


@pytest.mark.parametrize(
    ("measure", "newcomers", "there"),
    [
        ("recall@10", ("n1", "n2"), "; now there: n1, n2"),
        ("recall@5", ("n1", "n2", "n3", "n4"), "; now there: n1, n2, n3 and 1 more"),
        ("recall@100", ("n1",), "; now in the top 10: n1"),
        ("r-precision", ("n1",), "; now in the top 10: n1"),
        ("recall@10", (), ""),
    ],
)
def test_newcomers_are_named_where_they_are_known(measure, newcomers, there):
    """A baseline remembers ten ranks: for deeper measures the line says so."""
    one = lost(moved=(Moved("d1", 4, 27),), newcomers=newcomers)

    assert lost_line(one, measure, 100) == f"q1 1.0000 → 0.0000  d1 4 → 27{there}"


def test_values_that_differ_are_printed_apart():
    """A loss of 0.00001 does not read as no loss."""
    line = lost_line(Change("q1", 0.63093, 0.63092), "ndcg@10", 100)

    assert line.startswith("q1 0.63093 → 0.63092  ")


@pytest.mark.parametrize(
    ("n_lost", "n_won", "line"),
    [
        (33, 12, "… and 28 more lost, 12 won: changes.jsonl"),
        (17, 0, "… and 12 more lost: changes.jsonl"),
        (5, 3, "… and 3 won: changes.jsonl"),
        (0, 3, "3 won: changes.jsonl"),
        (5, 0, ""),
        (0, 0, ""),
    ],
)
def test_what_is_not_shown_is_counted(n_lost, n_won, line):
    """Five are shown; where they are all, nothing is said."""
    assert rest_line([lost()] * n_lost + [won()] * n_won) == line


def test_groups_count_won_and_lost_from_the_worst_value():
    """By net loss, then by losses, then by name; a query without the field is not counted."""
    changes = [
        *[lost(groups={"lang": "de"})] * 9, won(groups={"lang": "de"}),
        *[lost(groups={"lang": "en"})] * 2, *[won(groups={"lang": "en"})] * 2,
        lost(groups={"lang": "el"}), won(groups={"lang": "el"}),
        lost(),
    ]  # fmt: skip

    assert group_lines(changes) == [
        "by lang: de lost 9 won 1, en lost 2 won 2, el lost 1 won 1",
    ]


def test_of_many_values_and_fields_the_worst_few_are_told():
    """Four of each, and how many more there are."""
    many = [lost(groups={"lang": f"l{n}"}) for n in range(6)] + [lost(groups={"lang": "l5"})]
    fields = [lost(groups={f"f{n}": "x" for n in range(6)})] * 2

    assert group_lines(many) == [
        "by lang: l5 lost 2 won 0, l0 lost 1 won 0, l1 lost 1 won 0, l2 lost 1 won 0 and 2 more"
    ]
    assert group_lines(fields) == [
        *(f"by f{n}: x lost 2 won 0" for n in range(4)),
        "… and 2 more fields of metadata: changes.jsonl",
    ]


def test_a_field_that_is_another_for_every_query_groups_nothing():
    """A link in the metadata would be a line of noise."""
    changes = [lost(groups={"url": f"https://x/{n}", "lang": "de"}) for n in range(9)]

    assert group_lines(changes) == ["by lang: de lost 9 won 0"]


def test_environments_name_what_differs():
    one = Comparison("here", "recall@10", 0.7, 0.6, 9, environment=(("torch", "2.6", "2.13"),))

    assert environment_line(one) == "environment: torch 2.6 → 2.13"
    assert environment_line(replace(one, environment=())) == ""


def test_a_regression_is_told_from_the_worst_query_to_the_environment(change):
    """5 of 33 lost queries, the rest counted, by language, then the environment."""
    (verdict,) = change(langs=("de",)).verdicts

    found = details(verdict, 100)

    assert verdict.outcome == "regressed"
    assert [kind for kind, _ in found] == [LOST] * 5 + [COUNTED] * 2 + [ENVIRONMENT]
    assert [line for _, line in found][:2] == [
        "q:sympy.0000 1.0000 → 0.0000  q:relevant.0000 4 → below 100; now there: q:new.add, "
        "q:new.mul",
        "q:sympy.0001 1.0000 → 0.0000  q:relevant.0001 4 → 27; now there: q:new.add, q:new.mul",
    ]
    assert [line for _, line in found][5:] == [
        "… and 28 more lost, 12 won: changes.jsonl",
        "by lang: de lost 33 won 12",
        "environment: torch 2.6.0 → 2.13.0",
    ]


@pytest.mark.parametrize(
    ("outcome", "kinds"),
    [
        ("regressed", {LOST, COUNTED, ENVIRONMENT}),
        ("inconclusive", {LOST, COUNTED, ENVIRONMENT}),
        ("error", {LOST, COUNTED, ENVIRONMENT}),
        ("stale", {ENVIRONMENT}),
        ("pass", set()),
        ("improved", set()),
        ("identical", set()),
    ],
)
def test_only_what_is_not_met_is_explained(change, outcome, kinds):
    """A pass with lost queries is a pass; a stale baseline says nothing of queries."""
    verdict = replace(change().verdicts[0], outcome=outcome)

    assert {kind for kind, _ in details(verdict, 100)} == kinds


def test_a_floor_has_nothing_behind_it(assess):
    (verdict,) = assess(gates=[Gate.floor("recall@10", 0.9)]).verdicts

    assert details(verdict, 100) == []
    assert comparison_cells(verdict) == ()


def test_a_row_holds_both_means_the_difference_and_the_counts(change):
    """33 of 1,000 lost and 12 won: 0.7 falls by 0.021."""
    (verdict,) = change().verdicts

    assert comparison_cells(verdict) == (
        "recall@10", "0.7000 → 0.6790", "-0.0210 [-0.0328, -0.0102]", "REGRESSED", "12 / 33 / 955",
    )  # fmt: skip


def test_a_row_says_the_confidence_where_it_is_not_the_usual(change):
    """Three slices share the risk: 1 - 2 * 0.05 / 3."""
    (verdict,) = change([Gate.slice("recall@10", "lang", margin=0.2)]).verdicts

    assert comparison_cells(verdict)[2].endswith("] (96.67 %)")


def test_a_row_of_what_could_not_be_compared_has_no_numbers():
    """Means of no query are not numbers."""
    stale = Comparison("here", "recall@10", float("nan"), float("nan"), 0, removed=9)
    verdict = Verdict("g", "s", "m", "stale", "error", 0.5, "gone", comparison=stale)

    assert comparison_cells(verdict) == ("recall@10", "", "", "STALE", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nREGRESSED", r"a\nREGRESSED"),
        ("x" * 30 + "y" * 10 + "z" * 40, "x" * 30 + "y…" + "z" * 31),
    ],
    ids=["escape", "line-break", "long"],
)
def test_texts_of_a_corpus_stay_on_their_line(text, shown):
    """Ids, metadata and what a baseline file says of its machine; of long ones both ends."""
    one = lost(text, moved=(Moved(text, 1, 20),), newcomers=(text,), groups={text: text})
    far = Comparison("here", "recall@10", 1, 0, 1, environment=((text, text, text),))

    assert lost_line(one, "recall@10", 100) == (
        f"{shown} 1.0000 → 0.0000  {shown} 1 → 20; now there: {shown}"
    )
    assert group_lines([one]) == [f"by {shown}: {shown} lost 1 won 0"]
    assert environment_line(far) == f"environment: {shown} {shown} → {shown}"
