"""`cache` and `doctor`: what lies on this machine."""

from __future__ import annotations

from benchharness.cli.arguments.common import (
    Commands,
    command,
)


def add_cache(commands: Commands) -> None:
    cache = commands.add_parser("cache", help="look at the embedding cache, or make it smaller")
    parts = cache.add_subparsers(title="commands", metavar="COMMAND", required=True)
    command(parts, "info", "caching:info", "where the cache is and what is in it")
    prune = command(parts, "prune", "caching:prune", "delete what was used least recently")
    how = prune.add_mutually_exclusive_group()
    how.add_argument("--max-size", metavar="SIZE", help="keep at most this much, such as 5GB")
    how.add_argument("--all", action="store_true", help="delete everything")
    forget = command(
        parts, "forget", "caching:forget", "take a model behind a URL as it is now, though changed"
    )
    forget.add_argument("spec", metavar="SPEC", help="openai:MODEL@URL or tei:URL")


def add_doctor(commands: Commands) -> None:
    command(commands, "doctor", "doctor:doctor", "check this machine and installation")
