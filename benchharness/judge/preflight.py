"""Everything that can be known about a suite before a model's weights are loaded.

The lint of the data, and what only the suite knows: ceilings, floors that no model can reach,
the smallest difference that so few queries can show, and how much of the documents a model
would not read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from benchharness.data.dataset import Dataset
from benchharness.data.lint import Finding, lint
from benchharness.errors import DataError
from benchharness.evaluation.metrics import recall_ceiling
from benchharness.gate import FloorGate
from benchharness.judge.controls import control_of_suite
from benchharness.judge.numbers import format_count, format_value
from benchharness.judge.statistics import minimum_detectable_effect
from benchharness.models.encoder import Encoder
from benchharness.suite import Suite

TRUNCATION_SAMPLE = 2_000
# Above this share, a model's score says as much about its window as about the model.
TRUNCATION_WARNING = 0.10


def preflight(suite: Suite, dataset: Dataset) -> tuple[Finding, ...]:
    """The findings on the suite's data, errors first; a model is not needed."""
    found = list(lint(dataset, drop_same_id=suite.drop_same_id))
    if len(dataset.relevance) and not any(finding.severity == "error" for finding in found):
        found += _ceilings(suite, dataset)
        found.append(control_of_suite(dataset))
        found.append(_resolution(len(dataset.relevance)))
    rank = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: rank[finding.severity]))


def truncation(dataset: Dataset, encoder: Encoder) -> Finding | None:
    """How many documents are longer than the model reads; None where it reads everything.

    Above 2,000 documents a sample stands for the corpus, chosen by a hash of the row.
    """
    if encoder.max_length is None or not len(dataset.corpus):
        return None
    rows = sample_rows(len(dataset.corpus), TRUNCATION_SAMPLE)
    counts = encoder.token_counts(dataset.corpus.texts.take(rows))
    beyond = int((counts > encoder.max_length).sum())
    share = beyond / len(rows)
    of = "" if len(rows) == len(dataset.corpus) else " sampled"
    return Finding(
        code="truncated-documents",
        severity="warning" if share > TRUNCATION_WARNING else "note",
        message=(
            f"{encoder.spec} reads {encoder.max_length} tokens: {format_count(beyond)} of "
            f"{format_count(len(rows))}{of} documents ({share:.1%}) are longer and are cut off"
        ),
        remedy="raise max_length if the model allows it, or split the documents"
        if share > TRUNCATION_WARNING
        else "",
    )


def stop_on_errors(suite: Suite, findings: Sequence[Finding]) -> None:
    """Raises DataError with the first error among the findings, and says how many more."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        return
    first = errors[0]
    more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
    raise DataError(
        f"suite {suite.name!r} cannot be measured: {first.message}{more}",
        where=first.where,
        remedy=first.remedy,
    )


def _ceilings(suite: Suite, dataset: Dataset) -> list[Finding]:
    found = []
    ceilings = {
        str(measure): recall_ceiling(dataset.relevance, measure.k)
        for measure in suite.all_measures
        if measure.name == "recall" and measure.k is not None
    }
    for name, ceiling in ceilings.items():
        if ceiling < 1:
            message = f"a perfect ranker reaches {name} {format_value(ceiling)} on these judgments"
            found.append(Finding("ceiling", "note", message))
    for gate in suite.gates:
        ceiling = ceilings.get(gate.measure, 1.0)
        if isinstance(gate, FloorGate) and gate.minimum > ceiling:
            shown = format_value(ceiling, against=(gate.minimum,))
            found.append(
                Finding(
                    code="floor-above-ceiling",
                    severity="error",
                    message=(
                        f"gate {gate.name} asks for {gate.minimum}, but a perfect ranker reaches "
                        f"only {shown} on these judgments"
                    ),
                    remedy=f"set the floor below {shown}, or use a larger cut-off",
                )
            )
    return found


def _resolution(n: int) -> Finding:
    effect = minimum_detectable_effect(n)
    return Finding(
        code="detectable-effect",
        severity="warning" if n < 100 else "note",
        message=(
            f"{format_count(n)} judged queries: a difference below about {effect:.3f} cannot be "
            "told from chance (where one query in ten changes)"
        ),
        remedy="judge more queries before you gate on small differences" if n < 100 else "",
    )


def sample_rows(size: int, wanted: int) -> list[int]:
    """Up to `wanted` row numbers in order, the same ones for the same size."""
    if size <= wanted:
        return list(range(size))

    def digest(row: int) -> bytes:
        return hashlib.blake2b(row.to_bytes(8, "little"), digest_size=8).digest()

    # A stride first, so that a large corpus costs no hash of every row.
    stride = max(1, size // (wanted * 8))
    candidates = range(0, size, stride)
    return sorted(sorted(candidates, key=digest)[:wanted])
