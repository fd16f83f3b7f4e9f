"""A service that speaks like the Anthropic and the OpenAI API, and misbehaves on demand.

    python messages_server.py --script FILE --port 0       prints its port, then serves

It is a program of its own, so that a test can kill its client and ask it afterwards what was paid.
Every answer is made of the request: each string field holds `FIELD N: the first words of the text`.

The script is a JSON object; every part of it may be absent:

    key               the key that requests must bring; else 401
    unknown_models    models that are answered 404
    lifecycle         {model: "deprecated" | "retired"}
    no_model_list     true: GET /v1/models is answered 404
    hold_after        requests of messages after the first so many wait for POST /_release
    pay_first         true: a request is paid for as it comes, before it waits or is answered
    rules             list; the first that applies to a request and is not used up is followed:
        match         a piece of the user's text ("" applies to every request)
        times         how often it is followed; absent: always
        status, error_type, error_code, message, headers    an error; `echo` adds the authorization
        drop          true: the connection is closed in the middle of the answer
        delay_seconds
        hold          true: waits for POST /_release
        stop_reason   refusal, max_tokens (cuts the text in half), ...
        text          what is written in place of JSON
        content       the JSON object that is written
        list_length   how many items a list gets (2 otherwise)
        thinking      true: a block of thinking comes first
    batch
        polls         how often a batch is told to be in progress (0)
        order         "given" or "reversed"
        create        list like rules, by times: status..., drop: "before" or "after" it was made,
                      hold: after it was made; `made` makes it in spite of the status
        rows          list: match (a piece of the custom_id or text), times, type: errored with
                      error_type, expired, canceled
        cut_results   {times, after}: the results end after so many rows, in mid-line, or with
                      "clean" as if these were all

For the tests: GET /_paid {text or custom_id: how often it was fully answered}, GET /_seen
{requests, held, batches}, GET /_requests (bodies and headers), POST /_release, POST /_script.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

JSON = dict[str, Any]


class Dropped(Exception):
    """The connection is to be closed without a word."""


class State:
    def __init__(self, script: JSON) -> None:
        self.mutex = threading.RLock()
        self.released = threading.Event()
        self.requests = 0
        self.held = 0
        self.paid: Counter[str] = Counter()
        self.seen: list[JSON] = []
        self.batches: dict[str, JSON] = {}
        self.begin(script)

    def begin(self, script: JSON) -> None:
        with self.mutex:
            self.script = script
            self.used: Counter[tuple[str, int]] = Counter()

    def rule(self, name: str, rules: list[JSON], *texts: str) -> JSON:
        with self.mutex:
            for number, rule in enumerate(rules):
                if not any(rule.get("match", "") in text for text in texts):
                    continue
                if self.used[name, number] >= rule.get("times", float("inf")):
                    continue
                self.used[name, number] += 1
                return rule
        return {}

    def hold(self) -> None:
        with self.mutex:
            self.held += 1
        self.released.wait()
        with self.mutex:
            self.held -= 1


def filled(schema: JSON, text: str, rule: JSON, name: str = "", number: int = 1) -> Any:
    """Something that fits a simple schema, made of the text."""

    def fill(node: JSON, name: str, number: int) -> Any:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if "anyOf" in node:
            return fill(node["anyOf"][0], name, number)
        if "const" in node or "enum" in node:
            known = node.get("enum", [node.get("const")])
            return known[(number - 1) % len(known)]
        kind = node.get("type")
        if kind == "object":
            return {
                field: fill(part, field, number)
                for field, part in node.get("properties", {}).items()
            }
        if kind == "array":
            length = rule.get("list_length", 2)
            return [fill(node["items"], name, place) for place in range(1, length + 1)]
        words = f"{name} {number}: {' '.join(text.split()[:8])}"
        return {"string": words, "boolean": True, "null": None}.get(str(kind), number)

    return fill(schema, name, number)


def written(text: str, schema: JSON, rule: JSON) -> str:
    if "text" in rule:
        return str(rule["text"])
    full = json.dumps(rule["content"] if "content" in rule else filled(schema, text, rule))
    if rule.get("stop_reason") == "max_tokens":
        return full[: len(full) // 2]
    return "" if rule.get("stop_reason") == "refusal" else full


def user_text(body: JSON) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def tokens_of(body: JSON) -> int:
    system = body.get("system", "")
    system = system if isinstance(system, str) else "".join(part["text"] for part in system)
    system += "".join(part["content"] for part in body["messages"] if part["role"] == "system")
    return 10 + (len(system) + len(user_text(body))) // 4


def message(body: JSON, rule: JSON) -> JSON:
    text = user_text(body)
    schema = body.get("output_config", {}).get("format", {}).get("schema", {"type": "string"})
    full = written(text, schema, rule)
    blocks: list[JSON] = [{"type": "text", "text": full}] if full else []
    if rule.get("thinking"):
        blocks.insert(0, {"type": "thinking", "thinking": "let me see", "signature": "s"})
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": rule.get("stop_reason", "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens_of(body),
            "output_tokens": 1 + len(full) // 4,
            "cache_creation_input_tokens": rule.get("cache_write", 0),
            "cache_read_input_tokens": rule.get("cache_read", 0),
        },
    }


def completion(body: JSON, rule: JSON) -> JSON:
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    text = written(user_text(body), schema, rule)
    reasons = {"refusal": "stop", "max_tokens": "length", "end_turn": "stop"}
    reason = rule.get("stop_reason", "end_turn")
    refusal = "I would rather not" if reason == "refusal" else None
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": reasons.get(reason, reason),
                "message": {"role": "assistant", "content": text, "refusal": refusal},
            }
        ],
        "usage": {
            "prompt_tokens": tokens_of(body),
            "completion_tokens": 1 + len(text) // 4,
            "total_tokens": tokens_of(body) + 1 + len(text) // 4,
        },
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the port is all that is printed."""

    def do_GET(self) -> None:
        self._served({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._served(json.loads(body or b"{}"))

    def _served(self, body: JSON) -> None:
        path = self.path.partition("?")[0]
        try:
            if path.startswith("/_"):
                self._control(path, body)
                return
            self._remember(path, body)
            if self._authorized():
                self._route(path, body)
        except (Dropped, ConnectionError):
            self.close_connection = True

    def _control(self, path: str, body: JSON) -> None:
        state = self.state
        if path == "/_release":
            state.released.set()
        elif path == "/_script":
            state.begin(body)
        with state.mutex:
            told = {
                "/_paid": dict(state.paid),
                "/_seen": {
                    "requests": state.requests,
                    "held": state.held,
                    "batches": len(state.batches),
                },
                "/_requests": state.seen,
            }
        self._send(200, told.get(path, {}))

    def _remember(self, path: str, body: JSON) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.state.mutex:
            self.state.seen.append({"path": path, "body": body, "headers": headers})

    def _authorized(self) -> bool:
        given = self.headers.get("authorization", "").removeprefix("Bearer ")
        given = given or self.headers.get("x-api-key", "")
        if given and given == self.state.script.get("key", given):
            return True
        self._error({"status": 401, "error_type": "authentication_error", "echo": True})
        return False

    def _route(self, path: str, body: JSON) -> None:
        script = self.state.script
        if body.get("model") in script.get("unknown_models", ()):
            self._error({"status": 404, "error_type": "not_found_error", "message": "no model"})
        elif path == "/v1/messages":
            self._answer(body, message)
        elif path == "/v1/chat/completions":
            self._answer(body, completion)
        elif path == "/v1/messages/count_tokens":
            self._send(200, {"input_tokens": tokens_of(body)})
        elif path.startswith("/v1/messages/batches"):
            self._batches(path, body)
        elif path == "/v1/models" and not script.get("no_model_list"):
            listed = [{"id": name, "object": "model"} for name in script.get("models", ["m"])]
            self._send(200, {"object": "list", "data": listed})
        elif path.startswith("/v1/models/"):
            self._model(path.rpartition("/")[2])
        else:
            self._error({"status": 404, "error_type": "not_found_error", "message": "no path"})

    def _model(self, name: str) -> None:
        if name in self.state.script.get("unknown_models", ()):
            self._error({"status": 404, "error_type": "not_found_error", "message": "no model"})
            return
        life = self.state.script.get("lifecycle", {}).get(name, "active")
        known = {"id": name, "type": "model", "display_name": name, "lifecycle": life}
        retires = None if life == "active" else "2027-01-31T00:00:00Z"
        self._send(200, {**known, "created_at": "2026-01-01T00:00:00Z", "retires_at": retires})

    def _answer(self, body: JSON, make: Any) -> None:
        state, text = self.state, user_text(body)
        with state.mutex:
            state.requests += 1
            number = state.requests
        rule = state.rule("rules", state.script.get("rules", []), text)
        time.sleep(rule.get("delay_seconds", 0))
        pay_first = state.script.get("pay_first")
        if pay_first:
            self._pay(text)
        if rule.get("hold") or number > state.script.get("hold_after", float("inf")):
            state.hold()
        if "status" in rule:
            self._error(rule)
            return
        answer = make(body, rule)
        if rule.get("drop"):
            self._send(200, answer, half=True)
            raise Dropped
        # Before it is sent: whoever is killed while it reads has paid.
        if not pay_first:
            self._pay(text)
        self._send(200, answer)

    def _pay(self, text: str) -> None:
        with self.state.mutex:
            self.state.paid[text] += 1

    def _batches(self, path: str, body: JSON) -> None:
        state = self.state
        rest = path.removeprefix("/v1/messages/batches").strip("/")
        if not rest and self.command == "POST":
            self._make_batch(body)
        elif not rest:
            with state.mutex:
                listed = [self._told(batch) for batch in reversed(state.batches.values())]
            page = {"data": listed, "has_more": False, "first_id": None, "last_id": None}
            self._send(200, page)
        elif rest.partition("/")[0] not in state.batches:
            self._error({"status": 404, "error_type": "not_found_error", "message": "no batch"})
        elif rest.endswith("/results"):
            self._results(state.batches[rest.partition("/")[0]])
        else:
            batch = state.batches[rest]
            with state.mutex:
                batch["polled"] += 1
            self._send(200, self._told(batch))

    def _make_batch(self, body: JSON) -> None:
        state = self.state
        plan = state.script.get("batch", {})
        rule = state.rule("create", plan.get("create", []), "")
        if rule.get("drop") == "before":
            raise Dropped
        if "status" in rule and not rule.get("made"):
            self._error(rule)
            return
        rows = [self._row(row, plan) for row in body["requests"]]
        with state.mutex:
            name = f"msgbatch_{len(state.batches) + 1}"
            batch = {"id": name, "rows": rows, "polled": 0, "created": datetime.now(UTC)}
            state.batches[name] = batch
            state.paid.update(
                row["custom_id"] for row in rows if row["result"]["type"] == "succeeded"
            )
        if rule.get("hold"):
            state.hold()
        if rule.get("drop") == "after":
            raise Dropped
        if "status" in rule:
            self._error(rule)
            return
        self._send(200, self._told(batch))

    def _row(self, row: JSON, plan: JSON) -> JSON:
        state, text = self.state, user_text(row["params"])
        fate = state.rule("rows", plan.get("rows", []), row["custom_id"], text)
        kind = fate.get("type", "succeeded")
        result: JSON = {"type": kind}
        if kind == "succeeded":
            rule = state.rule("rules", state.script.get("rules", []), text)
            result["message"] = message(row["params"], rule)
        if kind == "errored":
            error = {"type": fate.get("error_type", "api_error"), "message": "no luck"}
            result["error"] = {"type": "error", "error": error}
        return {"custom_id": row["custom_id"], "result": result}

    def _told(self, batch: JSON) -> JSON:
        ended = batch["polled"] > self.state.script.get("batch", {}).get("polls", 0)
        kinds = Counter(row["result"]["type"] if ended else "processing" for row in batch["rows"])
        names = ("processing", "succeeded", "errored", "canceled", "expired")
        host = self.headers.get("host")
        return {
            "id": batch["id"],
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": {name: kinds[name] for name in names},
            "created_at": batch["created"].isoformat(),
            "expires_at": (batch["created"] + timedelta(days=1)).isoformat(),
            "ended_at": batch["created"].isoformat() if ended else None,
            "results_url": f"http://{host}/v1/messages/batches/{batch['id']}/results"
            if ended
            else None,
        }

    def _results(self, batch: JSON) -> None:
        plan = self.state.script.get("batch", {})
        rows = batch["rows"][::-1] if plan.get("order") == "reversed" else batch["rows"]
        lines = [json.dumps(row) + "\n" for row in rows]
        cut = self.state.rule("cut", [plan["cut_results"]] if "cut_results" in plan else [], "")
        whole = "".join(lines).encode()
        if cut:
            kept = "".join(lines[: cut["after"]]).encode()
            if cut.get("clean"):
                self._head(200, len(kept), {"content-type": "application/binary"})
                self.wfile.write(kept)
                return
            self._head(200, len(whole), {"content-type": "application/binary"})
            self.wfile.write(kept + lines[cut["after"]][:10].encode())
            if cut.get("hold"):
                self.wfile.flush()
                self.state.hold()
            raise Dropped
        self._head(200, len(whole), {"content-type": "application/binary"})
        self.wfile.write(whole)

    def _error(self, rule: JSON) -> None:
        words = rule.get("message", "no")
        if rule.get("echo"):
            # Of all the ways to answer, the worst: the key comes back.
            words += f" authorization was {self.headers.get('authorization')}"
        error: JSON = {"type": rule.get("error_type", "api_error"), "message": words}
        error["code"] = rule.get("error_code")
        if rule.get("error_code"):
            error["details"] = {"error_code": rule["error_code"]}
        self._send(rule["status"], {"type": "error", "error": error}, rule.get("headers", {}))

    def _head(self, status: int, length: int, headers: JSON) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.send_header("content-length", str(length))
        self.end_headers()

    def _send(
        self, status: int, body: Any, headers: JSON | None = None, *, half: bool = False
    ) -> None:
        full = json.dumps(body).encode()
        self._head(status, len(full), {"content-type": "application/json", **(headers or {})})
        self.wfile.write(full[: len(full) // 2] if half else full)
        self.wfile.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", type=Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    script = json.loads(options.script.read_text()) if options.script else {}
    handler = type("BoundHandler", (Handler,), {"state": State(script)})
    server = ThreadingHTTPServer(("127.0.0.1", options.port), handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main()
