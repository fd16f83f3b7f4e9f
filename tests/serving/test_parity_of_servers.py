"""Parity over HTTP for real: our own server as a process, asked as TEI and as OpenAI."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchharness.judge.bench import Bench, suite_of
from benchharness.serving.parity import Limits, measure_parity
from benchharness.serving.parity_address import served_spec
from benchharness.suite import DatasetReference
from benchharness.testing import TINY_WORDS, tiny_model, write_beir

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with a prompt for queries, and 60 texts that are their own documents."""
    folder = tmp_path_factory.mktemp("served")
    model = tiny_model(folder / "model", seed=1, kind="bert")
    config = model / "config_sentence_transformers.json"
    content = json.loads(config.read_text()) | {"prompts": {"query": "red ", "document": ""}}
    config.write_text(json.dumps(content))
    texts = [f"{one} {other}" for one in TINY_WORDS[:6] for other in TINY_WORDS[10:20]]
    write_beir(
        folder / "data",
        {f"d{row:02}": text for row, text in enumerate(texts)},
        {f"q{row:02}": text for row, text in enumerate(texts)},
        {f"q{row:02}": {f"d{row:02}": 1} for row in range(len(texts))},
    )
    return folder


@pytest.fixture(scope="module")
def url(folder) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchharness", "serve", str(folder / "model"), "--port", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    yield next(word for word in line.split() if word.startswith("http://"))
    process.terminate()
    process.communicate()


def parity(folder, served, limits):
    reference = DatasetReference("beir", (("path", str(folder / "data")), ("split", "test")))
    model = str(folder / "model")
    return measure_parity(suite_of(reference, [model]), folder, model, served, Bench(), limits)


def test_a_bare_url_is_asked_what_it_is(url):
    assert served_spec(url) == f"tei:{url}"


def test_prompts_by_name_give_the_local_vectors(folder, url):
    """Rule: TEI's protocol names the role; nothing differs, and the load has no error."""
    served = f"tei:{url}@query_prompt_name=query,document_prompt_name=document"

    found = parity(folder, served, Limits(clients=4, seconds=1.0))

    assert found.outcome == "pass", found.why
    assert found.whole.lowest > 0.99999
    assert found.load.errors == 0
    assert found.load.requests > 0


def test_openai_needs_the_prompt_from_the_client(folder, url):
    """Rule: its protocol knows no role; without the prompt the cause is found and confirmed."""
    model = str(folder / "model")
    plain = f"openai:{model}@{url}/v1"

    without = parity(folder, plain, Limits(seconds=0))
    having = parity(folder, f"{plain}@query_prompt=red ", Limits(seconds=0))

    assert without.outcome == "fail"
    assert without.causes[0].confirmed
    assert without.causes[0].what == "the server does not put the prompt 'red ' before queries"
    assert having.outcome == "pass", having.why
