"""Which model answers: fingerprints, what is remembered, and changes that nobody announced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchharness.errors import CacheError, ModelError
from benchharness.models.cache import CacheWarning, default_cache_folder
from benchharness.models.endpoint.memory import Memory, address_named


def remembered() -> list[Path]:
    return sorted((default_cache_folder() / "endpoints").glob("*.json"))


@pytest.fixture
def forget(server):
    return lambda: Memory(default_cache_folder()).forget(address_named(server.openai))


@pytest.mark.parametrize("kind", ["openai", "tei"])
def test_a_fingerprint_is_the_same_again(server, opened, kind):
    """Rule: with and without memory, on a server whose numbers differ in the sixth digit."""
    server.noise = 1e-6
    spec = getattr(server, kind)
    first = opened(spec)
    first_key = first.cache_key
    again = opened(spec)
    again_key = again.cache_key
    for path in remembered():
        path.unlink()

    anew = opened(spec)

    assert first.fingerprint == again.fingerprint == anew.fingerprint
    assert first_key == again_key
    assert anew.cache_key != first_key  # with the memory went what vectors could be compared with
    assert len(first.fingerprint) == 64


@pytest.mark.parametrize("noise", [1e-6, 1e-4, 1e-3, 1e-2])
def test_noise_is_no_change(server, opened, noise):
    """Rule: with the memory, vectors may differ by a hundredth of their length."""
    server.noise = noise

    keys = {opened(server.openai).cache_key for _ in range(10)}

    assert len(keys) == 1


def test_noise_while_encoding_is_no_change(server, opened):
    """Rule: the same holds for the text of the probe in every request."""
    server.noise = 1e-2
    encoder = opened(f"{server.openai}@batch_size=1")

    assert sum(len(rows) for rows, _ in encoder.encode([f"t{n}" for n in range(50)], "query")) == 50


def test_another_model_has_another_fingerprint(server, opened):
    """Rule: what a server declares, and what it gives, both count."""
    first = opened(server.tei).fingerprint
    server.info["model_sha"] = "another"
    declared = opened(server.tei).fingerprint
    for path in remembered():
        path.unlink()
    server.salt = "another"
    given = opened(server.tei).fingerprint

    assert len({first, declared, given}) == 3


def test_what_does_not_make_vectors_changes_no_fingerprint(server, opened, monkeypatch):
    """Rule: price, sizes, speed, the key and the server's version are no part of the model."""
    plain = opened(server.tei).fingerprint
    server.info["version"] = "1.10.0"
    server.info["max_concurrent_requests"] = 3
    monkeypatch.setenv("MY_KEY", "abc-def-ghi")
    options = "batch_size=3,batch_tokens=99,concurrency=2,rate=6000,timeout=9,price=1"

    found = opened(f"{server.tei}@{options},key_env=MY_KEY,tokenizer=minilm").fingerprint

    assert found == plain


def test_options_that_make_vectors_change_the_fingerprint(server, opened):
    """Rule: prompts of either kind, dimension, similarity and the cut of texts."""
    specs = [
        server.tei,
        f"{server.tei}@dim=8",
        f"{server.tei}@dim=9",
        f"{server.tei}@similarity=dot",
        f"{server.tei}@query_prompt=q ",
        f"{server.tei}@document_prompt=q ",
        f"{server.tei}@query_prompt_name=query",
        f"{server.tei}@document_prompt_name=query",
        f"{server.tei}@tokenizer=minilm,max_length=9",
        f"{server.tei}@tokenizer=minilm,max_length=8",
    ]

    assert len({opened(spec).fingerprint for spec in specs}) == len(specs)


def test_a_url_is_no_part_of_the_model(server, opened):
    """Rule: identity is content; the same model elsewhere is the same model."""
    other = server.openai.replace("127.0.0.1", "localhost")

    assert opened(server.openai).fingerprint == opened(other).fingerprint
    assert len(remembered()) == 2


def test_a_silent_change_is_refused_with_both_fingerprints(server, opened, forget):
    """Rule: the same declaration and other vectors; the command that accepts it is named."""
    before = opened(server.openai).fingerprint
    server.salt = "another"
    with pytest.raises(ModelError, match="the model was changed silently") as caught:
        _ = opened(server.openai).fingerprint
    forgotten = forget()

    after = opened(server.openai).fingerprint

    assert f"fingerprint {before[:12]} then, {after[:12]} now" in caught.value.message
    assert f"benchharness cache forget {server.openai}" in caught.value.remedy
    assert forgotten == 1
    assert before != after


def test_a_small_change_that_is_accepted_does_not_mix_vectors(server, opened, cache, forget):
    """Rule: a fingerprint is coarse; vectors of before are not used beside those of after."""
    server.salt = "a"
    first = opened(server.openai)
    cache.encode(first, ["red apple"], "document")
    server.drift = 0.01  # too far for the same model, and too near for another coarse form
    with pytest.raises(ModelError, match="alike to that degree"):
        _ = opened(server.openai).fingerprint
    forget()
    server.seen.clear()

    second = opened(server.openai)
    found = cache.encode(second, ["red apple"], "document")

    assert second.fingerprint == first.fingerprint
    assert any("red apple" in request for request in server.asked())
    raw = server._vector("red apple", "a")
    np.testing.assert_allclose(found[0], raw / np.linalg.norm(raw), atol=1e-6)


def test_vectors_of_a_forgotten_model_are_encoded_again(server, opened, cache, forget):
    """Rule: what is forgotten is not known to be the same, down to the last vector."""
    server.noise = 1e-6
    cache.encode(opened(server.openai), ["red apple"], "document")
    forget()
    server.seen.clear()

    cache.encode(opened(server.openai), ["red apple"], "document")

    assert any("red apple" in request for request in server.asked())


def test_a_changed_answer_to_one_of_the_texts_is_enough(server, opened, fault):
    """Rule: each of the sixteen has to be the same, the long one included."""
    _ = opened(server.openai).fingerprint

    def wrong(payload):
        payload["data"][-1]["embedding"] = [0.1] * 32
        return payload

    server.faults = [fault(match="lighthouse", change=wrong)]

    with pytest.raises(ModelError, match="changed silently"):
        _ = opened(server.openai).fingerprint


def test_a_dimension_that_changed_is_a_change(server, opened):
    """Rule: whatever the vectors' direction."""
    _ = opened(server.openai).fingerprint
    server.dim = 16

    with pytest.raises(ModelError, match="changed silently"):
        _ = opened(server.openai).fingerprint


def test_lengths_count_where_dot_products_do(server, opened):
    """Rule: vectors twice as long are another model for similarity=dot, and the same for cosine."""
    _ = opened(server.openai).fingerprint
    _ = opened(f"{server.openai}@similarity=dot").fingerprint
    server.scale = 2.0

    assert opened(server.openai).fingerprint
    with pytest.raises(ModelError, match="changed silently"):
        _ = opened(f"{server.openai}@similarity=dot").fingerprint


def test_an_announced_change_is_another_model(server, opened):
    """Rule: a new name in the answers is a new identity, and nothing is refused."""
    first = opened(server.openai).fingerprint
    server.salt, server.answers_as = "another", "small-002"

    second = opened(server.openai)

    assert first != second.fingerprint
    assert second.details["service says: answers as"] == "small-002"


def test_two_models_at_one_url_are_noticed_at_once(server, opened, fault):
    """Rule: answers of different length to the probe itself."""
    shorter = fault(
        skip=1,
        change=lambda p: {
            **p, "data": [{**one, "embedding": one["embedding"][:9]} for one in p["data"]]
        },
    )  # fmt: skip
    server.faults = [shorter]

    with pytest.raises(ModelError, match="vectors have 9 and 32 components"):
        _ = opened(f"{server.openai}@batch_size=7").fingerprint


def test_a_memory_that_cannot_be_read_is_named(server, opened):
    """Rule: without it a change could not be seen, so nothing goes on in silence."""
    _ = opened(server.openai).fingerprint
    remembered()[0].write_text("{", encoding="utf-8")

    with pytest.raises(CacheError, match="cannot be read") as caught:
        _ = opened(server.openai).fingerprint

    assert caught.value.where == str(remembered()[0])


def test_a_folder_that_cannot_be_written_is_told(server, opened, monkeypatch, tmp_path):
    """Rule: the run goes on, and says what it cannot promise."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("BENCHHARNESS_CACHE", str(tmp_path / "file" / "cache"))
    encoder = opened(server.openai)

    with pytest.warns(CacheWarning, match="a silent change of it would not be noticed"):
        found = encoder.fingerprint

    assert len(found) == 64


def test_what_is_remembered_holds_no_secret_and_says_what_it_is(server, opened, key):
    """Rule: a reader of the file sees the service, its words, and since when."""
    _ = opened(f"{server.tei}@key_env=OPENAI_API_KEY").fingerprint
    text = remembered()[0].read_text(encoding="utf-8")

    found = json.loads(text)

    assert key not in text
    assert found["url"] == server.root
    assert found["declared"]["model_id"] == "BAAI/bge-small-en-v1.5"
    assert found["probe"][""]["components"] == 32


def test_only_the_named_service_is_forgotten(server, opened):
    """Rule: all of its options, and no other model."""
    for spec in (server.openai, f"{server.openai}@dim=8", server.tei):
        _ = opened(spec).fingerprint

    forgotten = Memory(default_cache_folder()).forget(address_named(f"{server.openai}@price=3"))

    assert forgotten == 2
    assert len(remembered()) == 1
    assert address_named("minilm") is None


PROGRAM = """
import sys
from benchharness.models.registry import open_model
print(open_model(sys.argv[1]).cache_key)
"""


@pytest.mark.slow
def test_processes_that_begin_together_remember_the_same(server):
    """Rule: the second one takes what the first one wrote; else they would share no vector."""
    server.noise = 1e-4
    command = [sys.executable, "-c", PROGRAM, server.openai]

    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    keys = {process.communicate()[0].strip() for process in running}
    assert len(keys) == 1
    assert len(keys.pop()) == 64


KILLED = """
import sys
from pathlib import Path
from benchharness.models.cache import EmbeddingCache
from benchharness.models.registry import open_model
texts = [f"text number{n} of many" for n in range(400)]
cache = EmbeddingCache(Path(sys.argv[2]), flush_rows=20)
found = cache.encode(open_model(sys.argv[1] + "@batch_size=5,concurrency=2"), texts, "document")
print(found.shape, float(abs(found).sum()))
"""


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_was(server, fault, tmp_path):
    """Rule: kill -9 loses what was not yet written, and nothing else is asked for again."""
    server.faults = [fault(hold_s=0.05)]
    command = [sys.executable, "-c", KILLED, server.openai, str(tmp_path / "vectors")]
    running = subprocess.Popen(command, env={**os.environ}, stdout=subprocess.PIPE)
    while len(server.asked()) < 40:
        assert running.poll() is None
    running.kill()
    running.communicate()
    server.faults.clear()
    first = {text for text in server.texts() if text.startswith("text")}
    server.seen.clear()

    again = subprocess.run(command, check=True, capture_output=True, text=True)

    second = {text for text in server.texts() if text.startswith("text")}
    assert again.stdout.startswith("(400, 32)")
    assert len(second) < 400 - 100
    texts = [f"text number{n} of many" for n in range(400)]
    raw = np.stack([server._vector(text, "") for text in texts])
    total = np.abs(raw / np.linalg.norm(raw, axis=1, keepdims=True)).sum()
    assert first | second == set(texts)
    assert float(again.stdout.split()[-1]) == pytest.approx(total, rel=1e-5)
