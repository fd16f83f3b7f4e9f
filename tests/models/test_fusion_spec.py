"""`Fusion`: the options of a hybrid, checked before anything is opened."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.errors import UsageError
from benchharness.models.fusion_spec import METHODS, NORMS, Fusion
from benchharness.models.spec import parse_spec

SPEC = "hybrid(bm25,minilm)"


def fusion(parts: int = 2, **options: str) -> Fusion:
    return Fusion.of(options, parts, SPEC)


def refusal(parts: int = 2, **options: str) -> str:
    with pytest.raises(UsageError) as caught:
        fusion(parts, **options)
    assert caught.value.where == SPEC
    return f"{caught.value.message} -> {caught.value.remedy}"


def test_reciprocal_rank_fusion_with_60_is_the_default() -> None:
    """Source: Cormack, Clarke and Büttcher, SIGIR 2009, fix k = 60."""
    found = fusion()

    assert found == Fusion()
    assert str(found) == "rrf (k=60)"
    assert found.identity() == {"method": "rrf", "k": 60.0}


def test_scores_are_normalised_by_min_max_and_weighed_alike_unless_said() -> None:
    """Rule: scores of different systems are never added as they are without being asked to."""
    assert str(fusion(fusion="wsum")) == "wsum (min-max, 0.5:0.5)"


def test_weights_are_shares() -> None:
    """Rule: the same proportions are the same fusion, so they have one identity."""
    found = fusion(fusion="wsum", weights="3:7", norm="zmuv")

    assert found == fusion(fusion="wsum", weights="0.3:0.7", norm="zmuv")
    assert found.identity() == {"method": "wsum", "norm": "zmuv", "weights": [0.3, 0.7]}
    assert found.options() == "fusion=wsum,norm=zmuv,weights=0.3:0.7"


def test_no_weight_is_minus_zero() -> None:
    """JSON tells -0.0 from 0.0, and a fingerprint must not."""
    assert json.dumps(fusion(fusion="wsum", weights="-0:1").identity()["weights"]) == "[0.0, 1.0]"


@pytest.mark.parametrize("name", METHODS)
def test_options_read_back_as_the_same_fusion(name: str) -> None:
    """What a report names can be written into a suite as it is printed."""
    needed = {"gamma": "0.5"} if name == "comb_gmnz" else {}
    found = Fusion.of({"fusion": name, **needed}, 3, SPEC)

    spec = parse_spec(f"hybrid(a,b,c)@{found.options()}")

    assert Fusion.of(dict(spec.options), 3, spec.text) == found


@given(st.lists(st.integers(0, 10), min_size=2, max_size=5).filter(any))
def test_weights_survive_being_written(weights: list[int]) -> None:
    found = Fusion.of(
        {"fusion": "mixed", "weights": ":".join(map(str, weights))}, len(weights), SPEC
    )

    written = dict(pair.split("=") for pair in found.options().split(","))

    assert Fusion.of(written, len(weights), SPEC) == found
    assert sum(found.weights) == pytest.approx(1.0)


def test_an_unknown_method_names_the_nearest() -> None:
    assert "did you mean rrf?" in refusal(fusion="rff")
    assert "did you mean comb_mnz" in refusal(fusion="combmnz")


def test_an_unknown_normalisation_names_the_nearest() -> None:
    assert "did you mean min-max" in refusal(fusion="wsum", norm="minmax")


@pytest.mark.parametrize("name", ["bayesfuse", "mapfuse", "posfuse", "probfuse", "segfuse"])
def test_methods_that_learn_are_refused_by_their_reason(name: str) -> None:
    assert "learns from judged runs" in refusal(fusion=name)


@pytest.mark.parametrize("name", ["condorcet", "weighted_condorcet"])
def test_methods_that_are_not_reproducible_are_refused_by_their_reason(name: str) -> None:
    """ranx' condorcet puts the candidates into a set of strings and never sorts them."""
    assert "hash seed" in refusal(fusion=name)


def test_a_wrong_number_of_weights_shows_the_right_one() -> None:
    assert refusal(3, fusion="wsum", weights="1:2") == (
        "2 weights for 3 systems -> give one each, in their order: weights=1:1:1"
    )


def test_weights_for_a_method_without_them_name_those_that_have_them() -> None:
    """Among them the default, where a user gives weights and no method."""
    said = refusal(weights="1:2")

    assert "fusion=rrf takes no weights" in said
    assert "wsum, mixed, wmnz, weighted_bordafuse" in said


@pytest.mark.parametrize("weights", ["a:b", "1;2", "1:", "0:0", "-1:2", "nan:1", "inf:1", ""])
def test_weights_that_are_no_shares_are_refused(weights: str) -> None:
    assert "weights=1:1" in refusal(fusion="wsum", weights=weights)


def test_a_normalisation_where_ranks_are_read_is_refused() -> None:
    """An option without an effect would be believed to have one."""
    assert "rrf reads ranks" in refusal(norm="min-max")


def test_a_number_of_another_method_is_refused() -> None:
    assert "fusion=wsum has no k -> k belongs to rrf" in refusal(fusion="wsum", k="60")
    assert "phi belongs to rbc" in refusal(phi="0.5")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": "0"}, "k='0' is not a whole number of at least 1"),
        ({"k": "6.5"}, "k='6.5' is not a whole number"),
        ({"k": "9" * 400}, "is not a whole number"),
        ({"fusion": "rbc", "phi": "1.5"}, "is not a number from 0 to 1"),
        ({"fusion": "rbc", "phi": "nan"}, "is not a number from 0 to 1"),
        ({"fusion": "comb_gmnz"}, "comb_gmnz needs a gamma"),
    ],
)
def test_numbers_out_of_bounds_are_refused(options: dict[str, str], said: str) -> None:
    assert said in refusal(**options)


def test_one_system_cannot_be_fused() -> None:
    assert "a fusion of 1 system" in refusal(1)


def test_options_of_others_are_left_to_them() -> None:
    """`top` is the hybrid's."""
    assert fusion(top="50", k="10").parameter == 10.0


def test_every_normalisation_is_accepted() -> None:
    assert {fusion(fusion="wsum", norm=norm).norm for norm in NORMS} == set(NORMS)
