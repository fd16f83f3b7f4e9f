"""The worst slice decides: floors under every slice, and drops of every slice."""

import pytest

from benchharness.baseline.record import Baseline
from benchharness.gate import Gate
from benchharness.judge.paired import tango

FLOOR = Gate.slice("recall@10", "lang", minimum=0.5)
DROP = Gate.slice("recall@10", "lang", margin=0.1)


def slices(**hits):
    """`slices(de=(30, 40))`: 30 ones of 40 queries; the values and their metadata."""
    values, langs = [], []
    for lang, (ones, n) in hits.items():
        values += [1.0] * ones + [0.0] * (n - ones)
        langs += [None if lang == "none" else lang] * n
    return values, langs


@pytest.fixture
def floor_verdict(verdict_on, make_result):
    def make(gate=FLOOR, **hits):
        values, langs = slices(**hits)
        return verdict_on(gate, make_result(values, langs=langs))

    return make


@pytest.fixture
def drop_verdict(verdict_on, make_result, make_baseline):
    """The verdict on a drop; each slice is (ones before, ones now, queries)."""

    def make(gate=DROP, **counts):
        policy = {name: counts.pop(name) for name in ("update", "reason") if name in counts}
        before, langs = slices(**{name: (old, n) for name, (old, _, n) in counts.items()})
        after, _ = slices(**{name: (new, n) for name, (_, new, n) in counts.items()})
        known = make_baseline(before, langs=langs)
        return verdict_on(gate, make_result(after, langs=langs), known, **policy)

    return make


# A floor under every slice.


def test_the_worst_slice_is_held_against_the_minimum(floor_verdict):
    """0.475 of 40; the mean over all is 0.81. Wilson's 95 % interval of 19 in 40."""
    verdict = floor_verdict(de=(19, 40), en=(100, 100), fr=(9, 19))

    assert (verdict.outcome, verdict.failed) == ("fail", True)
    assert (verdict.value, verdict.minimum) == (0.475, 0.5)
    assert verdict.line == (
        "the worst of 2 slices, lang 'de' with 40 queries: recall@10 0.4750 [0.329, 0.626] "
        "is below 0.50; 1 slice of under 20 not judged"
    )


def test_every_slice_at_the_minimum_passes(floor_verdict):
    verdict = floor_verdict(de=(20, 40), en=(30, 40))

    assert verdict.outcome == "pass"
    assert "lang 'de' with 40 queries: recall@10 0.5000" in verdict.line
    assert verdict.line.endswith("is not below 0.50")


def test_several_slices_below_the_minimum_are_counted(floor_verdict):
    verdict = floor_verdict(de=(1, 20), en=(2, 20), fr=(20, 20))

    assert verdict.line.endswith("is below 0.50; 2 slices are")


def test_of_equal_slices_the_first_by_name_is_told(floor_verdict):
    assert "lang 'de'" in floor_verdict(fr=(5, 20), de=(5, 20)).line


def test_a_value_a_hair_below_the_minimum_is_printed_below_it(verdict_on, make_result):
    """0.49996 would round to the minimum that it does not reach."""
    verdict = verdict_on(FLOOR, make_result([0.49996] * 20, langs=["de"] * 20))

    assert verdict.outcome == "fail"
    assert "recall@10 0.49996 [" in verdict.line


def test_at_least_decides_what_is_judged(floor_verdict):
    """Slices of 19 are judged where 19 are enough."""
    gate = Gate.slice("recall@10", "lang", minimum=0.5, at_least=19)

    assert floor_verdict(gate, de=(0, 19), en=(20, 20)).outcome == "fail"
    assert floor_verdict(de=(0, 19), en=(20, 20)).outcome == "pass"


# What cannot be sliced.


@pytest.mark.parametrize("gate", [FLOOR, DROP], ids=["minimum", "margin"])
def test_slices_that_are_all_too_small_judge_nothing(verdict_on, make_result, make_baseline, gate):
    """An error, not a pass."""
    values, langs = slices(de=(10, 10), en=(19, 19))

    verdict = verdict_on(gate, make_result(values, langs=langs), make_baseline(values, langs=langs))

    assert (verdict.outcome, verdict.failed) == ("error", True)
    assert verdict.line == "no slice by lang has 20 queries; the largest has 19"


@pytest.mark.parametrize("gate", [FLOOR, DROP], ids=["minimum", "margin"])
def test_metadata_that_no_query_has_is_an_error(verdict_on, make_result, make_baseline, gate):
    verdict = verdict_on(gate, make_result([1.0] * 50), make_baseline([1.0] * 50))

    assert (verdict.outcome, verdict.failed) == ("error", True)
    assert verdict.line == "no query has the metadata 'lang'"
    assert '"metadata": {"lang": "de"}' in verdict.advice


def test_metadata_that_only_the_baseline_lacks_is_brought_in_by_an_update(
    verdict_on, make_result, make_baseline
):
    values, langs = slices(de=(30, 40))
    result, known = make_result(values, langs=langs), make_baseline(values)

    verdict = verdict_on(DROP, result, known)
    updating = verdict_on(DROP, result, known, update="changed")

    assert (verdict.outcome, verdict.failed) == ("error", True)
    assert verdict.line.startswith("no query of baselines/faq/minilm.json has the metadata 'lang'")
    assert verdict.advice == "pytest suites/ --bench-update=changed"
    assert (updating.updated, updating.failed) == (True, False)


def test_a_result_without_facts_has_no_slices(verdict_on, make_result):
    assert verdict_on(FLOOR, make_result([1.0] * 50, facts=())).outcome == "error"


# A drop of every slice.


def test_the_slice_that_fell_most_decides(drop_verdict):
    """German fell by 0.2, English rose: the mean is what it was."""
    verdict = drop_verdict(de=(60, 40, 100), en=(40, 60, 100))

    assert (verdict.outcome, verdict.failed) == ("regressed", True)
    assert verdict.delta == pytest.approx(-0.2)
    assert verdict.line.startswith(
        "the worst of 2 slices, lang 'de': recall@10 0.6000 → 0.4000, -0.2000 ["
    )
    assert (verdict.margin, verdict.value) == (0.1, 0.5)


def test_alpha_is_shared_among_the_slices(drop_verdict):
    """Three slices are judged at 0.05 / 3 each; the 90 % interval is kept beside it."""
    verdict = drop_verdict(de=(60, 60, 100), en=(60, 60, 100), fr=(60, 60, 100), it=(1, 1, 9))

    one = verdict.comparison
    assert one.interval == tango(0, 0, 100, 0.05 / 3)
    assert one.confidence == pytest.approx(1 - 2 * 0.05 / 3)
    assert verdict.ci90 == tango(0, 0, 100, 0.05)
    assert verdict.line.endswith("1 slice of under 20 not judged")


def test_more_slices_make_each_of_them_harder_to_settle(drop_verdict):
    """7 losses of 100 against a margin of 0.12: 90 % reach to -0.119, 95 % to -0.133."""
    gate = Gate.slice("recall@10", "lang", margin=0.125)

    alone = drop_verdict(gate, de=(60, 53, 100))
    beside = drop_verdict(gate, de=(60, 53, 100), en=(60, 60, 100))

    assert (alone.outcome, beside.outcome) == ("pass", "inconclusive")


def test_the_worst_outcome_is_told_with_how_many_share_it(drop_verdict):
    verdict = drop_verdict(de=(60, 30, 100), en=(60, 20, 100), fr=(60, 60, 100))

    assert "lang 'en'" in verdict.line
    assert "; 2 slices are regressed" in verdict.line


def test_slices_that_are_met_are_not_counted(drop_verdict):
    verdict = drop_verdict(de=(60, 60, 100), en=(60, 60, 100))

    assert verdict.outcome == "pass"
    assert "slices are" not in verdict.line


def test_the_gate_is_improved_only_where_every_slice_is(drop_verdict):
    assert drop_verdict(de=(40, 60, 100), en=(40, 60, 100)).outcome == "improved"
    assert drop_verdict(de=(40, 60, 100), en=(60, 60, 100)).outcome == "pass"


def test_one_slice_that_is_not_settled_keeps_the_gate_from_passing(drop_verdict):
    verdict = drop_verdict(de=(15, 13, 20), en=(60, 60, 100))

    assert (verdict.outcome, verdict.severity) == ("inconclusive", "warn")


@pytest.mark.parametrize("edit", ["removed", "moved"])
def test_a_query_belongs_to_the_slice_that_it_belonged_to_in_the_baseline(
    verdict_on, make_result, make_baseline, edit
):
    """Lost German queries that are English now still count; removed ones make the slice stale."""
    langs = ["de"] * 50 + ["en"] * 50
    known = make_baseline([1.0] * 100, langs=langs)
    lost = 8
    if edit == "moved":
        result = make_result([0.0] * lost + [1.0] * 92, langs=["en"] * lost + langs[lost:])
    else:
        ids = [f"q{row:05}" for row in range(lost, 100)]
        result = make_result([1.0] * 92, langs=langs[lost:], ids=ids)

    verdict = verdict_on(DROP, result, known)

    assert verdict.outcome == ("regressed" if edit == "moved" else "stale")
    assert "lang 'de'" in verdict.line


def test_the_same_model_is_identical_in_every_slice(verdict_on, make_result):
    values, langs = slices(de=(30, 40), en=(10, 40))
    result = make_result(values, langs=langs)

    assert verdict_on(DROP, result, Baseline.of(result, "b.json")).outcome == "identical"


def test_another_corpus_is_stale_with_the_update_command(verdict_on, make_result, make_baseline):
    values, langs = slices(de=(30, 40))

    verdict = verdict_on(
        DROP,
        make_result(values, langs=langs, corpus="other"),
        make_baseline(values, langs=langs),
    )

    assert (verdict.outcome, verdict.failed) == ("stale", True)
    assert verdict.advice == "pytest suites/ --bench-update=changed"


def test_no_baseline_is_no_baseline(verdict_on, make_result):
    values, langs = slices(de=(30, 40))

    verdict = verdict_on(DROP, make_result(values, langs=langs))

    assert (verdict.outcome, verdict.failed) == ("no-baseline", True)


def test_a_margin_within_the_noise_is_refused(verdict_on, make_result, make_baseline):
    values, langs = slices(de=(30, 40))
    known = make_baseline(values, langs=langs, noise={"recall@10": 0.1})

    verdict = verdict_on(DROP, make_result(values, langs=langs), known)

    assert (verdict.outcome, verdict.failed) == ("error", True)
    assert "is not above the noise" in verdict.line


def test_an_update_is_told_and_asks_for_a_reason(drop_verdict):
    counts = {"de": (60, 40, 100)}

    refused = drop_verdict(**counts, update="all")
    accepted = drop_verdict(**counts, update="all", reason="meant")

    assert (refused.updated, refused.failed) == (False, True)
    assert "--bench-reason" in refused.advice
    assert (accepted.updated, accepted.severity) == (True, "note")
