"""Real servers on loopback, in a thread of this process."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchharness.models.encoder import Encoder
from benchharness.serving.server.address import bind, url_of
from benchharness.serving.server.limits import Limits
from benchharness.serving.server.served import serve_encoder
from benchharness.testing import HashEncoder


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Running:
    """A server that runs until the test is over."""

    url: str
    stop: Callable[[], None]

    @property
    def host(self) -> str:
        return str(urlsplit(self.url).hostname)

    @property
    def port(self) -> int:
        return int(urlsplit(self.url).port or 0)

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=30)

    def post(self, path: str, content: object, **headers: str) -> Answered:
        """The answer to a POST; bytes are sent as they are, all else as JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.ask("POST", path, body, headers)

    def get(self, path: str, **headers: str) -> Answered:
        return self.ask("GET", path, None, headers)

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answered:
        connection = self.connection()
        try:
            connection.request(method, path, body, headers)
            return read(connection)
        finally:
            connection.close()


def read(connection: http.client.HTTPConnection) -> Answered:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answered(response.status, headers, response.read())


Serve = Callable[..., Running]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server of an encoder; options of `Limits` and `key` by name."""
    begun: list[Running] = []

    def start(encoder: Encoder | None = None, *, key: str | None = None, **limits: Any) -> Running:
        begun.append(started(encoder or HashEncoder(), Limits(**limits), key))
        return begun[-1]

    yield start
    for one in begun:
        one.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """One server of the double for all tests of a module that only ask."""
    one = started(HashEncoder(), Limits(texts=8, body_bytes=10_000), None)
    yield one
    one.stop()


def started(encoder: Encoder, limits: Limits, key: str | None) -> Running:
    from benchharness.serving.server.running import make_server

    bound = bind("127.0.0.1", 0)
    ready = threading.Event()
    made = make_server(serve_encoder(encoder), limits, bound, key=key, on_ready=ready.set)
    thread = threading.Thread(target=made.run)
    url = url_of(bound)
    thread.start()
    assert ready.wait(30)

    def stop() -> None:
        made.stop()
        thread.join(30)
        assert not thread.is_alive()

    return Running(url, stop)
