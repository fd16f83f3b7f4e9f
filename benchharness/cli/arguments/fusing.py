"""`fuse`: the weights of a hybrid, chosen where nothing is judged by them."""

from __future__ import annotations

from benchharness.cli.arguments.common import Commands, add_data, add_quiet, command


def add_fuse(commands: Commands) -> None:
    text = "choose the weights of a hybrid on the training side of a suite"
    parser = command(commands, "fuse", "fusing:fuse", text)
    parser.add_argument(
        "systems", nargs="+", metavar="SPEC", help="two to four systems, such as bm25 minilm"
    )
    task = parser.add_argument_group("task", "whose training queries choose")
    add_data(task, task.add_mutually_exclusive_group(), "looked up in ./suites")
    how = parser.add_argument_group("fusion", "what is weighed, and by what it is chosen")
    how.add_argument(
        "--fusion",
        default="wsum",
        metavar="METHOD",
        help="wsum (the default), mixed, wmnz or weighted_bordafuse",
    )
    how.add_argument(
        "--norm",
        metavar="NORM",
        help="how scores are normalised before they are added (default: min-max)",
    )
    how.add_argument(
        "--measure", default="ndcg@10", metavar="MEASURE", help="what decides (default: ndcg@10)"
    )
    how.add_argument(
        "--top",
        type=int,
        metavar="N",
        help="documents of each system that are fused (default: 100)",
    )
    how.add_argument(
        "--limit",
        type=int,
        default=1000,
        metavar="N",
        help="training queries that choose, by a hash of their ids (default: 1000)",
    )
    add_quiet(parser)
