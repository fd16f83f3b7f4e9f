"""`benchharness index`: a stored index that no other model is asked with."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli import GATE_FAILED, PASS
from benchharness.cli.one_task import one_task
from benchharness.cli.output import progress, table_lines, write, write_json
from benchharness.errors import UsageError
from benchharness.judge.numbers import format_count

if TYPE_CHECKING:
    from benchharness.models.encoder import Encoder
    from benchharness.serving.index import StoredIndex


def build(arguments: argparse.Namespace) -> int:
    from benchharness.judge.bench import Bench
    from benchharness.serving.index import build_index

    task = one_task(arguments, [arguments.model])
    encoder = opened(arguments.model, task.base)
    with progress(quiet=arguments.quiet) as listener:
        bench = Bench(listener=listener)
        corpus = bench.dataset(task.suite.dataset, task.base).corpus
        folder = Path(arguments.out)
        index = build_index(encoder, corpus, folder, cache=bench.cache, listener=listener)
    return _told(index, as_json=arguments.json)


def add(arguments: argparse.Namespace) -> int:
    from benchharness.judge.bench import Bench
    from benchharness.serving.index import StoredIndex

    index = StoredIndex.open(Path(arguments.index))
    task = one_task(arguments, [arguments.model])
    encoder = opened(arguments.model, task.base)
    with progress(quiet=arguments.quiet) as listener:
        bench = Bench(listener=listener)
        corpus = bench.dataset(task.suite.dataset, task.base).corpus
        index = index.add(encoder, corpus, cache=bench.cache, listener=listener)
    return _told(index, as_json=arguments.json)


def check(arguments: argparse.Namespace) -> int:
    """1 where a file is damaged, or the index is of another model than the one named."""
    from benchharness.serving.index import StoredIndex
    from benchharness.serving.manifest import difference

    index = StoredIndex.open(Path(arguments.index))
    findings = list(index.damage())
    if arguments.model is not None:
        findings.append(difference(index.manifest, opened(arguments.model, Path.cwd())))
    findings = [sentence for sentence in findings if sentence]
    if arguments.json:
        write_json({"manifest": asdict(index.manifest), "findings": findings})
        return GATE_FAILED if findings else PASS
    write(_line(index))
    for sentence in findings:
        write(f"  {sentence}")
    if findings:
        write("  -> search it with its own model, or build a new index beside it")
    return GATE_FAILED if findings else PASS


def search(arguments: argparse.Namespace) -> int:
    from benchharness.serving.index import StoredIndex

    if arguments.k < 1:
        raise UsageError(f"-k {arguments.k} is no number of documents", remedy="-k 10")
    index = StoredIndex.open(Path(arguments.index))
    encoder = opened(arguments.model or index.manifest.spec, Path.cwd())
    (found,) = index.search(encoder, [arguments.query], arguments.k)
    if arguments.json:
        write_json([asdict(one) for one in found])
        return PASS
    rows = [(str(rank), f"{one.score:.4f}", one.doc_id) for rank, one in enumerate(found, start=1)]
    for line in table_lines(("rank", "score", "document"), rows) if rows else ["nothing found"]:
        write(line)
    return PASS


def opened(spec: str, base: Path) -> Encoder:
    """The model of a spec. Raises UsageError where it has no vectors, ModelError."""
    from benchharness.models.encoder import is_encoder
    from benchharness.models.registry import open_model

    system = open_model(spec, base)
    if not is_encoder(system):
        raise UsageError(
            f"{spec} has no vectors of its own",
            remedy="name a model that turns texts into vectors, such as minilm",
        )
    return system


def _told(index: StoredIndex, *, as_json: bool) -> int:
    if as_json:
        write_json(asdict(index.manifest))
    else:
        write(_line(index))
    return PASS


def _line(index: StoredIndex) -> str:
    one = index.manifest
    documents = format_count(one.documents, "document")
    of = f"{one.spec} ({one.fingerprint[:16]}), {one.dim} components, {one.dtype}"
    return f"{index.folder}: {documents} of {of}, built {one.created} by {one.benchharness}"
