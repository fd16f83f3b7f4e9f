"""The conditions under which `benchharness noise` runs a model again, and running it so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.errors import ModelError, UsageError
from benchharness.models.cache import EmbeddingCache
from benchharness.models.registry import open_model
from benchharness.models.runtime import computes, prepare_torch
from benchharness.models.spec import parse_spec, with_option
from benchharness.progress import Listener, Step

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset
    from benchharness.evaluation.result import Result
    from benchharness.suite import Suite

BATCH_SIZES = ("1", "64")
THREADS = (1, 2)
DTYPES = ("bfloat16", "float16")


@dataclass(frozen=True)
class Condition:
    """One way of running a model: another spec, or another number of threads."""

    name: str
    spec: str
    threads: int | None = None


@dataclass(frozen=True)
class Skipped:
    """A condition that could not be run, and why."""

    name: str
    reason: str


def conditions_of(model: str) -> list[Condition]:
    """Every other condition for a model spec; what it says already is not among them."""
    return [
        *_with_options(model, "batch_size", BATCH_SIZES),
        *(Condition(f"{n} thread{'s' if n > 1 else ''}", model, n) for n in THREADS),
        *_with_options(model, "dtype", DTYPES),
    ]


def run(
    condition: Condition,
    suite: Suite,
    plain: Result,
    dataset: Dataset,
    *,
    base: Path,
    cache: EmbeddingCache,
    listener: Listener,
) -> Result | Skipped:
    """The result under the condition, on the queries of the plain run; or why there is none.

    Vectors of other batch sizes are kept apart in the cache, those of other thread counts in
    none. A model without such an option is skipped, and so is a dtype that this machine does
    not compute with. Raises ModelError for everything else that goes wrong.
    """
    from benchharness.evaluation.measure import measure_system

    def tell(step: Step) -> None:
        listener(replace(step, stage=f"{suite.name} · {condition.name} · {step.stage}"))

    dtype = condition.name.partition("dtype=")[2]
    try:
        system = open_model(condition.spec, base)
    except UsageError as error:
        return Skipped(condition.name, error.message)
    if dtype and _is_emulated(dtype):
        return Skipped(condition.name, "this CPU only emulates it, which takes far too long")
    try:
        with torch_threads(condition.threads):
            return measure_system(
                dataset,
                system,
                suite.all_measures,
                name=suite.name,
                cache=cache if condition.threads is None else EmbeddingCache.none(),
                depth=suite.depth,
                drop_same_id=suite.drop_same_id,
                limit=plain.limit,
                listener=tell,
            )
    except (ModelError, RuntimeError) as error:
        if not dtype:
            raise
        lines = str(error).splitlines() or [type(error).__name__]
        return Skipped(condition.name, f"not on this machine: {lines[0]}")


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Runs with that many threads of torch, and afterwards with as many as before."""
    if count is None:
        yield
        return
    torch = prepare_torch()
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_emulated(dtype: str) -> bool:
    """Whether only the CPU is there, and has no instructions for the dtype; False if unknown."""
    torch = prepare_torch()
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        return False
    return not computes(dtype, "cpu", unknown=True)


def _with_options(model: str, option: str, values: tuple[str, ...]) -> Iterator[Condition]:
    for value in values:
        if parse_spec(model).option(option) != value:
            yield Condition(f"{option}={value}", with_option(model, option, value))
