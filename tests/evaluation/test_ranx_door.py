"""The one door to ranx."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import benchharness

PACKAGE = Path(benchharness.__file__).parent
_FUSE_TWICE = """
import sys, threading
sys.path.insert(0, {root!r})
import numpy as np
from benchharness.evaluation.fusion import fuse
from benchharness.evaluation.search import Hits
from benchharness.models.fusion_spec import Fusion

hits = Hits(np.array([[0, 1]]), np.array([[2.0, 1.0]], dtype=np.float32))
found = []
threads = [threading.Thread(target=lambda: found.append(fuse([hits, hits], Fusion(), 2)))
           for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
import numba
print(len(found), numba.config.DISABLE_JIT)
"""


def test_one_module_imports_ranx() -> None:
    """Rule: what goes wrong in ranx is closed in one place."""
    importing = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(a.name.startswith("ranx") for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ranx")
    ]

    assert importing == ["evaluation/ranx_door.py"]


def test_threads_may_fuse_and_nothing_is_compiled() -> None:
    """In a fresh process with warnings as errors: ranx ended one that two threads called into."""
    code = _FUSE_TWICE.format(root=str(PACKAGE.parent))

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split() == ["4", "1"]
