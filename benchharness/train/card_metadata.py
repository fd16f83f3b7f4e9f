"""What the Hub reads of a model card: YAML at its head, with the evaluation as a model-index."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.models.spec import parse_spec
from benchharness.train.tuning import Tuning, Versus

if TYPE_CHECKING:
    from benchharness.suite import DatasetReference

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
# Characters that YAML does not take as they are, beyond those that JSON escapes.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_HALVES = re.compile("[\ud800-\udfff]")
_NO_CHARACTER = "\ufffd"


@dataclass(frozen=True)
class Origin:
    """Where a tuned model comes from.

    base_model, dataset: ids of the Hub; empty for what lies elsewhere.
    revision: fingerprint (sha256, hex) of the data that it was judged on; empty where not known.
    """

    base_model: str = ""
    dataset: str = ""
    revision: str = ""

    @classmethod
    def of(
        cls, model: str, reference: DatasetReference, revision: str, base: Path | None = None
    ) -> Origin:
        """The origin of a model spec and a data set; a directory of that name is no Hub id.

        base: where relative paths of both start.
        """
        found = dict(reference.options).get("id") if reference.kind == "hub" else None
        named = parse_spec(model).name
        return cls(
            base_model=_hub_id(named, base),
            dataset=_hub_id(str(found), base) if found else "",
            revision=revision,
        )


def _hub_id(name: str, base: Path | None) -> str:
    is_there = any((place / name).exists() for place in (base or Path(), Path()))
    return name if _HUB_ID.fullmatch(name) and not is_there else ""


def front_matter(tuning: Tuning, origin: Origin) -> Iterator[str]:
    """Yields the lines of the YAML block, from `---` to `---`.

    The model-index holds what was judged on held-out queries and nothing else: the tuned model's
    means, or the base model's where its weights are kept. Without held-out queries there is none.
    Names are quoted as JSON, which is YAML too: none can end a line or the block.
    """
    yield "---"
    yield "library_name: sentence-transformers"
    yield "pipeline_tag: sentence-similarity"
    yield "tags: [sentence-transformers, feature-extraction]"
    if origin.base_model:
        yield f"base_model: {_quoted(origin.base_model)}"
    if origin.dataset:
        yield f"datasets: [{_quoted(origin.dataset)}]"
    found = [one for one in (tuning.held_out, *tuning.more_held_out) if one is not None]
    values = [(one, _value(one, tuning)) for one in found if math.isfinite(_value(one, tuning))]
    if values:
        yield "model-index:"
        yield f"- name: {_quoted(_name(tuning))}"
        yield "  results:"
        yield "  - task:"
        yield "      type: information-retrieval"
        yield "      name: Information Retrieval"
        yield "    dataset:"
        yield f"      name: {_quoted(tuning.suite)}"
        yield f"      type: {_quoted(origin.dataset or tuning.suite)}"
        if origin.revision:
            yield f"      revision: {_quoted(origin.revision)}"
        yield "    metrics:"
        for one, value in values:
            yield f"    - type: {_quoted(one.measure.replace('@', '_at_'))}"
            yield f"      value: {_number(value)}"
            yield f"      name: {_quoted(f'{one.measure} on {one.n:,} held-out queries')}"
    yield "---"


def _name(tuning: Tuning) -> str:
    how = "fine-tuned on" if tuning.outcome == "improved" else "kept for"
    return f"{tuning.model}, {how} {tuning.suite}"


def _value(one: Versus, tuning: Tuning) -> float:
    """The mean of the weights that are in the folder."""
    return one.tuned if tuning.outcome == "improved" else one.base


def _number(value: float) -> str:
    """The shortest decimal that reads back, as a number of YAML: 1e-05 alone is a text."""
    text = repr(float(value))
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if mark and "." not in mantissa else text


def _quoted(text: str) -> str:
    plain = json.dumps(_HALVES.sub(_NO_CHARACTER, text), ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)
