"""Components of queries and documents, and held-out draws of them."""

from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchharness.data.components import components, held_out, seeded_order

PAIRS = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=40).map(
    lambda pairs: [(f"q{query:02}", f"d{document:02}") for query, document in pairs]
)


@given(PAIRS, st.randoms(use_true_random=False))
def test_components_are_those_of_the_graph(pairs, random):
    """Rule: equal to scipy's connected components, in order, whatever the order of the pairs."""
    expected: dict[int, list[str]] = {}
    if pairs:
        nodes = sorted({node for pair in pairs for node in pair})
        number = {node: n for n, node in enumerate(nodes)}
        edges = (
            [1] * len(pairs),
            tuple(zip(*([number[n] for n in p] for p in pairs), strict=True)),
        )
        _, labels = connected_components(coo_array(edges, shape=(len(nodes),) * 2), directed=False)
        for node in nodes:
            if node.startswith("q"):
                expected.setdefault(int(labels[number[node]]), []).append(node)
    random.shuffle(pairs)

    found = components(pairs)

    assert list(found) == sorted(tuple(group) for group in expected.values())


@given(PAIRS, st.integers(0, 30), st.integers(0, 5))
def test_held_out_queries_are_whole_components(pairs, wanted, seed):
    """Rule: neither side shares a component; at most the wanted number is drawn."""
    groups = components(pairs)

    drawn = held_out(groups, wanted, seed)

    assert len(drawn) <= wanted
    for group in groups:
        assert set(group) <= drawn or not set(group) & drawn
        if not set(group) & drawn:
            assert len(drawn) + len(group) > wanted


def test_single_queries_fill_the_draw_exactly():
    """Rule: where components of one query remain, the number is met."""
    groups = components(
        [("a1", "x"), ("a2", "x"), ("a3", "x"), *((f"b{n}", f"d{n}") for n in "123")]
    )

    assert len(held_out(groups, 2, 0)) == 2
    assert len(held_out(groups, 5, 0)) == 5


def test_the_order_is_that_of_a_known_hash():
    """Rule: sha256 of "seed TAB first query id": the same on every machine, for ever."""
    groups = [("a",), ("b", "z"), ("c",), ("d",)]

    assert seeded_order(groups, 0) == (("c",), ("d",), ("a",), ("b", "z"))
    assert seeded_order(groups, 2) == (("b", "z"), ("c",), ("a",), ("d",))


def test_a_new_component_does_not_reorder_the_others():
    """Rule: a grown data set keeps most of its held-out queries."""
    groups = [(f"q{n}",) for n in range(20)]
    order = seeded_order(groups, 0)

    grown = seeded_order([*groups, ("new",)], 0)

    assert tuple(group for group in grown if group != ("new",)) == order
