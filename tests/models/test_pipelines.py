"""Pipelines as data: what a spec opens, what is refused, fingerprints and bytes."""

import pytest

from benchharness.errors import BenchError, UsageError
from benchharness.models.encoder import encoders_of
from benchharness.models.pipelines import bytes_per_document
from benchharness.models.registry import open_model
from benchharness.testing import install_doubles, tiny_cross_encoder


@pytest.fixture(autouse=True)
def _doubles():
    install_doubles()


def test_a_hybrid_opens_its_parts_in_order():
    hybrid = open_model("hybrid(bm25,hash@dim=8)@fusion=wsum,weights=1:3,top=50")

    assert [part.spec for part in hybrid.parts] == ["bm25", "hash@dim=8"]
    assert hybrid.top == 50
    assert hybrid.fusion.weights == (0.25, 0.75)
    assert hybrid.details["fusion"] == "wsum (min-max, 0.25:0.75)"
    assert hybrid.details["hash@dim=8: dimension"] == "8"
    assert not hybrid.trainable


def test_parts_may_be_pipelines():
    system = open_model("rerank(hybrid(bm25,binary(hash)),hash@dim=128)@top=7")

    assert [one.spec for one in encoders_of(system)] == ["hash", "hash@dim=128"]
    assert system.top == 7


def test_directories_of_parts_start_at_the_base(tmp_path):
    tiny_cross_encoder(tmp_path / "reader")

    system = open_model("rerank(bm25,reader)", base=tmp_path)

    assert system.second.spec == "reader"
    assert system.parts[0].spec == "bm25"
    assert system.details["reranker"] == "reader"


@pytest.mark.parametrize(
    ("spec", "bytes_"),
    [
        ("int8(hash@dim=20)", 20),
        ("binary(hash@dim=20)", 3),
        ("rerank(binary(hash@dim=64),hash@dim=64)", 8 + 256),
        ("rerank(hash@dim=16,hash@dim=64)", 64 + 256),
        ("hybrid(hash@dim=16,int8(hash@dim=16))", 64 + 16),
    ],
)
def test_an_index_holds_the_bytes_of_all_stages(spec, bytes_):
    """By hand: four bytes a component, one of int8, an eighth of binary, rounded up."""
    assert bytes_per_document(open_model(spec)) == bytes_


def test_a_reader_of_pairs_holds_no_vectors(tmp_path):
    tiny_cross_encoder(tmp_path / "reader")

    system = open_model("rerank(hash@dim=16,reader)", base=tmp_path)

    assert bytes_per_document(system) == 64


def test_the_size_of_a_hybrid_with_an_unknown_part_is_unknown():
    class Unmeasured:
        spec = "other"

    assert bytes_per_document(Unmeasured()) is None


def test_whatever_changes_the_ranking_changes_the_fingerprint():
    specs = [
        "hash",
        "binary(hash)",
        "int8(hash)",
        "hybrid(hash,hash@salt=a)",
        "hybrid(hash@salt=a,hash)",
        "hybrid(hash,hash@salt=a)@k=10",
        "hybrid(hash,hash@salt=a)@top=10",
        "hybrid(hash,hash@salt=a)@fusion=wsum",
        "hybrid(hash,hash@salt=a)@fusion=wsum,weights=1:2",
        "rerank(hash,hash@salt=a)",
        "rerank(hash@salt=a,hash)",
        "rerank(hash,hash@salt=a)@top=10",
    ]

    prints = {open_model(spec).fingerprint for spec in specs}

    assert len(prints) == len(specs)


def test_what_is_spelled_otherwise_and_means_the_same_has_one_fingerprint():
    same = ["hybrid(hash,hash@salt=a)", "hybrid( hash , hash@salt=a )@top=100,fusion=rrf,k=60"]

    assert len({open_model(spec).fingerprint for spec in same}) == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hybrid(bm25)", "1 parts, and two or more"),
        ("hybrid()", "0 parts"),
        ("hybrid(bm25,bm25)", "named twice"),
        ("rerank(bm25)", "1 parts, and two"),
        ("rerank(bm25,hash,hash@dim=8)", "3 parts"),
        ("int8(hash,bm25)", "2 parts, and one"),
        ("rerank(hash,bm25)", "cannot rerank"),
        ("rerank(hash,hybrid(bm25,hash))", "cannot rerank"),
        ("int8(bm25)", "no vectors"),
        ("binary(hybrid(bm25,hash))", "no vectors"),
        ("hybrid(bm25,hash)@top=0", "top='0'"),
        ("hybrid(bm25,hash)@top=many", "top='many'"),
        ("rerank(bm25,hash)@k=3", "unknown option 'k'"),
        ("int8(hash)@top=3", "unknown option 'top'"),
        ("hybrid(bm25,hash)@fusion=rff", "unknown fusion"),
        ("hybrid(bm25,hash)@depth=3", "unknown option 'depth'"),
        ("hybrid(bm25,)", "is empty"),
    ],
)
def test_what_cannot_be_is_refused_by_name(spec, message):
    with pytest.raises(UsageError, match=message):
        open_model(spec)


def test_a_part_that_does_not_exist_is_named():
    with pytest.raises(BenchError, match="minilmm"):
        open_model("hybrid(bm25,minilmm)")
