"""Models behind the OpenAI API and the many servers that speak like it, through its client."""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchharness.errors import LLMError, MissingDependency
from benchharness.llm.model import Answer, Request, Usage
from benchharness.llm.service import Concern, concern_of, remedy_for, shown_url
from benchharness.llm.structured import closed_schema, validated
from benchharness.redaction import redacted

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletion
    from pydantic import BaseModel

MAX_RETRIES = 6
TIMEOUT_SECONDS = 300.0

_KEY = "OPENAI_API_KEY"
# Many servers of one's own want no key, and the client wants one.
_NO_KEY = "no-key"
_CHECK_RETRIES = 2  # somebody waits for the message
_ACCOUNT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "invalid_api_key"})


class OpenAIModel:
    """A model of the chat completions API; `url` is the base URL of another service."""

    def __init__(
        self,
        model: str,
        url: str | None = None,
        *,
        max_retries: int = MAX_RETRIES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.model = model
        self.url = url
        self.max_retries = max_retries
        self.timeout_seconds = timeout_seconds
        self._mutex = threading.Lock()
        self._made: openai.OpenAI | None = None

    @property
    def spec(self) -> str:
        return f"openai:{self.model}@{self.url}" if self.url else f"openai:{self.model}"

    def __repr__(self) -> str:
        return f"OpenAIModel({self.model!r}, {self.url!r})"

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know of this model: nothing, since the service tells nothing."""
        return ()

    def check(self) -> None:
        """Returns where key and package are there and the service lists the model; costs nothing.

        A service of one's own that answers and has no such list passes.
        """
        import_client()
        client = self._client()
        quick = client.with_options(max_retries=min(self.max_retries, _CHECK_RETRIES))
        try:
            known = {model.id for model in quick.models.list()}
        except Exception as error:
            if self.url and getattr(error, "status_code", None) in (404, 405, 501):
                return
            raise self._unusable(error) from None
        if known and self.model not in known:
            raise LLMError(
                f"the service has no model {self.model!r}",
                where=self._url(),
                remedy="it has " + ", ".join(sorted(known)[:8]),
            )

    def count_tokens(self, request: Request, schema: type[BaseModel]) -> int | None:  # noqa: ARG002
        """None: the API cannot say."""
        return None

    def ask(self, request: Request, schema: type[BaseModel]) -> Answer:
        """The answer; an outcome for what concerns this request, LLMError for what concerns all."""
        client = self._client()
        try:
            completion = client.chat.completions.create(**self._body(request, schema))
        except Exception as error:
            concern = self._concern(error)
            if concern == "every":
                raise self._unusable(error) from None
            words = self._words(error)
            if concern == "request":
                return Answer(request.key, "rejected", detail=words)
            return Answer(request.key, "failed", detail=words)
        return self._answer(request.key, completion, schema)

    def _client(self) -> openai.OpenAI:
        """The client, made on first use. Raises MissingDependency and LLMError."""
        openai = import_client()
        with self._mutex:
            if self._made is None:
                key = os.environ.get(_KEY) or (_NO_KEY if self.url else "")
                if not key:
                    raise LLMError(
                        f"there is no key: {_KEY} is not set",
                        where=self.spec,
                        remedy=f"export {_KEY}=..., or name your own service: openai:MODEL@URL",
                    )
                try:
                    self._made = openai.OpenAI(
                        api_key=key,
                        # Always given, so that no variable sends a named service's requests
                        # elsewhere.
                        base_url=self.url or os.environ.get("OPENAI_BASE_URL") or None,
                        max_retries=self.max_retries,
                        timeout=self.timeout_seconds,
                    )
                except Exception as error:
                    raise self._unusable(error) from None
                weakref.finalize(self, self._made.close)
            return self._made

    def _body(self, request: Request, schema: type[BaseModel]) -> dict[str, Any]:
        messages = [{"role": "user", "content": _encodable(request.text)}]
        if request.system:
            messages.insert(0, {"role": "system", "content": _encodable(request.system)})
        # The newer name is the only one for the newer models of the official service; other
        # servers know the older one for sure, and one that ignores the limit would not stop.
        longest = "max_tokens" if self.url else "max_completion_tokens"
        return {
            "model": self.model,
            "messages": messages,
            longest: request.max_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "answer",
                    "strict": True,
                    "schema": closed_schema(schema),
                },
            },
        }

    def _answer(self, key: str, completion: ChatCompletion, schema: type[BaseModel]) -> Answer:
        choices = getattr(completion, "choices", None)
        if not choices:
            return Answer(key, "failed", detail="the service's answer is not a completion")
        told = completion.usage
        usage = Usage(told.prompt_tokens, told.completion_tokens) if told else Usage()
        choice = choices[0]
        if choice.message.refusal or choice.finish_reason == "content_filter":
            why = choice.message.refusal or "content_filter"
            return Answer(key, "refused", usage=usage, detail=redacted(why, self._secrets()))
        if choice.finish_reason == "length":
            return Answer(key, "truncated", usage=usage, detail="length")
        answer = validated(key, choice.message.content or "", schema, usage)
        return replace(answer, detail=redacted(answer.detail, self._secrets()))

    def _secrets(self) -> tuple[str, ...]:
        made = self._made.api_key if self._made is not None else ""
        return tuple(key for key in (os.environ.get(_KEY, ""), made) if key != _NO_KEY)

    def _concern(self, error: Exception) -> Concern:
        openai = import_client()
        if isinstance(error, openai.APIStatusError):
            if error.code in _ACCOUNT_CODES or error.type in _ACCOUNT_CODES:
                return "every"
            return concern_of(error.status_code)
        return "moment" if isinstance(error, openai.APIError) else "every"

    def _unusable(self, error: Exception) -> LLMError:
        """The LLMError of whatever a call has raised; what is no error of the client is raised."""
        openai = import_client()
        if isinstance(error, LLMError):
            return error
        if isinstance(error, openai.APIConnectionError):
            return LLMError(
                f"the service cannot be reached: {self._words(error)}",
                where=self._url(),
                remedy="check that it runs, and the network",
            )
        if isinstance(error, openai.APIStatusError):
            status = error.status_code if concern_of(error.status_code) == "every" else 402
            if self._concern(error) == "every":
                return LLMError(
                    f"{self.spec} cannot be asked: {self._words(error)}",
                    where=self._url(),
                    remedy=remedy_for(status, variable=_KEY),
                )
            return LLMError(
                f"the service answers: {self._words(error)}",
                where=self._url(),
                remedy="type the same command again later: what was answered is not paid twice",
            )
        if isinstance(error, openai.OpenAIError):
            return LLMError(self._words(error), where=self.spec)
        raise error

    def _url(self) -> str:
        return "" if self._made is None else shown_url(str(self._made.base_url))

    def _words(self, error: Exception) -> str:
        """The service's words, or those of the lost connection, without any key."""
        cause = error.__cause__
        lost = f" ({cause})" if cause is not None and str(cause) else ""
        return redacted(f"{error}{lost}", self._secrets())


def import_client() -> Any:
    """The package `openai`. Raises MissingDependency."""
    try:
        import openai
    except ImportError:
        raise MissingDependency.of(
            "openai", extra="openai", wanted_for="a model behind an OpenAI-compatible URL"
        ) from None
    return openai


def _encodable(text: str) -> str:
    """The text with a question mark for half a surrogate pair, which no request can hold."""
    return text.encode("utf-8", "replace").decode()
