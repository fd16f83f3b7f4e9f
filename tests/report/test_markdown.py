"""summary.md: short, literal, and never larger than a comment may be."""

import re
from dataclasses import replace

import pytest

from benchharness.data.lint import Finding
from benchharness.gate import Gate, Waiver
from benchharness.judge.leaderboard import Leaderboard, Loss, Standing
from benchharness.report.markdown import escape, escape_html, summarise
from benchharness.report.model import Failure, Report
from benchharness.report.release import Release
from benchharness.report.tuning_text import HEAD, facts_of, rows_of
from benchharness.train.tuning import Guarded, Source, Tuning


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("</summary>\n@octocat", "&lt;/summary&gt; @<!-- -->octocat"),
        ("red\x1b[31m", r"red\x1b[31m"),
    ],
)
def test_between_tags_text_is_escaped_as_html(text, expected):
    """Markdown is not read there, so a backslash would escape nothing."""
    assert escape_html(text) == expected


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


REGRESSION = Gate.regression("recall@10", margin=0.01)


def test_what_changed_is_a_row_and_a_fold(change):
    """A row for each comparison, met or not; a fold for what stands behind a breach."""
    better = change([REGRESSION], suite="prose", lost=0, won=30)
    floor = change([Gate.floor("recall@10", 0.9)], suite="floors")

    text = summarise(Report.of([better, change([REGRESSION]), floor]))

    section = text.partition("### What changed\n\n")[2].partition("\n\n### ")[0]
    rows, _, folds = section.partition("\n\n")
    assert rows.splitlines() == [
        "| suite | model | gate | measure | before → after | difference [interval] | outcome "
        "| won / lost / tied |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| prose | minilm | regression-recall@10 | recall@10 | 0.7000 → 0.7300 "
        r"| +0.0300 \[0.022, 0.041\] | improved | 30 / 0 / 970 |",
        "| faq | minilm | regression-recall@10 | recall@10 | 0.7000 → 0.6790 "
        r"| -0.0210 \[-0.0328, -0.0102\] | REGRESSED | 12 / 33 / 955 |",
    ]
    assert folds.startswith(
        "<details><summary>faq / minilm / regression-recall@10: REGRESSED</summary>\n\n"
        "- lost q:sympy.0000 1.0000 → 0.0000 q:relevant.0000 4 → below 100; "
        "now there: q:new.add, q:new.mul\n"
    )
    assert folds.count("<details>") == folds.count("</details>") == 1
    assert folds.count("\n- lost ") == 5
    assert folds.endswith(
        "- … and 28 more lost, 12 won: changes.jsonl\n"
        "- by lang: de lost 11 won 4, en lost 11 won 4, fr lost 11 won 4\n"
        "- environment: torch 2.6.0 → 2.13.0\n\n</details>"
    )


def test_without_a_comparison_nothing_is_said_of_changes(assess):
    assert "What changed" not in summarise(Report.of([assess(gates=[Gate.floor("ndcg@10", 0.9)])]))


def test_what_fails_is_unfolded_before_what_only_warns(change):
    """The page is cut at its end."""
    warns = change([Gate.regression("recall@10", margin=0.025)], suite="a")

    text = summarise(Report.of([warns, change([REGRESSION], suite="b")]))

    folds = [line for line in text.splitlines() if line.startswith("<details>")]
    assert "b / minilm / regression-recall@10: REGRESSED" in folds[0]
    assert "a / minilm / regression-recall@10: inconclusive" in folds[1]


def test_a_waived_breach_is_listed_with_its_reason(change):
    """By its own word: it is neither a failure nor a pass."""
    waiver = Waiver("regression-recall@10", "minilm", "ticket_12", "2999-01-31")

    text = summarise(Report.of([change([REGRESSION], waivers=[waiver])]))

    assert "- **waived** faq / minilm / regression-recall@10: " in text
    assert r"(waived: ticket\_12 (until 2999-01-31))" in text
    assert "| -0.0210 \\[-0.0328, -0.0102\\] | waived |" in text
    assert "**pass**: 0 of 1 gate passed, 1 waived; " in text


@pytest.mark.parametrize(("granted", "word"), [(True, "RELEASE"), (False, "DO NOT RELEASE")])
def test_the_release_line_comes_first(assess, granted, word):
    """What was asked is answered first; the status follows."""
    release = Release(granted, "no gate judged <b>faq</b>: a; b")

    lines = summarise(Report.of([assess()]), release).splitlines()

    assert lines[:4] == [
        "<!-- benchharness -->",
        rf"**{word}**: no gate judged \<b\>faq\</b\>: a; b",
        "",
        "**pass**: no gate; 1 measurement on 1 suite",
    ]


def test_ids_and_metadata_are_neither_markup_nor_control(change):
    """No tag, no cell, no heading, no mention and no control character of a corpus."""
    hostile = "</details>|*b*\n# @octocat `x` \x1b[2J\u202e<!-- "

    names = {"prefix": hostile, "suite": hostile, "model": hostile, "langs": (hostile,)}
    text = summarise(Report.of([change([REGRESSION], **names)]))

    bare = re.sub(r"\\.", "", text)
    assert not set("\x1b\u202e") & set(text)
    assert bare.count("</details>") == bare.count("<details>") == text.count("\n</details>")
    assert "@octocat" not in bare
    assert "*b*" not in bare.partition("<summary>")[0]
    assert bare.count("<!--") == 1 + bare.count("@<!-- -->")
    rows = [line for line in bare.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {7, 9}
    assert not [line for line in text.splitlines() if line.startswith("# ")]


@pytest.mark.parametrize("letter", ["x", "東", "@a ", "<", "&"])
def test_many_regressions_stay_below_sixty_kilobytes(change, letter):
    """Every section at its limit at once; the worst folds are kept, the rest is counted."""
    long = letter * 200
    one = change([REGRESSION], prefix=long, langs=(long,), n=300, model=long)
    report = Report.of(
        [replace(one, result=replace(one.result, suite=f"s{n}")) for n in range(60)],
        [Failure(f"s{n}", "m", "data-error", letter * 2000) for n in range(100)],
    )

    text = summarise(report, Release(granted=False, why=long * 10))

    assert len(text.encode()) < 60_000
    assert "more, see changes.jsonl" in text
    assert text.count("<details>") == text.count("</details>") >= 2
    assert "REGRESSED</summary>" in text


# Fine-tuning


def tuned(assess, *made):
    return summarise(replace(Report.of([assess()]), tunings=made))


def section_of(text):
    return text.partition("### Fine-tuning ")[2].partition("\n\n<details><summary>Evidence")[0]


def test_a_tuning_is_a_section_with_its_table_and_its_facts_folded(assess, tuning):
    """Outcome first, every row, and behind the fold every fact."""
    section = section_of(tuned(assess, tuning()))

    lines = section.splitlines()
    assert lines[0] == "faq / minilm: improved"
    assert lines[2:4] == ["held out: it is better", "→ use it"]
    rows = [line for line in lines if line.startswith("|")]
    assert rows[0] == f"| {' | '.join(HEAD)} |"
    assert rows[2:] == [
        f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows_of(tuning())
    ]
    told = [escape(fact) for fact in facts_of(tuning())]
    assert f"<details><summary>How it was trained ({len(told)})</summary>" in lines
    assert [line[2:] for line in lines if line.startswith("- ")] == told
    assert lines[-1] == "</details>"


def test_a_tuning_without_a_verdict_is_one_sentence(assess):
    """No empty table, no empty fold."""
    section = section_of(tuned(assess, Tuning("faq", "minilm", "base-kept", "no step was better")))

    assert section.rstrip() == "faq / minilm: base-kept\n\nno step was better"


def test_where_nobody_tuned_nothing_is_said_of_it(assess):
    assert "### Fine-tuning" not in tuned(assess)


def test_no_text_of_a_tuning_is_markup_or_control(assess, tuning, versus):
    """No tag, no cell, no heading, no mention and no control character of a corpus or a path."""
    hostile = "</details>|*b*\n# @octocat `x` \x1b[2J\u202e<!-- "
    made = tuning(
        suite=hostile, model=hostile, why=hostile, advice=hostile, note=hostile,
        leaks=(hostile,), remarks=(hostile,), sources=(Source(hostile, 1, 1, synthetic=True),),
        guards=(Guarded(hostile, 0.02, versus(measure=hostile), hostile),),
    )  # fmt: skip

    text = tuned(assess, made)

    bare = re.sub(r"\\.", "", text)
    assert not set("\x1b\u202e") & set(text)
    assert bare.count("</details>") == bare.count("<details>") == text.count("\n</details>")
    assert "@octocat" not in bare
    assert "*b*" not in bare
    assert bare.count("<!--") == 1 + bare.count("@<!-- -->")
    rows = [line for line in section_of(bare).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {len(HEAD) + 1}
    assert not [line for line in text.splitlines() if line.startswith("# ")]


def test_many_tunings_stay_below_sixty_kilobytes(assess, tuning):
    """A comment on a pull request holds no more; what is cut off is counted."""
    long = "東" * 500
    made = [tuning(model=f"m{n}", why=long, leaks=(long,) * 20) for n in range(12)]

    text = tuned(assess, *made)

    assert len(text.encode()) < 60_000
    assert text.count("<details>") == text.count("</details>")


def _board(rows):
    standings = tuple(
        Standing(
            f"m|{row}", 0.9 - row / 1000, (0.8, 0.95), -row / 1000, 0.2 if row else None,
            0.4 if row else None, is_best=not row, is_tied=bool(row),
            loss=Loss("m|0", -0.001, (-0.01, 0.01), "pass") if row else None,
        )
        for row in range(rows)
    )  # fmt: skip
    return Leaderboard("faq", "recall@10", 100, standings)


def test_a_leaderboard_is_a_table_with_its_marks_explained(assess):
    """Rule: rows, losses, and how to read it; text is escaped."""
    report = replace(Report.of([assess()]), leaderboards=(_board(2),))

    text = summarise(report)

    assert "### Leaderboard faq: 2 rows by recall@10" in text
    assert r"| m\|0 | 0.9000 \[0.800, 0.950\] | best |  |" in text
    assert r"| m\|1 | 0.8990 \[0.800, 0.950\] | -0.0010 tied | 0.4000 |" in text
    assert r"| m\|1 | -0.0010 \[-0.010, 0.010\] | pass |" in text
    assert "<summary>How to read it (2)</summary>" in text
    assert "mean rank" not in text


def test_many_leaderboards_are_cut_off_and_summed_up(assess):
    """Rule: the page stays one that a comment may be."""
    few = replace(Report.of([assess()]), leaderboards=(_board(2), replace(_board(2), suite="b")))
    many = replace(few, leaderboards=(_board(200),) * 12)

    assert r"mean rank over 2 suites (times best): m\|0 1.00 (2), m\|1 2.00 (0)" in summarise(few)
    assert len(summarise(many).encode()) < 12_000
    assert "more, see verdict.json" in summarise(many)
