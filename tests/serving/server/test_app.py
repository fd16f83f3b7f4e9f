"""The routes, asked over a real connection: two protocols, and a clean error for all else."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchharness.testing import HashEncoder

EMBEDDING = ("/embed", "/v1/embeddings", "/embeddings")
FIELD = {"/embed": "inputs", "/v1/embeddings": "input", "/embeddings": "input"}


def local(*texts: str, dim: int = 64) -> np.ndarray:
    ((_, vectors),) = HashEncoder(dim=dim).encode(list(texts), "query")
    return vectors


def error_of(path: str, answered) -> str:
    """The sentence of an error, whose shape is that of the path's protocol."""
    assert answered.headers["content-type"] == "application/json"
    content = answered.json
    if path == "/embed":
        assert content.keys() == {"error", "error_type"}
        return content["error"]
    assert content.keys() == {"error"}
    assert content["error"].keys() == {"message", "type", "param", "code"}
    return content["error"]["message"]


# --- what is served -----------------------------------------------------------------------------


def test_embed_gives_a_list_of_vectors(server) -> None:
    """Rule: as TEI has it: a list of lists, also for one string; bit by bit the local ones."""
    one = server.post("/embed", {"inputs": "red fox"})
    many = server.post("/embed", {"inputs": ["red fox", "blue car"], "prompt_name": "query"})

    assert (one.status, many.status) == (200, 200)
    np.testing.assert_array_equal(np.float32(one.json), local("red fox"))
    np.testing.assert_array_equal(np.float32(many.json), local("red fox", "blue car"))


def test_info_tells_the_model_and_the_limits(server) -> None:
    """Rule: TEI's fields, with our fingerprint as the model's sha."""
    info = server.get("/info").json

    assert info["model_id"] == "hash"
    assert info["model_sha"] == HashEncoder().fingerprint
    assert info["model_dtype"] == "float32"
    assert info["model_type"] == {"embedding": {"pooling": "sum of words"}}
    assert info["max_client_batch_size"] == 8
    assert info["max_concurrent_requests"] == 512
    assert info["max_batch_tokens"] == 2048
    assert info["max_input_length"] is None
    assert info["auto_truncate"] is True
    assert info["dimension"] == 64


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings"])
def test_openai_embeddings_are_an_indexed_list(server, path: str) -> None:
    """Rule: as OpenAI has it, with the tokens that were read."""
    found = server.post(path, {"input": ["red fox", "car"], "model": "hash", "user": "u1"}).json

    assert found["object"] == "list"
    assert found["model"] == "hash"
    assert found["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert [(one["object"], one["index"]) for one in found["data"]] == [
        ("embedding", 0), ("embedding", 1),
    ]  # fmt: skip
    vectors = np.float32([one["embedding"] for one in found["data"]])
    np.testing.assert_array_equal(vectors, local("red fox", "car"))


def test_base64_is_little_endian_float32(server) -> None:
    """Rule: what OpenAI's own client asks for by default."""
    found = server.post("/v1/embeddings", {"input": "red fox", "encoding_format": "base64"}).json

    raw = base64.b64decode(found["data"][0]["embedding"], validate=True)
    np.testing.assert_array_equal(np.frombuffer(raw, dtype="<f4"), local("red fox")[0])


@pytest.mark.parametrize("path", ["/embed", "/v1/embeddings"])
def test_dimensions_cut_the_vectors(server, path: str) -> None:
    found = server.post(
        path, {FIELD[path]: "one two three four five six seven eight nine ten", "dimensions": 16}
    ).json

    vector = np.float32(found[0] if path == "/embed" else found["data"][0]["embedding"])
    cut = local("one two three four five six seven eight nine ten")[0, :16]
    np.testing.assert_allclose(vector, cut / np.linalg.norm(cut), atol=1e-6)


def test_models_lists_the_one_that_is_served(server) -> None:
    found = server.get("/v1/models").json

    assert [one["id"] for one in found["data"]] == ["hash"]
    assert found["data"][0]["fingerprint"] == HashEncoder().fingerprint


def test_a_connection_is_kept_also_after_an_error(server) -> None:
    """Rule: an error of one request is not the end of the next."""
    connection = server.connection()
    statuses = []
    for content in (b'{"inputs": "a"}', b'{"inputs": 7}', b"{", b'{"inputs": "b"}'):
        connection.request("POST", "/embed", content)
        statuses.append(_status(connection))
    connection.close()

    assert statuses == [200, 422, 400, 200]


def _status(connection) -> int:
    response = connection.getresponse()
    response.read()
    return response.status


def test_pipelined_requests_are_answered_in_order(server) -> None:
    """Rule: a client may send before it has read."""
    ask = b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n" + b'{"inputs": "%s"}'
    with socket.create_connection((server.host, server.port), timeout=30) as raw:
        raw.sendall(ask % b"a" + ask % b"b" + b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n")
        heads = _received(raw).split(b"HTTP/1.1 ")[1:]

    assert [head[:3] for head in heads] == [b"200", b"200", b"404"]
    vectors = [json.loads(head.partition(b"\r\n\r\n")[2]) for head in heads[:2]]
    np.testing.assert_array_equal(np.float32(vectors), [local("a"), local("b")])


def _received(raw: socket.socket) -> bytes:
    """All that comes until the other side closes, or breaks the connection off."""
    parts = []
    with suppress(ConnectionResetError):
        while part := raw.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def test_metrics_count_without_texts(serve) -> None:
    """Rule: by route and status; a path that a client made up is no label."""
    server = serve()
    server.post("/embed", {"inputs": ["secret one", "secret two three"]})
    server.post("/embed", {"inputs": 7})
    server.post("/secret/path", {})

    text = server.get("/metrics").body.decode()

    assert 'benchharness_requests_total{route="/embed",status="200"} 1.0' in text
    assert 'benchharness_requests_total{route="/embed",status="422"} 1.0' in text
    assert 'benchharness_requests_total{route="other",status="404"} 1.0' in text
    assert 'benchharness_request_seconds_count{route="/embed"} 2.0' in text
    assert "benchharness_batch_texts_sum 2.0" in text
    assert "benchharness_tokens_total 5.0" in text
    assert "benchharness_queue_texts 0.0" in text
    assert 'benchharness_model{fingerprint="' in text
    assert "secret" not in text


def test_openapi_shows_every_route(server) -> None:
    paths = server.get("/openapi.json").json["paths"]

    assert {*EMBEDDING, "/info", "/v1/models", "/health", "/metrics"} == set(paths)


def test_health_is_ok_while_it_serves(server) -> None:
    assert server.get("/health").status == 200


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", EMBEDDING)
@pytest.mark.parametrize(
    ("value", "tei", "openai", "message"),
    [
        ([], 400, 400, "cannot be empty"),
        (["a"] * 9, 413, 413, "batch size 9 > maximum allowed batch size 8"),
        (7, 422, 400, "is a number, not a string or a list of strings"),
        ([1, 2], 422, 400, "token ids"),
        ("", 422, 400, "an empty string at position 0"),
    ],
)
def test_wrong_inputs_are_refused_in_the_protocol_s_shape(
    server, path: str, value: object, tei: int, openai: int, message: str
) -> None:
    """Rule: TEI says 422 for a wrong type, OpenAI 400."""
    answered = server.post(path, {FIELD[path]: value})

    assert answered.status == (tei if path == "/embed" else openai)
    assert message in error_of(path, answered)


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        ({"input": "a", "model": "minilm"}, 404, "'minilm' is not served here; 'hash' is"),
        ({"input": "a", "encoding_format": "int8"}, 400, 'neither "float" nor "base64"'),
        ({"input": "a", "dimensions": 65}, 400, "the model has 1 to 64"),
        ({"input": "a", "prompt_name": "other"}, 400, "`prompt_name` is neither"),
    ],
)
def test_openai_s_own_fields_are_checked(
    server, content: dict[str, object], status: int, message: str
) -> None:
    """Rule: no vectors of a model that the client did not name."""
    answered = server.post("/v1/embeddings", content)

    assert answered.status == status
    assert message in error_of("/v1/embeddings", answered)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/v1/nothing", 404),
        ("GET", "/embed", 405),
        ("PUT", "/info", 405),
    ],
)
def test_unknown_routes_and_methods_are_named(server, method: str, path: str, status: int) -> None:
    answered = server.ask(method, path, None, {})

    assert answered.status == status
    assert "see /openapi.json" in error_of("/embed" if path != "/v1/nothing" else path, answered)


@pytest.mark.parametrize("host", ["a/b", "x/embed?", "[", "é:80"])
def test_the_host_that_a_client_names_changes_nothing(server, host: str) -> None:
    """Rule: a path is what was asked for, not what a header makes of it."""
    answered = server.post("/embed", {"inputs": "a"}, host=host.encode().decode("latin-1"))

    assert answered.status == 200


@given(body=st.binary(max_size=200) | st.text(max_size=50).map(
    lambda text: json.dumps({"inputs": text, "truncate": text}).encode()))  # fmt: skip
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_body_brings_the_server_down(server, body: bytes) -> None:
    """Rule: whatever is sent, the answer is JSON and the server goes on."""
    answered = server.post("/embed", body)

    assert answered.status in (400, 413, 422)
    assert error_of("/embed", answered)


def test_what_is_not_http_is_told_so(server) -> None:
    with socket.create_connection((server.host, server.port), timeout=30) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        answered = _received(raw)

    assert answered.startswith(b"HTTP/1.1 400 ")
    assert server.get("/health").status == 200


def test_an_endless_head_is_cut_off(server) -> None:
    """Rule: a head has a limit of its own, far below a body's."""
    with socket.create_connection((server.host, server.port), timeout=30) as raw:
        raw.sendall(b"GET /info HTTP/1.1\r\nx: ")
        answered = _trickled(raw, b"a" * 10_000, every=0.001)

    # A client that still sends may see the end of the connection in place of the answer.
    assert answered.startswith(b"HTTP/1.1 400 ") or answered == b""
    assert server.get("/health").status == 200


def test_a_body_that_is_too_long_is_refused_before_it_is_sent(server) -> None:
    """Rule: the length that is announced is enough; nothing of it is waited for."""
    with socket.create_connection((server.host, server.port), timeout=30) as raw:
        raw.sendall(b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999\r\n\r\n")
        answered = b""
        while not answered.endswith(b"}"):
            answered += raw.recv(65_536)

    assert answered.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answered
    assert b"the body is longer than 10000 bytes" in answered


@pytest.mark.parametrize("is_chunked", [False, True])
def test_who_sends_too_much_reads_why(server, is_chunked: bool) -> None:
    """Rule: a client that sends all of a large body before it reads still gets the answer."""
    content = b"a" * 8_000_000
    connection = server.connection()
    body = iter([content]) if is_chunked else content
    connection.request("POST", "/embed", body, encode_chunked=is_chunked,
                       headers={"transfer-encoding": "chunked"} if is_chunked else {})  # fmt: skip
    answered = read_(connection)

    assert answered[0] == 413
    assert b"10000 bytes" in answered[1]


def read_(connection) -> tuple[int, bytes]:
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


# --- clients that are slow, or gone -------------------------------------------------------------


@pytest.mark.parametrize("start", [b"", b"POST /embed HT", b"POST /embed HTTP/1.1\r\nhost: x\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(serve, start: bytes) -> None:
    """Rule: the connection is closed in time, however the bytes trickle in."""
    server = serve(request_seconds=0.3)
    with socket.create_connection((server.host, server.port), timeout=30) as raw:
        raw.sendall(start)
        answered = _trickled(raw, b"x", every=0.05)

    assert answered == b""
    assert server.post("/embed", {"inputs": "a"}).status == 200


def test_a_body_that_trickles_is_refused(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: 408 with the limit, and the connection is closed."""
    monkeypatch.setattr("benchharness.serving.server.app._LINGER_SECONDS", 0.2)
    server = serve(request_seconds=0.3)
    with socket.create_connection((server.host, server.port), timeout=30) as raw:
        raw.sendall(b'POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 90\r\n\r\n{"inputs": ')
        answered = _trickled(raw, b" ", every=0.05)

    assert answered.startswith(b"HTTP/1.1 408 ")
    assert b"the body was not here within 0.3 s" in answered


def test_a_body_to_nowhere_is_not_read_for_ever(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: also where no route would ever read it."""
    monkeypatch.setattr("benchharness.serving.server.app._LINGER_SECONDS", 0.2)
    server = serve()
    with socket.create_connection((server.host, server.port), timeout=30) as raw:
        raw.sendall(b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n")
        answered = _trickled(raw, b" ", every=0.05)

    assert answered.startswith(b"HTTP/1.1 404 ")


def _trickled(raw: socket.socket, byte: bytes, *, every: float) -> bytes:
    """What is answered while one byte after another is sent, until the server closes."""
    over = threading.Event()

    def send() -> None:
        while not over.wait(every):
            try:
                raw.sendall(byte)
            except OSError:
                return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        return _received(raw)
    finally:
        over.set()
        sender.join()


class Held(HashEncoder):
    """Encodes nothing before it is let go, but the trial of `serve_encoder`."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.begun = threading.Semaphore(0)
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str], role: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        self.seen += texts
        if "try the model" not in texts[0]:
            self.begun.release()
            assert self.free.wait(30)
        if "defect" in texts:
            raise RuntimeError(f"it was {texts}")
        yield from super().encode(texts, role)


def test_a_full_queue_says_when_to_come_back(serve) -> None:
    """Rule: 429 with retry-after; who is in gets an answer, and so does who comes back."""
    encoder = Held()
    server = serve(encoder, queue=2)
    statuses: list[int] = []
    asking = [
        threading.Thread(
            target=lambda: statuses.append(server.post("/embed", {"inputs": "a"}).status)
        )
        for _ in range(2)
    ]
    asking[0].start()
    assert encoder.begun.acquire(timeout=30)
    asking[1].start()
    _until(lambda: "benchharness_queue_texts 1.0" in server.get("/metrics").body.decode())

    refused = {path: server.post(path, {FIELD[path]: "b"}) for path in ("/embed", "/embeddings")}
    health = server.get("/health").status
    encoder.free.set()
    for one in asking:
        one.join()

    assert [one.status for one in refused.values()] == [429, 429]
    assert all(one.headers["retry-after"] == "1" for one in refused.values())
    assert refused["/embed"].json["error_type"] == "Overloaded"
    assert refused["/embeddings"].json["error"]["code"] == "rate_limit_exceeded"
    assert health == 200
    assert statuses == [200, 200]
    assert server.post("/embed", {"inputs": "b"}).status == 200


def _until(holds) -> None:
    for _ in range(300):
        if holds():
            return
        time.sleep(0.02)
    pytest.fail("it never came true")


def test_a_client_that_is_gone_harms_no_one(serve) -> None:
    """Rule: half a body, or no patience for the answer: the next one is served."""
    encoder = Held()
    server = serve(encoder)
    with socket.create_connection((server.host, server.port), timeout=30) as half:
        half.sendall(b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 90\r\n\r\n{")
    with socket.create_connection((server.host, server.port), timeout=30) as gone:
        gone.sendall(b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n"
                     b'{"inputs": "a"}')  # fmt: skip
        assert encoder.begun.acquire(timeout=30)
    encoder.free.set()

    assert server.post("/embed", {"inputs": "b"}).status == 200
    _until(lambda: 'status="499"' in server.get("/metrics").body.decode())


def test_what_a_client_no_longer_waits_for_is_not_encoded(serve) -> None:
    """Rule: clients that time out ask again; a busy server must not do the work of both."""
    encoder = Held()
    server = serve(encoder)
    first = threading.Thread(target=lambda: server.post("/embed", {"inputs": "first"}))
    first.start()
    assert encoder.begun.acquire(timeout=30)
    for _ in range(3):
        with socket.create_connection((server.host, server.port), timeout=30) as gone:
            gone.sendall(b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 22\r\n\r\n"
                         b'{"inputs": "forsaken"}')  # fmt: skip
            _until(lambda: "queue_texts 0.0" not in server.get("/metrics").body.decode())
    _until(lambda: server.get("/metrics").body.decode().count('status="499"} 3.0') == 1)

    encoder.free.set()
    first.join()

    assert server.post("/embed", {"inputs": "last"}).status == 200
    assert "forsaken" not in encoder.seen
    assert encoder.seen[-2:] == ["first", "last"]


def test_a_failing_model_is_a_500_with_a_name(serve, caplog: pytest.LogCaptureFixture) -> None:
    """Rule: no traceback and no text, neither to the client nor in the log."""
    encoder = Held()
    encoder.free.set()
    server = serve(encoder)

    answered = server.post("/v1/embeddings", {"input": "defect"})

    assert answered.status == 500
    assert error_of("/v1/embeddings", answered) == "the model failed with RuntimeError"
    assert "it was [" not in caplog.text
    assert server.post("/embed", {"inputs": "a"}).status == 200


def test_a_defect_of_the_server_is_a_500_too(
    serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Rule: the client gets an answer, the log the place, and neither the text."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError("the text")

    monkeypatch.setattr("benchharness.serving.server.app.finished", fail)
    server = serve()

    answered = server.post("/embed", {"inputs": "a"})

    assert answered.status == 500
    assert answered.json == {"error": "the server failed with KeyError", "error_type": "Backend"}
    _until(lambda: "a request failed with KeyError" in caplog.text)
    assert "KeyError: 'the text'" not in caplog.text
    assert server.get("/health").status == 200


# --- the key ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [{}, {"authorization": "Bearer wrong"}, {"authorization": "s3"}])
@pytest.mark.parametrize("path", ["/embed", "/v1/embeddings", "/nowhere"])
def test_without_the_key_nothing_is_served(serve, path: str, sent: dict[str, str]) -> None:
    """Rule: 401 before anything is read, on every path but health and metrics."""
    server = serve(key="s3cret")

    answered = server.post(path, {"inputs": "a", "input": "a"}, **sent)

    assert answered.status == 401
    assert answered.headers["www-authenticate"] == "Bearer"
    assert "s3cret" not in answered.body.decode()


def test_with_the_key_all_is_served(serve) -> None:
    server = serve(key="s3cret")

    assert server.post("/embed", {"inputs": "a"}, authorization="Bearer s3cret").status == 200
    assert server.get("/info", authorization="Bearer s3cret").status == 200
    assert server.get("/info").status == 401
    assert [server.get(path).status for path in ("/health", "/metrics")] == [200, 200]
