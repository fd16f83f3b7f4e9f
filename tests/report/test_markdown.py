"""summary.md: short, literal, and never larger than a comment may be."""

import pytest

from benchharness.data.lint import Finding
from benchharness.gate import Gate
from benchharness.report.markdown import escape, summarise
from benchharness.report.model import Failure, Report


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("*bold* _it_ `code` ~no~", r"\*bold\* \_it\_ \`code\` \~no\~"),
        ("<script> &amp; [x](y)", r"\<script\> \&amp; \[x\](y)"),
        ("two\nlines\tand  more", "two lines and more"),
        ("thanks @octocat", "thanks @<!-- -->octocat"),
        ("recall@10 of minilm@dim=64", "recall@10 of minilm@dim=64"),
        ("bell\x07 red\x1b[31m", r"bell\\x07 red\\x1b\[31m"),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_corpus_text_is_shown_literally(text, expected):
    """No markup, no table cell, no mention, no control character."""
    assert escape(text) == expected


def test_long_text_is_cut():
    """One document's id must not fill the page."""
    assert len(escape("x" * 10_000)) == 601


def test_summary_is_a_verdict_a_table_and_what_needs_a_look(assess):
    """Verdict first, a row for each model, breaches named, notes folded."""
    gates = [Gate.floor("recall@10", 0.6), Gate.floor("ndcg@10", 0.9)]
    finding = Finding("pipes", "warning", "a|b in 3 texts", "corpus.jsonl:3", "none")
    report = Report.of([assess(gates=gates, findings=[finding]), assess(model="bm25")])

    text = summarise(report)

    lines = text.splitlines()
    assert lines[1].startswith("**FAIL**: 1 of 2 gates not passed; 2 measurements on 1 suite")
    assert "| suite | model | recall@10 | ndcg@10 | decision | gates |" in lines
    assert (
        "| faq | minilm | 0.7000 [0.604, 0.782] | 0.5600 [0.486, 0.634] | undecided "
        "| 1 FAIL, 1 pass |" in lines
    )
    assert any(line.startswith("- **FAIL** faq / minilm / floor-ndcg@10: ") for line in lines)
    folded = text.index("<details><summary>Findings")
    assert text.index(r"a\|b in 3 texts") > folded


def test_every_row_of_the_table_has_as_many_cells(assess):
    """A suite without a measure leaves its cell empty; a ceiling has a row of its own."""
    report = Report.of([assess("a|b", ceiling=0.97), assess("other", "m|n")])

    rows = [line for line in summarise(report).splitlines() if line.startswith("|")]

    assert {row.replace(r"\|", "").count("|") for row in rows} == {7}
    assert any("*(ceiling)* | 0.9700" in row for row in rows)


def test_failures_are_told_with_their_remedy():
    """Nothing measured is no reason for an empty page."""
    failure = Failure("faq", "", "data-error", "line 214 is not JSON", "c.jsonl:214", "mend it")

    text = summarise(Report.of([], [failure]))

    assert "**data-error**: nothing was measured; 1 failure" in text
    assert "- **data-error** faq: c.jsonl:214: line 214 is not JSON → mend it" in text


def test_summary_stays_below_sixty_kilobytes(assess):
    """Hundreds of models and findings, long names: cut off with the number of the rest."""
    gates = [Gate.floor("recall@10", 0.99), Gate.floor("ndcg@10", 0.99)]
    findings = [Finding(f"code{n}", "warning", "é" * 500, "w" * 500, "r") for n in range(40)]
    evidence = {"bm25": {"recall@10": 0.9, "description": "d" * 500}}
    report = Report.of(
        [
            assess(f"suite{n}", "m" * 300, gates=gates, findings=findings, evidence=evidence)
            for n in range(80)
        ],
        [Failure(f"s{n}", "m", "data-error", "x" * 2000) for n in range(100)],
    )

    text = summarise(report)

    assert len(text.encode()) < 60_000
    assert "more, see verdict.json" in text
    assert text.count("<details>") == text.count("</details>") == 2
