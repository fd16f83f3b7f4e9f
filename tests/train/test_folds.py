"""Folds: what is held out together, what the number then answers, and what is refused."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import KFold

from benchharness.data.similarity import text_key
from benchharness.errors import UsageError
from benchharness.pairs.pair import Pair
from benchharness.train.folds import (
    MIN_DEV,
    component_names,
    dev_queries,
    make_folds,
    training_side,
)


def pair(query, document, **fields):
    """Query number `query` with document number `document`, each with a text of its own."""
    return Pair(
        f"question {query}",
        f"answer {document}",
        query_id=f"q{query:03}",
        doc_id=f"d{document:03}",
        **fields,
    )


def singles(count, start=0):
    """Queries that share nothing."""
    return [pair(n, n) for n in range(start, start + count)]


def star(count, document=900, start=0):
    """Queries that all have one document in common."""
    return [pair(n, document) for n in range(start, start + count)]


# Few texts and ids, in several spellings, so that they meet; about a third without ids.
_SPELLINGS = ("question {}", "Question  {} ", "QUESTION {}")
PAIRS = st.lists(
    st.builds(
        lambda query, spelling, document, content, is_judged, query_id: Pair(
            spelling.format(query),
            f"answer {content}",
            query_id=f"q{query_id:02}" if is_judged else "",
            doc_id=f"d{document:02}" if is_judged else "",
        ),
        st.integers(0, 40), st.sampled_from(_SPELLINGS), st.integers(0, 40), st.integers(0, 40),
        st.sampled_from((True, True, False)), st.integers(0, 30),
    ),
    min_size=8,
    max_size=40,
)  # fmt: skip


def nodes_of(pair, number):
    """The nodes of the graph that a pair connects, by an independent spelling of the rule."""
    nodes = [
        ("row", number),
        ("query", " ".join(pair.query.lower().split())),
        ("document", " ".join(pair.positive.lower().split())),
    ]
    if pair.query_id:
        nodes += [("query id", pair.query_id), ("document id", pair.doc_id)]
    return nodes


def scipy_names(pairs):
    """query_id -> smallest query id of its component, by scipy."""
    rows = [nodes_of(pair, number) for number, pair in enumerate(pairs)]
    number = {node: n for n, node in enumerate(dict.fromkeys(itertools.chain(*rows)))}
    edges = [(number[row[0]], number[node]) for row in rows for node in row]
    if not edges:
        return {}
    start, end = zip(*edges, strict=True)
    graph = coo_array(([1] * len(edges), (start, end)), shape=(len(number),) * 2)
    _, labels = connected_components(graph, directed=False)
    label = {name: labels[n] for (kind, name), n in number.items() if kind == "query id"}
    return {
        query_id: min(other for other in label if label[other] == label[query_id])
        for query_id in label
    }


@settings(max_examples=60)
@given(PAIRS, st.randoms(use_true_random=False))
def test_components_are_those_of_the_graph_of_ids_and_texts(pairs, random):
    """Rule: equal to scipy's, with equal texts as one node, whatever the order of the pairs."""
    expected = scipy_names(pairs)
    random.shuffle(pairs)

    assert component_names(pairs) == expected


def folded(pairs, k, **how):
    """The folds, or None where they are refused."""
    try:
        return make_folds(pairs, k, **how)
    except UsageError:
        return None


def parts(folds):
    """The held-out sets, without regard to the numbers of the folds."""
    return {folds.held_out(fold) for fold in range(folds.k)}


@settings(max_examples=60)
@given(PAIRS, st.integers(2, 4), st.integers(0, 3), st.sampled_from(["component", "query"]))
def test_every_query_is_held_out_once_and_no_fold_is_empty(pairs, k, seed, split):
    """Rule: folds are a partition of the queries with an id, in both splits."""
    folds = folded(pairs, k, split=split, seed=seed)
    if folds is None:
        return
    held = [folds.held_out(fold) for fold in range(k)]

    assert sorted(itertools.chain(*held)) == sorted({p.query_id for p in pairs if p.query_id})
    assert all(held)
    assert folds.component_of == scipy_names(pairs)


@settings(max_examples=60)
@given(PAIRS, st.integers(2, 4), st.integers(0, 3), st.sampled_from(["component", "query"]))
def test_nothing_connected_is_on_both_sides(pairs, k, seed, split):
    """Rule: no component is in two folds; by query, no query text. Training pairs included."""
    folds = folded(pairs, k, split=split, seed=seed)
    if folds is None:
        return
    for fold in range(k):
        held = folds.held_out(fold)
        tested = [p for p in pairs if p.query_id in held]

        trained = training_side(pairs, held, split=folds.split)

        assert not {p.query_id for p in trained} & held
        assert not {text_key(p.query) for p in trained} & {text_key(p.query) for p in tested}
        if folds.split == "component":
            assert not {text_key(p.positive) for p in trained} & {
                text_key(p.positive) for p in tested
            }
            names = folds.component_of
            assert not {names[p.query_id] for p in trained if p.query_id} & {
                names[query_id] for query_id in held
            }


@settings(max_examples=60)
@given(PAIRS, st.integers(2, 4), st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_changes_nothing(pairs, k, random):
    """Rule: equal folds and an equal note, or the same refusal, from the pairs in any order."""

    def outcome():
        try:
            return make_folds(pairs, k)
        except UsageError as error:
            return str(error)

    expected = outcome()
    random.shuffle(pairs)

    assert outcome() == expected


@settings(max_examples=60)
@given(st.lists(st.integers(1, 8), min_size=5, max_size=20), st.integers(2, 5), st.integers(0, 3))
def test_sizes_are_those_of_the_greedy_rule(sizes, k, seed):
    """Rule: the largest group goes first, always into the smallest fold; recomputed by hand."""
    pairs, start = [], 0
    for document, size in enumerate(sizes):
        pairs += star(size, document, start)
        start += size
    if 2 * max(sizes) > sum(sizes):
        return
    expected = [0] * k
    for size in sorted(sizes, reverse=True):
        expected[expected.index(min(expected))] += size

    folds = make_folds(pairs, k, seed=seed)

    found = [len(folds.held_out(fold)) for fold in range(k)]
    assert found == expected
    assert max(found) - min(found) <= max(sizes)


def test_the_seed_changes_the_folds_and_nothing_else_does():
    """Rule: another seed holds out other queries together; the same seed the same ones."""
    pairs = singles(40)
    seeds = [parts(make_folds(pairs, 4, seed=seed)) for seed in range(5)]

    assert parts(make_folds(pairs, 4, seed=2)) == seeds[2]
    assert all(one != other for one, other in itertools.combinations(seeds, 2))


def test_the_folds_of_a_seed_are_the_same_for_ever():
    """Rule: pinned, because a number is comparable over machines and versions only then."""
    pairs = [*singles(6), *star(2, 900, 10)]

    folds = make_folds(pairs, 3, seed=0)

    assert [sorted(folds.held_out(fold)) for fold in range(3)] == PINNED


# By hand: the pair of queries goes to fold 0, then 1, 2, 1, 2, 0, 1 take one each; the order of
# sha256("0 TAB id") is 5, 2, 3, 4, 1, 0, dealt from the last fold to the first.
PINNED = [["q000", "q010", "q011"], ["q001", "q003", "q004"], ["q002", "q005"]]


def test_folds_drawn_over_queries_would_put_documents_on_both_sides():
    """Rule: scikit-learn's KFold leaks every document here; make_folds none."""
    pairs = [pair(10 * document + n, document) for document in range(20) for n in range(5)]
    leaked = set()
    for train, test in KFold(5, shuffle=True, random_state=0).split(pairs):
        leaked |= {pairs[n].doc_id for n in train} & {pairs[n].doc_id for n in test}

    folds = make_folds(pairs, 5)

    assert len(leaked) == 20
    folds_of = {p.doc_id: {folds.fold_of[o.query_id] for o in pairs if o.doc_id == p.doc_id}
                for p in pairs}  # fmt: skip
    assert all(len(own) == 1 for own in folds_of.values())
    assert folds.note == ""
    assert folds.question == "queries about documents that were never trained on"


def test_pairs_without_an_id_connect_but_are_in_no_fold():
    """Rule: a click that has one query's text and another's document brings both together."""
    click = Pair("Question 1", "answer  2", source="clicks")
    pairs = [*singles(10), click]

    folds = make_folds(pairs, 5)

    assert "" not in folds.fold_of
    assert folds.component_of["q002"] == folds.component_of["q001"] == "q001"
    assert folds.fold_of["q002"] == folds.fold_of["q001"]


def test_pairs_without_an_id_are_not_trained_on_beside_what_they_hold():
    """Rule: they carry no held-out id, and still give away a held-out text or document."""
    same_query = Pair("QUESTION 1", "a page of its own")
    same_document = Pair("asked by nobody", "Answer 1")
    other = Pair("something else", "somewhere else")
    pairs = [*singles(3), same_query, same_document, other]
    held = frozenset({"q001"})

    by_component = training_side(pairs, held, split="component")
    by_query = training_side(pairs, held, split="query")

    assert by_component == (pairs[0], pairs[2], other)
    assert by_query == (pairs[0], pairs[2], same_document, other)


def test_empty_texts_connect_nothing():
    """Rule: two documents without text are not the same document; two queries neither."""
    pairs = [Pair("", "", "q1", "d1"), Pair("", " ", "q2", "d2")]

    assert component_names(pairs) == {"q1": "q1", "q2": "q2"}


def test_a_component_of_more_than_half_is_split_by_query_and_named():
    """Rule: 12 of 20 share document d900; the note has share, example, document and question."""
    without_doc_id = Pair("question 0", "Answer 900", "q000")
    pairs = [*star(12), without_doc_id, pair(3, 901), *singles(8, 50)]

    folds = make_folds(pairs, 4)

    assert (folds.asked, folds.split) == ("component", "query")
    assert Counter(folds.fold_of.values()) == dict.fromkeys(range(4), 5)
    assert folds.note == (
        "component q000 holds 12 of 20 queries (60 %), such as 'question 0'; document d900 "
        "connects 12 of them; whole components cannot make 4 even folds, so the queries are "
        "split one by one; the folds answer for queries that ask about documents that were "
        "trained on, not for queries about documents that were never trained on"
    )
    assert folds.component_of["q007"] == "q000"


def test_a_component_of_just_half_stays_whole_with_a_note():
    """Rule: 10 of 20 in one of 4 folds; the note names the component and the sizes."""
    pairs = [*star(10), *singles(10, 50)]

    folds = make_folds(pairs, 4)

    assert folds.split == "component"
    assert len({folds.fold_of[f"q{n:03}"] for n in range(10)}) == 1
    assert folds.note == (
        "component q000 holds 10 of 20 queries (50 %), such as 'question 0'; document d900 "
        "connects 10 of them, and stays in one fold: folds of 3 to 10 queries"
    )


def test_a_component_that_fits_an_even_fold_is_not_remarked():
    """Rule: 5 of 18 are more than a quarter, but a fold of 5 is as even as it gets."""
    assert make_folds([*star(5), *singles(13, 50)], 4).note == ""


def test_by_query_equal_texts_stay_together_and_documents_do_not():
    """Rule: the note says which question the number answers."""
    asked_twice = Pair(" QUESTION 0", "another page", "q900", "d950")
    pairs = [*star(9), asked_twice, *singles(10, 50)]

    folds = make_folds(pairs, 3, split="query")

    assert folds.fold_of["q900"] == folds.fold_of["q000"]
    assert {folds.fold_of[f"q{n:03}"] for n in range(9)} == {0, 1, 2}
    assert folds.note.startswith("the folds answer for queries that ask about documents that were")
    assert folds.question == "queries that ask about documents that were trained on"


def test_by_query_a_text_of_many_queries_is_named():
    """Rule: an uneven fold is remarked by query too."""
    pairs = [*(Pair("help", f"page {n}", f"h{n}", f"p{n}") for n in range(6)), *singles(6)]

    folds = make_folds(pairs, 3, split="query")

    assert folds.note.endswith(
        "the text 'help' of h0 is that of 6 of 12 queries (50 %), and stays in one fold: folds of "
        "3 to 6 queries"
    )


@pytest.mark.parametrize("word", ["random", "KFold", "k-fold", "shuffle"])
def test_a_random_split_is_refused_with_what_to_write(word):
    """Rule: it would answer another question without saying so."""
    with pytest.raises(UsageError, match="held-out queries on the training side") as caught:
        make_folds(singles(10), 2, split=word)

    assert "--folds-by component (queries about documents that were never" in caught.value.remedy
    assert "--folds-by query" in caught.value.remedy


REFUSED = [
    (singles(10), 2, "componnet", "unknown split 'componnet'", "did you mean component"),
    (singles(10), 1, "component", "1 fold: at least 2", "--folds 5"),
    (singles(3), 5, "component", "5 folds of 3 queries in 3 components: at least 2", "--folds 3"),
    (
        [*star(5), *star(5, 901, 10)],
        4,
        "component",
        "4 folds of 10 queries in 2 components: at least 2",
        "--folds 2,",
    ),
    (singles(3), 4, "query", "4 folds of 3 queries in 3 distinct query texts", "--folds 3"),
    (singles(1), 2, "component", "2 folds of 1 query in 1 distinct", "--folds 0"),
    ([Pair("a", "b")], 2, "component", "none of 1 pair has a query_id", "query_id and doc_id"),
]


@pytest.mark.parametrize(("pairs", "k", "split", "message", "remedy"), REFUSED)
def test_what_cannot_be_folded_is_named_with_its_numbers(pairs, k, split, message, remedy):
    """Rule: before the first step, with the largest number of folds that is possible."""
    with pytest.raises(UsageError) as caught:
        make_folds(pairs, k, split=split)

    assert message in caught.value.message
    assert remedy in caught.value.remedy


@settings(max_examples=60)
@given(st.integers(20, 90), st.lists(st.integers(1, 9), max_size=10), st.integers(0, 3))
def test_dev_queries_are_whole_components_and_at_most_a_third(wanted, sizes, seed):
    """Rule: neither side shares a component; where single queries remain the number is met."""
    pairs, start = singles(60), 100
    for document, size in enumerate(sizes):
        pairs += star(size, 800 + document, start)
        start += size
    total = 60 + sum(sizes)

    dev = dev_queries(pairs, wanted, split="component", seed=seed)

    names = component_names(pairs)
    inside = {names[query_id] for query_id in dev}
    assert MIN_DEV <= len(dev) <= min(wanted, total // 3)
    assert not inside & {name for query_id, name in names.items() if query_id not in dev}


def test_dev_queries_depend_on_the_seed_and_not_on_the_order():
    """Rule: a dev set is drawn again exactly."""
    pairs = singles(100)

    first = dev_queries(pairs, 30, split="query", seed=1)

    assert dev_queries(pairs[::-1], 30, split="query", seed=1) == first
    assert dev_queries(pairs, 30, split="query", seed=2) != first
    assert len(first) == 30


FEW = [
    (singles(10), 200, "component", "of 3 queries cannot", "a third of 10", "(60 are needed)"),
    (singles(100), 5, "component", "of 5 queries cannot", "a step", "dev_queries=20"),
    ([*star(90), *singles(10, 200)], 50, "component", "of 10 queries", "component q000 holds 90 of "
     "100", "--folds-by query"),
    ([Pair("help", "x", f"h{n}") for n in range(90)], 50, "query", "of 0 queries",
     "the text 'help' of h0", "training queries"),
]  # fmt: skip


@pytest.mark.parametrize(("pairs", "wanted", "split", "count", "why", "remedy"), FEW)
def test_too_few_dev_queries_cannot_choose_a_step(pairs, wanted, split, count, why, remedy):
    """Rule: fewer than 20 are refused, with what would give more."""
    with pytest.raises(UsageError) as caught:
        dev_queries(pairs, wanted, split=split, seed=0)

    assert count in caught.value.message
    assert why in caught.value.message
    assert remedy in caught.value.remedy


def test_dev_queries_refuse_a_random_split():
    """Rule: the same words as for folds."""
    with pytest.raises(UsageError, match="does not say so"):
        dev_queries(singles(100), 30, split="random", seed=0)
