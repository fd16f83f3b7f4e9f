"""`generate`: queries that a language model writes for the passages of a corpus."""

from __future__ import annotations

import argparse

from benchharness.cli.arguments.common import Commands, add_quiet, command
from benchharness.cli.arguments.llm import add_llm


def add_generate(commands: Commands) -> None:
    text = "have a language model write queries for the passages of a corpus"
    parser = command(commands, "generate", "generating:generate", text)
    parser.add_argument(
        "corpus",
        nargs="?",
        metavar="CORPUS",
        help="beir:DIR, docstrings:PACKAGE, a JSON lines file, or a folder of .md and .txt files",
    )
    parser.add_argument(
        "--suite",
        metavar="NAME|FILE",
        help="the corpus of a suite, without the documents and queries of its test side",
    )
    parser.add_argument(
        "--with-test-documents",
        action="store_true",
        help="ask about documents that are relevant to the suite's test queries, too",
    )
    parser.add_argument(
        "--model",
        metavar="SPEC",
        help="the model to be trained: counts tokens, and must find the passages again "
        "(default: the suite's first that encodes)",
    )
    add_llm(parser)
    _add_asking(parser)
    _add_queries(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="the pairs as JSON lines; beside it FILE.run/ with the answers and report.json "
        "(default: .benchharness/generate/NAME.jsonl)",
    )
    parser.add_argument(
        "--eval", metavar="DIR", help="also write the queries as an evaluation set (BEIR's layout)"
    )
    add_quiet(parser)


def _add_asking(parser: argparse.ArgumentParser) -> None:
    asking = parser.add_argument_group(
        "asking",
        "nothing is paid for twice: what was on its way when a run was killed is left out, and "
        "--batch finds it again",
    )
    asking.add_argument(
        "--batch", action="store_true", help="by the Message Batches API, for half the price"
    )
    asking.add_argument(
        "--concurrency", type=int, default=8, metavar="N", help="requests at once (default: 8)"
    )
    asking.add_argument(
        "--poll-seconds",
        type=float,
        default=60.0,
        metavar="S",
        help="between two looks at a batch (default: 60)",
    )


def _add_queries(parser: argparse.ArgumentParser) -> None:
    queries = parser.add_argument_group("queries")
    queries.add_argument(
        "--queries", type=int, default=3, metavar="N", help="for each passage (default: 3)"
    )
    queries.add_argument(
        "--types",
        default="question,keywords,paraphrase,how-to,misspelt",
        metavar="LIST",
        help="among which each passage's are drawn "
        "(default: question,keywords,paraphrase,how-to,misspelt)",
    )
    queries.add_argument(
        "--passages", type=int, metavar="N", help="ask about so many, spread over the documents"
    )
    queries.add_argument(
        "--passage-tokens",
        type=int,
        default=256,
        metavar="N",
        help="the longest passage, in tokens of --model (default: 256, or what the model reads)",
    )
    queries.add_argument(
        "--overlap", type=int, default=0, metavar="N", help="tokens that neighbours share at most"
    )
    queries.add_argument(
        "--min-words", type=int, default=8, metavar="N", help="of a passage (default: 8)"
    )
    queries.add_argument(
        "--round-trip",
        type=int,
        default=20,
        metavar="K",
        help="a query's passage must be among the model's first K; 0 turns it off (default: 20)",
    )
    queries.add_argument(
        "--answer-tokens",
        type=int,
        default=1000,
        metavar="N",
        help="the longest answer, thinking included (default: 1000)",
    )
    queries.add_argument("--seed", type=int, default=0, metavar="N", help="of every choice")
