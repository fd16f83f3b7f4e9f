"""How many requests `benchharness serve` answers beside a server that encodes one at a time.

    .venv/bin/python benchmarks/serve_load.py [--model SPEC] [--seconds S] [--json FILE]

Starts two servers as processes of one thread each: one joins the texts of many clients, the other
is the same program that encodes each text by itself. 32 clients, in a process of their own, keep
one connection each and send one text at a time. Rounds alternate between the servers, so that both
see the same machine; the ratio is the median over pairs of rounds. Prints requests a second and
per CPU second of the server, errors, latencies and CPU seconds, of the clients apart, for texts of
up to 16 tokens and for texts of 128 tokens beside them. Exits 1 on any error, or where short texts
are less than 3 times as fast.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchharness.files import write_atomically

WORDS = ("graph", "node", "edge", "path", "tree", "list", "map", "set", "sum", "rank", "word",
         "text", "page", "model", "line", "point", "field", "group", "order", "value")  # fmt: skip
SPECIAL = 2  # tokens that the model adds
KINDS = {"up to 16 tokens": (4, 16), "128 tokens": (128, 128)}
SERVERS = {"joined": [], "one at a time": ["--max-batch-texts", "1", "--max-wait-ms", "0"]}
ROUNDS = 3
LEAST_RATIO = 3.0
WARM_UP_SECONDS = 1.0


@dataclass
class Seen:
    """What the clients of one round saw."""

    seconds: float = 0.0
    errors: int = 0
    latencies_ms: list[float] = field(default_factory=list)


def body(dice: random.Random, tokens: tuple[int, int]) -> bytes:
    count = dice.randint(*tokens) - SPECIAL
    text = " ".join(dice.choice(WORDS) for _ in range(count))
    return json.dumps({"inputs": text}).encode()


async def client(url: str, tokens: tuple[int, int], seed: int, until: float, seen: Seen) -> None:
    """One connection that asks again as soon as it is answered."""
    dice = random.Random(seed)  # noqa: S311
    place = urlsplit(url)
    host, port = str(place.hostname), int(place.port or 80)
    reader, writer = await asyncio.open_connection(host, port)
    while time.perf_counter() < until:
        content = body(dice, tokens)
        head = f"POST /embed HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(content)}\r\n\r\n"
        started = time.perf_counter()
        try:
            writer.write(head.encode() + content)
            answered = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answered.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        except (OSError, EOFError, ValueError):
            seen.errors += 1
            return
        if answered.startswith(b"http/1.1 200"):
            seen.latencies_ms.append(1000 * (time.perf_counter() - started))
        else:
            seen.errors += 1
    writer.close()


async def clients(url: str, tokens: tuple[int, int], number: int, seconds: float) -> Seen:
    warm, seen = Seen(), Seen()
    for one, spent in ((warm, WARM_UP_SECONDS), (seen, seconds)):
        started = time.perf_counter()
        ends = started + spent
        await asyncio.gather(*(client(url, tokens, seed, ends, one) for seed in range(number)))
        one.seconds = time.perf_counter() - started
    seen.errors += warm.errors
    return seen


def inside(arguments: argparse.Namespace) -> None:
    """The clients' process: one round, as JSON."""
    seen = asyncio.run(
        clients(arguments.inside, KINDS[arguments.kind], arguments.clients, arguments.seconds)
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    cut = statistics.quantiles(seen.latencies_ms, n=100) if len(seen.latencies_ms) > 1 else [0] * 99
    print(json.dumps({  # noqa: T201
        "requests": len(seen.latencies_ms), "errors": seen.errors, "seconds": seen.seconds,
        "per_second": len(seen.latencies_ms) / seen.seconds,
        "p50_ms": cut[49], "p95_ms": cut[94], "p99_ms": cut[98],
        "clients_cpu_seconds": used.ru_utime + used.ru_stime,
    }))  # fmt: skip


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used (Linux)."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def start(model: str, options: list[str]) -> tuple[subprocess.Popen[str], str]:
    """The server's process and its URL, once it is ready."""
    command = [sys.executable, "-m", "benchharness", "serve", model, "--port", "0", "--json"]
    threads = {"OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(  # noqa: S603 - ours
        [*command, *options], stdout=subprocess.PIPE, text=True, env=os.environ | threads
    )
    assert server.stdout is not None  # noqa: S101
    return server, json.loads(server.stdout.readline())["url"]


def one_round(server: subprocess.Popen[str], url: str, kind: str, number: int, seconds: float
              ) -> dict[str, Any]:  # fmt: skip
    before = cpu_seconds(server.pid)
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, __file__, "--inside", url, "--kind", kind, "--clients", str(number),
         "--seconds", str(seconds)],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"server_cpu_seconds": cpu_seconds(server.pid) - before}


def joined(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """All rounds of a server as one; latencies are medians of the rounds'."""
    total = {
        name: sum(one[name] for one in rounds)
        for name in ("requests", "errors", "seconds", "server_cpu_seconds", "clients_cpu_seconds")
    }
    latency = {
        name: statistics.median(one[name] for one in rounds)
        for name in ("p50_ms", "p95_ms", "p99_ms")
    }
    rates = {
        "per_second": total["requests"] / total["seconds"],
        "per_cpu_second": total["requests"] / total["server_cpu_seconds"],
    }
    return total | latency | rates


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    running = {name: start(arguments.model, options) for name, options in SERVERS.items()}
    found: dict[str, Any] = {}
    try:
        for kind in KINDS:
            seen: dict[str, list[dict[str, Any]]] = {name: [] for name in running}
            for _ in range(ROUNDS):
                for name, (server, url) in running.items():
                    seconds = arguments.seconds / ROUNDS
                    seen[name].append(one_round(server, url, kind, arguments.clients, seconds))
            pairs = zip(*seen.values(), strict=True)
            ratio = statistics.median(a["per_second"] / b["per_second"] for a, b in pairs)
            found[kind] = {name: joined(rounds) for name, rounds in seen.items()}
            rates = [found[kind][name]["per_cpu_second"] for name in SERVERS]
            found[kind] |= {"ratio": ratio, "cpu_ratio": rates[0] / rates[1]}
    finally:
        for server, _ in running.values():
            server.terminate()
            server.wait()
    return found


COLUMNS = {
    "requests/s": "per_second", "errors": "errors", "p50 ms": "p50_ms", "p95 ms": "p95_ms",
    "p99 ms": "p99_ms", "per CPU s": "per_cpu_second", "server CPU s": "server_cpu_seconds",
    "clients CPU s": "clients_cpu_seconds",
}  # fmt: skip


def show(found: dict[str, Any]) -> None:
    print(f"{'':31}" + "".join(f"{name:>14}" for name in COLUMNS))  # noqa: T201
    for kind, servers in found.items():
        for name in SERVERS:
            cells = "".join(f"{servers[name][column]:14,.1f}" for column in COLUMNS.values())
            print(f"{kind + ', ' + name:31}{cells}")  # noqa: T201
        ratios = f"{servers['ratio']:.2f} (in requests per CPU second {servers['cpu_ratio']:.2f})"
        print(f"{kind}, ratio: {ratios}")  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each server and length")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=tuple(KINDS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside is not None:
        inside(arguments)
        return 0
    found = measured(arguments)
    show(found)
    if arguments.json:
        write_atomically(Path(arguments.json), [json.dumps(found, indent=1), "\n"])
    errors = sum(servers[name]["errors"] for servers in found.values() for name in SERVERS)
    return int(errors > 0 or found["up to 16 tokens"]["ratio"] < LEAST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
