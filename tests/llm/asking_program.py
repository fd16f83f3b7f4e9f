"""A run as a process of its own, to be killed and begun again.

python asking_program.py all|again FOLDER COUNT CONCURRENCY
python asking_program.py batches FOLDER COUNT BATCH_SIZE
"""

from __future__ import annotations

import sys
from pathlib import Path

import pydantic

from benchharness.errors import BenchError
from benchharness.llm.anthropic_api import AnthropicModel
from benchharness.llm.asking import ask_all
from benchharness.llm.batching import ask_in_batches
from benchharness.llm.journal import Journal
from benchharness.llm.model import Request
from benchharness.llm.spending import Limits


class Queries(pydantic.BaseModel):
    queries: list[str]


def main() -> int:
    how, folder = sys.argv[1], Path(sys.argv[2])
    count, size = map(int, sys.argv[3:])
    requests = (
        Request(f"k{number}", "the rules", f"passage number {number}", 100)
        for number in range(count)
    )
    model = AnthropicModel("some-model", max_retries=2)
    try:
        with Journal(folder / "answers.jsonl", {"model": model.spec}) as journal:
            if how != "batches":
                asked = ask_all(
                    requests,
                    model,
                    Queries,
                    journal,
                    Limits(),
                    concurrency=size,
                    ask_again=how == "again",
                )
            else:
                asked = ask_in_batches(
                    requests,
                    model,
                    Queries,
                    journal,
                    Limits(),
                    folder=folder,
                    poll_seconds=0.01,
                    per_batch=size,
                )
    except BenchError as error:
        print(error)  # noqa: T201
        return 1
    left_out = [] if how == "batches" else [len(asked.left_out)]
    print(dict(asked.counts), asked.kept, *left_out)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
