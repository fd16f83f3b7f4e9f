"""Which documents become hard negatives, which must not, and that no pair is lost."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.data.similarity import normalised, text_key
from benchharness.data.texts import TextTable
from benchharness.errors import DataError, UsageError
from benchharness.models.cache import EmbeddingCache
from benchharness.models.registry import open_model
from benchharness.pairs.candidates import MiningRule
from benchharness.pairs.negatives import Mined, mine
from benchharness.pairs.pair import Pair
from benchharness.testing import TINY_WORDS, HashEncoder, tiny_model

NONE = EmbeddingCache.none()


class Table:
    """A ranker whose scores are written down: query -> text of a document -> score."""

    spec = fingerprint = encode_path = "table"
    trainable = False

    def __init__(self, scores):
        self.details = {}
        self.table = scores

    def scores(self, documents, queries):
        for query in queries:
            row = self.table.get(query, {})
            yield np.array([row.get(text, -np.inf) for text in documents], dtype=np.float32)


# d0 … d9 with scores 1.0, 0.9 … 0.1: the number of a document is its rank less one.
TEN = [f"text {n}" for n in range(10)]
CORPUS = TextTable.of((f"d{n}", text) for n, text in enumerate(TEN))
STEPS = Table({"q": {text: 1.0 - n / 10 for n, text in enumerate(TEN)}})
FIRST = Pair("q", "text 0", "q1", "d0")


def mined(pairs, rule, corpus=CORPUS, system=STEPS, **others):
    return mine(pairs, corpus, [system], rule, cache=NONE, **others)


# --- ranks and margin ---------------------------------------------------------------------------


def test_negatives_are_the_best_between_the_two_ranks():
    """Rule: ranks count the whole corpus from 1, the positive included; hardest first."""
    found = mined([FIRST], MiningRule(2, first=4, last=6))

    assert found == Mined(
        pairs=(replace(FIRST, negatives=("text 3", "text 4")),),
        kept=1.0, with_any=1.0, removed_by_id=0, removed_by_text=0, removed_by_margin=0, filled=0,
        sample=found.sample, miners=found.miners,
    )  # fmt: skip
    assert sorted(found.sample) == [("q", "text 0", "text 3", 4), ("q", "text 0", "text 4", 5)]


def test_ties_are_ranked_by_doc_id():
    """Rule: one order, that of every ranking."""
    tied = Table({"q": dict.fromkeys(TEN, 0.5) | {"text 0": 1.0}})

    found = mined([FIRST], MiningRule(3, first=2, last=10), system=tied)

    assert found.pairs[0].negatives == ("text 1", "text 2", "text 3")


def test_the_margin_is_relative_to_the_worst_positive():
    """Rule: positives score 1.0 and 0.8; at margin 0.2 a negative scores at most 0.64."""
    pairs = [FIRST, Pair("q", "text 2", "q1", "d2")]

    found = mined(pairs, MiningRule(2, first=1, last=10, margin=0.2))

    assert [pair.negatives for pair in found.pairs] == [("text 4", "text 5")] * 2
    assert found.removed_by_id == 2
    assert found.removed_by_margin == 2  # 0.9 and 0.7


def test_a_negative_may_score_just_what_the_margin_allows():
    """Rule: at most, so with margin 0 an equal score is allowed and a larger one is not."""
    system = Table({"q": {"text 0": 0.5, "text 1": 0.75, "text 2": 0.5, "text 3": 0.25}})

    found = mined([FIRST], MiningRule(1, first=1, last=4, margin=0.0), system=system)

    assert found.pairs[0].negatives == ("text 2",)
    assert found.removed_by_margin == 1


def test_below_zero_the_margin_still_points_down():
    """Rule: a positive at -1.0 with margin 0.5 allows -1.5, not -0.5."""
    scores = {"text 0": -1.0, "text 1": -0.5, "text 2": -1.25, "text 3": -1.5, "text 4": -2.0}

    found = mined([FIRST], MiningRule(2, 1, 5, margin=0.5), system=Table({"q": scores}))

    assert found.pairs[0].negatives == ("text 3", "text 4")
    assert found.removed_by_margin == 2


@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_a_positive_that_is_not_found_leaves_no_hard_negative(margin):
    """Rule: whatever the system finds, it finds nearer than the answer."""
    system = Table({"q": {"text 1": 0.9, "text 2": 0.8}})

    found = mined([FIRST], MiningRule(2, 1, 5, margin=margin), system=system)

    assert (found.removed_by_margin, found.filled, found.kept) == (2, 2, 0.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"per_query": 0}, "mining: per_query=0\n  -> per_query is 1 or more"),
        ({"first": 0}, "mining: first=0\n  -> first is a rank from 1"),
        ({"last": 9}, "mining: last=9\n  -> last is a rank from first=10"),
        ({"margin": 1.0}, "mining: margin=1.0\n  -> margin is a share from 0 to below 1"),
        ({"margin": float("nan")}, "mining: margin=nan\n  -> margin is a share from 0 to below 1"),
        ({"sampling": "best"}, "mining: sampling='best'\n  -> sampling is top or random"),
    ],
)
def test_a_rule_out_of_range_is_refused(wrong, message):
    with pytest.raises(UsageError) as caught:
        MiningRule(**wrong)

    assert str(caught.value) == message


# --- what is no negative ------------------------------------------------------------------------


def test_no_positive_of_the_query_is_its_negative():
    """Rule: of any of its pairs, and of its judgments, by id."""
    pairs = [FIRST, Pair("q", "text 1", "q1", "d1")]

    found = mined(
        pairs, MiningRule(1, 1, 10, margin=0.0), relevant={"q1": ["d3", "gone"], "q2": ["d5"]}
    )

    # d3 at 0.7 is the worst positive, so d2 at 0.8 is too near.
    assert [pair.negatives for pair in found.pairs] == [("text 4",)] * 2
    assert (found.removed_by_id, found.removed_by_margin) == (3, 1)


def test_the_same_passage_under_another_id_is_no_negative():
    """Rule: texts are compared without regard to case and blanks; judged documents' texts too."""
    texts = [*TEN, "TEXT  0", "text 9 ", "new"]
    corpus = TextTable.of((f"d{n:02}", text) for n, text in enumerate(texts))
    scores = dict.fromkeys(texts, 0.5) | {"text 0": 1.0, "TEXT  0": 1.0, "new": 0.75}

    found = mined(
        [Pair("q", "text 0", "q1", "d00")], MiningRule(1, 1, 13, margin=0.0), corpus,
        Table({"q": scores}), relevant={"q1": {"d09"}},
    )  # fmt: skip

    assert found.pairs[0].negatives == ("text 1",)
    assert (found.removed_by_id, found.removed_by_text, found.removed_by_margin) == (2, 2, 1)


def test_the_text_of_the_query_is_no_negative():
    """Rule: a corpus of questions holds the question itself."""
    corpus = TextTable.of([("d0", "answer"), ("d1", "How do I pay?"), ("d2", "How do I sing?")])
    scores = {"answer": 2.0, "How do I pay?": 1.0, "How do I sing?": 0.5}

    found = mined(
        [Pair("how do i pay?", "answer", "q1", "d0")], MiningRule(1, 1, 3), corpus,
        Table({"how do i pay?": scores}),
    )  # fmt: skip

    assert found.pairs[0].negatives == ("How do I sing?",)
    assert found.removed_by_text == 1


def test_queries_of_equal_text_share_their_positives():
    """Rule: two people asked the same; what answered one is no negative of the other."""
    pairs = [Pair("q", "text 0", "a", "d0"), Pair(" Q ", "text 1", "b", "d1")]
    system = Table({"q": STEPS.table["q"], " Q ": STEPS.table["q"]})

    found = mined(pairs, MiningRule(1, 1, 10, margin=0.0), system=system)

    assert [pair.negatives for pair in found.pairs] == [("text 2",)] * 2


def test_documents_without_text_and_repeated_texts_are_no_negatives():
    """Rule: what is left is each text once; a blank one is not even random filling."""
    texts = ["answer", "", " ", "same", "Same", "other"]
    corpus = TextTable.of((f"d{n}", text) for n, text in enumerate(texts))
    system = Table({"q": dict.fromkeys(texts, 0.5) | {"answer": 1.0}})

    found = mined([Pair("q", "answer", "q1", "d0")], MiningRule(2, 1, 6), corpus, system)

    assert found.pairs[0].negatives == ("same", "other")


def test_a_document_without_a_token_is_not_mined():
    """Rule: it ranks after all others because nothing is known of it, not because it is near."""
    corpus = TextTable.of([("d0", "red fox"), ("d1", "blue house"), ("d2", "…")])

    found = mined([Pair("red", "red fox", "q1", "d0")], MiningRule(2, 1, 3), corpus, HashEncoder())

    assert found.pairs[0].negatives == ("blue house", "…")
    assert (found.kept, found.filled) == (0.5, 1)


# --- positives outside of the corpus ------------------------------------------------------------


def test_a_positive_without_an_id_is_found_by_its_text():
    """Rule: its document gives the margin, and is no negative."""
    found = mined([Pair("q", "Text  2")], MiningRule(1, 1, 10, margin=0.0))

    assert found.pairs[0].negatives == ("text 3",)
    assert (found.removed_by_text, found.removed_by_margin, found.without_margin) == (1, 2, 0)


def test_an_encoder_scores_a_positive_that_the_corpus_lacks():
    """Rule: its text is encoded; without it every document would be near enough."""
    corpus = TextTable.of([("d1", "red fox"), ("d2", "red stone"), ("d3", "blue house")])
    pair = Pair("red fox", "red bird")  # shares one word of two: cosine 0.5, like d2

    found = mined([pair], MiningRule(1, 1, 3, margin=0.0), corpus, HashEncoder(dim=2048))

    assert found.pairs[0].negatives == ("red stone",)
    assert (found.removed_by_text, found.without_margin) == (1, 0)


def test_a_document_counts_where_its_text_in_the_pair_is_another():
    """Rule: ids come first; d1 scores 1.0 and the pair's own text would score 0."""
    corpus = TextTable.of([("d1", "red fox"), ("d2", "red stone"), ("d3", "blue house")])

    found = mined(
        [Pair("red fox", "green tree", "q1", "d1")], MiningRule(1, 1, 3), corpus,
        HashEncoder(dim=2048),
    )  # fmt: skip

    assert (found.pairs[0].negatives, found.removed_by_margin) == (("red stone",), 0)


def test_a_ranker_goes_without_margin_where_no_positive_is_in_the_corpus():
    """Rule: it can score documents of the corpus only; such queries are counted."""
    pairs = [Pair("q", "elsewhere"), Pair("q", "nowhere"), Pair("other", "text 1")]

    found = mined(pairs, MiningRule(1, 1, 10, margin=0.5))

    assert [pair.negatives for pair in found.pairs[:2]] == [("text 0",)] * 2
    assert (found.without_margin, found.removed_by_margin) == (1, 0)


# --- no pair is lost ----------------------------------------------------------------------------


def test_every_pair_stays_in_its_place_with_equally_many_negatives():
    """Rule: the hardest queries, for which nothing can be mined, must not vanish."""
    pairs = [Pair("hard", "text 9", "h", "d9", source="clicks", weight=2.0), FIRST]
    system = Table({"hard": dict.fromkeys(TEN[:9], 0.5) | {"text 9": 0.1}} | STEPS.table)

    found = mined(pairs, MiningRule(3, 2, 6), system=system)

    assert [replace(pair, negatives=()) for pair in found.pairs] == pairs
    assert [len(set(pair.negatives)) for pair in found.pairs] == [3, 3]
    assert "text 9" not in found.pairs[0].negatives
    assert (found.filled, found.kept, found.with_any) == (3, 0.5, 0.5)
    assert found.removed_by_margin == 5


def test_filling_comes_from_what_did_not_rank_high():
    """Rule: what ranks before `first` or scored too near may answer; it is filled in last."""
    pair = Pair("q", "text 5", "q1", "d5")

    few = [mined([pair], MiningRule(4, 2, 6), seed=seed) for seed in range(10)]
    many = mined([pair], MiningRule(9, 2, 6))

    assert {frozenset(one.pairs[0].negatives) for one in few} == {frozenset(TEN[6:])}
    assert set(many.pairs[0].negatives[:4]) == set(TEN[6:])
    assert set(many.pairs[0].negatives) == set(TEN) - {"text 5"}


def test_filling_is_seeded_and_spread():
    """Rule: another seed, other documents; pairs do not share theirs."""
    corpus = TextTable.of((f"d{n:04}", f"text {n}") for n in range(1000))
    pairs = [Pair(f"unknown {n}", "text 7", f"q{n}", "d0007") for n in range(50)]

    found = mined(pairs, MiningRule(), corpus, Table({}))
    again = mined(pairs, MiningRule(), corpus, Table({}))
    other = mined(pairs, MiningRule(), corpus, Table({}), seed=1)

    assert found == again
    assert not any(
        a.negatives == b.negatives for a, b in zip(found.pairs, other.pairs, strict=True)
    )
    assert found.filled == 200
    assert len({text for pair in found.pairs for text in pair.negatives}) > 150
    assert not any("text 7" in pair.negatives for pair in found.pairs)


def test_a_corpus_too_small_to_fill_a_pair_up_stops():
    """Rule: columns of unequal length would fail in training, hours later."""
    corpus = TextTable.of([("d0", "answer"), ("d1", "one"), ("d2", "two"), ("d3", "Two")])

    with pytest.raises(DataError) as caught:
        mined([Pair("ask", "answer", "q1", "d0")], MiningRule(), corpus, Table({}))

    assert str(caught.value) == (
        "q1: 4 negatives are wanted of each query, and 4 documents hold 2 for 'ask'\n"
        "  -> mine 2 or fewer"
    )


def test_without_pairs_nothing_is_wanted():
    assert mined([], MiningRule()) == Mined((), 1.0, 1.0, 0, 0, 0, 0, ())


# --- given negatives ----------------------------------------------------------------------------


def test_given_negatives_come_first_and_count():
    """Rule: two are wanted besides the given one, which is not mined again."""
    pair = replace(FIRST, negatives=("TEXT 1",))

    found = mined([pair], MiningRule(3, 1, 10))

    assert found.pairs[0].negatives == ("TEXT 1", "text 2", "text 3")
    assert (found.kept, found.given_left_out) == (1.0, 0)


def test_given_negatives_are_left_out_where_they_are_none_or_too_many():
    """Rule: a positive's text, the query's own, a repeated one, and those beyond per_query."""
    pair = replace(FIRST, negatives=("a", "Text 0", "Q", "A", "b", "c"))

    found = mined([pair], MiningRule(2, 1, 10))

    assert found.pairs[0].negatives == ("a", "b")
    assert (found.given_left_out, found.kept, found.with_any) == (4, 1.0, 1.0)


# --- sampling, order, seeds ---------------------------------------------------------------------


def test_random_sampling_is_seeded_and_within_the_ranks():
    """Rule: a choice among all that may be negatives, the hardest of them first."""
    rule = MiningRule(3, 2, 9, sampling="random")

    found = [mined([FIRST], rule, seed=seed).pairs[0].negatives for seed in range(30)]

    assert found[0] == mined([FIRST], rule, seed=0).pairs[0].negatives
    assert {text for texts in found for text in texts} == set(TEN[1:9])
    assert all(list(texts) == sorted(texts) for texts in found)


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(12)), sampling=st.sampled_from(["top", "random"]))
def test_the_order_of_pairs_is_only_that_of_the_result(order, sampling):
    """Rule: a negative depends on texts and scores, not on who comes before."""
    pairs = [Pair(f"q{n // 2}", f"text {n % 10}", f"q{n // 2}", f"d{n % 10}") for n in range(12)]
    system = Table({f"q{n}": {t: (n * 7 + m * 3) % 11 / 11 for m, t in enumerate(TEN)}
                    for n in range(5)})  # fmt: skip
    rule = MiningRule(3, 2, 8, sampling=sampling)

    found = mined(pairs, rule, system=system)
    shuffled = mined([pairs[n] for n in order], rule, system=system)

    assert shuffled == replace(found, pairs=tuple(found.pairs[n] for n in order))


def test_a_person_is_shown_twenty_with_their_ranks():
    """Rule: mined ones only, each as it stands in its pair, with its rank in the ranking."""
    corpus = TextTable.of((f"d{n:02}", f"text {n}") for n in range(60))
    rankings = {f"q{n}": {f"text {m}": 1 - ((m + n) % 60) / 60 for m in range(60)}
                for n in range(30)}  # fmt: skip
    pairs = [Pair(f"q{n}", f"text {(60 - n) % 60}", f"q{n}", f"d{(60 - n) % 60:02}")
             for n in range(30)]  # fmt: skip

    found = mined(pairs, MiningRule(4, 10, 20), corpus, Table(rankings))
    other = mined(pairs, MiningRule(4, 10, 20), corpus, Table(rankings), seed=1)

    assert len(set(found.sample)) == 20
    for query, positive, negative, place in found.sample:
        ranking = sorted(rankings[query], key=lambda text: -rankings[query][text])
        assert ranking[place - 1] == negative
        assert (query, positive, negative) in {
            (pair.query, pair.positive, text) for pair in found.pairs for text in pair.negatives
        }
    assert other.pairs == found.pairs
    assert other.sample != found.sample


# --- several miners -----------------------------------------------------------------------------


class Other(Table):
    """A second ranker, told from the first by its name."""

    spec = fingerprint = encode_path = "other"


def both(pairs, rule, second, first=STEPS, **others):
    return mine(pairs, CORPUS, [first, second], rule, cache=NONE, **others)


def scores(*texts):
    """Falling scores from 1.0 in steps of 0.1, in the order of the texts."""
    return {text: 1.0 - n / 10 for n, text in enumerate(texts)}


def test_candidates_of_several_miners_are_interleaved_by_rank():
    """Rule: the best rank counts, ties go by doc_id; the second miner sees 9, 8, 7 … first."""
    second = Other({"q": scores("text 0", *reversed(TEN[5:]))})

    found = both([FIRST], MiningRule(4, first=2, last=4, margin=0.0), second)

    # Ranks 2, 3, 4 hold text 1, 2, 3 and text 9, 8, 7.
    assert found.pairs[0].negatives == ("text 1", "text 9", "text 2", "text 8")
    assert {(negative, rank) for _, _, negative, rank in found.sample} == {
        ("text 1", 2), ("text 9", 2), ("text 2", 3), ("text 8", 3),
    }  # fmt: skip


def test_of_equal_ranks_the_smaller_doc_id_is_taken():
    """Rule: one is wanted; text 1 and text 9 are both second."""
    second = Other({"q": scores("text 0", *reversed(TEN[5:]))})

    found = both([FIRST], MiningRule(1, first=2, last=4, margin=0.0), second)

    assert found.pairs[0].negatives == ("text 1",)


def test_a_document_that_several_miners_find_has_its_best_rank():
    """Rule: text 5 is sixth of the first miner and third of the other."""
    second = Other({"q": scores("text 0", "text 9", "text 5")})

    found = both([FIRST], MiningRule(1, first=3, last=6, margin=0.0), second)
    more = both([FIRST], MiningRule(2, first=3, last=6, margin=0.0), second)

    assert found.pairs[0].negatives == ("text 2",)
    assert more.pairs[0].negatives == ("text 2", "text 5")


def test_what_one_miner_ranks_too_high_or_too_near_is_no_negative_of_any():
    """Rule: text 2 is first of the other miner, text 3 scores above its positive there."""
    second = Other({"q": {"text 2": 1.0, "text 3": 0.9, "text 0": 0.85, "text 9": 0.1}})

    found = both([FIRST], MiningRule(3, first=2, last=6, margin=0.0), second)

    assert found.pairs[0].negatives == ("text 1", "text 9", "text 4")  # ranks 2, 4 and 5
    assert found.removed_by_margin == 1
    first, other = found.miners
    assert (first.miner, first.candidates, first.vetoed, first.by_margin) == ("table", 5, 2, 0)
    assert (other.miner, other.candidates, other.vetoed, other.by_margin) == ("other", 1, 0, 1)
    assert (first.by_id, other.by_id, found.removed_by_id) == (0, 1, 1)


def test_a_margin_is_taken_on_each_miners_own_scale():
    """Rule: scores of 50 beside a positive of 100 are far from it, whatever the other's scores."""
    second = Other({"q": {"text 0": 100.0, "text 9": 50.0, "text 8": 99.0}})

    found = both([FIRST], MiningRule(1, first=2, last=3, margin=0.3), second)

    assert found.pairs[0].negatives == ("text 9",)
    assert (found.miners[0].by_margin, found.miners[1].by_margin) == (2, 1)


@pytest.mark.parametrize("sampling", ["top", "random"])
def test_the_order_of_the_miners_changes_nothing(sampling):
    second = Other({"q": scores(*reversed(TEN))})
    rule = MiningRule(3, first=2, last=8, sampling=sampling)
    pair = Pair("q", "text 5", "q1", "d5")

    found = mine([pair], CORPUS, [STEPS, second], rule, cache=NONE)
    turned = mine([pair], CORPUS, [second, STEPS], rule, cache=NONE)

    assert turned == replace(found, miners=found.miners[::-1])


def test_the_same_miner_twice_is_as_good_as_once():
    """Rule: the union of equal candidates is those; nothing is counted twice in all."""
    rule = MiningRule(3, first=3, last=9, margin=0.2)

    once = mined([FIRST], rule)
    twice = both([FIRST], rule, STEPS)

    assert replace(twice, miners=once.miners) == once


def test_only_where_no_miner_has_a_score_is_a_query_without_margin():
    """Rule: an encoder scores a positive that the corpus lacks, a ranker cannot."""
    pair = Pair("text 3", "elsewhere text")

    found = both([pair], MiningRule(1, 1, 10), HashEncoder(), first=Table({}))

    assert found.without_margin == 0
    assert [count.without_margin for count in found.miners] == [1, 0]


def test_without_a_miner_nothing_is_mined():
    with pytest.raises(UsageError, match="mining needs a miner"):
        mine([FIRST], CORPUS, [], MiningRule(), cache=NONE)


def test_several_miners_say_which_one_is_at_work():
    steps = []

    both([FIRST], MiningRule(1, 2, 5), Other({"q": scores(*TEN)}), listener=steps.append)

    assert list(dict.fromkeys(step.stage for step in steps)) == [
        "table · search", "other · search",
    ]  # fmt: skip


def test_a_query_without_an_id_keeps_clear_of_what_is_judged_by_its_text():
    """Rule: judgments count for the question, whatever its id in the file."""
    judged = {text_key(" Q"): ["d1", "gone"], text_key("other"): ["d2"]}

    found = mined([Pair("q", "text 0")], MiningRule(1, 1, 10, 0.0), relevant_by_text=judged)

    assert found.pairs[0].negatives == ("text 2",)
    assert found.removed_by_id == 1


# --- systems ------------------------------------------------------------------------------------


def word_task(seed):
    """100 documents of four words, and 40 queries of three; half of them have two answers."""
    rng = random.Random(seed)
    corpus = {f"d{n:02}": " ".join(rng.choices(TINY_WORDS, k=4)) for n in range(100)}
    chosen = rng.sample(sorted(corpus), 40)
    pairs = [
        Pair(" ".join(rng.sample(corpus[doc_id].split(), 3)), corpus[doc_id], f"q{doc_id}", doc_id)
        for doc_id in chosen
    ]
    others = [rng.choice(sorted(corpus)) for _ in pairs[:20]]
    pairs += [
        replace(pair, positive=corpus[other], doc_id=other)
        for pair, other in zip(pairs[:20], others, strict=True)
    ]
    return TextTable.of(corpus.items()), pairs


@pytest.mark.parametrize("seed", range(3))
def test_an_encoder_mines_what_the_definition_says(seed):
    """Reference: all scores at once in float64, and the rule read off them document by document."""
    corpus, pairs = word_task(seed)
    encoder, rule = HashEncoder(dim=256), MiningRule(3, 5, 40, margin=0.1)
    ids, texts = list(corpus.ids), list(corpus.texts)
    documents = NONE.encode(encoder, texts, "document").astype(np.float64)

    found = mined(pairs, rule, corpus, encoder)

    checked = 0
    for pair, result in zip(pairs, found.pairs, strict=True):
        query = NONE.encode(encoder, [pair.query], "query")[0].astype(np.float64)
        scores = (documents * query).sum(axis=1).astype(np.float32)
        same = [p for p in pairs if normalised(p.query) == normalised(pair.query)]
        positives = {p.doc_id for p in same}
        worst = min(scores[ids.index(doc_id)] for doc_id in positives)
        answers = {normalised(p.positive) for p in same} | {normalised(pair.query)}
        ranking = sorted(range(len(ids)), key=lambda row: (-scores[row], ids[row]))
        allowed = [
            texts[row]
            for row in ranking[rule.first - 1 : rule.last]
            if ids[row] not in positives
            and normalised(texts[row]) not in answers
            and float(scores[row]) <= 0.9 * float(worst)
        ]
        expected = list(dict.fromkeys(allowed))[:3]
        assert list(result.negatives[: len(expected)]) == expected
        checked += len(expected)
    assert checked + found.filled == 3 * len(pairs)
    assert checked > len(pairs)


def test_bm25_mines_without_a_model():
    """Rule: a ranker will do; what shares no word with the query is not ranked."""
    corpus = TextTable.of(
        [("d0", "reset the pin in settings"), ("d1", "pin lost, order a card"),
         ("d2", "the weather report"), ("d3", "pin on a map"), ("d4", "reset")]
    )  # fmt: skip

    found = mined(
        [Pair("reset pin", "reset the pin in settings", "q1", "d0")],
        MiningRule(3, 2, 5), corpus, open_model("bm25"),
    )  # fmt: skip

    assert set(found.pairs[0].negatives) == {"reset", "pin on a map", "pin lost, order a card"}
    assert found.filled == 0


def test_a_query_without_a_token_is_filled_up():
    """Rule: it points nowhere, so nothing is near to it, and it stays."""
    corpus, pairs = word_task(0)

    found = mined([Pair("…", pairs[0].positive, "q", pairs[0].doc_id)], MiningRule(), corpus,
                  HashEncoder())  # fmt: skip

    assert (found.filled, found.kept) == (4, 0.0)


def test_mining_again_with_trained_weights_gives_their_negatives(tmp_path):
    """Rule: one cache, one path and name, other weights: vectors go by content, so none is old."""
    corpus, pairs = word_task(1)
    cache = EmbeddingCache(tmp_path / "cache")
    rule = MiningRule(4, 2, 60)

    before = mine(pairs, corpus, [open_model(str(tiny_model(tmp_path / "model", 0)))], rule,
                  cache=cache)  # fmt: skip
    trained = open_model(str(tiny_model(tmp_path / "model", 1)))
    after = mine(pairs, corpus, [trained], rule, cache=cache)
    uncached = mine(pairs, corpus, [trained], rule, cache=NONE)

    changed = [a.negatives != b.negatives for a, b in zip(before.pairs, after.pairs, strict=True)]
    assert sum(changed) > len(pairs) / 2
    assert after == uncached


def test_vectors_come_from_the_cache(tmp_path):
    """Rule: what an evaluation encoded is not encoded again."""
    corpus, pairs = word_task(2)
    cache, encoder = EmbeddingCache(tmp_path), HashEncoder()
    first = mine(pairs, corpus, [encoder], MiningRule(), cache=cache)
    encoder.encode = None

    again = mine(pairs, corpus, [encoder], MiningRule(), cache=cache)

    assert again == first


def test_whoever_watches_is_told():
    """Rule: encoding and search report their steps, a ranker's query by query."""
    corpus, pairs = word_task(0)
    by_encoder, by_ranker = [], []

    mined(pairs, MiningRule(), corpus, HashEncoder(), listener=by_encoder.append)
    mined([FIRST], MiningRule(), listener=by_ranker.append)

    assert [step.stage for step in by_encoder if step.done == step.total] == [
        "encode queries", "encode documents", "search",
    ]  # fmt: skip
    assert [(step.done, step.total) for step in by_ranker] == [(0, 1), (1, 1)]
