"""The verdicts of gates that compare: regression, champion and challenger, guard, and updates."""

import math
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.baseline.record import Baseline
from benchharness.errors import DataError
from benchharness.gate import Gate
from benchharness.judge.gates import judge
from benchharness.testing import StoredReferences

GATE = Gate.regression("recall@10", margin=0.02)


# What a verdict says.


@pytest.mark.parametrize(
    ("lost", "won", "outcome", "line", "advice"),
    [
        (
            12, 33, "improved",
            "recall@10 0.6000 → 0.6210, +0.0210 [0.010, 0.033]: better; "
            "won 33, lost 12, tied 955",
            "",
        ),
        (
            5, 4, "pass",
            "recall@10 0.6000 → 0.5990, -0.0010 [-0.007, 0.005]: no loss of 0.02 or more; "
            "won 4, lost 5, tied 991",
            "",
        ),
        (
            33, 12, "regressed",
            "recall@10 0.6000 → 0.5790, -0.0210 [-0.033, -0.010]: worse, by at least the margin "
            "0.02; won 12, lost 33, tied 955",
            "look at the lost queries in changes.jsonl; if this is meant: "
            'pytest suites/ --bench-update=changed --bench-reason "WHY"',
        ),
        (
            25, 12, "inconclusive",
            "recall@10 0.6000 → 0.5870, -0.0130 [-0.024, -0.003]: not settled; 1,000 queries show "
            "differences of 0.015, about 2,160 queries would settle this one; "
            "won 12, lost 25, tied 963",
            "judge more queries, or allow a wider margin",
        ),
        (
            20, 0, "regressed",
            "recall@10 0.6000 → 0.5800, -0.0200 [-0.029, -0.013]: worse, by at least the margin "
            "0.02; won 0, lost 20, tied 980",
            "look at the lost queries in changes.jsonl; if this is meant: "
            'pytest suites/ --bench-update=changed --bench-reason "WHY"',
        ),
    ],
)  # fmt: skip
def test_a_verdict_is_one_sentence_with_both_means_the_interval_and_the_counts(
    verdict_on, make_result, make_baseline, moved, lost, won, outcome, line, advice
):
    """2,160 = 1,000 * (0.0103 / 0.007)^2, rounded up: until the half-width is the distance."""
    before, after = moved(lost, won)

    verdict = verdict_on(GATE, make_result(after), make_baseline(before))

    assert (verdict.outcome, verdict.line, verdict.advice) == (outcome, line, advice)


def test_a_verdict_carries_the_numbers_that_reports_need(
    verdict_on, make_result, make_baseline, moved
):
    before, after = moved(33, 12)

    verdict = verdict_on(GATE, make_result(after), make_baseline(before))

    assert (verdict.gate, verdict.suite, verdict.model) == ("regression-recall@10", "faq", "minilm")
    assert (verdict.measure, verdict.value, verdict.margin) == ("recall@10", 0.579, 0.02)
    assert verdict.delta == pytest.approx(-0.021)
    assert verdict.ci90 == pytest.approx((-0.03275, -0.01029), abs=1e-5)
    assert verdict.mde == pytest.approx(0.01668, abs=1e-5)
    assert (verdict.comparison.n, len(verdict.comparison.changes)) == (1000, 45)
    assert verdict.minimum is None


def test_the_same_model_is_said_to_be_the_same(verdict_on, make_result, make_baseline, moved):
    before, after = moved(1, 1)

    verdict = verdict_on(GATE, make_result(after), make_baseline(before, weights="e"))

    assert (verdict.outcome, verdict.breached) == ("identical", False)
    assert verdict.line == (
        "recall@10 0.6000 → 0.6000, 0.0000 [-0.004, 0.004]: the same model; won 1, lost 1, tied 998"
    )


def test_edits_of_the_queries_are_counted_in_the_sentence(verdict_on, make_result, make_baseline):
    ids = [f"q{row}" for row in range(100)]
    known = make_baseline([0.0] * 100, ids=ids)
    digests = [f"digest of {name}" for name in ids[3:]]
    result = make_result([0.0] * 98, ids=[*ids[3:], "new"], digests=["edited", *digests[1:], "n"])

    verdict = verdict_on(Gate.regression("recall@10", margin=0.05), result, known)

    assert verdict.line.endswith("tied 96; 1 query added; 3 queries removed; 1 query changed")


def test_a_question_that_no_number_of_queries_settles_is_said_to(
    verdict_on, make_result, make_baseline, moved
):
    """The drop 0.019 is next to the margin: more than 20 times as many queries."""
    before, after = moved(19, 0)

    verdict = verdict_on(GATE, make_result(after), make_baseline(before))

    assert "not settled, and not with this suite; 1,000 queries show" in verdict.line


@pytest.mark.parametrize(
    ("change", "worse", "command"),
    [
        ({"corpus": "other"}, False, "pytest suites/ --bench-update=changed"),
        (
            {"corpus": "other"},
            True,
            'pytest suites/ --bench-update=changed --bench-reason "WHY"',
        ),
        ({"template": "other"}, False, "pytest suites/ --bench-update=changed"),
    ],
)
def test_stale_prints_the_exact_update_command(
    verdict_on, make_result, make_baseline, change, worse, command
):
    """With a reason where a mean would fall."""
    result = make_result([0.0 if worse else 1.0] + [1.0] * 49, **change)

    verdict = verdict_on(GATE, result, make_baseline([1.0] * 50))

    assert (verdict.outcome, verdict.failed, verdict.advice) == ("stale", True, command)
    assert (verdict.delta, verdict.ci90, verdict.mde) == (None, None, None)


# No baseline, and references that cannot decide.


def test_no_baseline_says_where_it_would_be_and_how_to_write_it(verdict_on, make_result):
    verdict = verdict_on(GATE, make_result([1.0] * 50))

    assert (verdict.outcome, verdict.failed, verdict.margin) == ("no-baseline", True, 0.02)
    assert verdict.line == (
        "recall@10 1.0000 has nothing to be compared with: there is no baselines/faq/minilm.json"
    )
    assert verdict.advice == "pytest suites/ --bench-update=missing"


def test_a_missing_baseline_may_warn(verdict_on, make_result):
    verdict = verdict_on(GATE, make_result([1.0] * 50), missing="warn")

    assert (verdict.severity, verdict.breached, verdict.failed) == ("warn", True, False)


def test_a_baseline_without_the_measure_is_no_baseline(verdict_on, make_result, make_baseline):
    known = make_baseline([1.0] * 50)
    known = replace(known, values={name: known.values[name] for name in ("ndcg@10",)})

    verdict = verdict_on(GATE, make_result([1.0] * 50), known)

    assert (verdict.outcome, verdict.failed) == ("no-baseline", True)
    assert verdict.line == ("baselines/faq/minilm.json does not know recall@10; it has ndcg@10")
    assert verdict.advice == "pytest suites/ --bench-update=changed"


@pytest.mark.parametrize(
    ("noise", "outcome"), [(0.0199, "pass"), (0.02, "error"), (0.0200004, "error"), (0.5, "error")]
)
def test_a_margin_that_is_not_above_the_noise_is_refused(
    verdict_on, make_result, make_baseline, noise, outcome
):
    """The noise is printed on its side of the margin."""
    known = make_baseline([1.0] * 500, noise={"recall@10": noise, "ndcg@10": 0.9})

    verdict = verdict_on(GATE, make_result([1.0] * 500), known)

    assert verdict.outcome == outcome
    if outcome == "error":
        printed = re.search(r"not above the noise (\S+) ", verdict.line)
        assert printed is not None
        assert (float(printed[1]) > 0.02) == (noise > 0.02)
        assert "benchharness noise" in verdict.advice


def test_the_same_model_with_other_numbers_is_an_error_with_both_versions(
    verdict_on, make_result, make_baseline, moved
):
    before, after = moved(40, 0)
    known = make_baseline(before, weights="e", environment={"torch": "2.6.0"})

    verdict = verdict_on(GATE, make_result(after, environment={"torch": "2.13.0"}), known)

    assert (verdict.outcome, verdict.failed) == ("error", True)
    assert "the environment changes the numbers (torch 2.6.0 → 2.13.0)" in verdict.line
    assert "--bench-update=changed" in verdict.advice


# Champion and challenger.


BEATS = Gate.beats("champ", "recall@10")


def champion(make_result, hits, **fields):
    return make_result(hits, model="champ", **{"weights": "champion", **fields})


@pytest.mark.parametrize(
    ("lost", "won", "outcome", "failed"),
    [
        (12, 33, "improved", False),
        (4, 5, "inconclusive", True),
        (0, 0, "inconclusive", True),
        (12, 4, "regressed", True),  # -0.008 [-0.016, -0.002]: any certain loss
    ],
)
def test_a_challenger_must_be_shown_to_be_better(
    verdict_on, make_result, moved, lost, won, outcome, failed
):
    """The whole interval above 0; what is not settled fails too."""
    before, after = moved(lost, won)

    verdict = verdict_on(BEATS, make_result(after), results=[champion(make_result, before)])

    assert (verdict.outcome, verdict.failed) == (outcome, failed)
    assert verdict.comparison.reference == "champ in this session"
    assert "margin" not in verdict.line


def test_the_same_model_beats_nothing(verdict_on, make_result):
    verdict = verdict_on(
        BEATS, make_result([1.0] * 50), results=[champion(make_result, [1.0] * 50, weights="e")]
    )

    assert (verdict.outcome, verdict.failed) == ("fail", True)
    assert verdict.line == "champ is the same model: it beats nothing"


def test_the_same_model_beats_nothing_in_a_release_either(verdict_on, make_result):
    """A gate that only warns fails there."""
    gate = Gate.beats("champ", "recall@10", severity="warn")
    same = champion(make_result, [1.0] * 50, weights="e")

    usual = verdict_on(gate, make_result([1.0] * 50), results=[same])
    release = verdict_on(gate, make_result([1.0] * 50), results=[same], release=True)

    assert (usual.severity, release.severity) == ("warn", "error")


def test_a_champion_on_other_data_is_stale_and_no_update_would_help(verdict_on, make_result):
    elsewhere = champion(make_result, [1.0] * 50, corpus="other")

    verdict = verdict_on(BEATS, make_result([1.0] * 50), results=[elsewhere])

    assert (verdict.outcome, verdict.failed, verdict.advice) == ("stale", True, "")


def test_a_champion_that_cannot_be_measured_is_an_error(verdict_on, make_result):
    verdict = verdict_on(BEATS, make_result([1.0] * 50))

    assert (verdict.outcome, verdict.failed) == ("error", True)
    assert "no result of champ on faq" in verdict.line


def test_a_regression_gate_may_compare_with_a_champion_in_place_of_the_baseline(
    verdict_on, make_result, make_baseline, moved
):
    """The baseline is not asked, and its update is not advised."""
    before, after = moved(40, 0)
    gate = Gate.regression("recall@10", margin=0.02, against="champ")

    verdict = verdict_on(
        gate,
        make_result(after),
        make_baseline(after),
        results=[champion(make_result, before)],
    )

    assert verdict.outcome == "regressed"
    assert verdict.advice == "look at the lost queries in changes.jsonl"


# Another suite.


GUARD = Gate.guard("old-faq", "recall@10", margin=0.02)


@pytest.fixture
def guarded(make_case, make_result, moved):
    """The verdict on a guard of `old-faq`, where so many queries were lost and won."""

    def make(lost, won, gate=GUARD, **policy):
        before, after = moved(lost, won)
        known = Baseline.of(make_result(before, weights="old", suite="old-faq"), "b.json")
        results = {
            ("old-faq", "minilm"): make_result(after, suite="old-faq"),
            ("old-faq", "champ"): make_result(
                before, suite="old-faq", model="champ", weights="old"
            ),
        }
        references = StoredReferences({("old-faq", "minilm"): known}, results)
        case = make_case(make_result([1.0] * 30), references=references, **policy)
        return judge(gate, case)

    return make


@pytest.mark.parametrize(("lost", "outcome"), [(0, "pass"), (40, "regressed")])
def test_a_guard_judges_the_other_suite_by_its_own_baseline(guarded, lost, outcome):
    """Forgetting: the suite at hand says nothing of it. The verdict is the suite's at hand."""
    verdict = guarded(lost, 0)

    assert (verdict.outcome, verdict.suite) == (outcome, "faq")
    assert verdict.line.startswith("on old-faq: recall@10 0.6000 → ")
    assert verdict.value == pytest.approx(0.6 - lost / 1000)
    assert verdict.comparison.reference == "b.json"


def test_a_guard_may_compare_with_a_champion_on_that_suite(guarded):
    gate = Gate.guard("old-faq", "recall@10", margin=0.02, against="champ")

    verdict = guarded(40, 0, gate)

    assert verdict.outcome == "regressed"
    assert verdict.comparison.reference == "champ in this session"


def test_an_update_of_this_suite_updates_no_guarded_one(guarded):
    """Its baseline is not written by this gate, so the loss still counts."""
    verdict = guarded(40, 0, update="all", reason="meant")

    assert (verdict.updated, verdict.failed) == (False, True)


def test_a_guard_of_a_suite_without_a_baseline_is_no_baseline(make_case, make_result):
    results = {("old-faq", "minilm"): make_result([1.0] * 30, suite="old-faq")}
    case = make_case(make_result([1.0] * 30), references=StoredReferences({}, results))

    verdict = judge(GUARD, case)

    assert verdict.outcome == "no-baseline"
    assert "there is no baselines/old-faq/minilm.json" in verdict.line


# A session that writes baselines.


@pytest.mark.parametrize("update", ["missing", "all"])
def test_a_baseline_that_is_written_anew_is_told_and_judges_nothing(
    verdict_on, make_result, update
):
    verdict = verdict_on(GATE, make_result([1.0] * 50), update=update)

    assert (verdict.outcome, verdict.severity) == ("no-baseline", "note")
    assert (verdict.updated, verdict.failed) == (True, False)
    assert verdict.advice == "the baseline is updated"


def test_a_mode_that_does_not_write_leaves_the_verdict(
    verdict_on, make_result, make_baseline, moved
):
    """`missing` leaves what is there, `changed` writes nothing new."""
    before, after = moved(40, 0)
    result = make_result(after)

    kept = verdict_on(GATE, result, make_baseline(before), update="missing", reason="meant")
    absent = verdict_on(GATE, result, update="changed", reason="meant")

    assert (kept.outcome, kept.updated, kept.failed) == ("regressed", False, True)
    assert (absent.outcome, absent.updated, absent.failed) == ("no-baseline", False, True)


def test_an_update_to_worse_values_needs_a_reason(verdict_on, make_result, make_baseline, moved):
    """Without one the gate keeps failing, and asks for it."""
    before, after = moved(40, 0)
    result, known = make_result(after), make_baseline(before)

    refused = verdict_on(GATE, result, known, update="all", reason=" ")
    accepted = verdict_on(GATE, result, known, update="all", reason="re-chunked")

    assert (refused.outcome, refused.updated, refused.failed) == ("regressed", False, True)
    assert refused.advice == 'values got worse: say why with --bench-reason "WHY"'
    assert (accepted.outcome, accepted.severity, accepted.updated) == ("regressed", "note", True)


def test_a_gate_that_is_met_is_not_marked_as_updated(verdict_on, make_result, make_baseline):
    verdict = verdict_on(GATE, make_result([1.0] * 500), make_baseline([1.0] * 500), update="all")

    assert (verdict.outcome, verdict.updated) == ("pass", False)


def test_a_champion_is_no_baseline_that_could_be_updated(verdict_on, make_result, moved):
    before, after = moved(40, 0)

    verdict = verdict_on(
        BEATS,
        make_result(after),
        results=[champion(make_result, before)],
        update="all",
        reason="meant",
    )

    assert (verdict.updated, verdict.failed) == (False, True)


@dataclass(frozen=True)
class Damaged(StoredReferences):
    def baseline(self, suite, model):
        raise DataError("the baseline cannot be used", where=self.baseline_place(suite, model))


@pytest.mark.parametrize(("update", "updated"), [("all", True), ("changed", False), (None, False)])
def test_a_damaged_baseline_is_an_error_until_all_are_written_anew(
    make_case, make_result, update, updated
):
    case = make_case(make_result([1.0] * 50), references=Damaged(), update=update)

    verdict = judge(GATE, case)

    assert (verdict.updated, verdict.failed) == (updated, not updated)
    assert verdict.outcome == ("no-baseline" if updated else "error")


# Numbers and words agree.

NUMBER = r"[+-]?\d\.\d+"
SHOWN = re.compile(
    rf"recall@10 ({NUMBER}) → ({NUMBER}), ({NUMBER}) \[({NUMBER}), ({NUMBER})\]: ([^;,]+)"
)
WORDS = {
    "improved": "better",
    "pass": "no loss of ",
    "regressed": "worse",
    "inconclusive": "not settled",
    "identical": "the same model",
    "error": "the same model gives other values",
}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 40),
    st.integers(0, 40),
    st.sampled_from([100, 400, 999]),
    st.sampled_from([0.01, 0.02, 0.025, 1 / 30, 0.07]),
    st.sampled_from([1.0, 0.3337, 1e-5]),
    st.booleans(),
)
def test_no_printed_number_contradicts_the_outcome(
    verdict_on, make_result, make_baseline, moved, lost, won, n, margin, scale, same
):
    """Read back from the sentence, the numbers lead to the outcome that stands beside them."""
    before, after = (np.array(side) * scale for side in moved(lost, won, n))
    known = make_baseline(before, weights="e" if same else "old")

    verdict = verdict_on(Gate.regression("recall@10", margin=margin), make_result(after), known)

    shown = SHOWN.match(verdict.line)
    assert shown is not None
    old, new, delta, low, high = map(float, shown.groups()[:5])
    assert shown[6].startswith(WORDS[verdict.outcome])
    assert np.sign(round(new - old, 12)) == np.sign(delta)
    assert low <= delta <= high
    if verdict.outcome == "improved":
        assert low > 0
    elif verdict.outcome == "pass":
        assert -margin < low <= 0
    elif verdict.outcome == "regressed":
        assert high < 0
        assert delta <= -margin
    elif verdict.outcome == "inconclusive":
        assert low <= -margin
        assert high >= 0 or delta > -margin
    assert ("pass" in verdict.line) is False


def test_a_drop_a_hair_below_the_margin_is_not_printed_as_the_margin(
    verdict_on, make_result, make_baseline
):
    """-0.01999998 would round to the margin that it does not reach."""
    before, after = [0.5] * 500, [0.5 - 0.01999998] * 500

    verdict = verdict_on(GATE, make_result(after), make_baseline(before))

    assert verdict.outcome == "inconclusive"
    assert math.isclose(verdict.delta, -0.01999998)
    assert ", -0.01999998 [" in verdict.line
