"""Specs of language models."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchharness.errors import UsageError
from benchharness.llm.registry import open_llm


@pytest.mark.parametrize(
    "spec",
    [
        "anthropic:claude-x",
        "openai:gpt-x",
        "openai:qwen3:8b@http://localhost:11434/v1",
        "openai:org/model@https://host.example/v1",
        "openai:name@v2@http://[::1]:8000/v1",
    ],
)
def test_a_model_is_named_by_the_spec_that_opened_it(spec):
    assert open_llm(spec).spec == spec


def test_model_and_url_are_parted_at_the_last_at_sign_before_a_url():
    model = open_llm("openai:name@v2@http://localhost:8000/v1")

    assert (model.model, model.url) == ("name@v2", "http://localhost:8000/v1")


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "claude-x",
        "anthropic",
        "anthropic:",
        "anthropic: x",
        "anthropic:x@http://localhost",
        "antropic:x",
        "openai:",
        "openai:@http://localhost",
        "openai:m@localhost:8000",
        "openai:m@http://",
        "openai:m@http://host:port",
        "openai:m@http://host/v1?x=1",
    ],
)
def test_a_wrong_spec_is_a_usage_error_with_a_remedy(spec):
    with pytest.raises(UsageError) as caught:
        open_llm(spec)

    assert caught.value.remedy


def test_a_misspelt_service_is_told_with_the_accepted_forms():
    with pytest.raises(UsageError) as caught:
        open_llm("antropic:claude-x")

    assert "anthropic:MODEL, openai:MODEL or openai:MODEL@URL" in caught.value.remedy
    assert "did you mean anthropic?" in caught.value.remedy


@pytest.mark.parametrize(
    "spec",
    [
        "openai:m@http://user:hunter22@host/v1",
        "openai:m@http://host/v1?key=hunter22",
        "opnai:m@http://user:hunter22@host/v1",
    ],
)
def test_a_password_in_a_spec_is_refused_and_not_repeated(spec):
    with pytest.raises(UsageError) as caught:
        open_llm(spec)

    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("spec", ["anthropic:x", "openai:x", "openai:x@http://localhost:1/v1"])
def test_opening_imports_no_client(spec):
    """Rule: a spec is checked before seconds are spent on a package."""
    heavy = "('anthropic', 'openai', 'pydantic', 'httpx2')"
    program = (
        "import sys; from benchharness.llm.registry import open_llm; "
        f"open_llm({spec!r}); print([n for n in {heavy} if n in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
