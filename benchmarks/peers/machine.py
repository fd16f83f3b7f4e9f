"""What was measured on, and which versions of what."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

from peers.process import OURS, PEERS, ROOT

LIBRARIES = (
    "benchharness", "torch", "sentence-transformers", "transformers", "numpy", "mteb", "beir",
    "faiss-cpu", "pytrec_eval-terrier", "ir_measures", "ranx", "pytest",
)  # fmt: skip
_ASK = (
    "import importlib.metadata as m, json, sys\n"
    "found = {}\n"
    "for name in sys.argv[1:]:\n"
    "    try: found[name] = m.version(name)\n"
    "    except m.PackageNotFoundError: pass\n"
    "print(json.dumps(found))"
)


def machine() -> dict[str, str | int | float]:
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "commit": _commit(),
    }


def versions() -> dict[str, dict[str, str]]:
    """Of both environments; a library that one lacks is left out there."""
    found = {}
    for name, python in (("ours", OURS), ("peers", PEERS)):
        if Path(python).is_file():
            out = subprocess.run(  # noqa: S603 - ours
                [python, "-c", _ASK, *LIBRARIES], capture_output=True, text=True, check=True
            )
            found[name] = json.loads(out.stdout)
    return found


def _commit() -> str:
    """Of this repository, and whether files differ from it; empty where git cannot tell."""
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run(  # noqa: S603 - ours
        [git, "describe", "--always", "--dirty= with changes", "--exclude=*"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    return done.stdout.strip()


def _cpu() -> str:
    """The model, its number where the name says little, and what its matrix products can use."""
    place = Path("/proc/cpuinfo")
    if not place.is_file():
        return platform.processor() or platform.machine()
    lines = place.read_text().split("\n\n")[0].splitlines()
    facts = dict((part.strip() for part in line.split(":", 1)) for line in lines if ":" in line)
    flags = facts.get("flags", "").split()
    fast = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    name = facts.get("model name", platform.machine())
    return f"{name}, model {facts.get('model', '?')} ({', '.join(fast)})"
