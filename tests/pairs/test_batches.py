"""Which rows an epoch leaves out: the library's own sampler, without its walk over all rows."""

import math

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers.base.sampler import NoDuplicatesBatchSampler

from benchharness.pairs.batches import (
    Epoch,
    batches_of,
    epoch_of,
    largest_without_loss,
    sizes_tried,
)


def library(rows, batch_size, seed):
    """(the order that the library draws, its batches)."""
    columns = {f"c{n}": [str(row[n]) for row in rows] for n in range(len(rows[0]))}
    sampler = NoDuplicatesBatchSampler(
        Dataset.from_dict(columns), batch_size, drop_last=False, generator=torch.Generator(),
        seed=seed,
    )  # fmt: skip
    drawn = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    return drawn.tolist(), list(sampler)


def documents(count, queries):
    """(positive, query) keys: every document has as many queries."""
    return [(document, 10_000 + document * queries + n) for document in range(count)
            for n in range(queries)]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "queries"), [(200, 3), (30, 20), (10, 60)], ids=["many", "some", "few"]
)
@pytest.mark.parametrize("batch_size", [16, 64])
def test_batches_are_those_of_the_library(count, queries, batch_size):
    """Reference: NoDuplicatesBatchSampler itself, in the order that it drew."""
    rows = documents(count, queries)
    order, expected = library(rows, batch_size, seed=3)

    found = list(batches_of(rows, order, batch_size))

    # With too few batches the library draws rows again: what is beyond one pass is not compared.
    assert found == expected[: len(found)]
    assert sorted(row for batch in found for row in batch) == list(range(len(rows)))


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(*[st.integers(0, 12)] * 4), min_size=1, max_size=40),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 5),
)
def test_texts_that_meet_in_any_column_do_as_in_the_library(rows, batch_size, seed):
    """Rule: a positive that is another row's negative or query puts the row off as well."""
    order, expected = library(rows, batch_size, seed)

    found = list(batches_of(rows, order, batch_size))

    assert found == expected[: len(found)]


def test_a_small_set_of_documents_leaves_a_third_out():
    """Known: 40 documents with 75 queries at 64: 47 batches of 40 rows, 1,880 of 3,000 shown."""
    rows = documents(40, 75)

    found = epoch_of(rows, 64)

    assert found == Epoch(batch_size=64, batches=47, full=0, left_out=1_120)


def test_without_a_repeated_text_nothing_is_left_out():
    """Rule: then every batch but the last is full."""
    rows = documents(100, 1)

    found = [epoch_of(rows, size) for size in (16, 32, 64, 128)]

    assert [one.left_out for one in found] == [0, 0, 0, 0]
    assert [one.batches for one in found] == [math.ceil(100 / size) for size in (16, 32, 64, 128)]
    assert [one.full for one in found] == [6, 3, 1, 0]


@pytest.mark.parametrize(("count", "queries"), [(40, 75), (6, 40), (100, 1), (37, 5), (90, 7)])
def test_the_largest_batch_that_leaves_nothing_out_is_found(count, queries):
    """Reference: every size up to the documents; those that are tried are told by hand."""
    rows = documents(count, queries)
    clean = {size for size in range(1, count + 1) if not epoch_of(rows, size).left_out}

    found = largest_without_loss(rows)

    tried = {count, 4, 2, 1} | {size for size in range(1, count + 1) if size % 8 == 0}
    assert found == max(clean & tried)


def test_a_smaller_batch_may_leave_out_more():
    """Known: 40 documents of 75 queries fill batches of 40 to the last row, of 38 they do not."""
    rows = documents(40, 75)

    assert (epoch_of(rows, 40).left_out, epoch_of(rows, 38).left_out > 0) == (0, True)
    assert largest_without_loss(rows) == 40


def test_where_a_full_set_of_documents_does_not_do_a_smaller_batch_is_found():
    """Rule: rows that share a query cannot meet either, so that 20 documents are too many."""
    rows = [(n % 20, 1_000 + n % 5) for n in range(200)]
    clean = {size for size in (20, 16, 8, 4, 2, 1) if not epoch_of(rows, size).left_out}

    found = largest_without_loss(rows)

    assert found == max(clean) < 20


def test_sizes_that_are_tried_are_coarser_for_many_rows():
    """Rule: none above the distinct positives or 1,024; the largest first."""
    assert sizes_tried(20, 100) == (20, 16, 8, 4, 2, 1)
    assert sizes_tried(3, 100) == (3, 2, 1)
    assert sizes_tried(5_000, 20_000)[:3] == (1_024, 1_016, 1_008)
    assert sizes_tried(700, 20_001) == (700, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1)


def test_one_document_alone_is_a_batch_of_one():
    rows = documents(1, 5)

    assert largest_without_loss(rows) == 1
    assert epoch_of(rows, 1).left_out == 0


def test_a_text_that_nearly_all_rows_share_costs_no_quadratic_walk():
    """Rule: 40,000 rows of one document among 20,000 others end; each batch takes one of them."""
    rows = [(0, 100_000 + n) for n in range(40_000)] + [(1 + n, 200_000 + n) for n in range(20_000)]

    found = epoch_of(rows, 32)

    assert found.batches == 1_875
    assert found.left_out == 60_000 - 1_875 - 20_000
