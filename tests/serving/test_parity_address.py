"""What a user types for a server, and which model spec it becomes."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchharness.errors import ModelError, UsageError
from benchharness.serving.parity_address import served_spec


@pytest.fixture
def serving():
    """Serves the pages (path -> JSON, or bytes) until the test ends; gives the URL."""
    running = []

    def start(pages):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                page = pages.get(self.path)
                body = page if isinstance(page, bytes) else json.dumps(page).encode()
                self.send_response(404 if page is None else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_that_answers_info_is_tei(serving):
    url = serving({"/info": {"model_id": "minilm", "max_input_length": 256}})

    assert served_spec(url) == f"tei:{url}"
    assert served_spec(f"{url}/") == f"tei:{url}/"


def test_options_stay_behind_the_url(serving):
    url = serving({"/info": {"model_id": "minilm"}})

    assert served_spec(f"{url}@query_prompt=q: ") == f"tei:{url}@query_prompt=q: "


@pytest.mark.parametrize("spec", ["tei:http://x", "openai:m@http://x/v1", "minilm@dim=64", "./m"])
def test_a_spec_is_left_as_it_is(spec):
    """Rule: nobody is asked."""
    assert served_spec(spec) == spec


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
def test_another_server_says_what_to_write(serving, path):
    """Rule: with the names that it lists."""
    url = serving({path: {"data": [{"id": "minilm"}, {"id": "e5"}, "odd"]}})

    with pytest.raises(UsageError) as caught:
        served_spec(url)

    base = url + path.removesuffix("/models")
    assert caught.value.remedy == (f"write tei:{url}, or openai:minilm@{base} or openai:e5@{base}")


@pytest.mark.parametrize(
    "pages",
    [{}, {"/info": b"<html>"}, {"/info": []}, {"/info": {"name": "x"}, "/v1/models": {"data": 7}}],
    ids=["nothing", "html", "a list", "something else"],
)
def test_a_server_that_says_nothing_gets_the_pattern(serving, pages):
    url = serving(pages)

    with pytest.raises(UsageError) as caught:
        served_spec(url)

    assert caught.value.remedy == f"write tei:{url}, or openai:MODEL@{url}/v1"


def test_nobody_at_home_is_said():
    with pytest.raises(ModelError, match="the server cannot be reached"):
        served_spec("http://127.0.0.1:9")


@pytest.mark.parametrize("typed", ["localhost:8080", "127.0.0.1:8080/v1", "my-host.example:80"])
def test_a_host_without_a_scheme_is_no_model(typed):
    with pytest.raises(UsageError) as caught:
        served_spec(typed)

    assert caught.value.remedy == f"write http://{typed}"


def test_a_password_is_refused_and_not_repeated():
    with pytest.raises(UsageError) as caught:
        served_spec("http://user:hunter2@127.0.0.1:9")

    assert "hunter2" not in str(caught.value)
