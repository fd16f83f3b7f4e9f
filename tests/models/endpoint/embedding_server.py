"""A service that speaks OpenAI's API for embeddings and TEI's, and misbehaves on demand.

It listens on this machine, in a thread. A text's vector is the sum of one pseudo-random vector for
each of its words: the same on every call, and near to that of a text that shares words.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

JSON = dict[str, Any]


@dataclass
class Fault:
    """What goes wrong with the requests that hold a text with `match` in it.

    skip, times: from the how manieth such request, and how often; None for always.
    status, headers, body: what is answered in place of vectors. change: made of the payload.
    hold_s: seconds before anything is answered. drop: the connection is closed without a word.
    cut: only so much of the body is sent, with the length of the whole.
    """

    match: str = ""
    skip: int = 0
    times: int | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    change: Callable[[Any], Any] | None = None
    hold_s: float = 0.0
    drop: bool = False
    cut: float | None = None
    met: int = 0

    def applies(self, texts: list[str]) -> bool:
        if not any(self.match in text for text in texts):
            return False
        self.met += 1
        past = self.met - self.skip
        return past > 0 and (self.times is None or past <= self.times)


@cache
def word_vector(word: str, salt: str, dim: int) -> np.ndarray:
    digest = hashlib.sha256(f"{salt}\0{word}".encode()).digest()
    seed = int.from_bytes(digest[:8], "big")
    return np.random.default_rng(seed).standard_normal(dim)


class EmbeddingServer:
    """The service; every attribute may be changed while it runs."""

    def __init__(self) -> None:
        self.dim = 32
        self.salt = ""
        self.noise = 0.0  # that differs from call to call, as a share of a vector's length
        self.drift = 0.0  # how much of another model's vectors is mixed in
        self.scale = 1.0
        self.key = ""
        self.answers_as: str | None = None
        self.most_texts = 1000
        self.too_long = 10_000  # words
        self.knows_dimensions = True
        self.knows_base64 = True
        self.info: JSON = {
            "model_id": "BAAI/bge-small-en-v1.5",
            "model_sha": "0123abcd",
            "model_dtype": "float32",
            "model_type": {"embedding": {"pooling": "cls"}},
            "max_concurrent_requests": 512,
            "max_input_length": 512,
            "max_client_batch_size": 32,
            "auto_truncate": True,
            "version": "1.9.0",
            "something_new": [1, 2],
        }
        self.prompts = {"query": "query: ", "passage": "passage: "}
        self.faults: list[Fault] = []
        self.swap_at: int | None = None  # the request of vectors from which another model answers
        self.seen: list[JSON] = []
        self._mutex = threading.Lock()
        self._random = np.random.default_rng(0)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one packet: else each answer waits 40 ms for an acknowledgement.
            wbufsize = 1 << 20
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                outer._answer(self, None)

            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                outer._answer(self, json.loads(self.rfile.read(size)))

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        # On its way out the server looks that often whether it is to end.
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def openai(self) -> str:
        return f"openai:small@{self.root}/v1"

    @property
    def tei(self) -> str:
        return f"tei:{self.root}"

    def asked(self) -> list[list[str]]:
        """The texts of each request for vectors, in order of arrival."""
        return [one["texts"] for one in self.seen if one["texts"]]

    def texts(self) -> list[str]:
        return [text for texts in self.asked() for text in texts]

    # --- inside ---------------------------------------------------------------------------------

    def _answer(self, handler: BaseHTTPRequestHandler, body: JSON | None) -> None:
        texts = list((body or {}).get("input", (body or {}).get("inputs", [])))
        with self._mutex:
            self.seen.append(
                {
                    "path": handler.path,
                    "texts": texts,
                    "body": body,
                    "headers": {k.lower(): v for k, v in handler.headers.items()},
                }
            )
            if texts and self.swap_at is not None and len(self.asked()) >= self.swap_at:
                self.salt = "another"
            salt = self.salt
            fault = next((one for one in self.faults if one.applies(texts)), None)
        if fault is not None and fault.hold_s:
            time.sleep(fault.hold_s)
        if fault is not None and fault.drop:
            handler.close_connection = True
            return
        status, payload, headers = self._payload(handler, body, texts, salt)
        if fault is not None and status == 200:
            status, headers = fault.status, fault.headers
            payload = fault.change(payload) if fault.change else payload
            if status != 200 and fault.body is None:
                payload = {"error": {"message": f"fault {status}", "code": None}}
        data = (
            fault.body.encode()
            if fault is not None and fault.body is not None
            else json.dumps(payload).encode()
        )
        self._send(handler, status, headers, data, fault.cut if fault is not None else None)

    def _payload(
        self, handler: BaseHTTPRequestHandler, body: JSON | None, texts: list[str], salt: str
    ) -> tuple[int, Any, dict[str, str]]:
        told = handler.headers.get("Authorization", "")
        if self.key and told != f"Bearer {self.key}":
            return 401, {"error": {"message": f"Incorrect API key provided: {told}"}}, {}
        path = handler.path.partition("?")[0]
        if path == "/info":
            return 200, self.info, {}
        if path not in ("/v1/embeddings", "/embed") or body is None:
            return 404, {"detail": "Not Found"}, {}
        refusal = self._refusal(texts)
        if refusal is not None:
            return refusal
        if path == "/embed":
            return self._tei(body, texts, salt)
        return 200, self._openai(body, texts, salt), {}

    def _refusal(self, texts: list[str]) -> tuple[int, Any, dict[str, str]] | None:
        if len(texts) > self.most_texts:
            message = f"batch size {len(texts)} > maximum allowed batch size {self.most_texts}"
            return 413, {"error": message, "error_type": "Validation"}, {}
        if any(not text.strip() for text in texts):
            return 400, {"error": {"message": "'$.input' is invalid: an empty string"}}, {}
        if any(len(text.split()) > self.too_long for text in texts):
            message = f"This model's maximum context length is {self.too_long} tokens"
            return 400, {"error": {"message": message}}, {}
        return None

    def _openai(self, body: JSON, texts: list[str], salt: str) -> JSON:
        vectors = self._vectors(texts, salt, body.get("dimensions"))
        if body.get("encoding_format") == "base64" and self.knows_base64:
            rows: list[Any] = [
                base64.b64encode(v.astype("<f4").tobytes()).decode() for v in vectors
            ]
        else:
            rows = vectors.tolist()
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(rows)
            ],
            "model": self.answers_as or body["model"],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
            "created": time.time(),
        }

    def _tei(self, body: JSON, texts: list[str], salt: str) -> tuple[int, Any, dict[str, str]]:
        name = body.get("prompt_name")
        if name is not None and name not in self.prompts:
            return 422, {"error": f"no prompt {name}", "error_type": "Validation"}, {}
        prompt = self.prompts[name] if name else ""
        vectors = self._vectors([prompt + text for text in texts], salt, body.get("dimensions"))
        if body["normalize"]:
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return 200, vectors.tolist(), {}

    def _vectors(self, texts: list[str], salt: str, dim: int | None) -> np.ndarray:
        found = np.stack([self._vector(text, salt) for text in texts]) * self.scale
        if dim is not None and self.knows_dimensions:
            found = found[:, :dim]
        if self.noise:
            with self._mutex:
                error = self._random.standard_normal(found.shape)
            length = np.linalg.norm(found, axis=1, keepdims=True)
            found = found + self.noise * length * error / np.sqrt(found.shape[1])
        return found

    def _vector(self, text: str, salt: str) -> np.ndarray:
        words = re.findall(r"\w+", text.lower()) or [text]
        found = np.mean([word_vector(word, salt, self.dim) for word in words], axis=0)
        return found + self.drift * word_vector(text, "drift", self.dim)

    def _send(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        data: bytes,
        cut: float | None,
    ) -> None:
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/json")
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            if cut is not None:
                data = data[: int(len(data) * cut)]
                handler.close_connection = True
            handler.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True
