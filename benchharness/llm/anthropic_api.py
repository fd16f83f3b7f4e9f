"""Models behind the Anthropic API, through the official SDK."""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchharness.errors import LLMError
from benchharness.llm.batch import Batch, NotSubmitted, UnclearSubmission
from benchharness.llm.model import Answer, Request, Usage
from benchharness.llm.service import Concern, concern_of, remedy_for, shown_url
from benchharness.llm.structured import validated
from benchharness.redaction import redacted

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import Message
    from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse
    from pydantic import BaseModel

MAX_RETRIES = 6
TIMEOUT_SECONDS = 300.0

_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
_CHECK_RETRIES = 2  # somebody waits for the message
_PAGE = 100  # batches a page
_ENDS = ("end_turn", "stop_sequence")
_CUT = ("max_tokens", "model_context_window_exceeded")
# Codes and types of errors that concern the account, whatever their status is.
_ACCOUNT_CODES = ("organization_", "linked_organization_", "parent_organization_", "workspace_")
_ACCOUNT_TYPES = {
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
}
_MOMENT_TYPES = frozenset({"api_error", "overloaded_error", "rate_limit_error", "timeout_error"})


class AnthropicModel:
    """A model of the Messages API; batches too.

    The key is the environment's, by the SDK's rules. Retries are the SDK's: after 408, 409, 429,
    5xx and lost connections, as long as the service asks to wait.
    """

    def __init__(
        self,
        model: str,
        *,
        max_retries: int = MAX_RETRIES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.model = model
        self.max_retries = max_retries
        self.timeout_seconds = timeout_seconds
        self._mutex = threading.Lock()
        self._made: anthropic.Anthropic | None = None
        self._told: tuple[str, ...] = ()

    @property
    def spec(self) -> str:
        return f"anthropic:{self.model}"

    def __repr__(self) -> str:
        return f"AnthropicModel({self.model!r})"

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know of this model, such as the date of its end."""
        from anthropic.resources.messages import DEPRECATED_MODELS

        end = DEPRECATED_MODELS.get(self.model)
        ageing = (f"the model {self.model} is deprecated; its end is on {end}",) if end else ()
        return ageing or self._told

    def check(self) -> None:
        """Returns where the key is there and the service knows the model; costs nothing."""
        client = self._client()
        try:
            info = client.with_options(max_retries=min(self.max_retries, _CHECK_RETRIES)).models
            found = info.retrieve(self.model)
        except Exception as error:
            raise self._unusable(error) from None
        # A gateway may answer anything.
        if getattr(found, "lifecycle", None) in ("deprecated", "retired"):
            end = getattr(found, "retires_at", None)
            date = f"; its end is on {end:%Y-%m-%d}" if end else ""
            self._told = (f"the model {self.model} is {found.lifecycle}{date}",)

    def count_tokens(self, request: Request, schema: type[BaseModel]) -> int | None:
        """How many tokens the service reads for the request; costs nothing."""
        body = self._body(request, schema)
        del body["max_tokens"]
        try:
            return self._client().messages.count_tokens(**body).input_tokens
        except Exception as error:
            raise self._unusable(error) from None

    def ask(self, request: Request, schema: type[BaseModel]) -> Answer:
        """The answer; an outcome for what concerns this request, LLMError for what concerns all."""
        from anthropic.types import Message

        client = self._client()
        try:
            # Not `messages.create`: it warns of models that age, and in threads a warning can be
            # neither caught nor counted on. `notices` tells it instead.
            message = client.post("/v1/messages", cast_to=Message, body=self._body(request, schema))
        except Exception as error:
            return self._without_answer(request.key, error)
        return self._answer(request.key, message, schema)

    def request_bytes(self, request: Request, schema: type[BaseModel]) -> int:
        return len(json.dumps(self._row(request, schema)).encode())

    def submit(self, requests: Sequence[Request], schema: type[BaseModel]) -> Batch:
        """The batch; one attempt, since a second one might make, and pay, a second batch."""
        import anthropic

        rows: list[Any] = [self._row(request, schema) for request in requests]
        client = self._client().with_options(max_retries=0)
        try:
            return _batch(client.messages.batches.create(requests=rows))
        except anthropic.APIStatusError as error:
            if self._concern(error) == "moment":
                # Only these two say that nothing was made.
                kind = NotSubmitted if error.status_code in (429, 529) else UnclearSubmission
                raise kind(self._words(error)) from None
            raise self._unusable(error) from None
        except anthropic.APIError as error:
            raise UnclearSubmission(self._words(error)) from None
        except Exception as error:
            raise self._unusable(error) from None

    def batch(self, batch_id: str) -> Batch:
        try:
            return _batch(self._client().messages.batches.retrieve(batch_id))
        except Exception as error:
            if getattr(error, "status_code", None) == 404:
                raise LLMError(
                    f"the service has no batch {batch_id}",
                    where=self._url(),
                    remedy="use the key of the account that sent it; where the batch was deleted, "
                    "delete batches.jsonl in the folder of the run to pay for it again",
                ) from None
            raise self._unusable(error) from None

    def batches(self) -> Iterator[Batch]:
        try:
            for batch in self._client().messages.batches.list(limit=_PAGE):
                yield _batch(batch)
        except Exception as error:
            raise self._unusable(error) from None

    def batch_keys(self, batch_id: str) -> Iterator[str]:
        for row in self._rows(batch_id):
            yield row.custom_id

    def results(self, batch_id: str, schema: type[BaseModel]) -> Iterator[Answer]:
        for row in self._rows(batch_id):
            if row.result.type == "succeeded":
                yield self._answer(row.custom_id, row.result.message, schema)
                continue
            if row.result.type != "errored":
                yield Answer(row.custom_id, "expired", detail=f"the batch: {row.result.type}")
                continue
            error = row.result.error.error
            words = redacted(f"{error.type}: {error.message}", self._secrets())
            # What concerns the account is no fault of the row: sending the next batch tells it.
            passing = error.type in _MOMENT_TYPES or error.type in _ACCOUNT_TYPES
            yield Answer(row.custom_id, "failed" if passing else "rejected", detail=words)

    def _rows(self, batch_id: str) -> Iterator[MessageBatchIndividualResponse]:
        try:
            yield from self._client().messages.batches.results(batch_id)
        except Exception as error:
            raise self._unusable(error) from None

    def _client(self) -> anthropic.Anthropic:
        """The client, made on first use. Raises LLMError where there is no key."""
        import anthropic

        with self._mutex:
            if self._made is None:
                try:
                    client = anthropic.Anthropic(
                        max_retries=self.max_retries, timeout=self.timeout_seconds
                    )
                except Exception as error:
                    words = redacted(str(error), self._secrets())
                    raise LLMError(
                        f"the credentials cannot be used: {words}",
                        where=self.spec,
                        remedy=f"export {_KEYS[0]}=..., which comes before all others",
                    ) from None
                names = {name.lower() for name in client.default_headers}
                if client.credentials is None and not names & {"authorization", "x-api-key"}:
                    raise LLMError(
                        f"there is no key: {_KEYS[0]} is not set",
                        where=self.spec,
                        remedy=f"export {_KEYS[0]}=... (or {_KEYS[1]}), and type the same again",
                    )
                self._made = client
                weakref.finalize(self, client.close)
            return self._made

    def _secrets(self) -> tuple[str, ...]:
        held = [os.environ.get(name, "") for name in _KEYS]
        if self._made is not None:
            held += [self._made.api_key or "", self._made.auth_token or ""]
            for name, value in self._made.default_headers.items():
                if name.lower() in ("authorization", "x-api-key"):
                    held.append(str(value).removeprefix("Bearer "))
        return tuple(held)

    def _body(self, request: Request, schema: type[BaseModel]) -> dict[str, Any]:
        from anthropic import transform_schema

        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": request.max_tokens,
            "messages": [{"role": "user", "content": _encodable(request.text)}],
            "output_config": {
                "format": {"type": "json_schema", "schema": transform_schema(schema)}
            },
        }
        if request.system:
            rules = {"type": "text", "text": _encodable(request.system)}
            body["system"] = [{**rules, "cache_control": {"type": "ephemeral"}}]
        return body

    def _row(self, request: Request, schema: type[BaseModel]) -> dict[str, Any]:
        return {"custom_id": request.key, "params": self._body(request, schema)}

    def _answer(self, key: str, message: Message, schema: type[BaseModel]) -> Answer:
        # A body that is no JSON comes as text; a gateway may leave fields out.
        if not hasattr(message, "stop_reason") or getattr(message, "usage", None) is None:
            return Answer(key, "failed", detail="the service's answer is not a message")
        usage = _usage(message)
        if message.stop_reason == "refusal":
            told = message.stop_details
            why = (told.explanation or told.category or "") if told is not None else ""
            return Answer(key, "refused", usage=usage, detail=redacted(why, self._secrets()))
        if message.stop_reason in _CUT:
            return Answer(key, "truncated", usage=usage, detail=str(message.stop_reason))
        if message.stop_reason not in _ENDS:
            detail = f"the answer stopped for {message.stop_reason}"
            return Answer(key, "malformed", usage=usage, detail=redacted(detail, self._secrets()))
        # A block of thinking may come first.
        text = "".join(block.text for block in message.content if block.type == "text")
        answer = validated(key, text, schema, usage)
        return replace(answer, detail=redacted(answer.detail, self._secrets()))

    def _without_answer(self, key: str, error: Exception) -> Answer:
        concern = self._concern(error)
        if concern == "every":
            raise self._unusable(error) from None
        outcome = "rejected" if concern == "request" else "failed"
        return Answer(key, outcome, detail=self._words(error))  # type: ignore[arg-type]

    def _concern(self, error: Exception) -> Concern:
        import anthropic

        if isinstance(error, anthropic.APIStatusError):
            code = error.error_code or ""
            if code.startswith(_ACCOUNT_CODES) or code.endswith("_spend_limit_reached"):
                return "every"
            # An account without credit has status 400 and no code: only its words tell it.
            if error.type in _ACCOUNT_TYPES or "credit balance" in (error.api_message or ""):
                return "every"
            return concern_of(error.status_code)
        return "moment" if isinstance(error, anthropic.APIError) else "every"

    def _unusable(self, error: Exception) -> LLMError:
        """The LLMError of whatever a call has raised; what is no error of the SDK is raised."""
        import anthropic
        import httpx2

        if isinstance(error, LLMError):
            return error
        # Results are read as they come: a transfer that breaks off is the HTTP library's error.
        if isinstance(error, anthropic.APIConnectionError | httpx2.HTTPError):
            return LLMError(
                f"the service cannot be reached: {self._words(error)}",
                where=self._url(),
                remedy="check the network, and ANTHROPIC_BASE_URL where it is set",
            )
        if isinstance(error, anthropic.APIStatusError):
            account = self._concern(error) == "every"
            status = error.status_code if concern_of(error.status_code) == "every" else 402
            if account:
                return self._error(_ACCOUNT_TYPES.get(error.type or "", status), self._words(error))
            return LLMError(
                f"the service answers: {self._words(error)}",
                where=self._url(),
                remedy="type the same command again later: what was answered is not paid twice",
            )
        if isinstance(error, anthropic.AnthropicError):
            return LLMError(self._words(error), where=self.spec)
        raise error

    def _error(self, status: int, words: str) -> LLMError:
        return LLMError(
            f"{self.spec} cannot be asked: {words}",
            where=self._url(),
            remedy=remedy_for(status, variable=_KEYS[0]),
        )

    def _url(self) -> str:
        return "" if self._made is None else shown_url(str(self._made.base_url))

    def _words(self, error: Exception) -> str:
        """The service's words, or those of the lost connection, without any key."""
        cause = error.__cause__
        words = getattr(error, "api_message", None) or str(error)
        status = getattr(error, "status_code", None)
        lost = f" ({cause})" if status is None and cause is not None and str(cause) else ""
        return redacted(f"{status}: {words}" if status else f"{words}{lost}", self._secrets())


def _encodable(text: str) -> str:
    """The text with a question mark for half a surrogate pair, which no request can hold."""
    return text.encode("utf-8", "replace").decode()


def _usage(message: Message) -> Usage:
    usage = message.usage
    written = usage.cache_creation_input_tokens or 0
    kept = usage.cache_read_input_tokens or 0
    read = usage.input_tokens + written + kept
    return Usage(read, usage.output_tokens, written, kept)


def _batch(batch: MessageBatch) -> Batch:
    counts = batch.request_counts
    size = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
    return Batch(batch.id, batch.created_at, size, batch.processing_status == "ended")
