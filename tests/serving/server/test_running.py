"""A server from its address to its end, and the command that runs it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
import pytest

from benchharness.cli import main
from benchharness.errors import MissingDependency, UsageError
from benchharness.models.registry import open_model
from benchharness.serving.server import running
from benchharness.serving.server.address import bind, is_loopback, unavailable, url_of
from benchharness.serving.server.limits import Limits
from benchharness.serving.server.served import serve_encoder
from benchharness.testing import HashEncoder, install_doubles

CLIENTS = 32


# --- the address --------------------------------------------------------------------------------


def test_port_0_takes_a_free_one() -> None:
    with bind("127.0.0.1", 0) as one, bind("127.0.0.1", 0) as other:
        assert url_of(one) == f"http://127.0.0.1:{one.getsockname()[1]}"
        assert one.getsockname() != other.getsockname()
        assert is_loopback(one)


def test_all_addresses_are_not_loopback() -> None:
    with bind("0.0.0.0", 0) as bound:
        assert not is_loopback(bound)


def test_a_port_in_use_is_named() -> None:
    """Rule: where, and how to go on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(UsageError, match="the port is in use") as caught:
            bind("127.0.0.1", port)

    assert caught.value.where == f"127.0.0.1:{port}"
    assert "--port 0" in caught.value.remedy


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [("127.0.0.1", 65536, "does not exist"), ("127.0.0.1", -1, "does not exist"),
     ("no such host.invalid", 0, "is no address of this machine"),
     ("192.0.2.1", 0, "nothing can listen there")],
)  # fmt: skip
def test_an_address_that_cannot_be_had_is_named(host: str, port: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bind(host, port)


def test_a_port_that_was_taken_in_the_meantime_is_named() -> None:
    """Rule: two servers may be bound to a port while neither listens; the second is told."""
    with bind("127.0.0.1", 0) as one:
        port = one.getsockname()[1]
        with bind("127.0.0.1", port) as other:
            one.listen()
            made = running.make_server(serve_encoder(HashEncoder()), Limits(), other)

            with pytest.raises(UsageError, match="the port is in use") as caught:
                made.run()

    assert caught.value.where == f"127.0.0.1:{port}"


def test_a_forbidden_port_is_named() -> None:
    error = unavailable(PermissionError(13, "Permission denied"), "127.0.0.1", 80)

    assert error.message == "this user may not listen there"


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        running, "find_spec", lambda name: None if name == "prometheus_client" else object()
    )

    with pytest.raises(MissingDependency, match="'prometheus-client'") as caught:
        running.check_installed()

    assert caught.value.remedy == "pip install 'benchharness[serve]'"


# --- the command --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bm25", "--port", "0"], "bm25 ranks documents by itself"),
        (["nonesuch", "--port", "0"], "unknown model 'nonesuch'"),
        (["hash", "--port", "0", "--max-queue", "0"], "--max-queue 0 lets nothing through"),
        (["hash", "--port", "0", "--api-key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY holds no key"),
        (["hash", "--port", "99999"], "port 99999 does not exist"),
    ],
)
def test_what_cannot_be_served_is_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: one message, before anything listens."""
    install_doubles()

    code = main(["serve", *arguments])

    assert code == 2
    assert message in capsys.readouterr().err


def test_the_command_hands_its_options_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: limits by name, the key from the environment and nowhere else; one line when ready."""
    install_doubles()
    monkeypatch.setenv("OUR_KEY", "s3cret")
    seen = {}

    def run(model, limits, bound, *, key, on_ready) -> None:
        seen.update(limits=limits, key=key)
        on_ready()

    monkeypatch.setattr(running, "run", run)
    options = ["--max-batch-tokens", "99", "--max-wait-ms", "0.5", "--api-key-env", "OUR_KEY"]

    code = main(["serve", "hash", "--host", "0.0.0.0", "--port", "0", "--json", *options])

    told = capsys.readouterr()
    assert code == 0
    assert (seen["limits"].batch_tokens, seen["limits"].wait_ms, seen["key"]) == (99, 0.5, "s3cret")
    assert json.loads(told.out)["fingerprint"] == HashEncoder().fingerprint
    assert told.err == ""
    assert "s3cret" not in told.out


def test_an_open_door_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: beyond this machine and without a key: a warning with what to add."""
    install_doubles()
    monkeypatch.setattr(running, "run", lambda *_, on_ready, **__: on_ready())

    main(["serve", "hash", "--host", "0.0.0.0", "--port", "0"])
    wide = capsys.readouterr()
    main(["serve", "hash", "--port", "0"])
    narrow = capsys.readouterr()

    assert "--api-key-env NAME" in wide.err
    assert narrow.err == ""
    assert narrow.out.startswith("serving hash on http://127.0.0.1:")


# --- the end ------------------------------------------------------------------------------------


class Held(HashEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.begun = threading.Semaphore(0)

    def encode(self, texts: Sequence[str], role: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if "try the model" not in texts[0]:
            self.begun.release()
            assert self.free.wait(30)
        yield from super().encode(texts, role)


def test_stopping_finishes_what_has_begun(serve) -> None:
    """Rule: in flight and in the queue are answered; nobody new gets in; no thread is left."""
    encoder = Held()
    server = serve(encoder)
    idle = server.connection()
    idle.request("GET", "/health")
    idle.getresponse().read()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.post, "/embed", {"inputs": f"t{n}"}) for n in range(4)]
        assert encoder.begun.acquire(timeout=30)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        refused = _refused_in_time(server.host, server.port)
        encoder.free.set()
        answered = [one.result(30) for one in asked]
        stopping.join(30)

    assert refused
    assert {one.status for one in answered} <= {200, 503}
    assert answered[0].status == 200
    assert idle.sock.recv(1) == b"", "an idle connection is closed"
    idle.close()


def _refused_in_time(host: str, port: int) -> bool:
    """Whether new connections are refused within a few seconds."""
    for _ in range(100):
        try:
            socket.create_connection((host, port), timeout=1).close()
        except ConnectionRefusedError:
            return True
        threading.Event().wait(0.05)
    return False


# --- real processes -----------------------------------------------------------------------------


class Process:
    """`benchharness serve` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchharness", "serve", *arguments, "--port", "0", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._process.communicate()[1]
        self.ready = json.loads(line)
        self.place = urlsplit(self.ready["url"]).netloc

    def post(self, path: str, content: object) -> tuple[int, object]:
        connection = http.client.HTTPConnection(self.place, timeout=120)
        connection.request("POST", path, json.dumps(content))
        response = connection.getresponse()
        found = response.status, json.loads(response.read())
        connection.close()
        return found

    def send(self, name: int) -> None:
        self._process.send_signal(name)

    def end(self, timeout: float = 90) -> tuple[int, str]:
        """The exit code and what was written to stderr."""
        _, told = self._process.communicate(timeout=timeout)
        return self._process.returncode, told

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def process() -> Iterator[Callable[..., Process]]:
    begun: list[Process] = []

    def start(*arguments: str) -> Process:
        begun.append(Process(*arguments))
        return begun[-1]

    yield start
    for one in begun:
        one.kill()


@pytest.mark.slow
def test_many_clients_get_the_local_model_s_vectors(process) -> None:
    """Rule: joined with whatever others ask, a vector is the local one to 1e-6; no errors."""
    served = process("minilm")
    texts = [
        " ".join(f"word{(row * 7 + n) % 97}" for n in range(row % 40 + 1)) for row in range(96)
    ]
    local = np.empty((len(texts), 384), dtype=np.float32)
    for rows, vectors in open_model("minilm").encode(texts, "query"):
        local[rows] = vectors

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda text: served.post("/embed", {"inputs": text}), texts))
        whole = served.post("/v1/embeddings", {"input": texts, "model": "minilm"})

    assert {status for status, _ in (*answers, whole)} == {200}
    alone = np.array([vectors[0] for _, vectors in answers], dtype=np.float32)
    together = np.array([one["embedding"] for one in whole[1]["data"]], dtype=np.float32)
    np.testing.assert_allclose(alone, local, atol=1e-6)
    np.testing.assert_allclose(together, local, atol=1e-6)
    assert served.ready["fingerprint"] == open_model("minilm").fingerprint


@pytest.mark.slow
@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_flight_loses_no_answer(process, name: int) -> None:
    """Rule: what was asked before the signal is answered, and the exit code is 0."""
    served = process("minilm")
    long = ["many words of a long text " * 20] * 8
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(served.post, "/embed", {"inputs": long}) for _ in range(8)]
        _until_busy(served)
        served.send(name)
        answered = [one.result() for one in asked]

    code, told = served.end()
    assert [(status, len(vectors)) for status, vectors in answered] == [(200, 8)] * 8
    assert (code, told) == (0, "")


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(process) -> None:
    """Rule: whoever insists is not made to wait for the queue."""
    served = process("minilm")
    long = ["many words of a long text " * 40] * 400
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(served.post, "/embed", {"inputs": long})
        _until_busy(served)
        served.send(signal.SIGTERM)
        threading.Event().wait(0.5)
        served.send(signal.SIGTERM)
        code, told = served.end(timeout=10)

    assert isinstance(asked.exception(), OSError | http.client.HTTPException)
    assert (code, told) == (-signal.SIGTERM, "")


def _until_busy(served: Process) -> None:
    """Returns once the model has begun to encode what was asked."""
    for _ in range(600):
        connection = http.client.HTTPConnection(served.place, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        if "benchharness_batch_texts_count 0.0" not in text:
            return
        threading.Event().wait(0.05)
    pytest.fail("the model was never busy")


@pytest.mark.slow
def test_what_goes_wrong_leaves_a_real_server_standing(process) -> None:
    """Rule: oversize, nonsense and half a request, then vectors as before."""
    served = process("wordllama", "--max-body-bytes", "1000")
    host, _, port = served.place.partition(":")

    before = served.post("/embed", {"inputs": "a text"})
    sent = [
        b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n",
        b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n{{{",
        b"nonsense\r\n\r\n",
        b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\nhalf",
    ]
    statuses = []
    for content in sent:
        with socket.create_connection((host, int(port)), timeout=30) as raw:
            raw.sendall(content)
            statuses.append(b"" if content.endswith(b"half") else raw.recv(1000)[9:12])
    after = served.post("/embed", {"inputs": "a text"})

    assert statuses == [b"413", b"400", b"400", b""]
    assert before == after
    served.send(signal.SIGTERM)
    assert served.end() == (0, "")


@pytest.mark.slow
def test_clients_of_others_can_use_it(process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: OpenAI's own client (base64) and the Hub's TEI client get the same vectors."""
    # The Hub's client asks nobody while offline, not even this machine.
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: False)
    from huggingface_hub import InferenceClient
    from openai import NotFoundError, OpenAI

    served = process("wordllama")
    url = served.ready["url"]
    with OpenAI(base_url=f"{url}/v1", api_key="none") as client:
        found = client.embeddings.create(model="wordllama", input=["red fox", "blue car"])
        cut = client.embeddings.create(model="wordllama", input="red fox", dimensions=64)
        with pytest.raises(NotFoundError, match="is not served here"):
            client.embeddings.create(model="text-embedding-3-small", input="a")
        assert [one.id for one in client.models.list()] == ["wordllama"]
    tei = InferenceClient(model=f"{url}/embed")
    by_tei = tei.feature_extraction(["red fox", "blue car"], prompt_name="query", truncate=True)

    np.testing.assert_array_equal(np.float32([one.embedding for one in found.data]), by_tei)
    assert len(cut.data[0].embedding) == 64
