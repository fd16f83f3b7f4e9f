"""Models behind a URL in the commands: measured, estimated, forgotten, learnt from, never tuned."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchharness.models.endpoint.probe import TEXTS
from benchharness.testing import LEARNABLE_WORDS, tiny_model, write_learnable

SERVER = Path(__file__).parent.parent / "models" / "endpoint" / "embedding_server.py"
KEY = "sk-not-a-real-key-0123456789abcdef"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("embedding_server", SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    running = module.EmbeddingServer()
    yield running
    running.close()


def test_a_service_is_measured_like_any_model(shell, server, monkeypatch):
    """Rule: gates, decision and files as for a local model; API-only models are told of a way."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.key = KEY
    model = f"{server.openai}@price=0.02"

    ran = shell("measure", "--data", shell.data, "--model", model, "--gate", "recall@10>=0.5")

    (result,) = shell.verdict()["results"]
    assert ran.code == 0, ran.err
    assert result["model"] == model
    assert result["gates"][0]["outcome"] == "pass"
    assert result["measures"]["recall@10"]["value"] == pytest.approx(2 / 3, abs=0.34)
    assert result["decision"]["trainable"] is False
    files = [path for path in shell.folder.rglob("*") if path.is_file()]
    assert all(KEY.encode() not in path.read_bytes() for path in files)
    again = shell("measure", "--data", shell.data, "--model", model)
    assert again.code == 0
    assert server.asked()[-1] == list(TEXTS)  # all else was in the cache


def test_estimates_are_no_evidence(shell, server):
    """Rule: without a tokenizer neither the truncation lint nor the vocabulary says anything."""
    guessed = shell("lint", "--data", shell.data, "--model", server.tei, "--json").json
    known = shell(
        "lint", "--data", shell.data, "--model", f"{server.tei}@tokenizer=minilm", "--json"
    ).json

    codes = [{finding["code"] for finding in suite["findings"]} for suite in (*guessed, *known)]
    assert "truncated-documents" not in codes[0]
    assert "truncated-documents" in codes[1]


def test_a_dry_run_says_what_would_be_paid(shell, server):
    """Rule: texts, those in the cache, requests, tokens and price; only the identity is asked."""
    model = f"{server.openai}@price=20,batch_size=8,tokenizer=minilm"
    arguments = ["measure", "--data", shell.data, "--model", model, "--model", "bm25"]
    before = shell(*arguments, "--dry-run", "--json").json
    text = shell(*arguments, "--dry-run").out
    asked = {text for request in server.asked() for text in request}
    server.seen.clear()
    shell(*arguments)
    sent = len(server.asked()) - 2  # the probe's two requests of up to nine texts

    after = shell(*arguments, "--dry-run", "--json").json

    documents, queries = before[0]["encoders"]
    assert asked == set(TEXTS)
    assert (documents["texts"], documents["cached"], documents["missing"]) == (23, 0, 23)
    assert documents["requests"] + queries["requests"] == sent
    assert documents["price_usd"] == pytest.approx(documents["tokens"] * 20 / 1e6)
    assert documents["is_exact"] is True
    assert before[1] == {"suite": "faq", "model": "bm25", "timed": [], "encoders": []}
    assert [one["missing"] for one in after[0]["encoders"]] == [0, 0]
    assert "documents   23 texts, 0 in the cache, 23 to encode: 3 requests, " in text
    assert " USD" in text
    assert "faq / bm25\n  encodes nothing; " in text
    assert "services were only asked which model they serve" in text


def test_a_dry_run_of_a_local_model_counts_texts(shell, server):
    """Rule: what a machine of one's own encodes has no price; estimates are called so."""
    local = shell("measure", "--suite", "faq", "--model", "hash", "--dry-run").out
    guessed = shell("measure", "--suite", "faq", "--model", server.openai, "--dry-run").out
    limited = shell(
        "measure", "--suite", "faq", "--model", "hash", "--dry-run", "--limit", "2", "--json"
    ).json

    assert "documents   23 texts, 0 in the cache, 23 to encode\n" in local
    assert "queries     3 texts, 0 in the cache, 3 to encode\n" in local
    assert "request, about " in guessed
    assert "add price=USD" in guessed
    assert limited[0]["encoders"][1]["texts"] == 2
    assert not (shell.folder / ".benchharness").exists()


def test_a_dry_run_counts_what_gates_measure_besides(shell, server):
    """Rule: a champion is measured in the same session, so it is encoded and paid for too."""
    shell.write_suite(
        "gated",
        f"""
gated = Suite(
    name="gated",
    dataset=beir("data/faq"),
    models=["hash"],
    gates=[
        Gate.beats({server.openai!r}, "recall@10"),
        Gate.cost("throughput", at_least=0.1, against="hash@dim=8"),
    ],
)
""",
    )

    ran = shell("measure", "--suite", "gated", "--dry-run")

    assert ran.code == 0, ran.err
    assert f"gated / {server.openai}" in ran.out
    assert "throughput encodes some documents several times" in ran.out


def test_a_parts_service_is_counted_in_a_pipeline(shell, server):
    """Rule: a pipeline encodes what its encoders encode, each under its own name."""
    model = f"hybrid(bm25,{server.openai})"

    ran = shell("measure", "--suite", "faq", "--model", model, "--dry-run")

    assert ran.code == 0, ran.err
    assert f"faq / {model}\n  {server.openai}\n  documents" in ran.out


def test_a_silent_change_is_refused_until_it_is_forgotten(shell, server):
    """Rule: one command accepts it; the next run measures the model as it is now."""
    arguments = ["measure", "--data", shell.data, "--model", server.openai]
    assert shell(*arguments).code == 0
    server.salt = "another"
    refused = shell(*arguments)

    forgotten = shell("cache", "forget", server.openai)

    assert refused.code == 2
    assert "changed silently" in refused.out
    assert f"benchharness cache forget {server.openai}" in refused.out
    assert forgotten.code == 0
    assert "is forgotten" in forgotten.out
    assert shell(*arguments).code == 0
    assert shell("cache", "forget", server.openai, "--json").json["forgotten"] == 1
    assert "nothing is remembered" in shell("cache", "forget", server.openai).out


def test_only_services_are_forgotten(shell):
    """Rule: other models are known by their files."""
    ran = shell("cache", "forget", "minilm")

    assert ran.code == 2
    assert "write openai:MODEL@URL or tei:URL" in ran.err


def test_a_service_is_not_tuned(shell, server):
    """Rule: refused before anything is asked, with the command that learns from it."""
    model = f"{server.openai}@query_prompt=find "

    ran = shell("tune", "--data", shell.data, "--model", model)

    assert ran.code == 2
    assert "its weights are out of reach" in ran.err
    assert f"--model LOCAL --teacher '{model}'" in ran.err
    assert server.seen == []


@pytest.mark.slow
def test_a_local_model_learns_from_a_service(shell, server, tmp_path):
    """Rule: --teacher SPEC is the setting; its vectors are kept, and the loop is the usual one."""
    write_learnable(tmp_path / "data")
    model = tiny_model(tmp_path / "model", words=LEARNABLE_WORDS, dim=48)
    arguments = [
        "tune", "--data", "beir:data", "--model", str(model), "--folds", "0", "-q",
        "--set", "learning_rate=0.2", "--set", "epochs=2", "--set", "batch_size=32",
        "--set", "dev_queries=40", "--set", "dev_documents=200",
    ]  # fmt: skip

    ran = shell(*arguments, "--teacher", server.openai, "--out", "out")

    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text(encoding="utf-8"))
    assert ran.code == 0, ran.err
    assert verdict["results"][0]["tuning"]["outcome"] in ("improved", "base-kept", "inconclusive")
    assert server.openai in (tmp_path / "out" / "verdict.json").read_text(encoding="utf-8")
    assert any("old" in text for text in server.texts())
    assert any("new" in text for text in server.texts())
