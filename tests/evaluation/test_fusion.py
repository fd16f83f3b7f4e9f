"""Fusion through ranx: its methods as they are, its traps closed, our order."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchharness
from benchharness.errors import UsageError
from benchharness.evaluation.fusion import fuse
from benchharness.evaluation.ranx_door import ranx_opened
from benchharness.evaluation.search import UNRANKED_SCORE, Hits
from benchharness.models.fusion_spec import METHODS, NORMS, Fusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(benchharness.__file__).parent.parent
RRF = Fusion()
Lists = list[list[tuple[int, float]]]  # of each query: (row, score), best first


def hits(lists: Lists, width: int | None = None) -> Hits:
    width = width or max((len(one) for one in lists), default=0)
    rows = np.full((len(lists), width), -1, dtype=np.int64)
    scores = np.full((len(lists), width), -np.inf, dtype=np.float32)
    for query, found in enumerate(lists):
        for place, (row, score) in enumerate(found):
            rows[query, place], scores[query, place] = row, score
    return Hits(rows, scores)


def wsum(norm: str = "min-max", *weights: float) -> Fusion:
    shares = ":".join(map(str, weights or (1, 1)))
    options = {"fusion": "wsum", "norm": norm, "weights": shares}
    return Fusion.of(options, len(weights) or 2, "spec")


def found_of(found: Hits, query: int = 0) -> dict[int, float]:
    kept = found.rows[query] >= 0
    return dict(
        zip(found.rows[query, kept].tolist(), found.scores[query, kept].tolist(), strict=True)
    )


def test_reciprocal_rank_fusion_by_hand() -> None:
    """1/(60 + rank), summed: 4 is second and first, 7 first and third, 2 third, 9 second."""
    found = fuse(
        [hits([[(7, 0.9), (4, 0.8), (2, 0.1)]]), hits([[(4, 30.0), (9, 20.0), (7, 1.0)]])], RRF, 4
    )

    expected = {4: 1 / 62 + 1 / 61, 7: 1 / 61 + 1 / 63, 9: 1 / 62, 2: 1 / 63}
    assert found.rows.tolist() == [[4, 7, 9, 2]]
    assert found_of(found) == pytest.approx(expected, rel=1e-6)


def test_weighted_sum_of_min_max_by_hand() -> None:
    """0.3 and 0.7 of scores from 0 to 1: (0.9, 0.5, 0.1) is (1, 0.5, 0), (40, 10) is (1, 0)."""
    parts = [hits([[(1, 0.9), (2, 0.5), (3, 0.1)]]), hits([[(3, 40.0), (2, 10.0)]])]

    found = fuse(parts, wsum("min-max", 0.3, 0.7), 3)

    assert found.rows.tolist() == [[3, 1, 2]]
    assert found_of(found) == pytest.approx({3: 0.7, 1: 0.3, 2: 0.15})


def test_weights_stand_in_order_of_the_parts() -> None:
    one, other = hits([[(1, 1.0), (2, 0.5)]]), hits([[(2, 1.0), (1, 0.5)]])

    assert fuse([one, other], wsum("max", 0.9, 0.1), 1).rows.tolist() == [[1]]
    assert fuse([one, other], wsum("max", 0.1, 0.9), 1).rows.tolist() == [[2]]


# Distinct scores and ranks, every list answered: nothing here is a trap of ranx.
_CLEAN = [
    [(3, 9.5), (0, 7.25), (6, 5.5), (2, 1.125)],
    [(6, 0.875), (3, 0.5), (5, 0.375)],
    [(2, 3.0), (6, 2.75), (1, 2.5), (3, 0.25), (0, 0.125)],
]
_CASES = [
    (name, norm)
    for name, method in METHODS.items()
    for norm in (NORMS if method.reads == "scores" else ("",))
]


@pytest.mark.parametrize(("name", "norm"), _CASES)
def test_each_method_is_ranx_own(name: str, norm: str) -> None:
    """On clean input the scores are those of `ranx.fuse` with that method and normalisation."""
    options = {"fusion": name} | ({"norm": norm} if norm else {})
    options |= {"gamma": "1.5"} if name == "comb_gmnz" else {}
    options |= {"weights": "1:2:5"} if METHODS[name].weighted else {}
    fusion = Fusion.of(options, 3, "spec")
    params: dict[str, object] = {"weights": [0.125, 0.25, 0.625]} if fusion.weights else {}
    if fusion.parameter is not None:
        params[METHODS[name].parameter] = fusion.parameter
    with ranx_opened() as ranx:
        runs = [ranx.Run({"q": {str(doc): score for doc, score in one}}) for one in _CLEAN]
        theirs = dict(
            ranx.fuse(
                runs,
                norm=None if norm in ("", "none") else norm,
                method=METHODS[name].ranx,
                params=params,
            )["q"]
        )

    ours = fuse([hits([one]) for one in _CLEAN], fusion, 10)

    expected = {int(doc): score for doc, score in theirs.items()}
    assert found_of(ours) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    in_order = sorted(expected, key=lambda row: (-np.float32(expected[row]), row))
    assert list(found_of(ours)) == in_order


def test_ties_are_ordered_by_row() -> None:
    """Both first in one list and absent from the other: the same score, so the smaller row."""
    found = fuse([hits([[(9, 1.0)]]), hits([[(4, 1.0)]])], RRF, 2)

    assert found.rows.tolist() == [[4, 9]]


_TIED = [(row, 0.5) for row in range(50)]


@pytest.fixture
def ties_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    """numpy's argsort as it may be: its order of equal values is not promised, here it is turned.

    The proof that it matters: a run of ranx then holds the documents the other way round.
    """
    stable = np.argsort

    def turned(values: NDArray[np.float64]) -> NDArray[np.int64]:
        return len(values) - 1 - stable(values[::-1], kind="stable")

    with ranx_opened() as ranx:
        monkeypatch.setattr(np, "argsort", turned)
        run = ranx.Run({"q": {str(row): score for row, score in _TIED}})
        assert list(run["q"]) == [str(row) for row, _ in reversed(_TIED)]


@pytest.mark.usefixtures("ties_turned")
def test_equal_scores_count_by_our_rank() -> None:
    """Rule: the rank that a fusion reads is that of the hits, which have one total order."""
    found = fuse([hits([_TIED]), hits([_TIED])], RRF, 50)

    assert found.rows.tolist() == [list(range(50))]
    assert found.scores[0].tolist() == pytest.approx([2 / (61 + rank) for rank in range(50)])


@pytest.mark.usefixtures("ties_turned")
@pytest.mark.parametrize("norm", ["rank", "borda"])
def test_equal_scores_are_normalised_by_our_rank(norm: str) -> None:
    found = fuse([hits([_TIED]), hits([_TIED])], wsum(norm), 50)

    assert found.rows.tolist() == [list(range(50))]
    assert found.scores[0].tolist() == pytest.approx([1 - rank / 50 for rank in range(50)])


def test_a_query_that_one_side_did_not_answer_keeps_the_other() -> None:
    found = fuse([hits([[], [(1, 2.0)]], width=2), hits([[(5, 3.0), (6, 1.0)], []])], RRF, 3)

    assert found.rows.tolist() == [[5, 6, -1], [1, -1, -1]]
    assert found.scores[0, 2] == -np.inf


@pytest.mark.parametrize(("name", "norm"), _CASES)
def test_queries_without_any_answer_have_none(name: str, norm: str) -> None:
    """In one part, in all parts, and in all queries: each would stop ranx or be a mean of none."""
    options = {"fusion": name} | ({"norm": norm} if norm else {})
    options |= {"gamma": "1.5"} if name == "comb_gmnz" else {}
    nothing, some = hits([[], []], width=2), hits([[(1, 2.0), (3, 1.0)], []])

    found = fuse([some, nothing], Fusion.of(options, 2, "spec"), 2)
    none = fuse([nothing, nothing], Fusion.of(options, 2, "spec"), 2)

    assert sorted(found.rows[0].tolist()) == [1, 3]
    assert np.isfinite(found.scores[0]).all()
    assert found.rows[1].tolist() == [-1, -1]
    assert none.rows.tolist() == [[-1, -1], [-1, -1]]


def test_no_queries_are_no_hits() -> None:
    assert fuse([hits([], width=3), hits([], width=3)], RRF, 3).rows.shape == (0, 3)


@pytest.mark.parametrize(("norm", "share"), [("min-max", 1.0), ("sum", 1.0)])
def test_the_only_document_of_a_list_counts_in_full(norm: str, share: float) -> None:
    """ranx gives it 0, the score of a document that was not retrieved."""
    found = fuse([hits([[(8, 0.4)]]), hits([[(1, 3.0), (2, 1.0)]])], wsum(norm), 3)

    assert found_of(found)[8] == pytest.approx(0.5 * share)
    assert found_of(found)[2] == 0.0


@pytest.mark.parametrize(("norm", "share"), [("min-max", 1.0), ("sum", 1 / 3)])
@pytest.mark.parametrize("score", [0.0, 0.4, -7.0, 3e8])
def test_equal_scores_all_count_in_full(norm: str, share: float, score: float) -> None:
    """BM25 often scores all documents of a one-word query alike; ranx makes all of them 0."""
    tied = hits([[(row, score) for row in (4, 5, 6)]])

    found = fuse([tied, hits([[(1, 3.0), (2, 1.0)]])], wsum(norm), 5)

    kept = found_of(found)
    assert [kept[row] for row in (4, 5, 6)] == pytest.approx([0.5 * share] * 3)
    assert set(kept) == {1, 2, 4, 5, 6}


def test_max_of_a_negative_best_score_is_refused() -> None:
    """ranx divides by 1e-9 then, which drowns the other part."""
    with pytest.raises(UsageError, match=r"system 2 .* best score is -0.25") as caught:
        fuse([hits([[(1, 1.0)]]), hits([[(1, -0.25)]])], wsum("max"), 1)

    assert "norm=min-max" in caught.value.remedy


def test_documents_without_a_token_are_no_evidence() -> None:
    """At -1e30 they would make every other document of a min-max list the best one."""
    part = hits([[(1, 0.9), (2, 0.5), (3, 0.1), (4, UNRANKED_SCORE)]])

    found = fuse([part, part], wsum(), 4)

    assert found.rows.tolist() == [[1, 2, 3, -1]]
    assert found_of(found) == pytest.approx({1: 1.0, 2: 0.5, 3: 0.0})


def test_scores_that_are_no_numbers_are_never_ranked() -> None:
    with pytest.raises(ValueError, match=r"part 1 .* not finite"):
        fuse([hits([[(1, float("nan"))]]), hits([[(1, 1.0)]])], RRF, 1)


def test_parts_with_other_queries_are_refused() -> None:
    with pytest.raises(ValueError, match="different queries"):
        fuse([hits([[(1, 1.0)]]), hits([[(1, 1.0)], [(1, 1.0)]])], RRF, 1)


_LISTS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from([0.0, 0.5, 0.75, 2.0, -1.0])),
        max_size=6,
        unique_by=lambda pair: pair[0],
    ).map(lambda found: sorted(found, key=lambda pair: (-pair[1], pair[0]))),
    min_size=3,
    max_size=3,
)
_FUSIONS = st.sampled_from(
    [RRF, wsum(), wsum("sum", 1, 3), wsum("zmuv"), wsum("borda"), Fusion("isr", parameter=None)]
)


@settings(deadline=None, max_examples=60)
@given(_LISTS, _LISTS, _FUSIONS, st.permutations([0, 1, 2]), st.integers(1, 14))
def test_neither_the_order_of_the_queries_nor_k_changes_a_ranking(
    one: Lists, other: Lists, fusion: Fusion, order: list[int], k: int
) -> None:
    """Rule: each query is fused on its own, and k only cuts."""
    all_of_them = fuse([hits(one, 6), hits(other, 6)], fusion, 14)

    turned = [hits([lists[query] for query in order], 6) for lists in (one, other)]
    found = fuse(turned, fusion, k)

    assert found.rows.tolist() == all_of_them.rows[order, :k].tolist()
    assert found.scores.tolist() == all_of_them.scores[order, :k].tolist()


@settings(deadline=None, max_examples=60)
@given(_LISTS, _LISTS, _FUSIONS)
def test_every_document_of_a_part_is_in_the_fusion_once_in_the_total_order(
    one: Lists, other: Lists, fusion: Fusion
) -> None:
    found = fuse([hits(one, 6), hits(other, 6)], fusion, 13)

    for query in range(3):
        kept = found_of(found, query)
        assert set(kept) == {row for lists in (one, other) for row, _ in lists[query]}
        assert list(kept) == sorted(kept, key=lambda row: (-kept[row], row))
        assert len(kept) == (found.rows[query] >= 0).sum()


_EVERY_METHOD = """
import numpy as np
from benchharness.evaluation.fusion import fuse
from benchharness.evaluation.search import Hits
from benchharness.models.fusion_spec import METHODS, Fusion

rng = np.random.default_rng(0)
def part():
    rows = np.stack([rng.choice(40, 20, replace=False) for _ in range(4)])
    return Hits(rows, -np.sort(-rng.integers(0, 4, (4, 20)), axis=1).astype(np.float32))
parts = [part(), part(), part()]
for name in METHODS:
    options = {"fusion": name} | ({"gamma": "1.5"} if name == "comb_gmnz" else {})
    found = fuse(parts, Fusion.of(options, 3, "spec"), 25)
    print(name, found.rows.tolist(), found.scores.tolist())
"""


def test_no_method_depends_on_the_hash_seed() -> None:
    """Rule: two runs print the same. ranx keeps candidates in sets of strings."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        exec(_EVERY_METHOD, {})  # in a process with another seed

    there = subprocess.run(
        [sys.executable, "-c", _EVERY_METHOD],
        env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip

    assert there == here.getvalue()
    assert there.count("\n") == len(METHODS)
