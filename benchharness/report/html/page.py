"""report.html: the whole report on one page that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from benchharness.report.files import CHANGES, PER_QUERY, VERDICT
from benchharness.report.html import pictures, views
from benchharness.report.html.explorer import BUDGET_BYTES, explorer_of
from benchharness.report.leaderboard_text import (
    costs_of,
    facts_of,
    loss_fact,
    losses_of,
    summary_of,
    title_of,
    worth_of,
)
from benchharness.report.tuning_text import HEAD as TUNING_HEAD
from benchharness.report.tuning_text import facts_of as tuning_facts
from benchharness.report.tuning_text import rows_of as tuning_rows
from benchharness.report.wording import closing_sentence, one_line, plain, status_word

if TYPE_CHECKING:
    from jinja2 import Environment

    from benchharness.judge.leaderboard import Leaderboard
    from benchharness.report.model import Report
    from benchharness.report.release import Release
    from benchharness.train.tuning import Tuning

_FOLDER = "templates"
_PAGE, _STYLE, _SCRIPT = "page.html.j2", "style.css", "explorer.js"


def render_page(
    report: Report,
    *,
    release: Release | None = None,
    made: str = "",
    budget_bytes: int = BUDGET_BYTES,
) -> str:
    """The page as HTML; the same report gives the same bytes.

    made:   a line on when it was made and by which version.
    budget: for the queries' data; beyond it texts of the least changed ones are left out, and
            the page says so.

    Needs the estimates, verdicts and exhibits, not the values of every query. Whatever stands in
    the corpus or in a name is text: nothing of it becomes markup or is run.
    """
    script = _text(_SCRIPT)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    broken, more = views.breaches(report)
    explorer = explorer_of(report, budget_bytes)
    suites, models = views.matrix(report)
    return (
        _environment()
        .get_template(_PAGE)
        .render(
            style=_text(_STYLE),
            script=script,
            script_hash=f"sha256-{digest}",
            made=made,
            status=status_word(report),
            tone=_tone(report, release),
            sentence=closing_sentence(report),
            release=release,
            broken=broken,
            more_broken=more,
            failures=report.failures,
            matrix_suites=suites,
            matrix=models,
            suites=list(views.suites(report)),
            intervals={
                one_line(name): one for name, one in pictures.interval_charts(report).items()
            },
            decisions=views.by_suite(views.decisions(report)),
            gates=views.gates(report),
            comparisons=views.comparisons(report),
            boards=[_board(board) for board in report.leaderboards],
            boards_summary=one_line(summary_of(report.leaderboards)),
            fronts=list(pictures.front_charts(report.leaderboards)),
            explorer=explorer,
            curves=list(pictures.recall_charts(report)),
            slices=views.by_suite(views.slices(report)),
            history=list(pictures.history_charts(report)),
            tunings=[_tuning(one, number) for number, one in enumerate(report.tunings)],
            findings=views.findings(report),
            provenance=list(views.provenance(report)),
            names={"verdict": VERDICT, "changes": CHANGES, "per_query": PER_QUERY},
        )
    )


def _tone(report: Report, release: Release | None) -> str:
    """Green ("good") only where everything was measured and every gate was met.

    "calm" is a pass of less: without a gate, with one that warned or was waived, of a part.
    """
    if report.status != "pass" or (release is not None and not release.granted):
        return "bad"
    is_met = report.verdicts and not any(verdict.breached for verdict in report.verdicts)
    return "good" if is_met and report.complete else "calm"


def _board(board: Leaderboard) -> dict[str, Any]:
    return {
        "title": one_line(title_of(board)),
        "tables": [table for table in (worth_of(board), costs_of(board)) if len(table[0]) > 1],
        "losses": losses_of(board),
        "facts": [one_line(fact) for fact in (*facts_of(board), loss_fact(board)) if fact],
    }


def _tuning(tuning: Tuning, number: int) -> dict[str, Any]:
    return {
        "name": f"{one_line(tuning.suite)} / {one_line(tuning.model)}",
        "word": views.word(tuning.outcome),
        "why": one_line(tuning.why),
        "advice": one_line(tuning.advice),
        "head": TUNING_HEAD,
        "rows": [[one_line(cell) for cell in row] for row in tuning_rows(tuning)],
        "facts": [one_line(fact) for fact in tuning_facts(tuning)],
        "pictures": list(pictures.tuning_charts(tuning, number)),
    }


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("benchharness.report.html", _FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: object) -> object:
    """What a template prints, its control characters made visible: HTML has no NUL.

    Markup has passed here before, or is the package's own.
    """
    return plain(value) if type(value) is str else value


def _text(name: str) -> str:
    return (files("benchharness.report.html") / _FOLDER / name).read_text(encoding="utf-8")
