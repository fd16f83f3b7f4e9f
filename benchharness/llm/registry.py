"""`open_llm`: from a spec to a language model. Light: nothing here imports a client."""

from __future__ import annotations

from urllib.parse import urlsplit

from benchharness.errors import UsageError, did_you_mean
from benchharness.llm.model import LanguageModel

FORMS = "anthropic:MODEL, openai:MODEL or openai:MODEL@URL"


def open_llm(spec: str) -> LanguageModel:
    """The language model that a spec names; its client is made when it is first asked.

    anthropic:MODEL      the Anthropic API, or what ANTHROPIC_BASE_URL names.
    openai:MODEL         the OpenAI API.
    openai:MODEL@URL     a service that speaks like it, by its base URL (mostly ending in /v1).

    There is no default model. Raises UsageError for a wrong spec.
    """
    service, colon, name = spec.partition(":")
    model, at, url = name.rpartition("@") if "@http" in name else (name, "", "")
    if service not in ("anthropic", "openai"):
        # The spec itself may hold a password, where it was meant for something else.
        shown = repr(spec) if "@" not in spec else "this spec"
        near = did_you_mean(service, ["anthropic", "openai"])
        raise UsageError(f"{shown} names no language model", remedy=f"write {FORMS} ({near})")
    if not colon or not model or any(letter.isspace() for letter in name):
        raise UsageError(f"{service}: needs the name of a model", remedy=f"write {FORMS}")
    if service == "anthropic":
        if "@" in name:
            raise UsageError(
                "anthropic: takes no URL", remedy="set ANTHROPIC_BASE_URL to the URL instead"
            )
        from benchharness.llm.anthropic_api import AnthropicModel

        return AnthropicModel(model)
    if at:
        _check_url(url)
    elif "@" in model:
        raise UsageError(
            "the URL of an openai: model begins with http:// or https://",
            remedy="write openai:MODEL@URL, such as openai:qwen3@http://localhost:8000/v1",
        )
    from benchharness.llm.openai_api import OpenAIModel

    return OpenAIModel(model, url or None)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError("the URL of the service cannot be read", remedy=f"write {FORMS}")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # Specs are written into reports and journals.
        raise UsageError(
            "the URL of the service holds more than an address",
            remedy="leave out user, password and whatever follows a question mark; the key is "
            "read from OPENAI_API_KEY",
        )
