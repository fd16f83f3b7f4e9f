"""README.md of the model that a run leaves: what it is, what it was judged by, how to load it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchharness.files import write_atomically
from benchharness.judge.numbers import format_delta, format_interval, format_move
from benchharness.train.card_metadata import Origin, front_matter
from benchharness.train.tuning import Tuning, Versus

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#$])")


def write_card(model: Path, tuning: Tuning, origin: Origin | None = None) -> None:
    """Writes the card into the model's directory; it is no part of the model's identity.

    origin: of the base model and the data, for the metadata that the Hub reads.
    """
    lines = [*front_matter(tuning, origin or Origin()), *_lines(tuning)]
    write_atomically(model / "README.md", [f"{line}\n" for line in lines])


def _lines(tuning: Tuning) -> Iterator[str]:
    is_tuned = tuning.outcome == "improved"
    what = "fine-tuned on" if is_tuned else "kept for"
    yield f"# {_literal(tuning.model)}, {what} {_literal(tuning.suite)}"
    yield ""
    yield f"**{tuning.outcome}**: {_literal(tuning.why)}."
    if not is_tuned:
        yield ""
        yield "The weights are the base model's: no tuned model was shown to be better."
    yield ""
    yield from _table(tuning)
    if tuning.note:
        yield f"Out of fold answers for {tuning.note}."
        yield ""
    for line in tuning.leaks:
        yield f"- {_literal(line)}"
    if tuning.leaks:
        yield ""
    yield "## Loading"
    yield ""
    yield "```python"
    yield "from sentence_transformers import SentenceTransformer"
    yield ""
    yield 'model = SentenceTransformer("path/to/this/folder")'
    yield "```"
    yield ""
    yield "## Training"
    yield ""
    for source in tuning.sources:
        kind = ", synthetic queries" if source.synthetic else ""
        yield f"- {source.used:,} of {source.given:,} pairs from {_literal(source.name)}{kind}"
    for name, value in tuning.recipe.items():
        if value not in (None, (), []):
            yield f"- {name}: {_literal(str(value))}"


def _table(tuning: Tuning) -> Iterator[str]:
    rows = [("held out", one) for one in (tuning.held_out, *tuning.more_held_out) if one]
    rows += [("out of fold", one) for one in (tuning.out_of_fold, *tuning.more_out_of_fold) if one]
    rows += [(f"held out, {dim} dimensions", one) for dim, one in tuning.dimensions.items()]
    rows += [(f"guard {one.suite}", one.versus) for one in tuning.guards]
    if not rows:
        return
    yield "| queries | measure | base → tuned | difference, 90 % interval | n |"
    yield "|---|---|---|---|---|"
    for name, found in rows:
        yield _row(name, found)
    yield ""


def _row(name: str, found: Versus) -> str:
    move = format_move(found.base, found.tuned)
    delta = f"{format_delta(found.delta)} {format_interval(found.ci90, (0.0,))}"
    return f"| {_literal(name)} | {found.measure} | {move} | {delta} | {found.n:,} |"


def _literal(text: str) -> str:
    """The text on one line, as Markdown shows it literally, in a table too."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
