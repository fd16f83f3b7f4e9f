"""Vectors from a service: which requests are sent, what is done with answers, what is kept."""

from __future__ import annotations

import gc
import random
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchharness.errors import ModelError
from benchharness.models.cache import EmbeddingCache
from benchharness.models.endpoint.probe import SENTINELS, TEXTS
from benchharness.models.registry import open_model

WORDS = [f"word{number}" for number in range(40)]


def texts_of(count: int, seed: int = 0) -> list[str]:
    chosen = random.Random(seed)
    return [f"t{row} " + " ".join(chosen.choices(WORDS, k=5)) for row in range(count)]


def gathered(encoder, texts, role="document") -> np.ndarray:
    """The vectors in the order of the texts; every position must come once."""
    found: dict[int, np.ndarray] = {}
    for positions, vectors in encoder.encode(texts, role):
        assert vectors.dtype == np.float32
        for position, vector in zip(positions.tolist(), vectors, strict=True):
            assert position not in found
            found[position] = vector
    return np.stack([found[row] for row in range(len(texts))])


def expected(server, texts) -> np.ndarray:
    raw = np.stack([server._vector(text, server.salt) for text in texts])
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", ["openai", "tei"])
def test_every_text_has_the_vector_that_the_service_gives_it(server, opened, kind):
    """Rule: in the order of the texts, of length 1, whatever order requests came back in."""
    texts = texts_of(150)

    found = gathered(opened(f"{getattr(server, kind)}@batch_size=7"), texts)

    np.testing.assert_allclose(found, expected(server, texts), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)


def test_opening_asks_nobody(server, opened):
    """Rule: collection, `repr` and what a report says before the first use need no network."""
    encoder = opened(f"{server.openai}@dim=8")

    assert repr(encoder) == f"EndpointEncoder('{server.openai}@dim=8')"
    assert encoder.trainable is False
    assert encoder.dim == 8
    assert encoder.costs == {"dimension": 8.0}
    assert encoder.max_length is None
    assert encoder.details["kind"] == "endpoint"
    assert "openai at http://127.0.0.1" in encoder.encode_path
    assert server.seen == []


def test_the_registry_opens_endpoints(server):
    """Rule: `openai:MODEL@URL@option=value` and `tei:URL` are specs like any other."""
    found = open_model(f"{server.openai}@dim=8,query_prompt=query%3A ")

    assert found.options.dim == 8
    assert found.options.query_prompt == "query: "
    assert open_model(server.tei).address.kind == "tei"
    assert server.seen == []


def test_the_requests_depend_on_the_texts_alone(server, opened):
    """Rule: another order, concurrency or run gives the same requests."""
    texts = texts_of(100)
    sent = []
    for order, concurrency in ((texts, 1), (texts[::-1], 4), (texts, 9)):
        server.seen.clear()
        gathered(opened(f"{server.openai}@batch_size=8,concurrency={concurrency}"), order)
        sent.append(sorted(map(tuple, server.asked())))

    assert sent[0] == sent[1] == sent[2]
    assert len(sent[0]) == -(-100 // 8) + 2  # the probe comes in requests of nine


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.text(alphabet="ab é\n", max_size=12), max_size=30),
    st.integers(1, 9),
    st.integers(1, 30),
    st.integers(1, 5),
)
def test_every_position_comes_once_for_any_texts(server, opened, texts, size, tokens, threads):
    """Property: blank, equal and long texts included; a request holds no more than it may."""
    server.seen.clear()
    encoder = opened(
        f"{server.openai}@batch_size={size},batch_tokens={tokens},concurrency={threads}"
    )

    positions = [row for rows, _ in encoder.encode(texts, "document") for row in rows.tolist()]

    assert sorted(positions) == list(range(len(texts)))
    assert all(len(request) <= size + 1 for request in server.asked())
    assert all(text.strip() for text in server.texts())


def test_a_blank_text_is_not_sent_and_ranks_nowhere(server, opened, cache):
    """Rule: services refuse empty texts; a text without a word has a zero vector and no tokens."""
    encoder = opened(f"{server.openai}@document_prompt=passage%3A ")

    found = cache.encode(encoder, ["red apple", "", " \n"], "document")

    assert found[0].any()
    assert not found[1:].any()
    assert encoder.token_counts(["red apple", "", " \n"])[1:].tolist() == [0, 0]


def test_prompts_of_ours_stand_before_each_text_of_their_role(server, opened):
    """Rule: the prompt of the role, and none before the probe's text."""
    encoder = opened(f"{server.openai}@query_prompt=query%3A ,document_prompt=passage%3A ")
    gathered(encoder, ["apple"], "query")
    gathered(encoder, ["pear"], "document")

    sent = set(server.texts())

    assert {"query: apple", "passage: pear"} <= sent
    assert sent - {"query: apple", "passage: pear"} <= set(TEXTS)


def test_prompts_of_the_service_are_named(server, opened):
    """Rule: TEI puts its own prompts before texts; each has its own reference for the probe."""
    encoder = opened(f"{server.tei}@query_prompt_name=query,document_prompt_name=passage")

    query, document = gathered(encoder, ["apple"], "query"), gathered(encoder, ["apple"])

    np.testing.assert_allclose(query, expected(server, ["query: apple"]), atol=1e-6)
    np.testing.assert_allclose(document, expected(server, ["passage: apple"]), atol=1e-6)
    assert {one["body"].get("prompt_name") for one in server.seen if one["body"]} == {
        "query", "passage",
    }  # fmt: skip


def test_a_prompt_that_the_service_does_not_know_is_named(server, opened):
    """Rule: before anything is encoded, in the service's words."""
    with pytest.raises(ModelError, match="no prompt nonesuch") as caught:
        _ = opened(f"{server.tei}@query_prompt_name=nonesuch").fingerprint

    assert "check the model's name and the options" in caught.value.remedy


def test_dim_is_asked_of_the_service(server, opened):
    """Rule: `dimensions` in the request; the vectors are of length 1 again."""
    for spec in (server.openai, server.tei):
        found = gathered(opened(f"{spec}@dim=8"), ["red apple"])

        raw = server._vector("red apple", "")[:8]
        np.testing.assert_allclose(found[0], raw / np.linalg.norm(raw), atol=1e-6)


def test_a_service_that_does_not_know_dimensions_is_refused(server, opened):
    """Rule: nothing is cut in silence: the vectors would be other than asked for."""
    server.knows_dimensions = False

    with pytest.raises(ModelError, match="8 components were asked for, and 32 came"):
        _ = opened(f"{server.openai}@dim=8").fingerprint


@pytest.mark.parametrize("knows", [True, False])
def test_vectors_in_base64_are_the_same(server, opened, knows):
    """Rule: asked for with encoding=base64; a service that ignores that is read all the same."""
    server.knows_base64 = knows

    found = gathered(opened(f"{server.openai}@encoding=base64"), ["red apple", "blue car"])

    np.testing.assert_allclose(found, expected(server, ["red apple", "blue car"]), atol=1e-6)
    assert server.seen[-1]["body"]["encoding_format"] == "base64"


def test_vectors_for_the_dot_product_stay_as_they_are_given(server, opened):
    """Rule: similarity=dot keeps lengths; TEI is told not to normalise."""
    texts = ["red apple", "blue"]
    raw = np.stack([server._vector(text, "") for text in texts])
    for spec in (server.openai, server.tei):
        found = gathered(opened(f"{spec}@similarity=dot"), texts)

        np.testing.assert_allclose(found, raw, rtol=1e-5, atol=1e-6)


def test_a_request_is_cut_to_what_tei_takes(server, opened):
    """Rule: /info says how many texts a request may hold; the probe's text is one of them."""
    server.most_texts = server.info["max_client_batch_size"] = 5
    texts = texts_of(40)

    found = gathered(opened(f"{server.tei}@batch_size=31"), texts)

    np.testing.assert_allclose(found, expected(server, texts), atol=1e-6)
    assert max(map(len, server.asked())) == 5
    assert sum(one["path"] == "/embed" for one in server.seen) == 4 + 10  # nothing was refused


def test_half_of_a_surrogate_pair_does_not_stop_a_run(server, opened):
    """Rule: what no request can hold is sent as a question mark."""
    gathered(opened(server.openai), ["broken \ud800 text"])

    assert "broken ? text" in server.texts()


def test_what_is_in_the_cache_is_not_asked_again(server, opened, cache):
    """Rule: a second run asks for the probe's texts and nothing else."""
    texts = texts_of(50)
    first = cache.encode(opened(server.openai), texts, "document")
    server.seen.clear()

    second = cache.encode(opened(server.openai), texts, "document")

    assert server.asked() == [list(TEXTS)]
    np.testing.assert_array_equal(first, second)


def test_what_was_finished_before_a_failure_is_kept(server, opened, cache, fault):
    """Rule: a run that fails in the middle has paid for what it got; the next asks for the rest."""
    texts = texts_of(60)
    server.faults = [fault(match="t7 ", status=403)]
    spec = f"{server.openai}@batch_size=4,concurrency=3"
    with pytest.raises(ModelError, match="403"):
        cache.encode(opened(spec), texts, "document")
    paid = {text for request in server.asked() for text in request if "t7 " not in "".join(request)}
    server.faults.clear()
    server.seen.clear()

    found = cache.encode(opened(spec), texts, "document")

    again = set(server.texts()) - set(TEXTS)
    assert again.isdisjoint(paid)
    assert again | (paid - set(TEXTS)) == set(texts)
    np.testing.assert_allclose(found, expected(server, texts), atol=1e-6)


def test_what_is_under_way_when_another_request_fails_is_kept(server, opened, cache, fault):
    """Rule: an answer that was paid for is waited for, though the run has failed already."""
    texts = texts_of(8)
    slow = fault(match="t1 ", hold_s=0.3)
    server.faults = [fault(match="t5 ", status=403), slow]
    with pytest.raises(ModelError, match="403"):
        cache.encode(opened(f"{server.openai}@batch_size=1,concurrency=8"), texts, "document")
    assert slow.met == 1
    server.faults.clear()
    server.seen.clear()

    cache.encode(opened(f"{server.openai}@batch_size=1"), texts, "document")

    assert set(server.texts()) - set(TEXTS) == {texts[5]}


def test_a_model_exchanged_in_mid_run_is_noticed_where_it_happens(server, opened, cache):
    """Rule: that request is not kept, those before are; none of the other model's vectors stays."""
    texts = texts_of(60)
    server.swap_at = 4 + 3 + 1  # the probe in four requests, and three more, are the first model's
    spec = f"{server.openai}@batch_size=4,concurrency=1"
    with pytest.raises(ModelError, match="another model answers than at the beginning") as caught:
        cache.encode(opened(spec), texts, "document")
    assert len(server.asked()) == server.swap_at
    server.swap_at, server.salt = None, ""
    server.seen.clear()

    found = cache.encode(opened(spec), texts, "document")

    assert "benchharness cache forget" in caught.value.remedy
    assert len(set(server.texts()) - set(TEXTS)) == 60 - 3 * 4
    np.testing.assert_allclose(found, expected(server, texts), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dim": 16}, "16 components in place of 32"),
        ({"answers_as": "small-002"}, "answers as 'small-002' in place of 'small'"),
        ({"salt": "another"}, "cosine"),
    ],
)
def test_an_exchange_says_how_it_showed(server, opened, change, said):
    """Rule: by dimension, by the name that answers give, or by the probe's text."""
    encoder = opened(server.openai)
    _ = encoder.fingerprint
    for name, value in change.items():
        setattr(server, name, value)

    with pytest.raises(ModelError, match=said):
        gathered(encoder, ["red apple"])


def test_every_request_carries_one_text_of_the_probe(server, opened):
    """Rule: one of the eight short ones; not always the same one, nor in the same place."""
    encoder = opened(f"{server.openai}@batch_size=3")
    _ = encoder.fingerprint
    server.seen.clear()

    gathered(encoder, texts_of(120))

    carried = [[text for text in request if text in TEXTS] for request in server.asked()]
    places = {request.index(one[0]) for request, one in zip(server.asked(), carried, strict=True)}
    assert all(len(one) == 1 and one[0] in TEXTS[:SENTINELS] for one in carried)
    assert len({one[0] for one in carried}) > 4
    assert places == {0, 1, 2, 3}


def test_vectors_in_another_order_are_noticed_where_they_have_no_numbers(server, opened, fault):
    """Rule: TEI's vectors have no index; the probe's text does not stand where it was put."""
    encoder = opened(f"{server.tei}@batch_size=8")
    _ = encoder.fingerprint
    server.faults = [fault(change=lambda rows: rows[1:] + rows[:1])]

    with pytest.raises(ModelError, match="another model answers"):
        gathered(encoder, texts_of(8))


def test_a_request_that_is_too_large_is_halved(server, opened):
    """Rule: down to what the service takes; every text has its own vector afterwards."""
    encoder = opened(f"{server.openai}@batch_size=16")
    _ = encoder.fingerprint
    server.most_texts = 4
    texts = texts_of(30)

    found = gathered(encoder, texts)

    np.testing.assert_allclose(found, expected(server, texts), atol=1e-6)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_text_that_is_refused_alone_is_named(server, opened, cache, fault, status):
    """Rule: the message quotes the text and the service; its neighbours are kept."""
    texts = texts_of(16)
    texts[3] = "monster " * 300
    server.faults = [fault(match="monster", status=status, body='{"error": "too long for me"}')]

    with pytest.raises(ModelError, match="too long for me") as caught:
        cache.encode(opened(f"{server.openai}@batch_size=16"), texts, "document")

    assert "refuses the text 'monster monster" in caught.value.message
    assert "2,400 characters, about 739 tokens" in caught.value.message
    assert "max_length" in caught.value.remedy


def test_texts_are_cut_to_max_length_where_a_tokenizer_counts(server, opened):
    """Rule: tokens of ours, special ones included; a service that refuses long texts is content."""
    server.too_long = 170  # words; the longest text of the probe has fewer
    encoder = opened(f"{server.openai}@tokenizer=minilm,max_length=12")

    gathered(encoder, ["word " * 400, "short"])

    sent = [text for text in server.texts() if text.startswith("word")]
    assert encoder.max_length == 12
    assert encoder.token_counts(sent).tolist() == [12]
    assert "short" in server.texts()


def test_a_zero_vector_of_a_text_with_words_is_refused(server, opened, fault):
    """Rule: it has no direction; the text is named."""
    encoder = opened(server.openai)
    _ = encoder.fingerprint

    def emptied(payload):
        place = server.asked()[-1].index("red apple")
        payload["data"][place]["embedding"] = [0.0] * 32
        return payload

    server.faults = [fault(match="red apple", change=emptied)]

    with pytest.raises(ModelError, match="the vector of 'red apple' is zero"):
        gathered(encoder, ["red apple"])


def test_threads_end_with_the_work(server, opened):
    """Rule: neither a finished nor an abandoned encoding leaves threads behind."""
    encoder = opened(f"{server.openai}@batch_size=2,concurrency=6")
    gathered(encoder, texts_of(30))
    abandoned = encoder.encode(texts_of(30, seed=1), "document")
    next(abandoned)

    abandoned.close()

    deadline = 200
    while deadline and any(one.name == "endpoint" for one in threading.enumerate()):
        threading.Event().wait(0.02)
        deadline -= 1
    assert deadline


def test_a_client_that_is_thrown_away_closes_its_connections(server, opened):
    """Rule: no socket is left to the garbage collector, which would warn."""
    gathered(opened(server.openai), ["red apple"])

    gc.collect()  # a warning would be an error here


def test_price_and_estimates_are_said(server, opened):
    """Rule: a report tells what the service says of itself, and what counts are worth."""
    encoder = opened(f"{server.tei}@price=0.02")
    _ = encoder.fingerprint

    details = encoder.details

    assert details["url"] == server.root
    assert details["price"] == "0.02 USD for a million tokens"
    assert details["token counts"] == "estimated: one for 3.25 bytes"
    assert details["max length"] == "512 tokens, as the service says"
    assert details["service says: model_sha"] == "0123abcd"
    assert details["service says: version"] == "1.9.0"
    assert details["dimension"] == "32"
    assert encoder.counts_are_exact is False
    assert encoder.max_length is None  # the truncation lint would rest on an estimate


def test_tei_says_the_length_where_a_tokenizer_counts(server, opened):
    """Rule: exact counts beside the length that /info names make the truncation lint possible."""
    encoder = opened(f"{server.tei}@tokenizer=minilm")

    assert encoder.max_length == 512
    assert encoder.token_counts(["red apple"]).tolist() == [4]
    assert encoder.tokens_per_word(["apple"]).tolist() == [1]
    assert encoder.details["token counts"] == "exact, by the tokenizer of minilm"


def test_the_workload_is_what_is_sent_afterwards(server, opened):
    """Rule: requests exactly, tokens as they are counted, the probe's texts included."""
    encoder = opened(f"{server.openai}@batch_size=7,tokenizer=minilm,price=10")
    texts = [*texts_of(50), ""]
    work = encoder.workload(texts, "document")
    server.seen.clear()

    gathered(encoder, texts)

    sent = int(encoder.token_counts(server.texts()).sum())
    assert work.requests == len(server.asked()) - 2  # the probe itself
    probe = int(encoder.token_counts(TEXTS).sum())
    assert sent - probe <= work.tokens <= (sent - probe) * 1.2
    assert work.is_exact
    assert work.price_usd == pytest.approx(work.tokens * 10 / 1e6)


def test_no_key_is_in_any_file_or_message(server, opened, key, cache, tmp_path: Path, monkeypatch):
    """Rule: sent to the service, and seen nowhere else, though the service repeats it."""
    monkeypatch.setenv("BENCHHARNESS_CACHE", str(tmp_path / "home"))
    server.key = key
    encoder = opened(server.openai)
    cache.encode(encoder, texts_of(10), "document")
    said = [repr(encoder), repr(encoder.line), str(encoder.details), encoder.encode_path]
    server.key = "another"
    with pytest.raises(ModelError) as caught:
        cache.encode(encoder, ["new text"], "document")
    said += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]

    assert server.seen[0]["headers"]["authorization"] == f"Bearer {key}"
    assert all(key not in text for text in said)
    assert "Incorrect API key provided: Bearer [key]" in caught.value.message
    assert "set OPENAI_API_KEY" in caught.value.remedy
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("endpoints" in str(path) for path in files)
    assert all(key.encode() not in path.read_bytes() for path in files)


def test_vectors_of_no_cache_are_the_same(server, opened):
    """Rule: the cache changes nothing."""
    texts = texts_of(20)

    found = EmbeddingCache.none().encode(opened(server.openai), texts, "document")

    np.testing.assert_allclose(found, expected(server, texts), atol=1e-6)
