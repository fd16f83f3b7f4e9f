r"""The report as LaTeX: a booktabs table a suite, with letters for what is significantly better.

In the manner of ranx: models are rows a, b, c …; the best value of a measure is bold, and the
superscript of a value names the models that it beats. The tests are this project's own.

Source of the form: E. Bassani, ranx: a blazing-fast Python library for ranking evaluation and
comparison, ECIR 2022.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from benchharness.judge.numbers import order
from benchharness.report.leaderboard_text import BYTES, MS, costs_of
from benchharness.report.wording import measures_of, of_suite, one_line, shown_estimate

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.judge.leaderboard import Leaderboard
    from benchharness.report.model import Report

_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}", "'": r"\textquotesingle{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}  # fmt: skip
# What pdflatex has in its own encodings; everything else would stop it.
_LETTERS = {
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}",
    "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "\u0131": r"\i{}", "\u2013": r"\textendash{}",
    "\u2014": r"\textemdash{}", "…": r"\ldots{}", "\u2018": r"\textquoteleft{}",
    "\u2019": r"\textquoteright{}", "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}",
    "·": r"\textperiodcentered{}", "→": r"$\rightarrow$", "≥": r"$\geq$", "≤": r"$\leq$",
    "\u00d7": r"$\times$", "±": r"$\pm$", "§": r"\S{}", "£": r"\pounds{}",
    "©": r"\textcopyright{}",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_LABEL = "benchharness"
# Columns of a leaderboard's costs, and what a paper calls them.
_COSTS = {BYTES: "bytes/doc", MS: "ms/query (p95)"}
Costs = Mapping[str, Mapping[str, str]]


def latex_text(report: Report) -> str:
    r"""A `table` for each suite that was measured; needs \usepackage{booktabs}, T1 fonts, textcomp.

    Reads the values of every query, which a report read without its queries lacks: no superscript
    stands then. A model is called better where the paired p-value is below 0.05 after Holm over
    all pairs of models of that suite and measure. Bytes of the index per document and the latency
    stand beside the values where a leaderboard of the suite has them.
    """
    head = [
        "% Add to the preamble:",
        r"% \usepackage[T1]{fontenc}",
        r"% \usepackage{textcomp}",
        r"% \usepackage{booktabs}",
    ]
    tables = []
    for number, suite in enumerate(report.suites, start=1):
        found = of_suite(report, suite)
        if found:
            board = next((one for one in report.leaderboards if one.suite == suite), None)
            costs = _costs(found, board)
            tables.append("\n".join(_table(suite, found, number, costs)))
    return "\n\n".join(["\n".join(head), *tables]) + "\n"


def escape(text: str) -> str:
    r"""The text in ASCII as LaTeX prints it, on one line; never a command.

    A letter that pdflatex cannot be trusted to have is told by its number: `[U+4E2D]`.
    """
    found = "".join(map(_escaped, one_line(unicodedata.normalize("NFC", text))))
    # Two of these would become one sign of the font.
    return found.replace("--", "-{}-").replace(",,", ",{},")


def _escaped(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter.isascii():
        return letter
    if letter in _LETTERS:
        return _LETTERS[letter]
    parts = unicodedata.normalize("NFD", letter)
    base, mark = parts[0], parts[1:]
    if mark in _ACCENTS and base.isascii() and base.isalpha():
        stem = f"\\{base}" if base in "ij" and mark != "\u0327" else base
        return f"\\{_ACCENTS[mark]}{{{stem}}}"
    return f"[U+{ord(letter):04X}]"


def _costs(found: Sequence[Assessment], board: Leaderboard | None) -> Costs:
    """Columns of what each model costs; one that says nothing of any of them is left out."""
    head, rows = costs_of(board) if board is not None else ((), [])
    shown = {row[0]: row for row in rows}
    columns = {}
    for name, title in _COSTS.items():
        if name in head:
            cells = {one.result.model: _cost(shown, one, head.index(name)) for one in found}
            if any(cells.values()):
                columns[title] = cells
    return columns


def _cost(shown: Mapping[str, tuple[str, ...]], one: Assessment, place: int) -> str:
    row = shown.get(one.result.model)
    return row[place].strip() if row is not None else ""


def _table(suite: str, found: Sequence[Assessment], number: int, costs: Costs) -> Iterator[str]:
    measures = measures_of(found)
    beaten = _beaten(found, measures)
    letters = {one.result.model: _letter(row) for row, one in enumerate(found)}
    best = {name: _best(found, name) for name in measures}
    yield r"\begin{table*}[ht]"
    yield r"\centering"
    yield f"\\caption{{{_caption(suite, found, is_tested=bool(beaten))}}}"
    yield f"\\label{{tab:{_LABEL}-{number}}}"
    yield f"\\begin{{tabular}}{{cl{'c' * len(measures)}{'r' * len(costs)}}}"
    yield r"\toprule"
    heads = [f"\\textbf{{{escape(name)}}}" for name in (*measures, *costs)]
    yield " & ".join([r"\textbf{\#}", r"\textbf{Model}", *heads]) + r" \\"
    yield r"\midrule"
    for one in found:
        model = one.result.model
        cells = [
            _cell(one, name, best[name], beaten.get(name, {}).get(model, ()), letters)
            for name in measures
        ]
        cells += [escape(column[model]) or "--" for column in costs.values()]
        yield " & ".join([letters[model], escape(model), *cells]) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table*}"


def _caption(suite: str, found: Sequence[Assessment], *, is_tested: bool) -> str:
    n = next(iter(found[0].estimates.values())).n if found[0].estimates else 0
    text = f"{escape(suite)}: {n:,} queries. The best values are in bold."
    if is_tested:
        text += (
            " Superscripts name the models that are significantly worse"
            r" (paired sign-flip test, $p < 0.05$ after Holm over all pairs)."
        )
    return text


def _beaten(
    found: Sequence[Assessment], measures: Sequence[str]
) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """measure -> model -> the models that it beats; empty where no values are at hand."""
    from benchharness.judge.ranking import Entrant, leaderboard

    entrants = [Entrant(one.result) for one in found if one.result.values]
    if len(entrants) < 2:
        return {}
    return {name: leaderboard(entrants, name).outperforms for name in measures}


def _best(found: Sequence[Assessment], measure: str) -> float | None:
    values = [one.estimates[measure].value for one in found if measure in one.estimates]
    numbers = [value for value in values if value == value]  # noqa: PLR0124 -- nan is no best
    return max(numbers) if numbers else None


def _cell(
    one: Assessment,
    measure: str,
    best: float | None,
    worse: Sequence[str],
    letters: Mapping[str, str],
) -> str:
    r"""`\textbf{0.7000}$^{bc}$`; what is printed is what every other renderer prints."""
    if measure not in one.estimates:
        return "--"
    text, _ = shown_estimate(one, measure)
    value = one.estimates[measure].value
    if best is not None and not order(value, best):
        text = f"\\textbf{{{text}}}"
    names = sorted((letters[model] for model in worse if model in letters), key=_place)
    gap = "," if len(letters) > len(_ALPHABET) else ""
    return f"{text}$^{{{gap.join(names)}}}$" if names else text


def _letter(row: int) -> str:
    """a … z, then aa, ab …"""
    first, last = divmod(row, len(_ALPHABET))
    return (_ALPHABET[first - 1] if first else "") + _ALPHABET[last]


def _place(letter: str) -> tuple[int, str]:
    return len(letter), letter
