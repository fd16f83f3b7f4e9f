"""`digest`: what a language model sees among the lost queries of a report."""

from __future__ import annotations

from benchharness.cli.arguments.common import Commands, add_quiet, command
from benchharness.cli.arguments.llm import add_llm


def add_digest(commands: Commands) -> None:
    parser = command(
        commands,
        "digest",
        "digesting:digest",
        "group the lost queries of a report into themes, by a language model; decides nothing",
    )
    parser.add_argument("run", metavar="RUN", help="a report's folder, whose texts are sent")
    add_llm(parser)
    add_quiet(parser)
