"""What the same model gives under other conditions, as numbers."""

import dataclasses

import numpy as np
import pytest

from benchharness.evaluation.result import QueryFacts
from benchharness.judge.noise import below_noise, noise_of, noise_of_slices, variant_of


@pytest.fixture
def other_model(make_result):
    """A result of another fingerprint."""

    def make(hits):
        found = make_result(hits)
        prints = dataclasses.replace(found.fingerprints, model="another")
        return dataclasses.replace(found, fingerprints=prints)

    return make


def test_a_variant_counts_the_difference_and_the_flips(make_result):
    """Of four queries two lost and one won: the mean fell by a quarter, three flipped."""
    found = variant_of("batch_size=1", make_result([1, 1, 0, 0]), make_result([0, 0, 1, 0]))

    assert found.same_model
    assert found.n == 4
    assert found.differences == {"recall@10": -0.25, "ndcg@10": -0.125}
    assert found.flipped == {"recall@10": 3, "ndcg@10": 3}


def test_flips_that_cancel_are_still_counted(make_result):
    """The mean stays, two queries do not."""
    found = variant_of("1 thread", make_result([1, 0]), make_result([0, 1]))

    assert (found.differences["recall@10"], found.flipped["recall@10"]) == (0.0, 2)


def test_last_bits_are_no_flip(make_result):
    """Sums in another order differ by less than 1e-12."""
    found = variant_of("1 thread", make_result([0.5]), make_result([np.nextafter(0.5, 1)]))

    assert found.flipped["recall@10"] == 0


def test_other_queries_are_no_variant(make_result):
    """A defect of the caller, not a difference."""
    with pytest.raises(ValueError, match="other queries"):
        variant_of("1 thread", make_result([1, 0]), make_result([1]))


def test_noise_is_the_largest_difference_of_either_sign(make_result):
    """-0.5 and +0.25: 0.5."""
    plain = make_result([1, 1, 0, 0])
    lower = variant_of("batch_size=1", plain, make_result([0, 0, 0, 0]))
    higher = variant_of("1 thread", plain, make_result([1, 1, 1, 0]))

    assert noise_of([lower, higher]) == {"recall@10": 0.5, "ndcg@10": 0.25}


def test_another_fingerprint_is_no_noise(make_result, other_model):
    """Another dtype is another model: shown, not counted."""
    plain = make_result([1, 1, 0, 0])
    dtype = variant_of("dtype=bfloat16", plain, other_model([0, 0, 0, 0]))

    assert not dtype.same_model
    assert noise_of([dtype]) == {}


def test_the_noise_of_a_slice_is_that_of_its_own_mean(make_result):
    """One flip of five queries is 0.2 in the suite, 0.5 in a slice of two, 1 in one of one."""
    facts = tuple(QueryFacts(groups={"lang": name}) for name in ("de", "de", "en", "en", "fr"))
    plain = make_result([1, 1, 1, 1, 1], facts=facts)
    one, other = make_result([0, 1, 1, 1, 1]), make_result([1, 1, 1, 1, 0])

    assert noise_of_slices("recall@10", "lang", 2, plain, [one, other]) == 0.5
    assert noise_of_slices("recall@10", "lang", 1, plain, [one, other]) == 1.0
    assert noise_of_slices("recall@10", "lang", 3, plain, [one, other]) == 0.0
    assert noise_of_slices("recall@10", "topic", 1, plain, [one, other]) == 0.0


@pytest.mark.parametrize(
    ("margin", "noise", "is_below"),
    [
        (0.02, 0.0199, False),
        (0.02, 0.02, True),
        (0.02, 0.03, True),
        (0.02, 0.0, False),
        (0, 0.1, False),
    ],
)
def test_a_margin_must_be_above_the_noise(margin, noise, is_below):
    """Equal is not above; no margin is none to be refused."""
    assert bool(below_noise(margin, noise)) is is_below


def test_the_sentence_never_contradicts_itself():
    """0.020001 against 0.02 is printed with the digits that tell them apart."""
    sentence = below_noise(0.02, 0.020001)

    assert sentence.startswith("the margin 0.02 is not above the noise 0.020001 ")
