"""What is kept of a result."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchharness.baseline.record import Acceptance, Baseline, KeptQuery, short
from benchharness.evaluation.result import Fingerprints, QueryFacts, Result, Run

DOCS = tuple(f"d{rank}" for rank in range(1, 13))


def result(**fields):
    given = {
        "suite": "faq",
        "model": "minilm",
        "run": Run(("q1", "q2"), (DOCS, ("d9",)), ((0.5,) * 12, (0.5,)), 100),
        "fingerprints": Fingerprints("corpus", "queries", "qrels", "template", "model"),
        "values": {"recall@10": np.array([1.0, 0.5]), "mrr@10": np.array([0.1, 0.2])},
        "ceilings": {},
        "capped_recall": np.array([1.0, 0.5]),
        "ties": {},
        "counts": {},
        "trainable": True,
        "environment": {"torch": "2.13.0"},
        "facts": (
            QueryFacts("digest 1", {"d3": 3}, {"lang": "de"}),
            QueryFacts("digest 2", {}, {}),
        ),
        "drop_same_id": True,
    }
    return Result(**(given | fields))


def test_a_baseline_keeps_what_a_comparison_asks_for():
    """Values, fingerprints, the way of ranking and the environment; the place is the caller's."""
    kept = Baseline.of(result(), "baselines/faq/minilm.json")

    assert (kept.suite, kept.model_spec, kept.place) == (
        "faq", "minilm", "baselines/faq/minilm.json",
    )  # fmt: skip
    assert (kept.corpus, kept.template, kept.model) == ("corpus", "template", "model")
    assert (kept.depth, kept.drop_same_id) == (100, True)
    assert kept.environment == {"torch": "2.13.0"}
    assert kept.values["recall@10"].tolist() == [1.0, 0.5]
    assert (len(kept), kept.noise, kept.accepted) == (2, {}, ())


def test_a_query_keeps_its_digest_ranks_groups_and_hashes_of_ten_documents():
    kept = Baseline.of(result(), "there").queries

    assert kept["q1"] == KeptQuery(
        "digest 1", {"d3": 3}, tuple(map(short, DOCS[:10])), {"lang": "de"}
    )
    assert kept["q2"] == KeptQuery("digest 2", {}, (short("d9"),), {})


def test_a_result_without_facts_is_kept_without_them():
    """Its queries have no digest, so nothing will be compared with them."""
    kept = Baseline.of(result(facts=()), "there").queries

    assert [query.digest for query in kept.values()] == ["", ""]


def test_noise_and_accepted_drops_are_handed_on():
    log = (Acceptance("2026-11-23", "recall@10", 0.8, 0.7, "re-chunked"),)

    kept = Baseline.of(result(), "there", noise={"recall@10": 0.001}, accepted=log)

    assert (kept.noise, kept.accepted) == ({"recall@10": 0.001}, log)


def test_the_mean_is_over_all_queries_and_exact():
    """0.1 three times and 0.3 are summed without rounding in between."""
    values = {"recall@10": np.array([0.1, 0.1, 0.1, 0.3])}
    run = Run(("a", "b", "c", "d"), ((),) * 4, ((),) * 4, 10)

    kept = Baseline.of(result(run=run, values=values, facts=()), "there")

    assert kept.mean("recall@10") == 0.15


def test_a_short_hash_is_the_first_four_letters_of_the_sha256():
    """In base64 for URLs; 24 bits."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    number = int.from_bytes(hashlib.sha256(b"d1").digest()[:3], "big")

    assert short("d1") == "".join(letters[number >> shift & 63] for shift in (18, 12, 6, 0))


@given(st.text())
def test_every_id_has_a_short_hash(doc_id):
    """Also those with lone surrogates, as they come from damaged files."""
    assert len(short(doc_id)) == 4
    assert short(doc_id).isascii()


def test_ten_thousand_documents_share_few_hashes():
    """One pair in 16 million: 3 pairs are expected among 50 million."""
    hashes = [short(f"document {number}") for number in range(10_000)]

    assert len(set(hashes)) >= 10_000 - 12
