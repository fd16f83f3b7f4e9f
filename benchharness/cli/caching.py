"""`benchharness cache`: what is kept, and making it smaller."""

from __future__ import annotations

import argparse
import re
import time

from benchharness.cli.output import write, write_json
from benchharness.errors import UsageError

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)i?B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_DAY = 86_400


def info(arguments: argparse.Namespace) -> int:
    from benchharness.models.cache import EmbeddingCache, default_cache_folder

    found = EmbeddingCache(default_cache_folder()).info()
    if arguments.json:
        write_json(
            {
                "folder": str(found.folder),
                "max_bytes": found.max_bytes,
                "size_bytes": found.size_bytes,
                "entries": found.entries,
                "models": [
                    {
                        "spec": one.spec,
                        "fingerprint": one.fingerprint,
                        "role": one.role,
                        "entries": one.entries,
                        "size_bytes": one.size_bytes,
                        "last_used": one.last_used,
                    }
                    for one in found.models
                ],
            }
        )
        return 0
    write(f"{found.folder}")
    write(
        f"{found.entries:,} vectors, {shown_size(found.size_bytes)} "
        f"of at most {shown_size(found.max_bytes)}"
    )
    for one in reversed(found.models):
        days = int((time.time() - one.last_used) // _DAY)
        used = "today" if days <= 0 else f"{days} days ago" if days > 1 else "yesterday"
        write(
            f"  {one.spec or one.fingerprint[:12]}  {one.role}  {one.entries:,} vectors  "
            f"{shown_size(one.size_bytes)}  used {used}"
        )
    return 0


def prune(arguments: argparse.Namespace) -> int:
    from benchharness.models.cache import EmbeddingCache, default_cache_folder

    max_bytes = parse_size(arguments.max_size) if arguments.max_size is not None else None
    cache = EmbeddingCache(default_cache_folder())
    freed = cache.prune(max_bytes, all=arguments.all)
    left = cache.info().size_bytes
    if arguments.json:
        write_json({"folder": str(cache.folder), "freed_bytes": freed, "size_bytes": left})
    else:
        write(f"{shown_size(freed)} freed, {shown_size(left)} left in {cache.folder}")
    return 0


def forget(arguments: argparse.Namespace) -> int:
    from benchharness.models.cache import default_cache_folder
    from benchharness.models.endpoint.memory import Memory, address_named

    address = address_named(arguments.spec)
    if address is None:
        raise UsageError(
            "only models behind a URL are remembered; others are known by their files",
            remedy="write openai:MODEL@URL or tei:URL",
        )
    folder = default_cache_folder()
    forgotten = Memory(folder).forget(address)
    if arguments.json:
        write_json({"folder": str(folder), "service": str(address), "forgotten": forgotten})
    elif forgotten:
        write(f"{address} is forgotten; the next run takes its model as it is then")
        write("  its vectors of before are not used with the new ones, and go with the oldest")
    else:
        write(f"nothing is remembered of {address} in {folder}")
    return 0


def parse_size(text: str) -> int:
    """`5GB` as bytes; K, M, G and T are powers of 1000. Raises UsageError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"size {text!r} cannot be read", remedy="write 5GB, 800MB or bytes")
    return int(float(match["number"]) * _UNITS[match["unit"].upper()])


def shown_size(size_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"
