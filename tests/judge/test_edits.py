"""No edit of the data turns a regression into anything but a regression or a stale baseline."""

from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchharness.baseline.record import Baseline
from benchharness.evaluation.result import Fingerprints, QueryFacts, Result, Run
from benchharness.judge.comparison import compare

VALUES = st.sampled_from([0.0, 0.25, 0.5, 1.0])
PAIRS = st.lists(
    st.tuples(VALUES, VALUES, st.sampled_from(["de", "en"])), min_size=5, max_size=60
)  # fmt: skip
MARGIN = 0.05


def _result(rows, model, corpus="corpus"):
    """rows: (query_id, value, digest, language)."""
    ids = tuple(row[0] for row in rows)
    return Result(
        suite="faq",
        model="minilm",
        run=Run(ids, ((),) * len(ids), ((),) * len(ids), 100),
        fingerprints=Fingerprints(corpus, "q", "r", "t", model),
        values={"recall@10": np.array([row[1] for row in rows], dtype=np.float64)},
        ceilings={},
        capped_recall=np.zeros(len(ids)),
        ties={},
        counts={},
        trainable=True,
        facts=tuple(QueryFacts(row[2], {}, {"lang": row[3]}) for row in rows),
    )


def _sides(pairs):
    before = [(f"q{row:03}", old, "same", lang) for row, (old, _, lang) in enumerate(pairs)]
    after = [(f"q{row:03}", new, "same", lang) for row, (_, new, lang) in enumerate(pairs)]
    return before, after


def _outcome(before, after, within=None, corpus="corpus"):
    baseline = Baseline.of(_result(before, "old"), "baselines/faq/minilm.json")
    result = _result(after, "new", corpus)
    return compare(baseline, result, "recall@10", margin=MARGIN, within=within).outcome


@st.composite
def _losses(draw):
    """Pairs in which more is lost than won, so that most are regressed."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found = []
    for _ in range(draw(st.integers(10, 80))):
        old = draw_value(rng)
        fate = rng.random()
        new = min(old, draw_value(rng)) if fate < 0.6 else old
        new = max(old, draw_value(rng)) if fate > 0.95 else new
        found.append((old, new, str(rng.choice(["de", "de", "en"]))))
    return found


@st.composite
def _edits(draw):
    """A function that removes, rewrites, moves, adds and reorders queries of the new side."""
    seed = draw(st.integers(0, 2**32 - 1))
    removed, rewritten, moved = (draw(st.sampled_from([0.0, 0.03, 0.1, 0.5])) for _ in range(3))
    added = draw(st.lists(VALUES, max_size=80))

    def edit(rows):
        rng = np.random.default_rng(seed)
        kept = [row for row in rows if rng.random() >= removed]
        kept = [
            (row[0], draw_value(rng), "other", row[3]) if rng.random() < rewritten else row
            for row in kept
        ]
        kept = [(*row[:3], "fr") if rng.random() < moved else row for row in kept]
        kept += [(f"new{place}", value, "same", "de") for place, value in enumerate(added)]
        return [kept[place] for place in rng.permutation(len(kept))]

    return edit


def draw_value(rng):
    return float(rng.choice([0.0, 0.25, 0.5, 1.0]))


@settings(max_examples=300, deadline=None)
@given(_losses(), _edits(), st.sampled_from([None, ("lang", "de")]))
def test_an_edit_of_queries_leaves_a_regression_regressed_or_stale(pairs, edit, within):
    """Removed, rewritten, moved to another slice, added, reordered: never pass, never open."""
    before, after = _sides(pairs)
    assume(any(row[3] == "de" for row in before))
    assume(_outcome(before, after, within) == "regressed")
    edited = edit(after)
    assume(edited)

    assert _outcome(before, edited, within) in ("regressed", "stale")


@given(PAIRS)
def test_an_edit_of_the_corpus_is_stale(pairs):
    """Whatever the values say."""
    before, after = _sides(pairs)

    assert _outcome(before, after, corpus="another") == "stale"


@given(PAIRS, st.lists(VALUES, max_size=50))
def test_added_queries_change_no_outcome(pairs, values):
    """They have no past: they are counted, not judged."""
    before, after = _sides(pairs)
    added = [(f"new{row}", value, "same", "de") for row, value in enumerate(values)]

    assert _outcome(before, added + after) == _outcome(before, after)


@given(PAIRS, st.randoms())
def test_order_of_queries_changes_no_bit(pairs, random):
    """On either side: every figure of the comparison is the same."""
    before, after = _sides(pairs)
    shuffled = random.sample(after, len(after))
    baseline = Baseline.of(_result(before, "old"), "x")
    other = Baseline.of(_result(random.sample(before, len(before)), "old"), "x")

    first = compare(baseline, _result(after, "new"), "recall@10", margin=MARGIN)
    second = compare(other, _result(shuffled, "new"), "recall@10", margin=MARGIN)

    assert repr(replace(first)) == repr(replace(second))
