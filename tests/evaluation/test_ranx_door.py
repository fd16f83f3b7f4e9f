"""The one door to ranx."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import numba
import pytest

import benchharness
from benchharness.errors import MissingDependency
from benchharness.evaluation.ranx_door import ranx_opened

PACKAGE = Path(benchharness.__file__).parent
_FUSE = """
import sys, threading
import {first}
import numba, numpy as np
from benchharness.evaluation.fusion import fuse
from benchharness.evaluation.search import Hits
from benchharness.models.fusion_spec import Fusion

def part(*lists):
    rows, scores = np.full((3, 3), -1), np.full((3, 3), -np.inf, dtype=np.float32)
    for query, found in enumerate(lists):
        rows[query, : len(found)] = list(found)
        scores[query, : len(found)] = list(found.values())
    return Hits(rows, scores)

parts = [part({{4: 3.0, 2: 1.0, 7: 0.5}}, {{}}, {{9: 1.0}}), part({{2: 0.5, 8: 0.25}}, {{}}, {{}})]
sparse = [part({{}}, {{}}, {{}}), part({{}}, {{5: 1.0}}, {{}})]
fusions = [Fusion(), *(Fusion("wsum", norm, (0.5, 0.5), None)
           for norm in ("min-max", "sum", "zmuv", "rank", "borda"))]
found = []
def run():
    found.append([fuse(given, one, 3) for given in (parts, sparse) for one in fusions])
threads = [threading.Thread(target=run) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
import ranx.data_structures.common as common
print(type(common.to_typed_list).__name__, numba.config.DISABLE_JIT)
for each in found:
    print([(one.rows.tolist(), one.scores.round(5).tolist()) for one in each])
"""


def fused_after(first: str) -> list[str]:
    """What a fresh process prints where three threads fuse, after an import; without a warning."""
    ran = subprocess.run(
        [sys.executable, "-W", "error" if first != "ranx" else "ignore", "-c",
         _FUSE.format(first=first)],
        cwd=PACKAGE.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_one_module_imports_ranx() -> None:
    """Rule: what goes wrong in ranx is closed in one place."""
    naming = re.compile(
        r"""^\s*(import|from) ranx\b|_imported\(["']ranx|import_module\(["']ranx""", re.M
    )

    importing = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if naming.search(path.read_text(encoding="utf-8"))
    ]

    assert importing == ["evaluation/ranx_door.py"]


def test_a_broken_ranx_says_how_it_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that fails is named, and the compiler is as it was."""
    monkeypatch.setitem(sys.modules, "ranx", None)
    before = numba.config.DISABLE_JIT

    with pytest.raises(MissingDependency, match="ranx cannot be imported") as caught, ranx_opened():
        pass

    assert "pip install" in caught.value.remedy
    assert before == numba.config.DISABLE_JIT


def test_nothing_is_compiled_and_the_compiler_is_left_on_for_others() -> None:
    """bm25s imports numba before ranx is: a variable that is set then comes too late.

    In three threads, and with warnings as errors.
    """
    kind, *printed = fused_after("numba")

    assert kind == "function 0"
    assert len(printed) == 3
    assert len(set(printed)) == 1
    assert "[[2, 4, 7], [-1, -1, -1], [9, -1, -1]]" in printed[0]


@pytest.mark.slow
def test_a_ranx_that_someone_compiled_gives_the_same() -> None:
    """Rule: what else is imported changes no number. Takes a minute where nothing is cached."""
    kind, *printed = fused_after("ranx")

    assert kind == "CPUDispatcher 0"
    assert printed == fused_after("numba")[1:]


def test_one_thread_is_in_ranx_at_a_time() -> None:
    """Where numba's compiler is on, two threads in ranx end the process."""
    order = []

    def second() -> None:
        with ranx_opened():
            order.append("second")

    thread = threading.Thread(target=second)
    with ranx_opened():
        thread.start()
        thread.join(timeout=0.2)  # without the lock it would be done now
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
