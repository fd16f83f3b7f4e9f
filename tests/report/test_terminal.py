"""The terminal: fits, says everything without colour, and shows corpus text literally."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from benchharness.data.lint import Finding
from benchharness.gate import Gate, Waiver
from benchharness.judge.leaderboard import Leaderboard, Loss, Standing
from benchharness.report.model import Failure, Report
from benchharness.report.terminal import render, render_leaderboards
from benchharness.report.tuning_text import HEAD, facts_of, rows_of
from benchharness.train.diagnosis import Diagnosis
from benchharness.train.tuning import Guarded, Source, Tuning

EVIDENCE = {
    "bm25": {"recall@10": 0.548, "ndcg@10": 0.4411, "description": "bm25s, English stemmer"},
    "tokens": {
        "corpus": 1.834,
        "general": 1.162,
        "documents": 2000,
        "most_split": [{"term": "is_[bold]commutative", "tokens": 6, "documents": 130}],
    },
}
GATES = [
    Gate.floor("recall@10", 0.55),
    Gate.floor("ndcg@10", 0.60, severity="warn"),
    Gate.floor("ndcg@10", 0.99),
]
FINDINGS = [
    Finding("near-duplicates", "warning", "120 documents", "corpus.jsonl:17", "remove copies"),
    Finding("ceiling", "note", "a fact"),
]
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def report(assess):
    return Report.of(
        [
            assess("code", "minilm@max_length=128", gates=GATES, evidence=EVIDENCE,
                   findings=FINDINGS),
            assess("code", "bm25", findings=FINDINGS),
            assess("prose", "minilm", hits=[1.0] * 90 + [0.0] * 10, ceiling=0.97),
        ],
        [Failure("faq", "minilm", "data-error", "line 214 is not JSON", "c.jsonl:214", "mend it")],
    )  # fmt: skip


def test_everything_that_matters_is_told(report):
    """Table, ceiling, decision, evidence, gates, lint, ties, timings, failures, status."""
    text = " ".join(render(report, 120, color=False, folder=Path("out")).split())

    for told in (
        "code 100 queries, 5,412 documents",
        "minilm@max_length=128 0.7000 [0.604, 0.782]",
        "undecided 1 FAIL, 1 warn, 1 pass",
        "(ceiling) 0.9700",
        "bm25: bm25s, English stemmer",
        "tokens per word: 1.83, in general English 1.16; most split: is_[bold]commutative 6",
        "FAIL floor-ndcg@10: ndcg@10 0.5600",
        "warn floor-ndcg@10-warn: ndcg@10 0.5600",
        "lint: 1 warning near-duplicates: 120 documents (corpus.jsonl:17) → remove copies",
        "took 41.5 s: encode documents 41.2 s (131 documents/s)",
        "ties across the cut (ordered by doc_id): 3 queries at rank 10",
        "query prompt 'query: '",
        "2 queries without positive",
        "data-error faq / minilm c.jsonl:214: line 214 is not JSON → mend it",
    ):
        assert told in text
    assert text.endswith(
        "data-error: 1 of 3 gates not passed, 1 warned; 3 measurements on 2 suites; 1 failure "
        "· out/verdict.json"
    )


@pytest.mark.parametrize("width", [64, 80, 100, 120, 200])
def test_lines_fit_the_terminal(report, width):
    """No line but the last, with the path, is longer than the terminal is wide."""
    lines = render(report, width, color=False).splitlines()

    assert max(cell_len(line) for line in lines[:-1]) <= width


@pytest.mark.parametrize("width", [64, 80, 120])
def test_no_number_is_broken_or_cropped(report, width):
    """Intervals, outcomes and words of gates stand whole at every width."""
    text = render(report, width, color=False)

    assert text.count("[0.604, 0.782]") >= 3
    for word in ("undecided", "1 FAIL", "no gate", "FAIL floor-ndcg@10"):
        assert word in text


def test_narrow_terminals_and_many_measures_keep_every_value(assess):
    """Eight measures at 80 columns become rows."""
    import dataclasses

    one = assess()
    more = {f"recall@{k}": one.estimates["recall@10"] for k in range(1, 9)}
    text = render(Report.of([dataclasses.replace(one, estimates=more)]), 80, color=False)

    for name in more:
        assert re.search(rf"{name} +0\.7000 \[0\.604, 0\.782\]", text)


def test_colour_adds_nothing_but_colour(report):
    """With the codes removed, the words are the same as without colour."""
    plain = render(report, 100, color=False)
    coloured = render(report, 100, color=True)

    assert ANSI.search(coloured)
    assert not ANSI.search(plain)
    assert [line.rstrip() for line in ANSI.sub("", coloured).splitlines()] == plain.splitlines()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_other_encodings_get_what_they_can_show(report, encoding):
    """A Windows log must not end in UnicodeEncodeError."""
    text = render(report, 80, color=False, encoding=encoding)

    assert text.encode(encoding).decode(encoding) == text
    assert "→" not in text
    assert "─" not in text
    assert "-> mend it" in text


def test_corpus_text_is_escaped_for_ascii(assess):
    """A character that the terminal lacks is shown as its escape."""
    finding = Finding("odd", "warning", "term 東京")

    text = render(Report.of([assess(findings=[finding])]), 80, color=False, encoding="ascii")

    assert r"term \u6771\u4eac" in text


def test_corpus_text_is_neither_markup_nor_control(assess):
    """Brackets stand as they are; an escape sequence in a text does not reach the terminal."""
    finding = Finding("odd", "warning", "[red]text[/red] \x1b[31m :smile: \x07 [/]")

    text = render(Report.of([assess(model="m[0]", findings=[finding])]), 100, color=False)

    assert r"[red]text[/red] \x1b[31m :smile: \x07 [/]" in text
    assert "m[0]: undecided" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("model", ["org/" + "x" * 300, "模型" * 40])
def test_long_names_are_folded(assess, model):
    """A path as model breaks; the numbers beside it do not."""
    text = render(Report.of([assess(model=model)]), 80, color=False)

    lines = text.splitlines()
    assert max(cell_len(line) for line in lines[:-1]) <= 80
    assert "[0.604, 0.782]" in text


def test_last_line_names_status_and_file(assess):
    """What a script's reader looks for, in one unbroken line."""
    report = Report.of([assess(gates=GATES[:1])], selection={"deselected": 3})

    last = render(report, 64, color=False, folder=Path("a" * 80)).splitlines()[-1]

    assert last == (
        "pass: 1 of 1 gate passed; 1 measurement on 1 suite; not everything was measured · "
        + "a" * 80
        + "/verdict.json"
    )


def test_empty_report_does_not_read_as_a_pass():
    """Nothing measured is said in one line."""
    text = render(Report.of([]), 80, color=False)

    assert text == "no-suites: nothing was measured\n"


def test_value_beside_the_decision_does_not_contradict_it(assess):
    """6,499 of 10,000 is below 0.65 and above the floor 0.6499 minus a hair: digits show it."""
    gate = Gate.floor("recall@10", 0.64991)
    report = Report.of([assess(hits=[1.0] * 6499 + [0.0] * 3501, gates=[gate])])

    text = render(report, 120, color=False)

    assert "FAIL" in text
    assert text.count("0.6499 [") >= 2
    assert "below the floor 0.64991 by 0.00001" in text


REGRESSION = Gate.regression("recall@10", margin=0.01)


def test_a_regression_tells_what_was_lost(change):
    """The sentence, five of 33 lost queries, the rest, by language, and the environment."""
    text = render(Report.of([change([REGRESSION])]), 120, color=False)

    lines = [line.strip() for line in text.splitlines()]
    first = next(n for n, line in enumerate(lines) if line.startswith("REGRESSED regression-"))
    below = [line for line in lines[first:] if line.startswith(("lost  ", "…", "by ", "environ"))]
    assert below == [
        *(
            f"lost  q:sympy.{row:04} 1.0000 → 0.0000  q:relevant.{row:04} 4 → {rank}; "
            "now there: q:new.add, q:new.mul"
            for row, rank in enumerate(["below 100", "27", "27", "below 100", "27"])
        ),
        "… and 28 more lost, 12 won: changes.jsonl",
        "by lang: de lost 11 won 4, en lost 11 won 4, fr lost 11 won 4",
        "environment: torch 2.6.0 → 2.13.0",
    ]
    assert lines[-1].startswith("FAIL: 1 of 1 gate not passed; ")


@pytest.mark.parametrize(
    ("gate", "fields", "word"),
    [
        (Gate.regression("recall@10", margin=0.05), {}, "pass"),
        (Gate.regression("recall@10", margin=0.05), {"lost": 0, "won": 50}, "improved"),
        (Gate.beats("bm25", "recall@10"), {}, "error"),
    ],
)
def test_every_comparison_is_told_but_only_a_breach_is_explained(change, gate, fields, word):
    """One line where it is met; no champion in this session is an error without a comparison."""
    text = render(Report.of([change([gate], **fields)]), 120, color=False)

    told = [line.strip() for line in text.splitlines() if gate.name in line]
    assert len(told) == 1
    assert told[0].lower().startswith(f"{word} {gate.name}: ")
    assert "environment" not in text
    assert "lost  " not in text


def test_the_same_model_is_told_as_identical(change):
    """In green, as every outcome that is met."""
    one = change()
    verdict = replace(one.verdicts[0], outcome="identical", line="the same")
    text = render(Report.of([replace(one, verdicts=(verdict,))]), 120, color=True)

    assert "\x1b[32midentical\x1b[0m regression-recall@10: the same" in text


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"waivers": [Waiver("regression-recall@10", "minilm", "ticket 12", "2999-01-31")]},
         "waived"),
        ({"update": "all", "reason": "meant"}, "updated"),
    ],
)  # fmt: skip
def test_what_is_not_met_never_reads_as_a_pass(change, fields, word):
    """A waived breach and one that an update replaces: by their own word, with the reason."""
    text = render(Report.of([change([REGRESSION], **fields)]), 120, color=False)

    assert re.search(rf"^minilm .* {word}$", text, flags=re.MULTILINE)
    assert f"  {word} regression-recall@10: " in text
    assert ("ticket 12 (until 2999-01-31)" in text) is (word == "waived")
    assert f"0 of 1 gate passed, 1 {word}" in text
    assert "pass " not in text.replace("passed", "")


def test_what_was_told_of_a_model_is_not_told_again(change):
    """A slice that lost the same queries names its counts; another suite has its own lines."""
    gates = [REGRESSION, Gate.slice("recall@10", "lang", margin=0.01)]
    report = Report.of([change(gates, langs=("de",)), change(gates, langs=("de",), suite="b")])

    text = render(report, 120, color=False)

    assert text.count("REGRESSED ") == 4
    assert text.count("lost  q:sympy.0000 ") == 2
    assert text.count("lost  the same queries as above") == 2
    assert text.count("by lang: de lost 33 won 12") == 4
    assert text.count("environment: torch") == 2


def test_other_losses_of_a_model_are_told_each(change):
    """Values of another measure make other lines."""
    gates = [REGRESSION, Gate.regression("ndcg@10", margin=0.01)]

    text = render(Report.of([change(gates)]), 120, color=False)

    assert text.count("lost  q:sympy.0000 ") == 2
    assert "as above" not in text


@pytest.mark.parametrize("width", [64, 80, 120])
@pytest.mark.parametrize("prefix", ["q:", "東京" * 60, "x" * 400, "a b " * 50])
def test_lost_queries_fit_the_terminal(change, width, prefix):
    """Whatever the ids are like."""
    lines = render(Report.of([change(prefix=prefix)]), width, color=False).splitlines()

    assert max(cell_len(line) for line in lines[:-1]) <= width


def test_ids_and_metadata_are_neither_markup_nor_control(change):
    """Escapes are made visible, brackets stand as they are, no id begins a line of its own."""
    hostile = "[red]\x1b[2J\rpass: 9 of 9\n\x07\u202e"

    one = change(prefix=hostile, langs=(hostile,), lost=40, won=0)
    text = render(Report.of([one]), 300, color=False)

    assert not set("\x1b\r\x07\u202e") & set(text)
    assert r"lost  [red]\x1b[2J\rpass: 9 of 9\n\x07\u202esympy.0000 1.0000 → 0.0000" in text
    assert r"[red]\x1b[2J\rpass: 9 of 9\n\x07\u202e lost 40 won 0" in text
    assert not [line for line in text.splitlines() if line.startswith("pass")]


def test_a_line_of_a_gate_stays_one_line(change):
    """What a baseline file says of its machine, or a waiver as its reason, forges no last line."""
    one = change([REGRESSION])
    forged = {"line": "worse\npass: 9 of 9 gates passed", "waived": "why\npass: 9 of 9"}
    verdict = replace(one.verdicts[0], **forged)

    text = render(Report.of([replace(one, verdicts=(verdict,))]), 120, color=False)

    assert r"worse\npass: 9 of 9 gates passed · why\npass: 9 of 9" in text
    assert not re.search(r"^ *pass: 9", text, flags=re.MULTILINE)


# Fine-tuning


def tuned_report(assess, made):
    return replace(Report.of([assess(), assess(model="bm25")]), tunings=(made,))


def test_a_tuning_stands_below_its_model(assess, tuning):
    """Outcome and why, every row, every fact, the advice; nothing below the other model."""
    text = render(tuned_report(assess, tuning()), 160, color=False)

    lines = [" ".join(line.split()) for line in text.splitlines()]
    first = lines.index("tuned: improved: held out: it is better")
    assert lines[first + 1] == " ".join(HEAD)
    for row in rows_of(tuning()):
        assert " ".join(" ".join(row).split()) in lines[first:]
    flat = " ".join(lines[first:])
    assert all(" ".join(fact.split()) in flat for fact in facts_of(tuning()))
    assert "→ use it" in lines[first:]
    assert lines.index("minilm: undecided") < first
    assert [line for line in lines[first:] if line.startswith("bm25: ")]
    assert text.count("tuned: ") == 1


def test_a_tuning_without_a_verdict_has_no_table(assess):
    """No step was better: one sentence."""
    made = Tuning("faq", "minilm", "base-kept", "no step was better")

    text = render(tuned_report(assess, made), 120, color=False)

    assert "  tuned: base-kept: no step was better\n" in text
    assert HEAD[0] not in text


@pytest.mark.parametrize(
    ("outcome", "color"),
    [("improved", "32"), ("base-kept", "33"), ("inconclusive", "33"), ("regressed", "33")],
)
def test_only_an_improvement_is_green(assess, tuning, outcome, color):
    text = render(tuned_report(assess, tuning(outcome=outcome)), 120, color=True)

    assert f"\x1b[{color}m{outcome}\x1b[0m: held out" in text


@pytest.mark.parametrize("width", [64, 80, 120])
@pytest.mark.parametrize("long", ["x" * 300, "東京" * 80, "a b " * 80])
def test_no_line_of_a_tuning_is_wider_than_the_terminal(assess, tuning, width, long):
    """Its texts are broken; numbers stay in one piece."""
    made = tuning(why=long, advice=long, leaks=(long,), remarks=(long,))

    text = render(tuned_report(assess, made), width, color=False)

    assert max(cell_len(line) for line in text.splitlines()[:-1]) <= width
    if width >= 120:
        assert "+0.2000 [0.150, 0.250]" in text


def test_a_terminal_without_unicode_gets_a_tuning_too(assess, tuning):
    text = render(tuned_report(assess, tuning()), 120, color=False, encoding="ascii")

    assert "0.3000 -> 0.5000" in text
    assert text.isascii()


def test_no_text_of_a_tuning_is_markup_or_control_or_a_line_of_its_own(assess, tuning, versus):
    """Paths, corpus text and reasons of errors: shown, and they forge nothing."""
    hostile = "[red]\x1b[2J\r\x07\u202e\npass: 9 of 9 gates passed"
    first, *others = tuning().trainings
    sick = replace(first, diagnoses=(Diagnosis("overfitting", hostile, hostile),))
    made = tuning(
        why=hostile, advice=hostile, note=hostile, leaks=(hostile,), remarks=(hostile,),
        sources=(Source(hostile, 1, 1, synthetic=False),),
        guards=(Guarded(hostile, 0.02, versus(measure=hostile), hostile),),
        trainings=(sick, *others),
    )  # fmt: skip

    text = render(tuned_report(assess, made), 400, color=False)

    assert not set("\x1b\r\x07\u202e") & set(text)
    assert not re.search(r"^ *pass: 9", text, flags=re.MULTILINE)
    assert text.count(r"[red]\x1b[2J\r\x07\u202e\npass: 9 of 9 gates passed") >= 10


# --- leaderboards -------------------------------------------------------------------------------


def _row(spec, value, **fields):
    marks = {"is_best": spec == "minilm", "is_tied": False, **fields}
    return Standing(
        spec, value, (value - 0.02, value + 0.02), value - 0.9, 0.001, 0.003,
        dimension=384, bytes_per_vector=1536.0, size_bytes=90_900_000, speed=1.0, **marks,
    )  # fmt: skip


BOARD = Leaderboard(
    "code", "recall@10", 500,
    (
        _row("minilm", 0.9, is_on_front=True),
        _row("minilm cut to 128, binary", 0.89, is_tied=True,
             loss=Loss("minilm", -0.01, (-0.02, 0.01), "inconclusive")),
        _row("\x1b[31mred", 0.5),
    ),
)  # fmt: skip


@pytest.mark.parametrize("width", [64, 70, 80, 100, 120, 200])
def test_a_leaderboard_fits_and_loses_nothing(width):
    """Rule: intervals beside or below, or worth and costs apart; every cell is whole."""
    text = render_leaderboards([BOARD], width, color=False)

    assert max(cell_len(line) for line in text.splitlines()) <= width
    words = text.split()
    for told in ("0.9000", "[0.880,", "-0.0100", "tied", "0.0030", "384", "1,536", "90.9", "front",
                 "inconclusive"):  # fmt: skip
        assert told in words, told
    assert "not distinguishable from the best" in " ".join(words)


PIPELINE = "rerank(hybrid(bm25,minilm@max_length=128),/models/cross-encoder)@top=20"
TIMED = replace(
    BOARD,
    standings=tuple(
        replace(row, spec=PIPELINE if row.is_best else row.spec, latency_ms=1203.6,
                latency_p95_ms=1999.5, latency_ratio=2.5)
        for row in BOARD.standings
    ),
)  # fmt: skip


@pytest.mark.parametrize(("width", "left_out"), [
    (64, ["dim", "latency", "weights"]), (80, ["dim", "latency"]), (100, []), (200, []),
])  # fmt: skip
def test_a_narrow_leaderboard_keeps_bytes_and_latency_and_says_what_it_lacks(width, left_out):
    """Rule: what is dropped is named; a long name goes on below and is whole."""
    text = render_leaderboards([TIMED], width, color=False)

    assert max(cell_len(line) for line in text.splitlines()) <= width
    heads = " ".join(line for line in text.splitlines() if line.startswith("model ")).split()
    for name in ("dim", "bytes/doc", "weights", "speed", "latency", "front"):
        assert (name in heads) == (name not in left_out), name
    assert "1,204 (2,000)" in text
    told = f"no room at this width for {', '.join(left_out)};"
    assert (told in " ".join(text.split())) == bool(left_out)
    assert PIPELINE in "".join(line.split("  ")[0] for line in text.splitlines())


def test_a_leaderboard_is_one_table_where_there_is_room():
    wide, narrow = (
        sum(line.startswith("model") for line in text.splitlines())
        for text in (render_leaderboards([BOARD], width, color=False) for width in (120, 64))
    )

    assert (wide, narrow) == (1, 2)


def test_a_leaderboard_without_colour_or_utf8_is_plain():
    plain = render_leaderboards([BOARD], 100, color=False, encoding="ascii")

    assert plain.isascii()
    assert "\x1b" not in plain
    assert "\\x1b[31mred" in plain
    assert ANSI.search(render_leaderboards([BOARD], 100, color=True))


def test_the_boards_of_a_report_stand_after_its_suites(report):
    """Rule: two boards are summed up, before the failures and the status."""
    boards = (BOARD, replace(BOARD, suite="prose"))

    lines = render(replace(report, leaderboards=boards), 120, color=False).splitlines()

    places = [
        next(place for place, line in enumerate(lines) if line.startswith(start))
        for start in ("prose  ", "code: 3 rows", "prose: 3 rows", "mean rank over 2", "data-error")
    ]
    assert places == sorted(places)
