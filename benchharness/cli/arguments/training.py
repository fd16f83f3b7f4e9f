"""`tune`: from a base model to a better one."""

from __future__ import annotations

from benchharness.cli.arguments.common import (
    Commands,
    add_quiet,
    add_task,
    command,
)


def add_tune(commands: Commands) -> None:
    parser = command(commands, "tune", "tuning:tune", "fine-tune a model, judged against its base")
    add_task(parser, "looked up in ./suites")
    parser.add_argument(
        "--folds",
        type=int,
        default=5,
        metavar="N",
        help="judge the recipe out of fold; 0 trains once and judges on the held-out queries "
        "alone (default: 5)",
    )
    parser.add_argument(
        "--folds-by",
        default="component",
        metavar="component|query",
        help="what stays together in a fold: all that shares a document (the default), or only "
        "equal queries, for new queries about documents that were trained on",
    )
    parser.add_argument("--recipe", metavar="FILE", help="settings, as TOML")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the recipe, such as learning_rate=5e-5; repeat for more",
    )
    parser.add_argument(
        "--teacher",
        metavar="SPEC",
        help="a model whose vectors are learnt too, also one behind a URL; the setting teacher",
    )
    parser.add_argument(
        "--pairs",
        action="append",
        default=[],
        metavar="FILE",
        help="further training pairs, JSON lines with query and positive; repeat for more",
    )
    parser.add_argument(
        "--guard",
        action="append",
        default=[],
        metavar="SUITE",
        help="a suite that must not become worse; repeat for more",
    )
    parser.add_argument(
        "--pilot", action="store_true", help="one quick fold: the gain to expect, and the minutes"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the run (default: .benchharness/tune/SUITE/MODEL)"
    )
    add_quiet(parser)
