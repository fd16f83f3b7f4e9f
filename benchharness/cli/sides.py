"""What `benchharness compare` is told to compare: a report, baselines, a ref of git, a model."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.baseline.file import parse
from benchharness.baseline.record import Baseline
from benchharness.baseline.store import GIT, FolderBaselines, GitBaselines, shown
from benchharness.cli.baselining import named_as_its_file, read_baseline, read_named
from benchharness.cli.task import tasks_of
from benchharness.errors import DataError, UsageError
from benchharness.evaluation.result import Fingerprints, QueryFacts, Result, Run
from benchharness.report.files import VERDICT

if TYPE_CHECKING:
    from benchharness.judge.bench import Bench

REPORT, BASELINES, REF, MODEL = "report", "baselines", "ref", "model"
# A folder that holds one of these is a model, whatever else lies there.
_MODEL_FILES = ("modules.json", "config.json")


@dataclass(frozen=True)
class Side:
    """One of the two sides, as it was named; `kind` is one of the words above."""

    place: str
    kind: str

    @classmethod
    def of(cls, place: str) -> Side:
        """What the place means. Raises UsageError for a folder that is nothing of all this."""
        if place.startswith(GIT):
            return cls(place, REF)
        folder = Path(place)
        if folder.is_file() and folder.suffix == ".json":
            return cls(place, BASELINES)
        if (folder / VERDICT).is_file():
            return cls(place, REPORT)
        if not folder.is_dir() or any((folder / name).is_file() for name in _MODEL_FILES):
            return cls(place, MODEL)
        if any(FolderBaselines(folder).files()):
            return cls(place, BASELINES)
        raise UsageError(
            f"{place} holds no {VERDICT}, no baselines and no model",
            remedy="name a folder of --out or --bench-report, a folder of baselines, git:REF, or "
            "a model",
        )

    def found(
        self, arguments: argparse.Namespace, measures: tuple[str, ...], bench: Bench
    ) -> list[Baseline | Result]:
        """All that the side holds, in order of suite and model, or measured now.

        measures: needed beside the suites' own, where a model is measured.
        """
        if self.kind == REPORT:
            return list(_of_report(Path(self.place)))
        if self.kind == BASELINES:
            if Path(self.place).is_file():
                return [read_baseline(Path(self.place))]
            store = FolderBaselines(Path(self.place))
            return [read_named(store, file) for file in store.files()]
        if self.kind == REF:
            folder = Path.cwd() / arguments.baselines
            return list(_of_ref(self.place.removeprefix(GIT), folder))
        return list(_measured(self.place, arguments, measures, bench))


def baseline_of(found: Baseline | Result, side: Side) -> Baseline:
    """What was found, as the side that is compared with."""
    if isinstance(found, Baseline):
        return found
    place = f"{found.model}, measured now" if side.kind == MODEL else side.place
    return Baseline.of(found, place)


def result_of(found: Baseline | Result) -> Result:
    """What was found, as the side that is judged.

    A baseline keeps all that a comparison asks for except the ids of the documents in the top k:
    queries that changed then name no newcomers.
    """
    if isinstance(found, Result):
        return found
    import numpy as np

    nothing = ((),) * len(found)
    return Result(
        suite=found.suite,
        model=found.model_spec,
        run=Run(tuple(found.queries), nothing, nothing, found.depth),
        fingerprints=Fingerprints(found.corpus, "", "", found.template, found.model),
        values=found.values,
        ceilings={},
        capped_recall=np.zeros(0),
        ties={},
        counts={},
        trainable=False,
        environment=found.environment,
        facts=tuple(
            QueryFacts(kept.digest, kept.relevant, kept.groups) for kept in found.queries.values()
        ),
        drop_same_id=found.drop_same_id,
    )


def _of_report(folder: Path) -> Iterator[Result]:
    from benchharness.report.verdict_file import read_report

    for assessment in read_report(folder).assessments:
        result = assessment.result
        if result.limit is not None:
            raise DataError(
                f"{result.suite} / {result.model} was measured on {result.limit} queries only",
                where=shown(folder),
                remedy="compare reports of all queries",
            )
        yield result


def _measured(
    spec: str, arguments: argparse.Namespace, measures: tuple[str, ...], bench: Bench
) -> Iterator[Result]:
    if arguments.suite is None and arguments.data is None:
        raise UsageError(
            f"{spec!r} is no folder of results and no git:REF, so it is taken for a model: "
            "say what to measure it on",
            remedy="add --suite NAME|FILE, or --data beir:DIR",
        )
    for task in tasks_of(arguments, models=[spec]):
        named = tuple(dict.fromkeys((*task.suite.measures, *measures)))
        suite = replace(task.suite, measures=named, gates=(), waivers=())
        yield bench.measure(suite, spec, task.base)


def _of_ref(ref: str, folder: Path) -> Iterator[Baseline]:
    """In order of path. Raises UsageError where git knows no such ref, DataError."""
    GitBaselines.at(ref, folder)
    return _Ref(folder, ref).all()


class _Ref(GitBaselines):
    """The baselines of a ref, all of them."""

    def all(self) -> Iterator[Baseline]:
        inside = self.folder.relative_to(self._home).as_posix()
        listed = self._git("ls-tree", "-r", "-z", "--name-only", self.ref, "--", f"{inside}/")
        for name in sorted((listed or "").split("\0")):
            path = self._home / name
            if path.suffix != ".json" or path.parent.parent != self.folder:
                continue
            text = self._git("show", f"{self.ref}:./{name}")
            place = f"{GIT}{self.ref}:{shown(path)}"
            if text is None:
                raise DataError("git cannot show the baseline", where=place, remedy="git fsck")
            yield named_as_its_file(parse(text, place), FolderBaselines(self.folder), path)
