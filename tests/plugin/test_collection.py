"""What is collected of a suite file, under which node ids, and what stops collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

NODE_IDS = [
    "suites/suite_faq.py::faq::floor-recall@10[hash]",
    "suites/suite_faq.py::faq::floor-ndcg@10[hash]",
    "suites/suite_faq.py::faq::floor-recall@10[bm25]",
]


def collected(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line and not line.startswith("=")]


def test_one_item_for_each_gate_and_model_in_order_of_model(project: Project) -> None:
    """Items of one model stand together; a gate binds the models that it names."""
    project.suite()

    result = project.run("--collect-only", "-q", "suites")

    assert collected(result) == NODE_IDS


def test_a_model_without_gates_is_measured(project: Project) -> None:
    """A model that no gate binds gets one item, measure[MODEL]."""
    project.gates(
        'Gate.floor("recall@10", 0.5, models=["hash"])', models='["hash", "hash@dim=512"]'
    )

    result = project.run("--collect-only", "-q", "suites")

    assert collected(result)[1:] == ["suites/suite_faq.py::faq::measure[hash@dim=512]"]


def test_test_functions_of_a_suite_file_run_with_explained_asserts(project: Project) -> None:
    """A suite file is a test file too: its test functions run, and asserts are rewritten."""
    project.suite(project.faq + "\ndef test_numbers():\n    left = 3\n    assert left == 4\n")

    result = project.run("suites", "-k", "test_numbers")

    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["E*assert 3 == 4"])


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["suites/suite_faq.py"], id="named"),
        pytest.param(["-o", "python_files=suite_*.py", "suites"], id="python_files"),
        pytest.param(["-o", "python_files=*.py", "suites/suite_faq.py"], id="both"),
        pytest.param(["suites", "suites/suite_faq.py"], id="folder-and-file"),
    ],
)
def test_a_suite_file_is_collected_once(project: Project, arguments: list[str]) -> None:
    """Naming the file, or matching python_files, collects nothing a second time."""
    project.suite()

    result = project.run("--collect-only", "-q", *arguments)

    assert collected(result) == NODE_IDS


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_an_imported_suite_belongs_to_the_file_that_defines_it(project: Project, mode: str) -> None:
    """Importing a suite into a second suite file does not collect it twice."""
    project.suite()
    project.suite(
        "import benchharness\nfrom suite_faq import faq\n\ndef test_it():\n    assert faq.name\n",
        name="suite_a.py",
    )

    result = project.run(
        "--collect-only", "-q", f"--import-mode={mode}", "-o", "pythonpath=suites", "suites"
    )

    assert collected(result) == ["suites/suite_a.py::test_it", *NODE_IDS]


def test_a_suite_from_an_ordinary_module_belongs_to_its_importer(project: Project) -> None:
    """A suite that a helper module makes is collected where a suite file imports it, once."""
    project.suite(project.faq, name="making.py")
    project.suite("import benchharness\nfrom making import faq\nagain = faq\n", name="suite_a.py")
    project.suite("import benchharness\nfrom making import faq\n", name="suite_b.py")

    result = project.run("--collect-only", "-q", "-o", "pythonpath=suites", "suites")

    assert collected(result) == [name.replace("suite_faq", "suite_a") for name in NODE_IDS]


def test_two_suites_of_one_name_are_refused(project: Project) -> None:
    """Baselines are found by name, so a second suite of the name is an error naming both."""
    project.suite()
    project.suite(name="suite_other.py")

    result = project.run("suites")

    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["*two suites are called 'faq': suites/suite_faq.py:3 and suites/suite_other.py:3"]
    )


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        pytest.param(
            '"recall@10", 0.5', '"recal@10", 0.5', "unknown measure 'recal@10'", id="measure"
        ),
        pytest.param("0.5", 'float("nan")', "minimum of floor-recall@10 is nan", id="nan"),
        pytest.param('name="faq"', 'name="f/q"', "suite name 'f/q' cannot name a file", id="name"),
    ],
)
def test_a_wrong_suite_is_one_message_with_its_line(
    project: Project, wrong: str, right: str, message: str
) -> None:
    """A SuiteError stops collection: exit code 2, file:line and remedy, no traceback."""
    project.suite(project.faq.replace(wrong, right, 1))

    result = project.run("suites")

    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*{message}*"])
    result.stdout.re_match_lines([r"suites/suite_faq\.py:\d+: "])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*suite.py:*: in *")
    assert project.verdict()["status"] == "suite-error"


def test_other_exceptions_keep_their_traceback(project: Project) -> None:
    """What is not a BenchError is the file's own affair: pytest shows the traceback."""
    project.suite(project.faq + "\n1 / 0\n")

    result = project.run("suites")

    assert result.ret == 2
    result.stdout.fnmatch_lines(["suites/suite_faq.py:*: in <module>", "E   ZeroDivisionError*"])


def test_foreign_suite_files_are_not_imported(project: Project) -> None:
    """A suite_*.py that does not speak of benchharness is another project's own."""
    project.suite("raise RuntimeError('imported')\n", name="suite_runner.py")

    result = project.run("suites")

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not project.has_report()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([NODE_IDS[1]], [1], id="node-id"),
        pytest.param(["suites/suite_faq.py::faq"], [0, 1, 2], id="suite"),
        pytest.param(["suites/suite_faq.py::faq::floor-recall@10"], [0, 2], id="gate"),
        pytest.param(["suites", "-k", "bm25"], [2], id="k-model"),
        pytest.param(["suites", "-k", "ndcg"], [1], id="k-measure"),
        pytest.param(["suites", "--deselect", NODE_IDS[0]], [1, 2], id="deselect"),
        pytest.param(["suites", "-m", "benchharness"], [0, 1, 2], id="mark"),
        pytest.param(["suites", "-m", "not benchharness"], [], id="not-mark"),
    ],
)
def test_items_are_chosen_as_in_any_test_file(
    project: Project, arguments: list[str], expected: list[int]
) -> None:
    """Node ids, -k, -m and --deselect choose gates."""
    project.suite()

    result = project.run("--collect-only", "-q", *arguments)

    assert collected(result) == [NODE_IDS[row] for row in expected]


def test_marks_of_the_file_reach_its_gates(project: Project) -> None:
    """`pytestmark` skips gates like tests."""
    project.suite(
        project.faq + "\nimport pytest\n\npytestmark = pytest.mark.skip(reason='later')\n"
    )

    result = project.run("suites")

    result.assert_outcomes(skipped=3)


def test_collecting_reads_no_data_and_leaves_the_report_alone(project: Project) -> None:
    """--collect-only works without the data, and an earlier verdict stays."""
    project.suite(project.faq.replace("data/faq", "data/absent"))
    verdict = project.path / ".benchharness" / "report" / "verdict.json"
    verdict.parent.mkdir(parents=True)
    verdict.write_text("{}", encoding="utf-8")

    result = project.run("--collect-only", "-q", "suites")

    assert result.ret == 0
    assert verdict.read_text(encoding="utf-8") == "{}"


def test_bench_model_replaces_the_models_of_every_suite(project: Project) -> None:
    """--bench-model may be repeated; a model named twice is measured once."""
    project.suite()

    result = project.run(
        "--collect-only", "-q", "suites",
        "--bench-model", "hash@dim=512", "--bench-model", "hash@dim=512", "--bench-model", "bm25",
    )  # fmt: skip

    assert collected(result) == [
        "suites/suite_faq.py::faq::floor-recall@10[hash@dim=512]",
        "suites/suite_faq.py::faq::floor-recall@10[bm25]",
    ]
