"""Near duplicates, against every pair compared by hand."""

import itertools
import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.data.similarity import SIMILARITY, near_duplicates

WORDS = [f"w{n}" for n in range(400)]


def triples(text):
    words = re.findall(r"\w+", text.casefold())
    return set(zip(words, words[1:], words[2:], strict=False))


def groups_by_hand(texts):
    """Connected components of all pairs with a Jaccard similarity of at least 0.9."""
    sets = [triples(text) for text in texts]
    parent = list(range(len(texts)))
    for first, second in itertools.combinations(range(len(texts)), 2):
        shared, whole = len(sets[first] & sets[second]), len(sets[first] | sets[second])
        if whole and shared / whole >= SIMILARITY:
            old, new = parent[second], parent[first]
            parent = [new if p == old else p for p in parent]
    groups: dict[int, list[int]] = {}
    for position, p in enumerate(parent):
        if sets[position]:
            groups.setdefault(p, []).append(position)
    return sorted(tuple(group) for group in groups.values() if len(group) > 1)


def test_the_groups_are_those_of_all_pairs():
    """Rule: on 300 texts with edited copies the sketch finds what comparing all pairs finds."""
    rng = random.Random(5)
    texts = []
    for _ in range(100):
        words = rng.choices(WORDS, k=rng.randint(30, 120))
        for edits in (0, 1, 4):
            copy = list(words)
            for place in rng.sample(range(len(copy)), edits):
                copy[place] = rng.choice(WORDS)
            texts.append(" ".join(copy))
    rng.shuffle(texts)

    found = near_duplicates(texts)

    assert found == groups_by_hand(texts)
    assert len(found) > 40


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6).map(" ".join), max_size=12))
def test_nothing_is_called_a_near_duplicate_that_is_none(texts):
    """Rule: the sets decide; texts under three words are in no group."""
    assert near_duplicates(texts) == groups_by_hand(texts)


def test_case_and_punctuation_do_not_matter():
    """Rule: words are compared without case, and only words."""
    assert near_duplicates(["The cat sat down.", "the CAT, sat: down", "a dog"]) == [(0, 1)]


def test_order_of_words_matters():
    """Rule: triples keep the order, so a shuffled text is another text."""
    words = WORDS[:30]

    assert near_duplicates([" ".join(words), " ".join(reversed(words))]) == []
