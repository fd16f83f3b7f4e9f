"""`serve`: a model behind HTTP."""

from __future__ import annotations

import argparse

from benchharness.cli.arguments.common import Commands, command


def add_serve(commands: Commands) -> None:
    parser = command(
        commands,
        "serve",
        "serving:serve",
        "serve a model over HTTP, as TEI and OpenAI do, for staging and tests",
    )
    parser.add_argument("model", metavar="SPEC", help="a model, such as minilm, or a directory")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=int, default=8000, metavar="N", help="0 takes a free one (default: 8000)"
    )
    parser.add_argument(
        "--api-key-env",
        metavar="NAME",
        help="environment variable with the key that clients must send",
    )
    _add_limits(parser)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits = parser.add_argument_group("limits", "what is encoded together, and what is refused")
    for name, kind, text in (
        (
            "batch-tokens",
            int,
            "tokens that are encoded together (default: 2048; a GPU takes 16384)",
        ),
        ("batch-texts", int, "texts that are encoded together (default: 64)"),
        ("wait-ms", float, "how long a batch waits for other clients (default: 2)"),
        ("body-bytes", int, "of a request (default: 4000000)"),
        ("texts", int, "in a request (default: 2048)"),
        ("queue", int, "requests at the same time; one more is told to come back (default: 512)"),
    ):
        limits.add_argument(
            f"--max-{name}", type=kind, metavar="N", help=text, default=argparse.SUPPRESS
        )
