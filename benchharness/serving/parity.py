"""A served model against the local one: `Parity`, a release gate of its own.

    a sample of texts        do the vectors agree, and if not, why?
    all texts of the suite   cosine by cosine, ranking by ranking, measure by measure, gate by gate
    N clients for S seconds  throughput and latency

The server is asked for everything anew: no vector of its own comes from the cache.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.errors import UsageError
from benchharness.evaluation.measure import measure_system
from benchharness.evaluation.result import Result
from benchharness.judge.numbers import format_value
from benchharness.judge.policy import Policy
from benchharness.judge.preflight import sample_rows
from benchharness.judge.verdict import MET
from benchharness.models.batches import take
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder, is_encoder
from benchharness.models.registry import open_model
from benchharness.progress import Step
from benchharness.serving.changes import Change, Margin, changes
from benchharness.serving.parity_agreement import Cosines, Ranks, cosines, ranks
from benchharness.serving.parity_causes import Cause, Sample, Side, causes_of
from benchharness.serving.parity_gates import few_flips, gated
from benchharness.serving.parity_load import Load, under_load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.data.dataset import Dataset
    from benchharness.judge.bench import Bench
    from benchharness.judge.verdict import Verdict
    from benchharness.suite import Suite

SCHEMA = 1
PASS, FAIL, INCONCLUSIVE = "pass", "fail", "inconclusive"
MIN_COSINE = 0.999
MARGIN = 0.01
# Of each role in the sample; the longest ones show where a server cuts texts off.
_SAMPLED = 48
_LONGEST = 16
_LOOKED_AT = 2_000


@dataclass(frozen=True)
class Limits:
    """What parity asks for.

    min_cosine: of every text. Of minilm, float32 elsewhere is above 0.99999, float16 at 0.999999
                and bfloat16 at 0.99993: what is below 0.999 computes something else.
    margin:     the largest loss of any measure; the suite's gates keep their own. At 0.01, 500
                queries settle what bfloat16 does (it moves mrr@10 by 0.002); at 0.005 they do not.
                Where the vectors agree and only near-ties flip, no interval is asked.
    clients, seconds: of the load; 0 seconds for none.
    """

    min_cosine: float = MIN_COSINE
    margin: float = MARGIN
    clients: int = 4
    seconds: float = 5.0

    def __post_init__(self) -> None:
        checks = (
            ("--min-cosine", self.min_cosine, 0 < self.min_cosine <= 1, "0.999"),
            ("--margin", self.margin, 0 < self.margin < 1, "0.01"),
            ("--clients", self.clients, self.clients >= 1, "4"),
            ("--seconds", self.seconds, 0 <= self.seconds <= 3600, "5"),
        )
        for option, value, is_right, example in checks:
            if not is_right:
                raise UsageError(
                    f"{option} {value:g} is out of range", remedy=f"{option} {example}"
                )


@dataclass(frozen=True)
class Agreement:
    """Cosines of queries and of documents."""

    queries: Cosines
    documents: Cosines

    @property
    def lowest(self) -> float:
        return min(self.queries.lowest, self.documents.lowest)


@dataclass(frozen=True)
class Parity:
    """What was found.

    outcome:     "pass", "fail", or "inconclusive" where only an interval settles nothing.
    why:         a sentence for everything that keeps it from a pass.
    dims:        components of a vector, local and served.
    sample, whole: cosines; None where the dimensions differ. `whole` is of all texts.
    ranks, changes, gates: of the whole suite; None or empty where the dimensions differ.
    left_out:    gates that are not judged here.
    load:        None where nobody asked for it.
    """

    suite: str
    local: str
    served: str
    local_fingerprint: str
    served_fingerprint: str
    outcome: str
    why: tuple[str, ...]
    dims: tuple[int, int]
    limits: Limits
    sample: Agreement | None = None
    whole: Agreement | None = None
    ranks: Ranks | None = None
    changes: tuple[Change, ...] = ()
    gates: tuple[Verdict, ...] = ()
    left_out: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    load: Load | None = None
    schema: int = field(default=SCHEMA)


def measure_parity(
    suite: Suite, base: Path, local: str, served: str, bench: Bench, limits: Limits
) -> Parity:
    """The parity of two model specs on a suite; only `served` is asked anew for everything.

    Raises UsageError where a side has no vectors, DataError, and ModelError where a side cannot
    be opened or asked.
    """
    one, other = (_encoder(spec, base) for spec in (local, served))
    bench.tell(Step(f"{suite.name} · parity · read", 0, 0))
    dataset = bench.dataset(suite.dataset, base)
    with tempfile.TemporaryDirectory(prefix="benchharness-parity-") as folder:
        work = _Work(suite, base, dataset, one, other, bench, EmbeddingCache(Path(folder)))
        samples = work.samples()
        found = Parity(
            suite.name, local, served, one.fingerprint, other.fingerprint, PASS, (),
            dims=(samples[0].local.shape[1], samples[0].served.shape[1]), limits=limits,
            causes=causes_of(samples, one, other, limits.min_cosine, base),
        )  # fmt: skip
        if found.dims[0] == found.dims[1]:
            found = work.compared(replace(found, sample=_agreement(samples)))
    if limits.seconds:
        bench.tell(Step(f"{suite.name} · parity · {limits.clients} clients", 0, 0))
        found = replace(found, load=_load(served, base, dataset, limits))
    return _concluded(found)


@dataclass(frozen=True, eq=False)
class _Work:
    """Both sides on one suite; `fresh` holds what the server has said in this run."""

    suite: Suite
    base: Path
    dataset: Dataset
    local: Encoder
    served: Encoder
    bench: Bench
    fresh: EmbeddingCache

    def samples(self) -> tuple[Sample, ...]:
        """Queries and documents, each some by chance and the longest."""
        return tuple(
            self._sample(role, *self._chosen(ids, texts)) for role, ids, texts in self._texts()
        )

    def compared(self, found: Parity) -> Parity:
        """Everything that needs all texts."""
        limits = found.limits
        whole = _agreement([self._sample(role, ids, texts) for role, ids, texts in self._texts()])
        # Near-ties explain a flip only where vectors are near, whatever the user tolerates.
        alike = whole.lowest >= max(limits.min_cosine, MIN_COSINE)
        local = self.bench.measure(self.suite, self.local.spec, self.base)
        served = self._measured(self.suite, self.base)
        margins = {name: Margin(limits.margin) for name in local.values}
        judged = gated(
            self.suite, self.base, local, served, self.bench, self._measured,
            policy=Policy(inconclusive="fail"), alike=alike,
        )  # fmt: skip
        moved = (_settled(one, alike=alike) for one in changes(local, served, margins))
        return replace(
            found,
            whole=whole,
            ranks=ranks(local.run, served.run),
            changes=tuple(moved),
            gates=judged.verdicts,
            left_out=judged.left_out,
        )

    def _texts(self) -> Iterator[tuple[Side, Sequence[str], Sequence[str]]]:
        asked = [one for one in self.dataset.relevance.query_ids if one in self.dataset.queries]
        yield "query", asked, [self.dataset.queries[one] for one in asked]
        yield "document", self.dataset.corpus.ids, self.dataset.corpus.texts

    def _chosen(self, ids: Sequence[str], texts: Sequence[str]) -> tuple[list[str], list[str]]:
        """Ids and texts, in their order."""
        import numpy as np

        looked = np.array(sample_rows(len(texts), _LOOKED_AT), dtype=np.int64)
        counts = self.local.token_counts(take(texts, looked))
        longest = looked[np.argsort(-counts, kind="stable")[:_LONGEST]]
        rows = np.union1d(longest, np.array(sample_rows(len(texts), _SAMPLED), dtype=np.int64))
        return take(ids, rows), take(texts, rows)

    def _sample(self, role: Side, ids: Sequence[str], texts: Sequence[str]) -> Sample:
        local = self._encoded(self.local, self.bench.cache, texts, role)
        served = self._encoded(self.served, self.fresh, texts, role)
        return Sample(role, texts, ids, local, served)

    def _encoded(
        self, encoder: Encoder, cache: EmbeddingCache, texts: Sequence[str], role: Side
    ) -> NDArray[np.float32]:
        def tell(step: Step) -> None:
            stage = f"{self.suite.name} · {encoder.spec} · {step.stage}"
            self.bench.tell(replace(step, stage=stage))

        return cache.encode(encoder, texts, role, tell)

    def _measured(self, suite: Suite, base: Path) -> Result:
        """What the served model is worth on a suite."""
        return measure_system(
            self.bench.dataset(suite.dataset, base), self.served, suite.all_measures,
            name=suite.name, cache=self.fresh, depth=suite.depth,
            drop_same_id=suite.drop_same_id, listener=self.bench.tell,
        )  # fmt: skip


def _encoder(spec: str, base: Path) -> Encoder:
    system = open_model(spec, base)
    if not is_encoder(system):
        raise UsageError(
            f"{spec} has no vectors to compare", remedy="name a model that turns texts into vectors"
        )
    return system


def _agreement(samples: Sequence[Sample]) -> Agreement:
    queries, documents = (cosines(one.local, one.served, one.ids) for one in samples)
    return Agreement(queries, documents)


def _settled(change: Change, *, alike: bool) -> Change:
    """The change; "identical" where vectors agree and only near-ties flipped."""
    if not alike or change.outcome not in ("pass", "improved", "inconclusive", "regressed"):
        return change
    if not few_flips(change.won, change.lost, change.n, change.delta, change.margin):
        return change
    return replace(change, outcome="identical")


def _load(served: str, base: Path, dataset: Dataset, limits: Limits) -> Load:
    texts = [dataset.queries[one] for one in dataset.relevance.query_ids if one in dataset.queries]
    return under_load(
        lambda: _encoder(served, base), texts, clients=limits.clients, seconds=limits.seconds
    )


def _concluded(found: Parity) -> Parity:
    """The outcome, with what keeps it from a pass."""
    failed = list(_failures(found))
    if failed:
        return replace(found, outcome=FAIL, why=tuple(failed))
    unsettled = [one.line for one in found.changes if one.outcome == "inconclusive"] + [
        one.line for one in found.gates if one.failed and one.outcome == "inconclusive"
    ]
    if unsettled:
        return replace(found, outcome=INCONCLUSIVE, why=tuple(dict.fromkeys(unsettled)))
    return found


def _failures(found: Parity) -> Iterator[str]:
    if found.whole is None:
        yield f"the served vectors have {found.dims[1]} components, the local ones {found.dims[0]}"
        return
    for name, one in (("queries", found.whole.queries), ("documents", found.whole.documents)):
        if one.texts and not one.lowest >= found.limits.min_cosine:
            named = ", ".join(text_id for text_id, _ in one.worst)
            least = found.limits.min_cosine
            lowest = format_value(one.lowest, (least,), 6)
            yield f"{name}: the lowest cosine is {lowest}, below {least:g} ({named})"
    for change in found.changes:
        if change.outcome not in (*MET, "inconclusive"):
            yield change.line
    for verdict in found.gates:
        if verdict.failed and verdict.outcome != "inconclusive":
            yield f"{verdict.gate}: {verdict.line}"
    if found.load is not None and found.load.errors:
        yield f"under load {found.load.errors} requests failed: {found.load.first_error}"
