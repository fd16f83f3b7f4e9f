"""How items meet workers of xdist: what needs one model goes to one worker.

`--dist loadgroup` would do the same by writing the group into the node ids, where --lf, JUnit
and the reader meet it. This scheduler takes the group from the node id as it is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

_ITEM = re.compile(r"(?:^|/)suite_[^/:\[]*\.py::[^\[]*\[(?P<model>.*)\]$", re.DOTALL)
_NEVER_SUITES = {"node_modules", "__pycache__", "venv", "build", "dist"}


def group_of_nodeid(nodeid: str) -> str:
    """The model of a suite's item; any other node id is a group by itself."""
    match = _ITEM.search(nodeid)
    return f"model {match['model']}" if match else nodeid


def wants_grouping(config: pytest.Config) -> bool:
    """Whether the user asked for workers (-n) but not for a distribution (--dist, -d).

    Asked before xdist completes its options.
    """
    option = config.option
    return bool(
        getattr(option, "numprocesses", None)
        and getattr(option, "dist", "") == "no"
        and not getattr(option, "distload", False)
    )


def names_suites(config: pytest.Config) -> bool:
    """Whether a path that pytest was given is a suite file or holds one."""
    base = config.invocation_params.dir
    return any(_holds_suite(base / arg.partition("::")[0]) for arg in config.args)


def _holds_suite(path: Path) -> bool:
    from benchharness.suite_file import is_suite_file

    if path.is_file():
        return is_suite_file(path)
    for folder, below, files in os.walk(path):
        below[:] = [name for name in below if name[0] != "." and name not in _NEVER_SUITES]
        if any(is_suite_file(Path(folder) / name) for name in files if name[:6] == "suite_"):
            return True
    return False


def make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class ByModel(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return group_of_nodeid(nodeid)

        def _reschedule(self, node: Any) -> None:
            # A worker starts an item when it knows the next one, or that there is none. After a
            # crash xdist gives the new worker one group and no such word, so a group of one item
            # would wait for ever.
            super()._reschedule(node)
            while self.workqueue and not node.shutting_down and self._starves(node):
                self._assign_work_unit(node)
            if not self.workqueue and not node.shutting_down:
                node.shutdown()

        def _starves(self, node: Any) -> bool:
            return bool(self._pending_of(self.assigned_work[node]) < 2)

    return ByModel(config, log)
