"""What every command that asks a language model has: which one, and what it may cost."""

from __future__ import annotations

import argparse


def add_llm(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("language model", "a run that pays names a limit")
    group.add_argument(
        "--llm",
        required=True,
        metavar="SPEC",
        help="anthropic:MODEL, openai:MODEL or openai:MODEL@URL; there is no default",
    )
    group.add_argument(
        "--price", metavar="IN/OUT", help="USD per million tokens read/written, as the service says"
    )
    group.add_argument(
        "--ask-again",
        action="store_true",
        help="ask once more what was on its way when a run was killed: the service may charge it "
        "a second time (default: left out)",
    )
    limit = group.add_mutually_exclusive_group()
    limit.add_argument(
        "--max-cost", type=float, metavar="USD", help="stop before more is spent; needs --price"
    )
    limit.add_argument(
        "--max-tokens", type=int, metavar="N", help="stop before more tokens are read and written"
    )
    limit.add_argument(
        "--dry-run", action="store_true", help="print the estimate and stop; costs nothing"
    )
