"""`benchharness compare MODEL…`: leaderboards of models, and of variants of their vectors."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchharness.models.cache import EmbeddingCache, default_cache_folder
from benchharness.models.encoder import Role
from benchharness.models.registry import register
from benchharness.models.spec import ModelSpec
from benchharness.report.verdict_file import read_report
from benchharness.testing import HashEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.cli.conftest import Ran, Shell

WORDS = """
words = Suite(
    name="words",
    dataset=beir("data/words"),
    models=["hash"],
    measures=["recall@1", "ndcg@10"],
    gates=[Gate.floor("recall@1", 0.99)],
)
"""
SPECS = ("hash@dim=512", "hash@dim=8", "bm25")
ENCODED: Counter[tuple[str, str, str]] = Counter()


class Dense(HashEncoder):
    """Words have seeded normal vectors, so that no cut of one is zero; counts what it encodes."""

    def encode(
        self, texts: Sequence[str], role: Role
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        ENCODED.update((self.spec, role, text) for text in texts)
        rows = [np.sum([self._vector(word) for word in text.split()], axis=0) for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.dim)
        yield np.arange(len(texts)), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"dense {self.dim} {self.salt}".encode()).hexdigest()

    def _vector(self, word: str) -> NDArray[np.float64]:
        digest = hashlib.sha256(f"{self.salt}{word}".encode()).digest()
        seed = int.from_bytes(digest[:8], "little")
        return np.random.default_rng(seed).normal(size=self.dim)


def _dense(spec: ModelSpec) -> Dense:
    options = dict(spec.options)
    return Dense(int(options.get("dim", 32)), options.get("salt", ""), spec.text)


@pytest.fixture
def words(shell: Shell) -> Shell:
    """A suite of 60 queries, and the spec `dense`."""
    register("dense", _dense)
    ENCODED.clear()
    shell.write_words("words", 60)
    shell.write_suite("words", WORDS)
    return shell


def _rank(shell: Shell, *arguments: str) -> Ran:
    return shell("compare", *arguments, "--suite", "words", "--no-speed")


def _rows(ran: Ran, board: int = 0) -> dict[str, Any]:
    return {row["spec"]: row for row in ran.json["leaderboards"][board]["standings"]}


def test_any_number_of_models_are_ranked(words: Shell) -> None:
    """By the suite's first measure; no gate judges, so the exit code is 0."""
    ran = _rank(words, *SPECS)

    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0] == "words: 3 rows by recall@1"
    assert lines[3].startswith("bm25 ")
    assert "1.0000 [" in lines[3]
    assert " best" in lines[3]
    assert [line.split()[0] for line in lines[4:6]] == ["hash@dim=512", "hash@dim=8"]
    assert "tied: not distinguishable from the best at 0.05 on 60 queries" in ran.out
    assert "\x1b" not in ran.out
    assert "no --gate is given" not in ran.out


def test_two_models_are_also_compared_below(words: Shell) -> None:
    """From A to B in the order that was given; the exit code is the comparison's."""
    ran = _rank(words, "hash@dim=512", "hash@dim=8")
    json = _rank(words, "hash@dim=512", "hash@dim=8", "--json")

    board, _, comparison = ran.out.partition("no --gate is given")
    assert ran.code == json.code == 1
    assert "2 rows by recall@1" in board
    assert "words: hash@dim=512 → hash@dim=8" in comparison
    assert list(json.json) == ["leaderboards", "comparisons"]
    pair = json.json["comparisons"][0]
    assert pair["before"] == {"model": "hash@dim=512", "place": "hash@dim=512, measured now"}
    assert {gate["measure"]: gate["outcome"] for gate in pair["gates"]}["recall@1"] == "regressed"


def test_the_comparison_agrees_with_the_leaderboard(words: Shell) -> None:
    """One measurement behind both: the same difference, the same interval."""
    ran = _rank(words, "hash@dim=512", "hash@dim=8", "--json")

    gate = ran.json["comparisons"][0]["gates"][0]
    row = _rows(ran)["hash@dim=8"]
    assert gate["measure"] == "recall@1"
    assert row["to_best"] == gate["delta"]
    assert row["to_best_ci90"] == gate["comparison"]["interval"]


def test_a_gate_compares_two_models_without_a_leaderboard(words: Shell) -> None:
    ran = _rank_with_gate(words, "hash@dim=512", "hash@dim=8")

    assert ran.code == 1
    assert list(ran.json) == ["default_margin", "pairs", "without_partner"]


def _rank_with_gate(shell: Shell, *models: str) -> Ran:
    gate = ("--gate", "recall@1:margin=0.02")
    return shell("compare", *models, "--suite", "words", *gate, "--json")


def test_cuts_and_codes_are_rows_of_their_own_crossed(words: Shell) -> None:
    """The full vectors, each cut, then each code of all of them; a lexical system has one row."""
    ran = _rank(words, "dense", "bm25", "--json",
                "--matryoshka", "16,32,8", "--precision", "float32,int8,binary")  # fmt: skip

    rows = _rows(ran)
    assert set(rows) == {
        "bm25", "dense", "dense cut to 16", "dense cut to 8", "dense, int8",
        "dense cut to 16, int8", "dense cut to 8, int8", "dense, binary",
        "dense cut to 16, binary", "dense cut to 8, binary",
    }  # fmt: skip
    sizes = {spec: (row["dimension"], row["bytes_per_vector"]) for spec, row in rows.items()}
    assert sizes["bm25"] == (None, 16.0)  # of its index
    assert sizes["dense"] == (32, 128)
    assert sizes["dense cut to 8"] == (8, 32)
    assert sizes["dense cut to 16, int8"] == (16, 16)
    assert sizes["dense cut to 16, binary"] == (16, 2)
    assert rows["dense"]["loss"] is None
    assert {row["loss"]["of"] for row in rows.values() if row["loss"]} == {"dense"}
    assert sum(row["loss"] is not None for row in rows.values()) == 8


def test_without_float32_only_codes_stand_beside_the_full_vectors(words: Shell) -> None:
    """The full vectors stay: losses are against them."""
    ran = _rank(words, "dense", "--json", "--matryoshka", "8", "--precision", "int8")

    assert set(_rows(ran)) == {"dense", "dense, int8", "dense cut to 8, int8"}


def test_one_encode_serves_all_rows(words: Shell) -> None:
    """Each text once in each role, whatever is cut, quantised, assessed and compared of it.

    Nothing but the full vectors takes room in the cache.
    """
    _rank(words, "dense", "dense@salt=b", "--out", "found",
          "--matryoshka", "16,8", "--precision", "float32,int8,binary")  # fmt: skip

    assert set(ENCODED.values()) == {1}
    assert len(ENCODED) == 2 * 2 * 60
    kept = {model.spec for model in EmbeddingCache(default_cache_folder()).info().models}
    assert kept == {"dense", "dense@salt=b"}


def test_the_margin_judges_losses_and_the_comparison(words: Shell) -> None:
    """0.02 unless it is said: binary codes of 8 components lose more, and less than 99.9 %."""
    spelled = ("dense", "bm25", "--matryoshka", "8", "--precision", "binary", "--json")

    usual, lenient = _rank(words, *spelled), _rank(words, *spelled, "--margin", "0.999")

    losses = [_rows(ran)["dense cut to 8, binary"]["loss"] for ran in (usual, lenient)]
    assert [(one["outcome"], one["margin"]) for one in losses] == [
        ("regressed", 0.02), ("pass", 0.999),
    ]  # fmt: skip
    gates = [ran.json["comparisons"][0]["gates"][0]["margin"] for ran in (usual, lenient)]
    assert gates == [0.02, 0.999]


def test_speeds_are_relative_to_the_first_encoder(words: Shell) -> None:
    """Variants have their model's, systems without vectors none; one encoder has none either."""
    asked = ("--suite", "words", "--json")

    ran = words("compare", "bm25", "hash", "dense", "--precision", "int8", *asked)
    alone = words("compare", "bm25", "hash", *asked)

    speeds = {spec: row["speed"] for spec, row in _rows(ran).items()}
    assert speeds["bm25"] is None
    assert speeds["hash"] == speeds["hash, int8"] == 1.0
    assert speeds["dense"] == speeds["dense, int8"] > 0
    assert {row["speed"] for row in _rows(alone).values()} == {None}
    assert {row["speed"] for row in _rows(_rank(words, "hash", "dense", "--json")).values()} == {
        None
    }


def test_latencies_are_of_every_system_that_was_named(words: Shell) -> None:
    """Rule: pipelines and lexical systems too; the first one named is what others are relative to.

    A variant has none: it is searched as full vectors here. Queries are encoded anew: 50, ten of
    them twice, and one in each of six turns.
    """
    specs = ("bm25", "dense", "hybrid(bm25,dense)")
    asked = ("--suite", "words", "--json")

    ran = words("compare", *specs, "--precision", "int8", *asked)
    encoded = sum(n for (_, role, _), n in ENCODED.items() if role == "query")
    silent = _rank(words, *specs, "--json")

    rows = _rows(ran)
    assert ran.code == 0
    for spec in specs:
        assert 0 < rows[spec]["latency_ms"] <= rows[spec]["latency_p95_ms"]
        assert rows[spec]["latency_ratio"] == pytest.approx(
            rows[spec]["latency_ms"] / rows["bm25"]["latency_ms"]
        )
    assert rows["bm25"]["latency_ratio"] == 1.0
    assert rows["dense, int8"]["latency_ms"] is None
    assert encoded == 60 + 2 * (50 + 10 + 6)
    assert {row["latency_ms"] for row in _rows(silent).values()} == {None}


def test_all_suites_are_ranked_where_none_is_named_and_summed_up(words: Shell) -> None:
    """One board each, and the mean rank by name."""
    ran = words("compare", "dense", "bm25", "dense@salt=b", "--no-speed")

    assert ran.code == 0
    assert "faq: 3 rows by recall@10" in ran.out
    assert "words: 3 rows by recall@1" in ran.out
    assert ran.out.splitlines()[-1].startswith("mean rank over 2 suites (times best): dense ")


def test_data_without_a_suite_are_ranked_too(words: Shell) -> None:
    ran = words("compare", "hash", "--data", "beir:suites/data/words", "--no-speed")

    assert ran.code == 0
    assert ran.out.startswith("words: 1 row by recall@10\n")


def test_a_model_named_twice_is_one_row(words: Shell) -> None:
    ran = _rank(words, "hash", "hash")
    two = _rank(words, "dense", "dense", "bm25", "--json")

    assert ran.code == 0
    assert ran.out.startswith("words: 1 row by recall@1\n")
    assert len(two.json["comparisons"]) == 1


def test_out_holds_a_whole_report_with_the_boards(words: Shell) -> None:
    """The same boards as on stdout, read back as they are; no gate of the suite judges."""
    ran = _rank(words, "dense", "bm25", "--precision", "int8", "--out", "found", "--json")

    report = read_report(words.folder / "found")
    assert [one.result.model for one in report.assessments] == ["dense", "bm25"]
    assert words.verdict("found")["leaderboards"] == ran.json["leaderboards"]
    assert [row.spec for row in report.leaderboards[0].standings] == list(_rows(ran))
    assert report.verdicts == ()
    assert "report: found/verdict.json" in _rank(words, "hash", "--out", "found").out


def test_without_out_nothing_is_written(words: Shell) -> None:
    before = sorted(words.folder.rglob("*.json"))

    _rank(words, "hash", "bm25")

    assert sorted(words.folder.rglob("*.json")) == before
    assert not (words.folder / ".benchharness").exists()


def test_a_model_that_cannot_be_measured_is_named_and_the_others_are_ranked(words: Shell) -> None:
    """Exit code 2; a cut of `hash` holds zero vectors, which have no direction."""
    spelled = ("dense", "hash", "--matryoshka", "2", "--out", "found")

    ran, json = _rank(words, *spelled), _rank(words, *spelled, "--json")

    assert ran.code == json.code == 2
    assert set(_rows(json)) == {"dense", "dense cut to 2", "hash"}
    why = json.json["leaderboards"][0]["left_out"]["hash cut to 2"]
    assert "gave a zero vector for" in why
    assert f"hash cut to 2 has no row: {why}" in " ".join(ran.out.split())
    assert words.verdict("found")["failures"][0]["model"] == "hash cut to 2"
    assert "words: dense → hash" in ran.out


def test_where_no_model_can_be_measured_the_error_is_told(words: Shell) -> None:
    register("broken", lambda spec: Broken(spec=spec.text))

    ran = _rank(words, "broken")

    assert ran.code == 2
    assert "broken gave NaN or infinity for" in ran.err
    assert ran.out == ""


class Broken(HashEncoder):
    """Gives nothing but NaN."""

    def encode(
        self,
        texts: Sequence[str],
        role: Role,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        yield np.arange(len(texts)), np.full((len(texts), self.dim), np.nan, dtype=np.float32)


def test_measure_has_the_board_in_its_report(words: Shell) -> None:
    """Two models of a suite are a board there too, without speeds; one is none."""
    two = words("measure", "--suite", "faq", "--out", "two")
    words("measure", "--suite", "faq", "--model", "hash", "--out", "one")

    (board,) = words.verdict("two")["leaderboards"]
    assert (board["suite"], board["measure"]) == ("faq", "recall@10")
    assert [row["spec"] for row in board["standings"]] == ["bm25", "hash"]
    assert {row["speed"] for row in board["standings"]} == {None}
    assert "faq: 2 rows by recall@10" in two.out
    assert words.verdict("one")["leaderboards"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dense", "--matryoshka", "64"], "dense: vectors of 32 components cannot be cut to 64"),
        (["dense", "--matryoshka", "8,x"], "'x' is no dimension"),
        (["dense", "--matryoshka", "0"], "'0' is no dimension"),
        (["dense", "--matryoshka", ""], "'' is no dimension"),
        (["dense", "--precision", "int7"], "unknown precision 'int7'"),
        (["bm25", "--precision", "int8"], "bm25: no vectors that could be cut or quantised"),
        (["dense", "nowhere"], "unknown model 'nowhere'"),
        (["dense", "dense", "dense", "--gate", "recall@1:margin=0.1"], "two sides are compared"),
        (
            ["dense", "hash", "--gate", "recall@1:margin=0.1", "--margin", "0.1"],
            "both say a margin",
        ),
        (["dense", "--margin", "1"], "--margin 1 is no share"),
        (["dense", "--margin", "nan"], "--margin nan is no share"),
        (["dense", "hash", "--gate", "recall@1:margin=0.1", "--out", "x"], "--out belongs to a"),
        (["baselines", "hash", "--precision", "int8"], "--precision belongs to a leaderboard"),
        (["baselines"], "two sides are compared, and 1 named"),
    ],
)
def test_wrong_usage_is_one_message_before_anything_is_encoded(
    words: Shell, arguments: list[str], message: str
) -> None:
    """Exit code 2, the message on stderr, no traceback, nothing paid for."""
    words.keep("hash")

    ran = words("compare", *arguments, "--suite", "words")

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert not ENCODED
