r"""The LaTeX tables: what is bold, who beats whom, and that nothing in a name is a command."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.judge.leaderboard import Leaderboard, Standing
from benchharness.judge.pairwise import holm_over_pairs, pairwise_p
from benchharness.report.latex_table import escape, latex_text
from benchharness.report.model import Failure, Report

HOSTILE = "a&b%c$d#e_f{g}h~i^j\\k<l>|\"'`--,,ä ñ ø ß 中 😀 \x1b[31m \\input{/etc/passwd} %"


def _has_latex():
    """Whether there are pdflatex and the one package that is not in its core."""
    if shutil.which("pdflatex") is None or shutil.which("kpsewhich") is None:
        return False
    found = subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False)
    return found.returncode == 0


needs_latex = pytest.mark.skipif(
    not _has_latex(), reason="pdflatex with booktabs is not installed: nothing compiles here"
)


def hits(top, n=100):
    return [1.0] * top + [0.0] * (n - top)


def rows_of(text):
    body = text.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
    return [[cell.strip() for cell in line.removesuffix(r"\\").split(" & ")]
            for line in body.strip().splitlines()]  # fmt: skip


def test_models_are_rows_and_measures_columns(assess):
    """Letters in the order of the report; the values are those of every other renderer."""
    text = latex_text(
        Report.of([assess("faq", "a", hits=hits(70)), assess("faq", "b", hits=hits(69))])
    )

    assert rows_of(text) == [
        ["a", "a", r"\textbf{0.7000}", r"\textbf{0.5600}"],
        ["b", "b", "0.6900", "0.5520"],
    ]
    assert r"\textbf{\#} & \textbf{Model} & \textbf{recall@10} & \textbf{ndcg@10} \\" in text
    assert r"\begin{tabular}{clcc}" in text
    assert [line for line in text.splitlines() if "usepackage" in line][-1].startswith("%")


def test_bytes_and_latency_are_columns_where_a_leaderboard_has_them(assess):
    """Rule: as every renderer prints them; a model without one has a dash."""
    row = Standing("a", 0.7, (0.6, 0.8), 0.0, None, None, is_best=True, is_tied=False,
                   bytes_per_vector=1536.0, latency_ms=5.244, latency_p95_ms=31.66)  # fmt: skip
    other = replace(row, spec="b", bytes_per_vector=None, latency_ms=1.0, latency_p95_ms=2.0)
    boards = (Leaderboard("faq", "recall@10", 9, (row, other)),)
    plain = Report.of([assess("faq", "a", hits=hits(70)), assess("faq", "b", hits=hits(69))])

    text = latex_text(replace(plain, leaderboards=boards))

    assert [cells[-2:] for cells in rows_of(text)] == [["1,536", "5.24 (31.7)"],
                                                       ["--", "1.00 (2.00)"]]  # fmt: skip
    assert r"\textbf{bytes/doc} & \textbf{ms/query (p95)} \\" in text
    assert r"\begin{tabular}{clccrr}" in text
    assert "bytes/doc" not in latex_text(plain)


def test_superscripts_name_the_models_that_are_significantly_worse(assess):
    """Rule: p < 0.05 of the paired test after Holm over all pairs, and a higher mean."""
    tops = {"first": 90, "second": 60, "third": 30, "fourth": 30}
    report = Report.of([assess("faq", name, hits=hits(top)) for name, top in tops.items()])

    cells = [row[2] for row in rows_of(latex_text(report))]

    values = np.array([hits(top) for top in tops.values()])
    adjusted = holm_over_pairs(pairwise_p(values))
    means = values.mean(axis=1)
    expected = [
        "".join("abcd"[j] for j in range(4) if adjusted[i, j] < 0.05 and means[i] > means[j])
        for i in range(4)
    ]
    assert expected == ["bcd", "cd", "", ""]
    assert [re.sub(r".*\$\^\{(.*)\}\$|.*", r"\1", cell) for cell in cells] == expected


def test_a_difference_that_may_be_chance_has_no_superscript(assess):
    report = Report.of([assess("faq", "a", hits=hits(52)), assess("faq", "b", hits=hits(50))])

    assert "$^" not in "".join(cell for row in rows_of(latex_text(report)) for cell in row)


def test_the_pairs_are_adjusted_for(assess):
    """Six queries apart: 2 of 64 signs, p 0.03; of six pairs none holds after Holm."""
    several = [("a", 60), ("b", 54), ("c", 54), ("d", 54)]
    two, four = (
        Report.of([assess("faq", name, hits=hits(top)) for name, top in several[:count]])
        for count in (2, 4)
    )

    assert rows_of(latex_text(two))[0][2] == r"\textbf{0.6000}$^{b}$"
    assert rows_of(latex_text(four))[0][2] == r"\textbf{0.6000}"


def test_every_best_value_is_bold_and_nan_is_none(assess):
    """Equal values are all the best; a value that is no number never is."""
    report = Report.of(
        [assess("faq", name, hits=top) for name, top in
         (("a", [1.0, 0.0]), ("b", [0.0, 1.0]), ("c", [float("nan"), 1.0]))]
    )  # fmt: skip

    found = [row[2] for row in rows_of(latex_text(report))]

    assert found == [r"\textbf{0.5000}", r"\textbf{0.5000}", "nan"]


def test_a_measure_that_a_model_lacks_is_a_dash(assess):
    one, two = assess("faq", "a"), assess("faq", "b")
    del two.estimates["ndcg@10"]

    assert rows_of(latex_text(Report.of([one, two])))[1][3] == "--"


def test_more_than_26_models_have_two_letters(assess):
    """Separated by commas: `aab` alone could be three models or two."""
    report = Report.of(
        [assess("faq", f"m{row:02}", hits=hits(99 if row == 27 else 1)) for row in range(28)]
    )

    rows = rows_of(latex_text(report))

    assert [row[0] for row in (rows[0], rows[25], rows[26], rows[27])] == ["a", "z", "aa", "ab"]
    assert rows[27][2].endswith("$^{" + ",".join("abcdefghijklmnopqrstuvwxyz") + ",aa}$")


def test_each_suite_has_a_table_and_a_failed_one_none(assess):
    report = Report.of([assess("faq"), assess("code")], [Failure("x", "", "data-error", "no")])

    text = latex_text(report)

    assert text.count(r"\begin{table*}") == text.count(r"\end{table*}") == 2
    assert r"\label{tab:benchharness-1}" in text
    assert r"\label{tab:benchharness-2}" in text


def test_without_the_values_of_queries_nothing_is_claimed(assess):
    """A report that was read without its queries has no test to tell of."""
    from dataclasses import replace

    one, two = assess("faq", "a", hits=hits(90)), assess("faq", "b", hits=hits(10))
    bare = [replace(found, result=replace(found.result, values={})) for found in (one, two)]

    text = latex_text(Report.of(bare))

    assert "Superscripts" not in text
    assert "$^" not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a&b", r"a\&b"), ("50%", r"50\%"), ("a_b", r"a\_b"), ("$x$", r"\$x\$"), ("#1", r"\#1"),
        ("{a}", r"\{a\}"), ("~", r"\textasciitilde{}"), ("^", r"\textasciicircum{}"),
        ("\\", r"\textbackslash{}"), ("ä", r'\"{a}'), ("ñ", r"\~{n}"), ("ç", r"\c{c}"),
        ("é", r"\'{e}"), ("e\u0301", r"\'{e}"), ("ß", r"\ss{}"), ("中", "[U+4E2D]"),
        ("a--b", "a-{}-b"), ("→", r"$\rightarrow$"), ("\x1b", r"\textbackslash{}x1b"),
        ("a\nb", r"a\textbackslash{}nb"), ("org/model@dim=64", "org/model@dim=64"),
    ],
)  # fmt: skip
def test_text_is_escaped(text, expected):
    assert escape(text) == expected


@given(st.text())
def test_escaped_text_is_ascii_with_balanced_braces_and_no_bare_special(text):
    """Rule: what is left of TeX's ten special characters is what `escape` itself put there."""
    found = escape(text)

    assert found.isascii()
    assert "\n" not in found
    own = re.sub(r"\\[&%$#_{}]", "", found)  # escaped characters
    depth = 0
    for letter in own:
        depth += (letter == "{") - (letter == "}")
        assert depth >= 0
    assert depth == 0
    own = re.sub(r"\$\\[a-z]+\$", "", own)  # the arrows and signs of mathematics
    own = re.sub(r"\\[`'^~=.\"]\{", "{", own)  # accents
    assert not re.search(r"[&%$#_^~]", own)


@needs_latex
def test_the_tables_compile(assess, tmp_path):
    """By the real program, with names that hold everything TeX could stumble over."""
    report = Report.of(
        [assess(HOSTILE, HOSTILE, hits=hits(90)), assess(HOSTILE, "b", hits=hits(10)), assess("é")]
    )
    tables = latex_text(report)
    preamble = "\n".join(re.findall(r"% (\\usepackage.*)", tables))
    document = (
        f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{tables}\\end{{document}}\n"
    )
    (tmp_path / "paper.tex").write_text(document, encoding="utf-8")

    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-2000:]
