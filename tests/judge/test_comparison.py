"""The outcomes of a comparison, in the order of their rules, and what changed."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import stats

from benchharness.baseline.record import Baseline
from benchharness.evaluation.result import QueryFacts
from benchharness.judge.comparison import compare, flips_allowed
from benchharness.judge.paired import difference
from benchharness.judge.paired import outcome_of as outcome_by
from benchharness.judge.verdict import Moved

MARGIN = 0.02


def outcome_of(before, result, margin=MARGIN, **options):
    return compare(before, result, "recall@10", margin=margin, **options).outcome


# The interval decides.


@pytest.mark.parametrize(
    ("lost", "won", "outcome"),
    [
        (12, 33, "improved"),  # +0.021 [0.010, 0.033]
        (5, 4, "pass"),  # -0.001 [-0.007, 0.005]
        (33, 12, "regressed"),  # -0.021 [-0.033, -0.010]
        (25, 12, "inconclusive"),  # -0.013 [-0.024, -0.003]: a loss, and perhaps of the margin
        (300, 300, "inconclusive"),  # 0.000 [-0.040, 0.040]
        (20, 0, "regressed"),  # a drop of exactly the margin
        (19, 0, "inconclusive"),  # -0.019 [-0.028, -0.013]
        (0, 0, "pass"),  # ±z²/(n + z²) = ±0.0027
    ],
)
def test_outcome_follows_from_the_interval_and_the_margin(
    make_baseline, make_result, moved, lost, won, outcome
):
    """1,000 queries, margin 0.02, the 90 % intervals of Tango beside them."""
    before, after = moved(lost, won)

    found = compare(make_baseline(before), make_result(after), "recall@10", margin=MARGIN)

    assert found.outcome == outcome
    assert (found.comparison.won, found.comparison.lost) == (won, lost)
    assert found.comparison.tied == 1000 - won - lost


def test_numbers_of_a_comparison_are_those_of_the_common_queries(make_baseline, make_result, moved):
    """0.600 -> 0.579; Tango's interval; 2.49 * sqrt(churn / n); 12 heads or fewer of 45 coins."""
    before, after = moved(33, 12)

    found = compare(make_baseline(before), make_result(after), "recall@10", margin=MARGIN)

    one = found.comparison
    assert (one.measure, one.reference) == ("recall@10", "baselines/faq/minilm.json")
    assert (one.before, one.after, one.n) == (0.6, 0.579, 1000)
    assert one.interval == pytest.approx((-0.03275, -0.01029), abs=1e-5)
    assert (one.confidence, one.method) == (0.9, "tango")
    assert found.ci90 == one.interval
    assert found.mde == pytest.approx(2.4865 * math.sqrt(45 / 1000 / 1000), abs=1e-5)
    assert one.p == pytest.approx(stats.binom.cdf(12, 45, 0.5), abs=0.001)


def test_another_alpha_decides_and_the_90_percent_interval_is_kept_beside_it(
    make_baseline, make_result, moved
):
    """At alpha 0.005 the same drop of 0.020 is not settled: 99 % reach from -0.034 to -0.012."""
    before, after = moved(30, 12)
    known, result = make_baseline(before), make_result(after)

    strict = compare(known, result, "recall@10", margin=0.018, alpha=0.0005)
    usual = compare(known, result, "recall@10", margin=0.018)

    assert (usual.outcome, strict.outcome) == ("regressed", "inconclusive")
    assert strict.comparison.confidence == pytest.approx(0.999)
    assert strict.ci90 == usual.ci90 == usual.comparison.interval
    assert strict.comparison.interval[0] < usual.comparison.interval[0]


def test_three_losses_have_the_p_value_of_three_coins(make_baseline, make_result, moved):
    before, after = moved(3, 0, 50)

    found = compare(make_baseline(before), make_result(after), "recall@10", margin=MARGIN)

    assert found.comparison.p == 1 / 8


def test_a_measure_that_one_side_lacks_is_a_key_error(make_baseline, make_result):
    known, result = make_baseline([1.0]), make_result([1.0])
    with pytest.raises(KeyError):
        compare(known, result, "mrr@10", margin=MARGIN)


def test_a_result_may_stand_in_the_place_of_a_baseline(make_result, moved):
    """Recall@10 at a margin of 0.02, unless another is asked for."""
    before, after = (make_result(side, weights=side[0]) for side in moved(40, 0))

    found = compare(before, after)

    assert (found.outcome, found.comparison.measure) == ("regressed", "recall@10")
    assert found.comparison.reference == "minilm on faq"
    assert found == compare(Baseline.of(before, "minilm on faq"), after, "recall@10", margin=0.02)


@pytest.mark.parametrize("broken", ["before", "after"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_a_number_is_an_error_on_either_side(
    make_baseline, make_result, broken, value
):
    """Also where the model is the same, and where the difference would be infinite."""
    sides = {"before": [1.0] * 50, "after": [1.0] * 50}
    sides[broken] = [value] + [1.0] * 49

    for weights in ("e", "old"):
        known = make_baseline(sides["before"], weights=weights)
        found = compare(known, make_result(sides["after"]), "recall@10", margin=MARGIN)

        assert (found.outcome, found.why) == ("error", "a value of recall@10 is not a number")
        assert (found.found, found.comparison.p) == (None, None)


# The same model.


@pytest.mark.parametrize(
    ("n", "allowed"),
    [(1, 1), (100, 1), (999, 1), (1000, 2), (1499, 2), (1500, 3), (3500, 7), (100_000, 200)],
)
def test_two_queries_in_a_thousand_may_flip_and_one_always(n, allowed):
    assert flips_allowed(n) == allowed


@pytest.mark.parametrize(
    ("lost", "won", "outcome"),
    [(0, 0, "identical"), (2, 0, "identical"), (1, 1, "identical"), (2, 1, "error")],
)
def test_the_same_model_is_identical_while_few_queries_flip(
    make_baseline, make_result, moved, lost, won, outcome
):
    """2 of 1,000; gains and losses both count."""
    before, after = moved(lost, won)

    assert outcome_of(make_baseline(before, weights="e"), make_result(after)) == outcome


@pytest.mark.parametrize(("margin", "outcome"), [(0.1, "identical"), (0.09, "error")])
def test_a_flip_beyond_the_margin_is_not_identical(make_baseline, make_result, margin, outcome):
    """One of 10 queries may flip, but 0.1 is a drop of 0.1."""
    known, result = make_baseline([1.0] * 10, weights="e"), make_result([0.0] + [1.0] * 9)

    assert outcome_of(known, result, margin) == outcome


def test_the_same_model_with_other_numbers_is_an_error_that_names_both_environments(
    make_baseline, make_result, moved
):
    """What differs is listed with both values, also where one side does not know it."""
    before, after = moved(3, 0)
    old = {"python": "3.12", "torch": "2.6.0", "ranx": "0.3.21"}
    new = {"python": "3.12", "torch": "2.13.0", "device": "cpu"}
    known = make_baseline(before, weights="e", environment=old)

    found = compare(known, make_result(after, environment=new), "recall@10", margin=MARGIN)

    assert found.outcome == "error"
    assert "other values on 3 queries of 1,000 (at most 2 may flip" in found.why
    assert "(torch 2.6.0 → 2.13.0, ranx 0.3.21 → -, device - → cpu)" in found.why
    assert found.comparison.environment == (
        ("torch", "2.6.0", "2.13.0"),
        ("ranx", "0.3.21", "-"),
        ("device", "-", "cpu"),
    )


def test_an_environment_that_explains_nothing_is_said_to(make_baseline, make_result, moved):
    before, after = moved(3, 0)

    found = compare(
        make_baseline(before, weights="e"), make_result(after), "recall@10", margin=MARGIN
    )

    assert "(nothing that is recorded differs)" in found.why


# What cannot be compared.


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"corpus": "other"}, "the corpus is not the one"),
        ({"template": "other"}, "made into texts in another way"),
        ({"drop_same_id": True}, "drop_same_id is not what it was"),
    ],
)
@pytest.mark.parametrize("weights", ["e", "old"])
def test_another_corpus_template_or_ranking_is_stale(
    make_baseline, make_result, now, words, weights
):
    """Also where the model is the same and no value has changed."""
    found = compare(
        make_baseline([1.0] * 100),
        make_result([1.0] * 100, weights=weights, **now),
        "recall@10",
        margin=MARGIN,
    )

    assert found.outcome == "stale"
    assert words in found.why
    assert found.found is None
    assert found.ci90 is None


def test_the_depth_counts_for_a_measure_without_cut_off_alone(make_baseline, make_result):
    """r-precision sees the whole run, recall@10 its first ten documents."""
    values = {"recall@10": np.ones(50), "r-precision": np.ones(50)}
    old = replace(make_result([1.0] * 50, weights="old", depth=100), values=values)
    new = replace(make_result([1.0] * 50, depth=200), values=values)
    known = Baseline.of(old, "there")

    found = compare(known, new, "r-precision", margin=0.1)

    assert found.outcome == "stale"
    assert found.why == "r-precision sees 200 documents, in the baseline 100"
    assert outcome_of(known, new, 0.1) == "pass"


@pytest.mark.parametrize("n", [10, 20, 70, 110, 1000, 4990])
def test_nine_in_ten_common_queries_are_enough(make_baseline, make_result, n):
    """Exactly 90 % is compared; one query less is stale. All had 0, so none can be lost."""
    known = make_baseline([0.0] * n)
    enough = make_result([0.0] * (9 * n // 10))
    less = make_result([0.0] * (9 * n // 10 - 1))

    assert outcome_of(known, enough, 0.5) == "pass"
    assert outcome_of(known, less, 0.5) == "stale"


def test_too_few_common_queries_are_told_by_number_and_share(make_baseline, make_result):
    """899 of 1,000 never read as 90 %."""
    known, result = make_baseline([0.0] * 1000), make_result([0.0] * 899)

    found = compare(known, result, "recall@10", margin=MARGIN)

    assert found.why == (
        "only 899 of the baseline's 1,000 queries (89.9 %) are there and judged as before"
    )
    assert (found.comparison.n, found.comparison.removed) == (899, 101)


def test_no_common_query_at_all_is_stale(make_baseline, make_result):
    known, result = make_baseline([1.0], ids=["old"]), make_result([1.0], ids=["new"])

    found = compare(known, result, "recall@10", margin=MARGIN)

    assert found.outcome == "stale"
    assert math.isnan(found.comparison.before)
    assert (found.comparison.added, found.comparison.removed) == (1, 1)


def test_queries_that_nobody_hashed_are_not_comparable(make_baseline, make_result):
    """Two unknown judgments are not equal ones."""
    unknown = make_result([1.0] * 50, weights="old", facts=())

    assert outcome_of(Baseline.of(unknown, "there"), replace(unknown)) == "stale"
    assert outcome_of(make_baseline([1.0] * 50), unknown) == "stale"


# Queries that came or went.


def test_queries_are_added_removed_or_changed_by_id_and_content(make_baseline, make_result):
    known = make_baseline([0.0] * 20, ids=[f"q{row:02}" for row in range(20)])
    ids = [*(f"q{row:02}" for row in range(1, 20)), "new1", "new2", "new3"]
    digests = [f"digest of {query_id}" for query_id in ids]
    digests[0] = "another text"

    result = make_result([0.0] * 22, ids=ids, digests=digests)
    found = compare(known, result, "recall@10", margin=0.3).comparison

    assert (found.n, found.added, found.removed, found.changed) == (18, 3, 1, 1)


def test_added_queries_change_nothing(make_baseline, make_result, moved):
    """They have no past: a hundred successes do not outweigh what was lost."""
    before, after = moved(33, 12)
    known = make_baseline(before)

    alone = compare(known, make_result(after), "recall@10", margin=MARGIN)
    more = compare(known, make_result([*after, *[1.0] * 100]), "recall@10", margin=MARGIN)

    assert more.comparison.added == 100
    assert replace(more, comparison=replace(more.comparison, added=0)) == alone


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(0.0, "pass"), (1.0, "stale")],
)
@pytest.mark.parametrize("edit", ["removed", "changed"])
def test_a_pass_does_not_hang_on_queries_that_are_gone(
    make_baseline, make_result, value, outcome, edit
):
    """Nothing was lost on 995 queries, but 5 losses in 1,000 are within [-0.0102, ...] of 0.01.

    What had 0 before cannot have been lost.
    """
    known = make_baseline([1.0] * 995 + [value] * 5)
    ids = [f"q{row:05}" for row in range(1000)]
    digests = [f"digest of {query_id}" for query_id in ids]
    if edit == "removed":
        result = make_result([1.0] * 995)
    else:
        result = make_result([1.0] * 1000, ids=ids, digests=[*digests[:995], *["new"] * 5])

    found = compare(known, result, "recall@10", margin=0.01)

    assert found.outcome == outcome
    if outcome == "stale":
        assert "hangs on 5 queries of the baseline" in found.why
        assert found.found.delta == 0.0


def test_an_improvement_that_hangs_on_queries_that_are_gone_is_a_pass(
    make_baseline, make_result, moved
):
    """+0.006 [0.003, ...] is better; with 6 more losses it is still no loss of 0.02."""
    before, after = moved(0, 6)
    known = make_baseline([*before, *[1.0] * 6])

    assert outcome_of(known, make_result([*after, *[1.0] * 6])) == "improved"
    assert outcome_of(known, make_result(after)) == "pass"


def test_what_is_not_settled_is_stale_where_queries_that_are_gone_may_settle_it(
    make_baseline, make_result, moved
):
    """20 losses of 1,000 are a drop of 0.02; without the last of them the drop is 19 in 999."""
    before, after = moved(20, 0)
    known = make_baseline(before)
    ids = [f"q{row:05}" for row in range(1000)]

    assert outcome_of(known, make_result(after)) == "regressed"
    assert outcome_of(known, make_result(after[1:], ids=ids[1:])) == "stale"
    # A query that was never found cannot be the missing loss.
    before, after = moved(19, 0)
    assert outcome_of(make_baseline(before), make_result(after[:-1], ids=ids[:-1])) == (
        "inconclusive"
    )


def test_a_regression_stays_one_where_queries_are_gone(make_baseline, make_result, moved):
    before, after = moved(100, 0)
    known = make_baseline(before)

    found = compare(known, make_result(after[:950]), "recall@10", margin=MARGIN)

    assert found.outcome == "regressed"
    assert found.comparison.removed == 50


# No edit of the data opens the gate.

GRADES = st.sampled_from([0.0, 0.0, 0.5, 1.0])
PAIRS = st.lists(st.tuples(GRADES, GRADES), min_size=10, max_size=40)
LOSSES = st.sampled_from([(1.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.5, 0.0)])
TIES = st.sampled_from([(1.0, 1.0), (0.0, 0.0), (0.5, 0.5)])
KEEP, REMOVE, REWRITE = "keep", "remove", "rewrite"


@st.composite
def drops(draw, alpha):
    """Pairs of which clearly more lost than won, and a margin that the drop reaches, or just so."""
    pairs = [
        *draw(st.lists(LOSSES, min_size=4, max_size=10)),
        *draw(st.lists(TIES, min_size=5, max_size=25)),
        *draw(st.lists(st.tuples(GRADES, GRADES), max_size=3)),
    ]
    before, after = (np.array(side) for side in zip(*pairs, strict=True))
    found = difference(before, after, alpha)
    assume(found.interval[1] < 0)
    margin = -found.delta * draw(st.sampled_from([1.0, 1.0, 0.9, 0.5]))
    assert outcome_by(found, margin) == "regressed"
    return before, after, margin


@st.composite
def edits(draw, n):
    """What becomes of each of n queries, values of those that are rewritten, and added ones."""
    few = st.sampled_from([KEEP] * 30 + [REMOVE, REWRITE])
    fates = draw(st.lists(few, min_size=n, max_size=n))
    values = draw(st.lists(GRADES, min_size=n, max_size=n))
    added = draw(st.lists(GRADES, max_size=20))
    return fates, values, added, draw(st.randoms(use_true_random=False))


def edited(make_result, after, edit, langs=()):
    """The result after the edit, its queries in any order."""
    fates, values, added, order = edit
    rows = [
        (f"q{row:05}", value if fate == KEEP else new, f"digest of q{row:05}" * (fate == KEEP))
        for row, (value, fate, new) in enumerate(zip(after, fates, values, strict=True))
        if fate != REMOVE
    ]
    rows = [(name, value, digest or "rewritten") for name, value, digest in rows]
    rows += [(f"added{row}", value, "added") for row, value in enumerate(added)]
    order.shuffle(rows)
    ids, hits, digests = zip(*rows, strict=True) if rows else ((), (), ())
    groups = [order.choice("ab") for _ in ids] if langs else ()
    return make_result(hits, ids=ids, digests=digests, langs=groups)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from([0.05, 0.2, 0.01]))
def test_no_edit_of_the_queries_turns_a_regression_into_anything_but_stale(
    make_baseline, make_result, data, alpha
):
    """Removed, rewritten, added and reordered queries, with any values."""
    before, after, margin = data.draw(drops(alpha))
    result = edited(make_result, after, data.draw(edits(len(before))))

    found = compare(make_baseline(before), result, "recall@10", margin=margin, alpha=alpha)

    assert found.outcome in ("regressed", "stale")
    assert found.outcome == "regressed" or found.why


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([0.05, 0.2]))
def test_no_edit_takes_a_loss_out_of_a_slice(make_baseline, make_result, data, alpha):
    """A query belongs to the slice that it belonged to in the baseline, whatever it says now."""
    before, after, margin = data.draw(drops(alpha))
    known = make_baseline([*before, *[1.0] * 20], langs=["a"] * len(before) + ["b"] * 20)
    edit = data.draw(edits(len(before) + 20))
    result = edited(make_result, [*after, *[1.0] * 20], edit, langs="ab")
    slice_a = {"margin": margin, "alpha": alpha, "within": ("lang", "a")}

    assert compare(known, result, "recall@10", **slice_a).outcome in ("regressed", "stale")


@pytest.mark.parametrize(("lost", "won"), [(3, 0), (4, 1), (6, 2), (8, 3)])
@pytest.mark.parametrize("gone", ["lost", "won", "found", "never found"])
def test_no_query_is_worth_removing(make_baseline, make_result, lost, won, gone):
    """Up to 4 of 40 queries of one kind, from a drop of exactly the margin."""
    before = [1.0] * lost + [0.0] * won + [1.0] * 20 + [0.0] * (20 - lost - won)
    after = [0.0] * lost + [1.0] * won + [1.0] * 20 + [0.0] * (20 - lost - won)
    first = {"lost": 0, "won": lost, "found": lost + won, "never found": lost + won + 20}[gone]
    known, margin = make_baseline(before), (lost - won) / 40
    assert outcome_of(known, make_result(after), margin, alpha=0.2) == "regressed"

    for count in range(1, 5):
        kept = [row for row in range(40) if not first <= row < first + count]
        ids = [f"q{row:05}" for row in kept]
        result = make_result([after[row] for row in kept], ids=ids)
        assert outcome_of(known, result, margin, alpha=0.2) in ("regressed", "stale")


@given(st.sampled_from(["corpus", "template"]), PAIRS)
@settings(max_examples=25, deadline=None)
def test_no_edit_of_the_documents_opens_the_gate(make_baseline, make_result, part, pairs):
    before, after = zip(*pairs, strict=True)

    edited_documents = make_result(after, **{part: "edited"})

    assert outcome_of(make_baseline(before), edited_documents) == "stale"


@settings(max_examples=40, deadline=None)
@given(PAIRS, st.randoms(use_true_random=False), st.sampled_from(["recall@10", "ndcg@10"]))
@example([(1.0, 0.0)] * 20 + [(0.0, 1.0)] * 19, random.Random(1), "recall@10")
def test_the_order_of_the_queries_changes_no_bit(make_baseline, make_result, pairs, order, measure):
    """On either side; every number is compared with ==."""
    before, after = zip(*pairs, strict=True)
    ids = [f"q{row:05}" for row in range(len(pairs))]
    old, new = list(ids), list(ids)
    order.shuffle(old)
    order.shuffle(new)
    rows = {query_id: row for row, query_id in enumerate(ids)}

    sorted_found = compare(make_baseline(before), make_result(after), measure, margin=0.05)
    shuffled = compare(
        make_baseline([before[rows[name]] for name in old], ids=old),
        make_result([after[rows[name]] for name in new], ids=new),
        measure,
        margin=0.05,
    )

    assert shuffled == sorted_found


# Slices.


def test_a_slice_is_compared_on_its_own_queries(make_baseline, make_result):
    """German lost 10 of 50, English nothing; an added German query is counted."""
    langs = ["de"] * 50 + ["en"] * 50
    known = make_baseline([1.0] * 100, langs=langs)
    result = make_result([0.0] * 10 + [1.0] * 91, langs=[*langs, "de"])

    german = compare(known, result, "recall@10", margin=0.1, within=("lang", "de"))
    english = compare(known, result, "recall@10", margin=0.1, within=("lang", "en"))

    assert (german.outcome, german.comparison.n, german.comparison.added) == ("regressed", 50, 1)
    assert (english.outcome, english.comparison.n, english.comparison.added) == ("pass", 50, 0)


# What changed.


def test_changes_are_told_from_the_worst_loss_then_by_id(make_baseline, make_result):
    known = make_baseline([1.0, 0.0, 1.0, 0.5, 1.0], ids=["e", "d", "c", "b", "a"])
    result = make_result([0.5, 1.0, 0.0, 0.5, 0.0], ids=["e", "d", "c", "b", "a"])

    found = compare(known, result, "recall@10", margin=MARGIN).comparison.changes

    told = [(change.query_id, change.before, change.after, change.lost) for change in found]
    assert told == [
        ("a", 1.0, 0.0, True),
        ("c", 1.0, 0.0, True),
        ("e", 1.0, 0.5, True),
        ("d", 0.0, 1.0, False),
    ]


def change_of(make_baseline, make_result, before, after, k=10):
    """The change of one query; each side is (relevant, retrieved)."""
    old = make_baseline([1.0], relevant=[before[0]], docs=[before[1]])
    new = make_result([0.0], relevant=[after[0]], docs=[after[1]])
    old = replace(old, values={f"recall@{k}": np.ones(1)})
    new = replace(new, values={f"recall@{k}": np.zeros(1)})
    (change,) = compare(old, new, f"recall@{k}", margin=MARGIN).comparison.changes
    return change


def test_relevant_documents_that_crossed_the_cut_are_told_with_both_ranks(
    make_baseline, make_result
):
    """Within the top 10 or outside of it on both sides is no move; best old rank first."""
    before = {"left": 4, "fell": 2, "stays": 1, "outside": 40, "came": 30}
    after = {"left": 27, "stays": 9, "outside": 11, "came": 10, "new": 5}

    change = change_of(make_baseline, make_result, (before, ()), (after, ()))

    assert change.moved == (
        Moved("fell", 2, None),
        Moved("left", 4, 27),
        Moved("came", 30, 10),
        Moved("new", None, 5),
    )


def test_newcomers_are_the_documents_that_were_not_in_the_top_k(make_baseline, make_result):
    """Known by short hashes of the first ten; in order of rank; those of rank 4 are beyond k."""
    change = change_of(
        make_baseline,
        make_result,
        ({}, ["a", "b", "c", "d", "e"]),
        ({}, ["x", "b", "d", "y", "z"]),
        k=3,
    )

    assert change.newcomers == ("x", "d")


def test_newcomers_of_a_deep_measure_are_told_of_ten_ranks(make_baseline, make_result):
    old, new = [f"d{row}" for row in range(30)], [f"n{row}" for row in range(30)]

    change = change_of(make_baseline, make_result, ({}, old), ({}, new), k=20)

    assert change.newcomers == tuple(new[:10])


def test_all_documents_of_a_query_that_had_none_are_newcomers(make_baseline, make_result):
    change = change_of(make_baseline, make_result, ({}, []), ({}, ["a", "b"]))

    assert change.newcomers == ("a", "b")


def test_changes_are_grouped_as_the_baseline_groups_them(make_baseline, make_result):
    """As slices are; metadata that the baseline does not know is added."""
    known = make_baseline([1.0, 1.0], langs=["de", None])
    facts = tuple(
        QueryFacts(f"digest of q0000{row}", {}, {"lang": "en", "year": "2026"}) for row in range(2)
    )
    result = make_result([0.0, 0.0], facts=facts)

    found = compare(known, result, "recall@10", margin=MARGIN).comparison.changes

    assert [dict(change.groups) for change in found] == [
        {"lang": "de", "year": "2026"},
        {"lang": "en", "year": "2026"},
    ]


def test_values_that_differ_by_the_last_bits_are_tied(make_baseline, make_result):
    known, result = make_baseline([0.1 + 0.2] * 50), make_result([0.3] * 50)

    found = compare(known, result, "recall@10", margin=0.1).comparison

    assert (found.tied, found.changes) == (50, ())
