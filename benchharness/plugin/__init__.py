"""The pytest plugin: hooks, and the `bench` fixture. Does nothing where there is no suite.

Imported in every pytest run of the environment, so this module and what it imports at its top
are light: the standard library, pytest, and nothing that reads data or models.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchharness.plugin.options import Options, add_options, read_options
from benchharness.plugin.texts import BenchWarning

if TYPE_CHECKING:
    from benchharness.plugin.fixture import BenchFixture
    from benchharness.plugin.publishing import Publisher

__all__ = ["BenchWarning"]

_PUBLISHER: pytest.StashKey[Publisher] = pytest.StashKey()
_GROUPING = pytest.StashKey[bool]()
_WORKERINPUT = "benchharness"


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    from benchharness.plugin.progress import progress_for
    from benchharness.plugin.session import BenchSession, open_session

    config.addinivalue_line("markers", "benchharness: a gate or measurement of a suite")
    given = getattr(config, "workerinput", {}).get(_WORKERINPUT)
    if given is None:
        options = read_options(config)
        # Only a name so far: the folder is made by whoever has a result to put there.
        folder = Path(tempfile.gettempdir()) / f"benchharness-{uuid.uuid4().hex}"
    else:
        options, folder = Options.unpacked(given["options"]), Path(given["folder"])
    session = BenchSession(
        options, folder, progress=lambda: progress_for(config), shared=given is not None
    )
    open_session(config, session)
    if given is None:
        from benchharness.plugin.publishing import Publisher

        config.stash[_PUBLISHER] = Publisher(config, session)
        config.pluginmanager.register(config.stash[_PUBLISHER], "benchharness-publisher")


def pytest_unconfigure(config: pytest.Config) -> None:
    publisher = config.stash.get(_PUBLISHER, None)
    if publisher is not None:
        publisher.clean_up()


# Collection


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Suite files are collected whatever `python_files` says, and once if it names them too."""
    collected = yield
    if not file_path.name.startswith("suite_"):
        return collected
    from benchharness.plugin.items import SuiteFile, rewrite_asserts
    from benchharness.suite_file import is_suite_file

    if is_suite_file(file_path) and not any(isinstance(one, SuiteFile) for one in collected):
        rewrite_asserts(file_path)
        module = SuiteFile.from_parent(parent, path=file_path)
        return [*collected, module]
    return collected


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Any:
    if not module_path.name.startswith("suite_"):
        return None
    from benchharness.plugin.items import SuiteFile
    from benchharness.suite_file import is_suite_file

    if not is_suite_file(module_path):
        return None
    return SuiteFile.from_parent(parent, path=module_path)


def pytest_deselected(items: list[pytest.Item]) -> None:
    if items:
        from benchharness.plugin.items import note_deselected

        note_deselected(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.getoption("collectonly"):
        from benchharness.plugin.items import announce

        announce(session)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Margins that a suite has too few queries for are named before anything is measured."""
    if not any(item.get_closest_marker("benchharness") for item in items):
        return []
    from benchharness.plugin.items import unresolved_margins

    return unresolved_margins(config)


# Running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    from benchharness.plugin.items import complete_report

    complete_report(item, call, report)
    return report


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """A gate that is not met is never printed as passed, whatever its breach does."""
    word = getattr(report, "benchharness", {}).get("word")
    if word and report.when == "call" and report.passed:
        return word, word[0], (word.upper(), {"yellow": True})
    return None


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> BenchFixture:
    """Measures and judges by hand, sharing what the session has measured already.

    bench.measure(model, suite_or_reference) -> Result
    bench.assess(model, suite) -> Assessment, with intervals, decision and verdicts
    bench.check(model, suite): fails the test with the verdicts of the gates that did not pass

    What is measured through it stands in the session's report.
    """
    from benchharness.plugin.fixture import BenchFixture

    return BenchFixture(request.node)


# xdist


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Looks at xdist's options as the user gave them, before xdist completes them."""
    from benchharness.plugin.distribute import wants_grouping

    config.stash[_GROUPING] = wants_grouping(config)
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from benchharness.plugin.distribute import make_scheduler, names_suites

    grouping = config.stash.get(_GROUPING, False)
    return make_scheduler(config, log) if grouping and names_suites(config) else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    from benchharness.plugin.session import bench_session

    session = bench_session(node.config)
    node.workerinput[_WORKERINPUT] = {
        "options": session.options.packed(),
        "folder": str(session.folder),
    }


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    if error:
        node.config.stash[_PUBLISHER].worker_died()
