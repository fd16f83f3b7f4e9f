"""The sentences on a fine-tuning: complete, and never against the outcome beside them."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchharness.judge.paired import Difference, outcome_of
from benchharness.pairs.leaks import EXAMPLE
from benchharness.report.tuning_text import HEAD, facts_of, rows_of
from benchharness.train.diagnosis import Diagnosis
from benchharness.train.tuning import Guarded, Source, Tuning
from benchharness.train.verdicts import MARGIN

BARE = Tuning("faq", "minilm", "base-kept", "no step was better")


def test_every_verdict_is_a_row_and_the_deciding_ones_come_first(tuning):
    """Rule: held out, out of fold, sources, pilot, dimensions, untouched, guards, accuracy."""
    rows = rows_of(tuning())

    assert [row[:2] for row in rows] == [
        ("held-out queries (1,000)", "recall@10"),
        ("held-out queries (1,000)", "mrr@10"),
        ("out of fold (5,000)", "recall@10"),
        ("out of fold (1,000)", "ndcg@10"),
        ("out of fold, made (1,000)", "recall@10"),
        ("pilot fold (200)", "recall@10"),
        ("64 dimensions (1,000)", "recall@10"),
        ("32 dimensions (1,000)", "recall@10"),
        ("untouched queries (900)", "recall@10"),
        ("guard old (1,000)", "ndcg@10"),
        ("200 labelled texts", "accuracy"),
    ]
    assert {len(row) for row in rows} == {len(HEAD)}


def test_a_row_tells_both_sides_the_interval_and_the_outcome(tuning):
    assert rows_of(tuning())[0] == (
        "held-out queries (1,000)", "recall@10", "0.3000 → 0.5000", "+0.2000 [0.150, 0.250]",
        "300 / 100", "improved",
    )  # fmt: skip


def test_what_was_not_judged_has_no_row_and_no_fact():
    assert rows_of(BARE) == []
    assert list(facts_of(BARE)) == []


NUMBERS = [
    ({"delta": 1e-5, "ci90": (2e-6, 3e-5), "outcome": "improved"}, MARGIN,
     "+0.00001 [0.000002, 0.000030]"),
    ({"delta": 0.01, "ci90": (-0.01996, 0.03), "outcome": "pass"}, MARGIN,
     "+0.0100 [-0.01996, 0.03000]"),
    ({"delta": -0.01996, "ci90": (-0.04, -0.001), "outcome": "inconclusive"}, MARGIN,
     "-0.01996 [-0.040, -0.001]"),
    ({"delta": 0.01, "ci90": (-0.02996, 0.03), "outcome": "pass"}, 0.03,
     "+0.0100 [-0.02996, 0.03000]"),
    ({"delta": float("nan"), "ci90": (float("nan"),) * 2, "outcome": "inconclusive"}, MARGIN,
     "nan [nan, nan]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "margin", "shown"), NUMBERS,
    ids=["improved", "pass", "inconclusive", "margin of a guard", "undefined"],
)  # fmt: skip
def test_numbers_get_digits_until_they_agree_with_the_outcome(versus, fields, margin, shown):
    """Rule: each stands visibly on its side of 0 and of the margin that was judged by."""
    one = versus(**fields)
    made = replace(BARE, guards=(Guarded("old", margin, one),))
    if margin == MARGIN:
        made = replace(made, held_out=one)

    assert {row[3] for row in rows_of(made)} == {shown}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(*[st.floats(-0.05, 0.05) | st.sampled_from([0.0, -0.02, -0.0199999])] * 3),
    st.sampled_from([0.02, 0.001, 0.03]),
)
def test_a_reader_of_the_printed_numbers_comes_to_the_same_outcome(versus, ends, margin):
    """Rule: the outcome follows from what is printed, whatever the numbers."""
    low, delta, high = sorted(ends)
    found = Difference(delta, (low, high), 100, "student-t", 1, 1, 98)
    outcome = outcome_of(found, margin)
    one = versus(delta=delta, ci90=(low, high), outcome=outcome)

    ((*_, shown, _, told),) = rows_of(replace(BARE, guards=(Guarded("old", margin, one),)))

    printed, _, interval = shown.partition(" ")
    ends = tuple(float(end) for end in interval.strip("[]").split(", "))
    read = replace(found, delta=float(printed), interval=ends)
    assert told == outcome == outcome_of(read, margin)


def test_facts_are_told_in_order(tuning):
    """Rule: what it was trained on, which question is answered, leaks, how, diagnosis, time."""
    facts = list(facts_of(tuning()))

    assert facts == [
        "trained on 900 pairs from judgments, 4,321 pairs of 5,000 from made (synthetic queries)",
        "folds answer for queries about documents that were never trained on",
        "recall@10 by fold: +0.2000, +0.1500; 1 of them kept the base model",
        "12 documents stand on both sides",
        "learning_rate 1 is outside the usual",
        "batches of 32: each query chose among its positive and 127 negatives; "
        "5,120 rows in 40 steps, kept at 75% of the schedule",
        "hard negatives by bm25: 88% of the wanted ones found, 1 filled with random documents; "
        "left out 12 relevant by id, 3 by text, 4,567 too near a positive; "
        "1 to be judged by a person: negatives.md",
        "diagnosis: healthy",
        "averaged with the base: 1 of the tuned weights, dev 0.5000, guard 0.2500, "
        "0.5 of the tuned weights, dev 0.3750",
        "chosen was 1",
        "guard old: few queries",
        "took 2 min 30 s",
    ]


def test_synthetic_queries_are_labelled_wherever_they_were_trained_on():
    sources = (Source("judgments", 1, 1, synthetic=True), Source("made", 3, 0, synthetic=True))

    (fact,) = facts_of(replace(BARE, sources=sources))

    assert fact == (
        "trained on 1 pair from judgments (synthetic queries), "
        "0 pairs of 3 from made (synthetic queries)"
    )


def test_a_diagnosis_is_told_once_with_its_first_evidence(tuning):
    """Rule: by name; how many more trainings show it is counted, and healthy ones say nothing."""
    made = tuning()
    first, second, final = made.trainings
    sick = [Diagnosis("overfitting", f"the value fell in {n}", "fewer epochs") for n in (1, 2)]
    trainings = (
        replace(first, diagnoses=(sick[0],)), replace(second, diagnoses=(sick[1],)), final,
    )  # fmt: skip

    facts = list(facts_of(replace(made, trainings=trainings)))

    told = [fact for fact in facts if fact.startswith("diagnosis")]
    assert told == ["diagnosis: overfitting; fold 1: the value fell in 1 (and 1 more)"]


def test_folds_that_all_learnt_say_nothing_of_the_base(tuning):
    made = tuning()
    trainings = tuple(replace(one, best_share=0.5) for one in made.trainings)

    facts = list(facts_of(replace(made, trainings=trainings)))

    assert "recall@10 by fold: +0.2000, +0.1500" in facts


def test_the_final_training_that_kept_the_base_is_not_counted_as_a_fold(tuning):
    made = tuning()
    first, second, final = made.trainings
    trainings = (first, replace(second, best_share=0.5), replace(final, best_share=0.0))

    facts = list(facts_of(replace(made, trainings=trainings)))

    assert not [fact for fact in facts if "kept the base model" in fact]


@pytest.mark.parametrize(
    ("spent", "told"), [(0.5, "took 30.0 s"), (61.0, "took 1 h 01 min"), (0.0, None)]
)
def test_time_is_told_where_it_is_known(spent, told):
    assert list(facts_of(replace(BARE, minutes=spent))) == ([told] if told else [])


def test_two_examples_of_what_both_sides_share_are_enough():
    """Rule: counts are all told, of the examples the first two; verdict.json has the others."""
    examples = tuple(f"{EXAMPLE}query q{n}" for n in range(5))

    facts = list(facts_of(replace(BARE, leaks=("touched in all: 5 of 9 test queries", *examples))))

    assert facts == ["touched in all: 5 of 9 test queries", *examples[:2]]
