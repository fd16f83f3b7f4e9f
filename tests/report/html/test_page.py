"""report.html as text: complete, the same each time, and without a way to the outside."""

import base64
import hashlib
import html
import itertools
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from benchharness.data.lint import Finding
from benchharness.gate import Gate, Waiver
from benchharness.report.html.page import render_page
from benchharness.report.model import Failure, Report
from benchharness.report.release import Release
from benchharness.report.verdict_file import write_report
from benchharness.report.verdict_reading import read_report

SECTIONS = [
    "results", "gates", "queries", "models", "tuning", "decisions", "curves", "slices", "history",
    "data", "provenance",
]  # fmt: skip


class Parsed(HTMLParser):
    """Tags with their attributes, and the text of each kind of element."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.text = [], [], {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input", "br", "col"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data


def visible(page):
    """The text that a reader sees before any script ran, blanks as one."""
    without = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without)).split())


def test_every_section_is_there_once(whole):
    page = render_page(whole)

    assert re.findall(r'<section id="(\w+)">', page) == SECTIONS
    assert re.findall(r'<a href="#(\w+)">', page)[: len(SECTIONS)] == SECTIONS


def test_what_there_is_nothing_to_say_of_has_no_section(assess):
    """Rule: no empty heading; an unmeasured session is still a page."""
    page = render_page(Report.of([]))

    assert re.findall(r"<section", page) == []
    assert "nothing was measured" in visible(page)
    assert "<script>" not in page


def test_the_page_is_whole_html(whole, hostile):
    """Rule: every element that is opened is closed, whatever stands in the corpus."""
    for report in (whole, hostile):
        assert Parsed(render_page(report)).open == []


def test_headings_go_down_step_by_step(whole):
    """Rule: one h1, and no level is skipped."""
    levels = [
        int(tag[1]) for tag, _ in Parsed(render_page(whole)).tags if re.fullmatch("h[1-6]", tag)
    ]

    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_ids_are_there_once(whole):
    ids = [attrs["id"] for _, attrs in Parsed(render_page(whole)).tags if "id" in attrs]

    assert sorted(ids) == sorted(set(ids))


def test_the_same_report_gives_the_same_bytes(whole):
    assert render_page(whole, made="now") == render_page(whole, made="now")


def test_nothing_is_loaded_from_anywhere(whole):
    """Rule: no address but those inside the page and the names of SVG."""
    page = render_page(whole)

    addresses = set(re.findall(r'(?:src|href|action)="([^"]*)"', page))
    assert {one for one in addresses if not one.startswith(("#", "data:"))} == set()
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
    }  # fmt: skip


def test_only_the_page_s_own_script_may_run(whole):
    """Rule: the policy names the hash of its content."""
    page = render_page(whole)

    script = re.search(r"<script>(.*?)</script>", page, flags=re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert len(re.findall(r"<script", page)) == 2


def test_markup_of_a_corpus_is_text(hostile):
    """Rule: nothing of it opens an element, ends the data's block, or is a template's."""
    page = render_page(hostile)
    parsed = Parsed(page)

    assert {tag for tag, _ in parsed.tags} & {"img", "textarea", "iframe", "object"} == set()
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    assert "{{ 7*7 }}" in page
    assert "nul \\x00 bell \\x07" in visible(page)
    assert "\x00" not in page


def test_the_numbers_are_those_of_the_other_renderers(whole):
    """Rule: values, intervals, decisions and sentences as in the summary."""
    text = visible(render_page(whole))

    for said in ("0.6790 [", "0.7000 [", "0.8500 [", "REGRESSED", "won 12, lost 33, tied 955"):
        assert said in text
    assert "0.7000 → 0.6790" in text


def test_a_release_stands_first(whole, assess):
    met = Report.of([assess(gates=[Gate.floor("recall@10", 0.5)])])
    refused = render_page(whole, release=Release(granted=False, why="a gate fell"))
    granted = render_page(met, release=Release(granted=True, why="fine"))

    assert 'class="verdict bad"' in refused
    assert "Do not release a gate fell" in visible(refused)
    assert 'class="verdict good"' in granted


def test_a_pass_with_a_refused_release_is_not_green(whole):
    """Rule: the worse of both colours the verdict."""
    page = render_page(replace(whole, status="pass"), release=Release(granted=False, why="limited"))

    assert 'class="verdict bad"' in page


def test_a_pass_with_a_waived_gate_or_of_a_part_is_not_green(assess, change):
    """Rule: green is every gate met and everything measured; the waiver's reason is told."""
    waiver = Waiver("regression-recall@10", "minilm", "ticket <12>", "2027-01-31")
    waived = Report.of([change(waivers=[waiver])])
    part = replace(
        Report.of([assess(gates=[Gate.floor("recall@10", 0.5)])]), selection={"deselected": 1}
    )

    pages = [render_page(one) for one in (waived, part)]

    assert (waived.status, part.status) == ("pass", "pass")
    assert all('class="verdict calm"' in page for page in pages)
    assert "waived: ticket &lt;12&gt;" in pages[0]
    assert "not everything was measured" in visible(pages[1])


def test_a_pass_without_a_gate_is_not_green(assess):
    """Rule: nothing was asked of the model, so nothing was met."""
    page = render_page(Report.of([assess()]))

    assert 'class="verdict calm"' in page
    assert "no gate" in visible(page)


@pytest.mark.parametrize("status", ["fail", "incomplete", "error", "no-suites", "data-error"])
def test_only_a_pass_is_green(whole, status):
    assert 'class="verdict bad"' in render_page(replace(whole, status=status))


def test_what_could_not_be_measured_is_named_at_the_top(whole):
    failure = Failure("faq", "lost", "data-error", "no <b>corpus</b>", "data/x:3", "look there")
    page = render_page(replace(whole, failures=(failure,)))

    head = page[: page.index("<nav")]
    assert "no &lt;b&gt;corpus&lt;/b&gt;" in head
    assert "data/x:3" in head


def test_many_broken_gates_are_counted(change):
    """Rule: six at the top, the rest by number."""
    found = [change(suite=f"suite{number}") for number in range(9)]

    page = render_page(Report.of(found))

    head = visible(page[: page.index("<nav")])
    assert head.count("REGRESSED") == 6
    assert "and 3 more" in head


def test_a_report_without_the_values_of_queries_is_the_same_page(whole):
    """Rule: a stored report is rendered from what is small: estimates, verdicts, exhibits."""
    empty = [
        replace(one, result=replace(one.result, values={}, run=replace(
            one.result.run, query_ids=(), doc_ids=(), scores=()), facts=(), capped_recall=None))
        for one in whole.assessments
    ]  # fmt: skip

    assert render_page(replace(whole, assessments=tuple(empty))) == render_page(whole)


def test_texts_that_find_no_room_are_counted(whole):
    page = render_page(whole, budget_bytes=20_000)

    assert re.search(
        r"For want of room \d+ queries and documents stand here without their text", page
    )
    assert "For want of room" not in render_page(whole)


def test_rendering_loads_no_torch(whole, tmp_path):
    """Rule: a page of everything is made where no model could be."""
    write_report(whole, tmp_path / "report")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from benchharness.report.html.page import render_page\n"
        "from benchharness.report.verdict_reading import read_report\n"
        "assert 'jinja2' not in sys.modules and 'matplotlib' not in sys.modules\n"
        "page = render_page(read_report(Path('report')))\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'ranx', 'pandas', 'pyarrow'}\n"
        "pyplot = {'matplotlib.pyplot'}\n"
        "print(page.count('<svg'), sorted((heavy | pyplot) & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    charts = render_page(whole).count("<svg")
    assert charts > 5
    assert done.stdout.strip() == f"{charts} []"


def test_a_stored_report_gives_the_same_page(whole, tmp_path):
    """Rule: what was published and what is rendered again from its folder do not differ."""
    write_report(whole, tmp_path / "report")

    assert render_page(read_report(tmp_path / "report")) == render_page(whole)


def test_control_characters_are_visible_wherever_they_stand(whole):
    """Rule: failures, findings, boards, tunings and releases too; HTML has no NUL."""
    nul = "a\x00b\x1bc"
    finding = Finding(nul, "warning", nul, nul, nul)
    (board,), (tuned,) = whole.leaderboards, whole.tunings
    rows = tuple(replace(one, spec=f"{nul}{place}") for place, one in enumerate(board.standings))
    page = render_page(
        replace(
            whole,
            assessments=tuple(replace(one, findings=(finding,)) for one in whole.assessments),
            failures=(Failure(nul, nul, "data-error", nul, nul, nul),),
            leaderboards=(replace(board, suite=nul, standings=rows, left_out={nul: nul}),),
            tunings=(replace(tuned, suite=nul, why=nul, advice=nul, note=nul, leaks=(nul,)),),
            history=tuple(replace(one, model=nul, note=nul) for one in whole.history),
        ),
        release=Release(granted=False, why=nul),
        made=nul,
    )

    assert not {"\x00", "\x1b"} & set(page)
    assert page.count("a\\x00b\\x1bc") > 20


def test_suites_whose_names_differ_in_case_stay_apart(assess):
    """Rule: groups are by name, in the order of the report, folded where there are many."""
    found = [assess(suite=suite, model=f"m{n}") for suite in ("faq", "FAQ") for n in range(7)]

    page = render_page(Report.of(found))

    decisions = page[page.index('id="decisions"') :]
    assert re.findall(r'<details class="group"><summary><bdi>(\w+)<', decisions) == ["faq", "FAQ"]


def test_a_few_decisions_are_not_folded(assess):
    page = render_page(Report.of([assess(model=f"m{n}") for n in range(3)]))

    assert '<details class="group">' not in page


def test_each_suite_stands_in_the_matrix_by_its_own_measure(whole):
    """Rule: values of the first measure, the gates beside them, a dash where nothing is."""
    page = visible(render_page(whole))

    matrix = page[page.index("All suites") : page.index("faq 1,000 queries")]
    assert "faq recall@10 prose recall@10" in matrix
    assert "minilm 0.6790 REGRESSED 0.8500 no gate bm25 \u2013 0.7000 no gate" in matrix
