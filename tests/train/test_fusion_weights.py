"""Weights of a fusion: chosen on one half of the training queries, judged on the other."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.references import beir
from benchharness.data.texts import TextTable
from benchharness.errors import DataError
from benchharness.evaluation.search import Hits
from benchharness.judge.bench import Bench
from benchharness.measures import parse_measure
from benchharness.models.fusion_spec import Fusion
from benchharness.models.registry import open_model
from benchharness.suite import Suite
from benchharness.testing import install_doubles, write_beir
from benchharness.train.fusion_weights import (
    Choice,
    Side,
    choose_weights,
    retrieved,
    simplex,
    training_queries,
)

WSUM = Fusion.of({"fusion": "wsum"}, 2, "spec")
HIT = parse_measure("hit@1")
# Row 1 is relevant to every query, row 0 is not, and is first where both score alike.
WRONG, RIGHT = 0, 1


def side(halves: Sequence[int]) -> Side:
    names = [f"q{number:02}" for number in range(len(halves))]
    corpus = TextTable.of([("d0", "wrong"), ("d1", "right")])
    data = Dataset("toy", corpus, dict.fromkeys(names, "text"), Qrels.of(
        (name, "d1", 1, 0) for name in names
    ))  # fmt: skip
    own = {name: name for name in names}
    return Side(data, dict(zip(names, halves, strict=True)), own, of_test=0, beyond=0)


def part(*firsts: int) -> Hits:
    """Both documents for each query, the one that is named first, at 1 and 0."""
    rows = np.array([[first, 1 - first] for first in firsts])
    return Hits(rows, np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(firsts), 1)))


def chosen(one: Hits, other: Hits, halves: Sequence[int], measure: str = "hit@1") -> Choice:
    return choose_weights([one, other], side(halves), WSUM, parse_measure(measure))


def test_trials_are_all_shares_in_tenths() -> None:
    """(n + 9 over n - 1) of them. ranx' own list lacks those whose floats add up to 0.999…"""
    counts = [len(set(simplex(parts))) for parts in (2, 3, 4)]

    assert counts == [math.comb(11, 1), math.comb(12, 2), math.comb(13, 3)]
    assert all(math.isclose(sum(one), 1.0) and min(one) >= 0 for one in simplex(3))
    assert (0.1, 0.2, 0.7) in set(simplex(3))


def test_weights_that_rank_right_are_found() -> None:
    """The first part alone is right, so any weight above a half is; the most even one is taken."""
    found = chosen(part(*[RIGHT] * 8), part(*[WRONG] * 8), [0, 1] * 4)

    assert found.fusion.weights == (0.6, 0.4)
    assert (found.alone, found.fitted, found.crossed) == ((1.0, 0.0), 1.0, 1.0)
    assert found.plain == 0.0  # ranks tie, and the wrong document is the first in order


def test_each_half_is_judged_by_the_weights_of_the_other() -> None:
    """Halves that want opposite weights: fitted they get one half right, judged they get none."""
    found = chosen(part(*[RIGHT, WRONG] * 6), part(*[WRONG, RIGHT] * 6), [0, 1] * 6)

    assert [each.weights for each in found.halves] == [(0.6, 0.4), (0.4, 0.6)]
    assert found.crossed == 0.0
    assert found.fitted == 0.5


def test_weights_that_are_not_shown_to_be_better_than_rrf_are_no_candidate() -> None:
    """Rule: rrf has nothing to choose, so it stays unless the interval is above it."""
    found = chosen(part(*[RIGHT] * 30), part(*[RIGHT] * 30), [0, 1] * 15)

    assert found.over_plain.delta == 0.0
    assert found.candidate == Fusion()


def test_a_fusion_that_is_not_shown_to_be_better_than_a_part_is_not_recommended() -> None:
    """The first part is right on 54 of 60 queries, the other on those that it misses.

    At 0.6 all of the first part's are right, and rrf ties every query, where a tie is wrong: the
    weights are better than rrf, and what they get right the first part gets right alone.
    """
    right = [WRONG if number % 10 == 9 else RIGHT for number in range(60)]
    found = chosen(part(*right), part(*[1 - one for one in right]), [0, 1] * 30)

    assert found.over_plain.interval[0] > 0
    assert found.candidate == found.fusion
    assert (found.best, found.over_best.delta) == (0, 0.0)
    assert found.recommended is None


def test_a_fusion_that_is_shown_to_be_better_is_recommended() -> None:
    """Each part is sure where it is right, and hardly prefers anything where it is wrong."""
    sure = np.arange(60) % 2 == 0

    def half_sure(mine: np.ndarray) -> Hits:
        rows = np.where(mine[:, None], [RIGHT, WRONG], [WRONG, RIGHT])
        scores = np.where(mine[:, None], [1.0, 0.0], [0.55, 0.45]).astype(np.float32)
        return Hits(rows, scores)

    fusion = Fusion.of({"fusion": "wsum", "norm": "none"}, 2, "spec")
    halves = [number // 2 % 2 for number in range(60)]
    found = choose_weights([half_sure(sure), half_sure(~sure)], side(halves), fusion, HIT)

    assert found.alone == (0.5, 0.5)
    assert found.crossed == 1.0
    assert found.recommended == dataclasses.replace(fusion, weights=(0.5, 0.5))


def test_queries_that_share_a_document_are_no_independent_evidence() -> None:
    """The intervals are those of groups."""
    ungrouped = side([0, 1] * 10)
    grouped = dataclasses.replace(
        ungrouped, group_of={name: f"g{int(name[1:]) // 4}" for name in ungrouped.group_of}
    )
    firsts = [RIGHT, WRONG, WRONG, RIGHT, RIGHT] * 4
    hits = [part(*firsts), part(*firsts[::-1])]

    found = choose_weights(hits, grouped, WSUM, HIT)

    assert found.over_plain.method.endswith("5 groups")
    assert found.over_best.method.endswith("5 groups")


def test_the_order_of_the_queries_changes_nothing() -> None:
    """Query by query the same values in another order: the same choice, to the last bit."""
    rng = np.random.default_rng(0)
    firsts = rng.integers(0, 2, (2, 20))
    halves = rng.integers(0, 2, 20).tolist()
    turned = rng.permutation(20)

    before = chosen(part(*firsts[0]), part(*firsts[1]), halves, "ndcg@2")
    after = chosen(
        part(*firsts[0][turned]), part(*firsts[1][turned]), np.array(halves)[turned].tolist(),
        "ndcg@2",
    )  # fmt: skip

    assert before == after


def test_the_querys_own_document_is_taken_out_before_the_cut() -> None:
    """Equal ids, and each query retrieves itself first: without it the relevant one is first."""
    names = [f"q{number:02}" for number in range(8)]
    corpus = TextTable.of([*((name, "itself") for name in names), ("right", "right")])
    row = int(corpus.rows_of(["right"])[0])
    data = Dataset("toy", corpus, dict.fromkeys(names, "x"), Qrels.of(
        (name, "right", 1, 0) for name in names
    ))  # fmt: skip
    alike = Side(data, {n: i % 2 for i, n in enumerate(names)}, {n: n for n in names}, 0, 0)
    own = [[int(corpus.rows_of([name])[0]), row] for name in names]
    hits = Hits(np.array(own), np.tile(np.array([1.0, 0.5], dtype=np.float32), (8, 1)))

    kept = choose_weights([hits, hits], alike, WSUM, HIT, drop_same_id=True)
    left = choose_weights([hits, hits], alike, WSUM, HIT)

    assert (kept.alone[0], kept.plain, kept.fitted) == (1.0, 1.0, 1.0)
    assert (left.alone[0], left.plain, left.fitted) == (0.0, 0.0, 0.0)


# --- the training side ----------------------------------------------------------------------------


def written(folder: Path, train: int = 40) -> Suite:
    """A suite of `train` training and 10 test queries, each about its own document."""
    count = train + 10
    corpus = {f"d{n:03}": f"word{n:03} filler" for n in range(count)}
    queries = {f"q{n:03}": f"word{n:03}" for n in range(count)}
    write_beir(folder, corpus, queries, {f"q{n:03}": {f"d{n:03}": 1} for n in range(train)},
               split="train")  # fmt: skip
    test = {f"q{n:03}": {f"d{n:03}": 1} for n in range(train, count)}
    write_beir(folder, corpus, queries, test)
    return Suite(name="words", dataset=beir(folder), models=["hash"])


def test_only_training_queries_choose(tmp_path: Path, bench: Bench) -> None:
    found = training_queries(written(tmp_path), tmp_path, bench, None)

    assert found.data.relevance.query_ids == tuple(f"q{n:03}" for n in range(40))
    assert set(found.data.queries) == set(found.data.relevance.query_ids)
    assert (found.of_test, found.beyond) == (0, 0)


def test_queries_that_the_test_side_asks_too_do_not_choose(tmp_path: Path, bench: Bench) -> None:
    """Rule: by text without regard to case and blanks, whatever the ids."""
    suite = written(tmp_path)
    queries = tmp_path / "queries.jsonl"
    text = queries.read_text(encoding="utf-8")
    queries.write_text(text.replace('"text": "word045"', '"text": " WORD003 "'), encoding="utf-8")

    found = training_queries(suite, tmp_path, bench, None)

    assert "q003" not in found.data.queries
    assert (len(found.data.relevance), found.of_test) == (39, 1)


def test_a_limit_keeps_the_same_queries_whatever_is_beside_them(
    tmp_path: Path, bench: Bench
) -> None:
    small = training_queries(written(tmp_path / "a"), tmp_path, bench, 25)
    large = training_queries(written(tmp_path / "b", train=44), tmp_path, bench, 25)

    assert (len(small.data.relevance), small.beyond) == (25, 15)
    assert max(small.data.queries) > "q030"  # not simply the first ones
    assert len(set(small.data.queries) & set(large.data.queries)) >= 21


def test_queries_that_share_a_document_are_in_one_half(tmp_path: Path, bench: Bench) -> None:
    """Rule: what weights learn of a document must not be judged on it."""
    suite = written(tmp_path)
    qrels = tmp_path / "qrels" / "train.tsv"
    with qrels.open("a", encoding="utf-8") as file:
        file.writelines(f"q{n + 1:03}\td{n:03}\t1\n" for n in range(0, 40, 2))

    found = training_queries(suite, tmp_path, bench, None)

    assert all(found.half_of[f"q{n:03}"] == found.half_of[f"q{n + 1:03}"] for n in range(0, 40, 2))
    assert sorted(found.half_of.values()) == [0] * 20 + [1] * 20
    assert found.group_of["q001"] == found.group_of["q000"] == "q000"


def test_too_few_training_queries_are_refused(tmp_path: Path, bench: Bench) -> None:
    with pytest.raises(DataError, match="19 training queries"):
        training_queries(written(tmp_path), tmp_path, bench, 19)


def test_systems_are_asked_in_order_of_query_id(tmp_path: Path, bench: Bench) -> None:
    install_doubles()
    found = training_queries(written(tmp_path), tmp_path, bench, None)

    hits = retrieved(open_model("bm25"), found.data, bench, 3)

    assert hits.rows[:, 0].tolist() == list(range(40))
    assert hits.rows.shape[1] <= 3
