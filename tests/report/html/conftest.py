"""Reports with everything on the page, hostile ones, and a real browser to open them in."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchharness.baseline.history import History, Point
from benchharness.data.lint import Finding
from benchharness.judge.exhibit import Exhibit, ShownDocument, ShownQuery, SliceMean
from benchharness.judge.leaderboard import Leaderboard, Standing
from benchharness.report.html.page import render_page
from benchharness.report.model import Report

HOSTILE = (
    "<script>window.pwned=1</script>",
    "</textarea></script><img src=x onerror=window.pwned=2>",
    "javascript:window.pwned=3",
    "مرحبا \u202eevil\u202c",
    "nul \x00 bell \x07 $x^2$ {{ 7*7 }} ${1}",
    "w" * 3_000,
    "\u2028\u2029 &lt;b&gt; \"'`",
)


def shown(query_id: str, text: str, doc_id: str, value: float = 0.0) -> ShownQuery:
    return ShownQuery(
        query_id, text, {"recall@10": value}, (ShownDocument(doc_id, 1, 27),), 1,
        (ShownDocument(f"{doc_id} first", 0, 1),),
    )  # fmt: skip


def exhibit_for(assessment: Any, letters: str = "text of ") -> Exhibit:
    """What is shown of the first changed queries of an assessment, or of its first ones."""
    changes = [one for v in assessment.verdicts if v.comparison for one in v.comparison.changes]
    ids = list(dict.fromkeys(one.query_id for one in changes))[:50]
    ids = ids or list(assessment.result.query_ids[:50])
    moved = {one.query_id: [m.doc_id for m in one.moved] for one in changes}
    documents = {
        name: f"{letters}{name}"
        for one in changes
        for name in (*[m.doc_id for m in one.moved], *one.newcomers)
    }
    queries = tuple(
        shown(name, f"{letters}{name}", (moved.get(name) or [f"{name}.d"])[0]) for name in ids
    )
    documents |= {f"{name}.d": f"{letters}{name}.d" for name in ids}
    return Exhibit(
        queries=queries,
        documents=documents,
        recall_at={1: 0.2, 5: 0.4, 10: 0.6, 100: 0.9},
        slices=(SliceMean("lang", "de", 40, {"recall@10": 0.5}),
                SliceMean("lang", "en", 60, {"recall@10": 0.75})),
    )  # fmt: skip


def standing(spec: str, value: float, dimension: int, **fields: Any) -> Standing:
    return Standing(
        spec, value, (value - 0.03, value + 0.03), fields.pop("to_best", 0.0),
        fields.pop("p", None), fields.pop("p_holm", None), fields.pop("is_best", False),
        fields.pop("is_tied", False), dimension, 4.0 * dimension, 90_000_000, 1.0, **fields,
    )  # fmt: skip


@pytest.fixture
def whole(assess, change, tuning) -> Report:
    """A report with every section: gates of all kinds, a tuning, a board, a history, findings."""
    lost = change()
    plain = assess("prose", "bm25", findings=[Finding("near", "warning", "two are alike", "d1")])
    beside = assess("prose", "minilm", hits=(1.0,) * 85 + (0.0,) * 15)
    found = [replace(one, exhibit=exhibit_for(one)) for one in (lost, plain, beside)]
    board = Leaderboard("prose", "recall@10", 100, (
        standing("minilm", 0.85, 384, is_best=True, is_on_front=True),
        standing("small", 0.8, 64, to_best=-0.05, p=0.2, p_holm=0.4, is_tied=True),
        standing("bm25", 0.7, 384, to_best=-0.15, p=0.001, p_holm=0.002),
    ))  # fmt: skip
    days = [Point(f"c{n}", f"2026-11-0{n}", {"recall@10": 0.6 + n / 100}, 100) for n in (1, 2, 3)]
    made = Report.of(found)
    return replace(
        made,
        tunings=(tuning(suite="prose"),),
        leaderboards=(board,),
        history=(History("prose", "minilm", tuple(days)),),
    )


@pytest.fixture
def hostile(assess, change) -> Report:
    """Names, queries, documents and findings that a browser must show and never run."""
    found = []
    for number, text in enumerate(HOSTILE):
        one = change(
            suite=f"{text[:60]} {number}", model=text[:90], lost=3, won=0, n=40, prefix=text
        )
        found.append(replace(one, exhibit=exhibit_for(one, letters=text)))
    finding = Finding("code", "warning", HOSTILE[0], HOSTILE[1], HOSTILE[5])
    return Report.of([replace(one, findings=(finding,)) for one in found])


# --- a browser ----------------------------------------------------------------------------------


@dataclass
class Browser:
    """Chromium behind chromedriver, spoken to by the WebDriver protocol."""

    port: int
    folder: Path
    session: str = ""

    def call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"},
            method=method,
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def start(self) -> None:
        options = {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     "--disable-background-networking", "--no-first-run",
                     f"--user-data-dir={self.folder / 'profile'}"],
        }  # fmt: skip
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{made['sessionId']}"

    def open(self, page: str, width: int = 1280, height: int = 800) -> None:
        """Opens the page from disk in a window whose inside has this size."""
        file = self.folder / "report.html"
        file.write_text(page, encoding="utf-8")
        self.log("browser"), self.log("performance")
        params = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", params)
        self.call("POST", f"{self.session}/url", {"url": file.as_uri()})

    def devtools(self, command: str, params: object) -> Any:
        body = {"cmd": command, "params": params}
        return self.call("POST", f"{self.session}/goog/cdp/execute", body)

    def run(self, script: str) -> Any:
        body = {"script": f"return ({script});", "args": []}
        return self.call("POST", f"{self.session}/execute/sync", body)

    def log(self, kind: str) -> list[Any]:
        return self.call("POST", f"{self.session}/se/log", {"type": kind})

    def requests(self) -> list[str]:
        """The addresses that the page asked for since it was opened."""
        events = [json.loads(one["message"])["message"] for one in self.log("performance")]
        return [
            one["params"]["request"]["url"]
            for one in events
            if one["method"] == "Network.requestWillBeSent"
        ]

    def picture(self) -> bytes:
        return base64.b64decode(self.call("GET", f"{self.session}/screenshot"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    driver = shutil.which("chromedriver")
    if driver is None or not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    found = Browser(port, tmp_path_factory.mktemp("browser"))
    try:
        for _ in range(100):
            try:
                found.call("GET", "/status")
                break
            except OSError:
                time.sleep(0.1)
        found.start()
        yield found
        found.call("DELETE", found.session)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def page() -> Callable[..., str]:
    return render_page
