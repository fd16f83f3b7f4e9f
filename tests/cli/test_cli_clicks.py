"""`benchharness pairs clicks`: files, summary, JSON and what is refused."""

from __future__ import annotations

import argparse
import json

import pytest

from benchharness import cli
from benchharness.cli.arguments.clicks import add_clicks
from benchharness.judge.bench import Bench
from benchharness.pairs.clicks.simulation import World, simulate
from benchharness.pairs.pair import read_pairs
from benchharness.suite_file import find_suite
from benchharness.testing import write_beir


def parser():
    """The parser of `pairs clicks` alone."""
    made = argparse.ArgumentParser(prog="benchharness")
    pairs = made.add_subparsers(required=True).add_parser("pairs")
    add_clicks(pairs.add_subparsers(required=True))
    return made


@pytest.fixture
def clicks(shell, monkeypatch):
    """Runs `pairs clicks ARGUMENTS` in a folder with log.csv, its corpus and a suite of it."""
    monkeypatch.setattr(cli, "parser", parser)
    log = simulate(World(queries=60, popularity=0.0), 6000)
    head, *lines = log.lines()
    with (shell.folder / "log.csv").open("w") as file:
        file.write(head.strip() + ",ts\n")
        # The queries 50 to 59 begin late.
        for line in lines:
            page, query = int(line.split(",")[0][1:]), int(line.split(",")[1].split()[1])
            if query < 50 or page >= 4500:
                file.write(f"{line.strip()},{page}\n")
    corpus = dict(log.documents())
    write_beir(shell.folder / "data", corpus, {"q": "a"}, {"q": {"q0d0": 1}})
    return lambda *arguments: shell("pairs", "clicks", *arguments)


DATA = ("--data", "beir:data", "--out", "out.jsonl")


def test_pairs_and_a_report_are_written_and_told(clicks, shell):
    ran = clicks("log.csv", *DATA)

    pairs = read_pairs(shell.folder / "out.jsonl")
    report = json.loads((shell.folder / "out.report.json").read_text())
    assert ran.code == 0, ran.err
    assert len(pairs) == report["pairs"] > 50
    assert pairs[0].positive.startswith("answer ")
    assert f"{len(pairs)} pairs of " in ran.out
    assert "removed, short visits: not run: the log has no dwell_s" in ran.out
    assert "position: fitted; " in ran.out
    assert "NOT CORRECTED" not in ran.out
    assert "wrote out.jsonl and out.report.json" in ran.out
    assert not (shell.folder / "out.later").exists()


def test_json_is_the_report(clicks, shell):
    ran = clicks("log.csv", *DATA, "--json", "--quiet")

    assert ran.json == json.loads((shell.folder / "out.report.json").read_text())
    assert [one["rank"] for one in ran.json["curve"]["ranks"]] == list(range(1, 11))


def test_the_later_queries_can_be_measured_as_the_command_says(clicks, shell):
    """Rule: what is printed after dataset= stands in a suite as it is."""
    ran = clicks("log.csv", *DATA, "--split-at", "4500", "--split-by", "component")
    [how] = [line.partition("dataset=")[2] for line in ran.out.splitlines() if "dataset=" in line]
    shell.write_suite(
        "later", f"from benchharness import jsonl\nc = Suite('later', {how}, ['hash'])\n"
    )

    found = find_suite("later", shell.folder / "suites")[0]
    result = Bench().measure(found.suite, "hash", found.path.parent)

    queries = (shell.folder / "out.later" / "queries.jsonl").read_text().splitlines()
    assert ran.code == 0, ran.err
    assert len(result.query_ids) == len(queries) > 3
    assert "to evaluate on: " in ran.out


def test_a_suite_names_the_corpus(clicks, shell):
    shell.write_suite("clicked", 'c = Suite("clicked", dataset=beir("../data"), models=["hash"])\n')

    ran = clicks("log.csv", "--suite", "clicked", "--out", "out.jsonl", "--eta", "1")

    assert ran.code == 0, ran.err
    assert "position: 1/rank^1" in ran.out


def test_without_correction_it_is_said_in_capitals(clicks):
    ran = clicks("log.csv", *DATA, "--no-debias")

    assert "position: NOT CORRECTED (--no-debias)" in ran.out


def test_a_report_is_a_curve_for_the_next_log(clicks):
    first = clicks("log.csv", *DATA, "--json")

    second = clicks("log.csv", *DATA, "--curve", "out.report.json", "--json")

    examinations = [
        [one["examination"] for one in ran.json["curve"]["ranks"]] for ran in (first, second)
    ]
    assert second.json["curve"]["source"] == "given"
    assert examinations[0] == pytest.approx(examinations[1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("log.csv", "--out", "o.jsonl"), "which corpus"),
        (("log.csv", *DATA, "--min-score", "2"), "--min-score is 2.0"),
        (("log.csv", *DATA, "--clip", "0"), "--clip is 0.0"),
        (("log.csv", *DATA, "--min-clicks", "0"), "--min-clicks is 0"),
        (("log.csv", *DATA, "--later", "1"), "--later is 1.0"),
        (("log.csv", *DATA, "--min-dwell", "nan"), "--min-dwell is nan"),
        (("log.csv", *DATA, "--split-by", "component"), "nothing is split"),
        (("log.csv", *DATA, "--later", "0.2", "--split-by", "komponent"), "komponent"),
        (("log.csv", *DATA, "--split-at", "soon"), "--split-at is 'soon'"),
        (("log.csv", *DATA, "--columns", "rnk=x"), "rnk"),
        (("log.csv", *DATA, "--columns", "rank=position"), "without ranks"),
        (("none.csv", *DATA), "no such file"),
        (("log.csv", *DATA, "--curve", "none.json"), "no such file"),
        (("log.csv", "--data", "beir:data", "--out", "data"), "is a folder"),
        (("log.csv", *DATA, "--min-score", "1"), "the highest is"),
    ],
)
def test_what_cannot_be_done_is_one_error_and_no_file(clicks, shell, arguments, says):
    """Rule: exit code 2, the remedy, no traceback, and nothing written."""
    ran = clicks(*arguments)

    assert ran.code == 2
    assert says in ran.err
    assert "  -> " in ran.err
    assert "Traceback" not in ran.err
    assert not list(shell.folder.glob("o*.json*"))


def test_a_wrong_row_is_named_by_file_and_line(clicks, shell):
    with (shell.folder / "log.csv").open("a") as file:
        file.write("p1,query 1,q1d1,0,1,7\n")
    count = len((shell.folder / "log.csv").read_text().splitlines())

    ran = clicks("log.csv", *DATA)

    assert ran.code == 2
    assert f"log.csv:{count}: rank is '0'" in ran.err


def test_curve_eta_and_no_debias_exclude_each_other(clicks):
    assert clicks("log.csv", *DATA, "--eta", "1", "--no-debias").code == 2


# --- what is there already, and what is tested with -----------------------------------------------


def test_queries_that_the_suite_tests_with_are_left_out(clicks, shell):
    """Rule: by their text, whatever document was judged; counted, and kept where that is asked."""
    shell.write_suite("clicked", 'c = Suite("clicked", dataset=beir("../data"), models=["hash"])\n')
    corpus = {row["_id"]: row["text"] for row in map(json.loads, open_lines(shell, "data/corpus"))}
    write_beir(shell.folder / "data", corpus, {"q": "QUERY  3"}, {"q": {"q0d0": 1}})
    named = ("log.csv", "--suite", "clicked", "--out", "out.jsonl", "--eta", "1")

    ran = clicks(*named)
    without = {pair.query for pair in read_pairs(shell.folder / "out.jsonl")}
    clicks(*named, "--with-test-queries")
    with_them = {pair.query for pair in read_pairs(shell.folder / "out.jsonl")}

    assert ran.code == 0, ran.err
    assert with_them - without == {"query 3"}
    assert "of 1 query that the suite tests with" in ran.out
    report = json.loads((shell.folder / "out.report.json").read_text())
    assert (report["test_pairs"], report["test_queries"]) == (0, 0)


def open_lines(shell, name):
    return (shell.folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", ["log.csv", "data/corpus.jsonl", "data/queries.jsonl"])
def test_a_file_that_holds_no_pairs_is_never_written_over(clicks, shell, name):
    before = (shell.folder / name).read_bytes()

    ran = clicks("log.csv", "--data", "beir:data", "--out", name)

    assert ran.code == 2
    assert (shell.folder / name).read_bytes() == before


def test_pairs_of_an_earlier_run_are_written_over(clicks):
    assert [clicks("log.csv", *DATA).code for _ in range(2)] == [0, 0]


def test_an_evaluation_set_of_others_is_never_written_over(clicks, shell):
    before = (shell.folder / "data" / "queries.jsonl").read_bytes()

    ran = clicks("log.csv", *DATA, "--split-at", "4500", "--later-out", "data")

    assert ran.code == 2
    assert "was not written by a run" in ran.err
    assert (shell.folder / "data" / "queries.jsonl").read_bytes() == before


def test_evaluation_queries_of_an_earlier_run_are_not_trained_on_unseen(clicks):
    """Rule: without the split their queries would be in the pairs, beside their own set."""
    first = clicks("log.csv", *DATA, "--split-at", "4500")

    second = clicks("log.csv", *DATA)
    again = clicks("log.csv", *DATA, "--split-at", "4500")

    assert (first.code, second.code, again.code) == (0, 2, 0)
    assert "evaluation queries of an earlier run" in second.err
