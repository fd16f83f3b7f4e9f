"""`report` and `explain`: what was measured, in another form or one query at a time."""

from __future__ import annotations

from benchharness.cli.arguments.common import (
    Commands,
    add_baselines,
    add_data,
    add_quiet,
    command,
)

FORMATS = ("html", "md", "csv", "latex", "json", "junit", "github-benchmark", "mteb")
TRACKERS = ("mlflow", "trackio")


def add_report(commands: Commands) -> None:
    parser = command(commands, "report", "rendering:report", "show stored results in another form")
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="a folder with a verdict.json; several are one report, each suite and model once",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="default: by the ending of --out, else md"
    )
    parser.add_argument(
        "--out", metavar="FILE", help="default: stdout; a folder for several results of mteb"
    )
    parser.add_argument(
        "--to", choices=TRACKERS, help="log the results there, a run for each suite and model"
    )
    parser.add_argument(
        "--project", metavar="NAME", help="experiment or project of --to (default: benchharness)"
    )
    parser.add_argument(
        "--history",
        metavar="FILE.jsonl",
        help="earlier results, one a line, in place of the committed baselines'",
    )
    add_baselines(parser)


def add_explain(commands: Commands) -> None:
    parser = command(
        commands, "explain", "explaining:explain", "show what two models rank for one query"
    )
    parser.add_argument("query_id", metavar="QUERY_ID", help="of a judged query")
    parser.add_argument(
        "sides",
        nargs="+",
        metavar="MODEL|RUN",
        help="one or two models to measure, with --suite or --data; or folders with a verdict.json",
    )
    task = parser.add_argument_group("task", "what models are measured on")
    add_data(task, task.add_mutually_exclusive_group(), "of stored runs, its name")
    task.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="SPEC",
        help="of a stored run that holds several; repeat for a second",
    )
    parser.add_argument(
        "--depth", type=int, default=10, metavar="N", help="ranks shown (default: 10)"
    )
    add_quiet(parser)
