"""The routes: what is asked is read, checked, submitted and answered; all else is one clean error.

Every error has the shape of the protocol that was spoken. None holds a traceback or a text.
Imported by `running` alone, since it needs FastAPI.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import Future
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from benchharness.serving.server import openai, tei
from benchharness.serving.server.batcher import Batcher, Embedded
from benchharness.serving.server.limits import Limits
from benchharness.serving.server.metrics import Metrics
from benchharness.serving.server.refusal import Kind, Refusal
from benchharness.serving.server.served import Served, finished

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger(__name__)
_JSON = "application/json"
_EMBEDDING: Mapping[str, ModuleType] = {
    "/embed": tei,
    "/v1/embeddings": openai,
    "/embeddings": openai,
}
_ROUTES = frozenset({*_EMBEDDING, "/info", "/v1/models", "/health", "/metrics", "/openapi.json"})
_OPEN = frozenset({"/health", "/metrics"})  # also without the key, as with TEI
_RETRY_SECONDS = 1
_CLIENT_GONE = 499  # nginx's number for a client that did not wait for its answer
# What is read, and thrown away, of a body that was refused: a client that is still sending would
# otherwise see a broken connection in place of the answer.
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 64_000_000


def build_app(
    model: Served, batcher: Batcher, limits: Limits, metrics: Metrics, key: str | None
) -> ASGIApp:
    """The application of one server. `key` is what clients must send; None lets everyone in."""
    # The pages of /docs would load scripts from elsewhere.
    app = FastAPI(
        title="benchharness serve", version=version("benchharness"), docs_url=None, redoc_url=None
    )
    routes = _Routes(model, batcher, limits, metrics)
    for path, protocol in _EMBEDDING.items():
        body = {"content": {_JSON: {"schema": dict(protocol.SCHEMA)}}, "required": True}
        app.add_api_route(
            path, routes.embed, methods=["POST"], openapi_extra={"requestBody": body}
        )  # fmt: skip
    app.add_api_route("/info", routes.info, methods=["GET"])
    app.add_api_route("/v1/models", routes.models, methods=["GET"])
    app.add_api_route("/health", routes.health, methods=["GET"])
    app.add_api_route("/metrics", routes.metrics, methods=["GET"])
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _no_such_route)
    app.add_exception_handler(ClientDisconnect, _client_gone)
    app.add_exception_handler(Exception, _failed)
    return Front(app, metrics, key)


class _Routes:
    """What each path does."""

    def __init__(self, model: Served, batcher: Batcher, limits: Limits, metrics: Metrics) -> None:
        self._model = model
        self._batcher = batcher
        self._limits = limits
        self._metrics = metrics
        self._open = 0  # requests that are read, waiting or encoded
        self._info = orjson.dumps(tei.info(model, limits))
        self._models = orjson.dumps(openai.models(model))

    async def embed(self, request: Request) -> Response:
        protocol = _EMBEDDING[request.scope["path"]]
        if self._open >= self._limits.queue:
            message = f"{self._open} requests are waiting: the server is at its limit"
            raise Refusal(429, "Overloaded", message, retry_seconds=_RETRY_SECONDS)
        self._open += 1
        try:
            body = await _read(request, self._limits)
            asked = protocol.read(body, self._model, self._limits)
            promise = self._batcher.submit(asked.texts, asked.prompt_name, truncate=asked.truncate)
            found = await _answered(promise, request)
        finally:
            self._open -= 1
        vectors = finished(
            found.vectors, dimensions=asked.dimensions, normalize=asked.normalize
        )  # fmt: skip
        content = protocol.answer(vectors, found.tokens, asked, self._model)
        return Response(content, media_type=_JSON)

    async def info(self) -> Response:
        return Response(self._info, media_type=_JSON)

    async def models(self) -> Response:
        return Response(self._models, media_type=_JSON)

    async def health(self) -> Response:
        if not self._batcher.is_alive:
            raise Refusal(503, "Unhealthy", "the server is stopping")
        return Response(b'{"status":"ok"}', media_type=_JSON)

    async def metrics(self) -> Response:
        text = self._metrics.exposition()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


class Front:
    """What stands before every route: the key, the count, and the log of what went wrong."""

    def __init__(self, app: ASGIApp, metrics: Metrics, key: str | None) -> None:
        self._app = app
        self._metrics = metrics
        self._expected = None if key is None else b"Bearer " + key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        path = scope["path"]
        status = _CLIENT_GONE

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if self._lacks_key(path, scope):
                message = "send the key as `Authorization: Bearer KEY`"
                refused = _Refused(Refusal(401, "Unauthorized", message), path, is_read=False)
                await refused(scope, receive, noting)
            else:
                await self._app(scope, receive, noting)
        except Exception as error:  # the client has its answer; the others go on
            # Its message might quote a text.
            where = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("a request failed with %s:\n%s", type(error).__name__, where)
        finally:
            route = path if path in _ROUTES else "other"
            self._metrics.request(route, status, time.perf_counter() - started)

    def _lacks_key(self, path: str, scope: Scope) -> bool:
        """Whether a key is expected and not sent; takes equally long for every wrong key."""
        if self._expected is None or path in _OPEN:
            return False
        sent = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        return not hmac.compare_digest(sent, self._expected)


async def _answered(promise: Future[Embedded], request: Request) -> Embedded:
    """What was promised. A client that does not wait for it takes its texts out of the queue.

    Clients that time out ask again: were their first texts encoded all the same, a busy server
    would never catch up. Raises ClientDisconnect, and what the promise is broken by.
    """
    answer = asyncio.wrap_future(promise)
    # The body is read, so that the next message can only be that the client has left.
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise ClientDisconnect
    finally:
        gone.cancel()
        promise.cancel()


async def _read(request: Request, limits: Limits) -> bytes:
    """The body. Raises Refusal where it is too long, or not here in time."""
    too_long = Refusal(
        413, "Validation", f"the body is longer than {limits.body_bytes} bytes, the limit here"
    )
    if int(request.headers.get("content-length", 0)) > limits.body_bytes:
        raise too_long
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.request_seconds):
            async for part in request.stream():
                size += len(part)
                if size > limits.body_bytes:
                    raise too_long
                parts.append(part)
    except TimeoutError:
        raise Refusal(
            408, "Validation", f"the body was not here within {limits.request_seconds:g} s"
        ) from None
    request.state.is_read = True
    return b"".join(parts)


class _Refused(Response):
    """A refusal in the shape of its protocol.

    is_read: whether the request was read to its end. Where it was not, the answer is sent whole,
             what still comes is thrown away for a moment, and the connection is closed.
    """

    def __init__(self, refusal: Refusal, path: str, *, is_read: bool) -> None:
        self._is_read = is_read
        is_openai = path.startswith("/v1/") or path == "/embeddings"
        protocol = openai if is_openai else tei
        headers = {} if is_read else {"connection": "close"}
        if refusal.retry_seconds is not None:
            headers["retry-after"] = str(refusal.retry_seconds)
        if refusal.status == 401:
            headers["www-authenticate"] = "Bearer"
        super().__init__(
            orjson.dumps(protocol.error(refusal)), refusal.status, headers, media_type=_JSON
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_read:
            await super().__call__(scope, receive, send)
            return
        start = {"type": "http.response.start", "status": self.status_code}
        await send(start | {"headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _linger(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _linger(receive: Receive) -> None:
    left = _LINGER_BYTES
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def _refused(request: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else _unexpected(error)
    return _answer(request, refusal)


async def _no_such_route(request: Request, error: Exception) -> Response:
    """404 and 405; what there is stands in /openapi.json."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    kind: Kind = "NotFound" if status == 404 else "Validation"
    message = "there is no such route" if status == 404 else "this route takes another method"
    return _answer(request, Refusal(status, kind, f"{message}; see /openapi.json"))


async def _client_gone(request: Request, error: Exception) -> Response:
    del request, error
    return Response(status_code=_CLIENT_GONE)


async def _failed(request: Request, error: Exception) -> Response:
    """500; the error goes on to `Front`, which logs where it was raised."""
    return _answer(request, _unexpected(error))


def _answer(request: Request, refusal: Refusal) -> Response:
    is_read = getattr(request.state, "is_read", False)
    return _Refused(refusal, request.scope["path"], is_read=is_read)


def _unexpected(error: Exception) -> Refusal:
    return Refusal(500, "Backend", f"the server failed with {type(error).__name__}")
