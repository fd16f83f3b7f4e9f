"""`benchharness fuse`: weights from the training side, and what they are worth."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchharness.models.pipelines import open_pipeline
from benchharness.models.registry import register
from benchharness.models.spec import parse_spec
from benchharness.testing import write_beir

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.cli.conftest import Ran, Shell

ONE, OTHER = "hash@dim=12", "hash@dim=12,salt=b"
_TRAIN, _TEST = 60, 20


@pytest.fixture
def words(shell: Shell) -> Path:
    """The folder of the suite `words`: short texts of 40 words, and hashes that mix them up."""
    rng = random.Random(0)
    vocabulary = [f"word{number:02}" for number in range(40)]
    texts = [rng.sample(vocabulary, 6) for _ in range(_TRAIN + _TEST)]
    corpus = {f"d{row:03}": " ".join(text) for row, text in enumerate(texts)}
    queries = {f"q{row:03}": " ".join(text[:3]) for row, text in enumerate(texts)}
    qrels = {f"q{row:03}": {f"d{row:03}": 1} for row in range(_TRAIN + _TEST)}
    names = sorted(qrels)
    folder = shell.folder / "suites" / "data" / "words"
    for split, kept in (("train", names[:_TRAIN]), ("test", names[_TRAIN:])):
        judged = {name: qrels[name] for name in kept}
        write_beir(folder, corpus, queries, judged, split=split)
    shell.write_suite("words", 'words = Suite(name="words", dataset=beir("data/words"), '
                               'models=["hash"])\n')  # fmt: skip
    return folder


def fused(shell: Shell, *arguments: str) -> Ran:
    return shell("fuse", ONE, OTHER, "--suite", "words", *arguments)


@pytest.mark.usefixtures("words")
def test_what_is_chosen_can_be_written_into_a_suite(shell: Shell) -> None:
    """The line names a spec that opens, and measures."""
    ran = fused(shell, "--top", "30")

    assert ran.code == 0, ran.err
    spec = ran.out.splitlines()[-1].removeprefix('  -> models=["').removesuffix('"]')
    assert open_pipeline(parse_spec(spec), None).spec == spec
    assert spec.startswith(f"hybrid({ONE},{OTHER})@fusion=")
    assert spec.endswith(",top=30")
    assert shell("measure", "--suite", "words", "--model", spec, "--out", "there").code == 0


@pytest.mark.usefixtures("words")
def test_the_table_has_each_system_rrf_and_both_sides_of_the_weights(shell: Shell) -> None:
    ran = fused(shell)

    lines = ran.out.splitlines()
    assert lines[0] == "words: 60 training queries, ndcg@10, the first 100 of each system"
    assert [line.split("  ")[1] for line in lines[2:5]] == [ONE, OTHER, "rrf (k=60)"]
    assert "wsum (min-max), by the other half" in lines[5]
    assert "against rrf" in lines[5]
    assert lines[6].endswith("chosen on these queries: optimistic")


@pytest.mark.usefixtures("words")
def test_json_holds_what_is_printed(shell: Shell) -> None:
    ran = fused(shell, "--json", "--measure", "recall@5", "--norm", "zmuv")

    told = ran.json
    assert told["queries"] == 60
    assert told["measure"] == "recall@5"
    assert set(told["alone"]) == {ONE, OTHER}
    assert told["weighted"]["fusion"]["norm"] == "zmuv"
    low, high = told["weighted"]["over_rrf"]["interval"]
    assert low <= told["weighted"]["value"] - told["rrf"]["value"] <= high
    assert told["weighted"]["value_where_chosen"] >= max(told["alone"].values())


def test_values_are_those_of_measuring_the_training_side(shell: Shell, words: Path) -> None:
    """Each part, and rrf as the hybrid that a suite would name, through `measure`."""
    told = fused(shell, "--json").json

    measured = {}
    for spec in (ONE, OTHER, f"hybrid({ONE},{OTHER})"):
        data = ("--data", f"beir:{words}", "--split", "train", "--model", spec)
        assert shell("measure", *data, "--measures", "ndcg@10", "--out", "there").code == 0
        (result,) = shell.verdict("there")["results"]
        measured[spec] = result["measures"]["ndcg@10"]["value"]

    assert told["alone"] == pytest.approx({ONE: measured[ONE], OTHER: measured[OTHER]})
    assert told["rrf"]["value"] == pytest.approx(measured[f"hybrid({ONE},{OTHER})"])


def test_the_test_judgments_change_nothing(shell: Shell, words: Path) -> None:
    """Rule: what is judged by the test side is not chosen by it."""
    before = fused(shell)
    qrels = words / "qrels" / "test.tsv"
    head, *rows = qrels.read_text(encoding="utf-8").splitlines()
    nonsense = [f"{row.split()[0]}\td000\t{number % 3}" for number, row in enumerate(rows)]
    qrels.write_text("\n".join([head, *nonsense]) + "\n", encoding="utf-8")

    after = fused(shell)

    assert after.code == 0
    assert after.out == before.out


def test_the_texts_of_test_queries_change_nothing_unless_they_are_training_queries(
    shell: Shell, words: Path
) -> None:
    """A test query that is asked in training takes that one out, which is counted."""
    before = fused(shell)
    lines = [json.loads(line) for line in (words / "queries.jsonl").read_text().splitlines()]
    for number, line in enumerate(lines[_TRAIN:]):
        line["text"] = lines[7]["text"] if number == 0 else f"nonsense {number}"
    (words / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    after = fused(shell)

    assert "left out" not in before.out
    assert after.out.startswith("words: 59 training queries")
    assert "left out, as the test side asks the same: 1 training query\n" in after.out


@dataclass(frozen=True)
class Loud:
    """A ranker that prefers late documents, with scores that drown all others."""

    spec: str
    trainable = False
    fingerprint = "loud"
    details: Mapping[str, str] = field(default_factory=dict)
    encode_path = "none"

    def scores(
        self, documents: Sequence[str], queries: Sequence[str]
    ) -> Iterator[NDArray[np.float32]]:
        yield from (1000 * np.arange(len(documents), dtype=np.float32) for _ in queries)


@pytest.mark.usefixtures("words")
def test_a_system_without_weight_is_named(shell: Shell) -> None:
    """The least weight for `loud` would hide what bm25 finds."""
    register("loud", lambda spec: Loud(spec.text))

    ran = shell("fuse", "bm25", "loud", "--suite", "words", "--norm", "none")

    assert "  loud has no weight: leave it out, and choose for the others\n" in ran.out
    assert ran.out.endswith('  -> models=["bm25"]\n')


@pytest.mark.usefixtures("words")
def test_two_runs_print_the_same(shell: Shell) -> None:
    assert fused(shell).out == fused(shell).out


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fusion", "rrf"), "--fusion rrf has no weights to choose"),
        (("--fusion", "wsun"), "did you mean wsum"),
        (("--norm", "minmax"), "did you mean min-max"),
        (("--measure", "rbp.95"), "cannot choose weights"),
        (("--measure", "ndgc@10"), "did you mean ndcg"),
        (("--limit", "19"), "19 training queries"),
        (("--top", "0"), "--top 0 leaves nothing"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    ran = fused(shell, *arguments)

    assert ran.code == 2
    assert said in ran.err
    assert "  -> " in ran.err


@pytest.mark.parametrize("systems", [("hash",), ("hash", "hash"), ("a", "b", "c", "d", "e")])
def test_two_to_four_different_systems_are_fused(shell: Shell, systems: tuple[str, ...]) -> None:
    ran = shell("fuse", *systems, "--suite", "faq")

    assert ran.code == 2
    assert "two to 4 different systems" in ran.err


def test_a_suite_without_a_training_side_is_refused(shell: Shell) -> None:
    """`faq` has a test split only."""
    ran = shell("fuse", "hash", "bm25", "--suite", "faq")

    assert ran.code == 2
    assert "train" in ran.err
