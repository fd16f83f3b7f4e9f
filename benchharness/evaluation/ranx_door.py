"""The one door to ranx, with what goes wrong there closed for all who use it.

numba's compiler is off while ranx is used: it takes 20 to 40 s in a cold container, and again for
every new length of document id. The variable NUMBA_DISABLE_JIT would not do: others (bm25s among
them) import numba before, and may want it. One thread is in ranx at a time (compiled, it ends the
process that two threads call it in), and numba's warnings stay inside.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

from benchharness.errors import MissingDependency

_one_at_a_time = threading.Lock()


@contextmanager
def ranx_opened() -> Iterator[ModuleType]:
    """The module ranx, for the length of a `with`; what it warns of is not shown.

    Raises MissingDependency where it cannot be imported.
    """
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba's notes on types, of no use to a user
        config: Any = _imported("numba").config
        before = config.DISABLE_JIT
        try:
            if not _is_compiled():
                config.DISABLE_JIT = 1
            yield _imported("ranx")
        finally:
            config.DISABLE_JIT = before


def _imported(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependency(
            f"ranx cannot be imported: {error}", remedy="pip install --force-reinstall ranx"
        ) from error


def _is_compiled() -> bool:
    """Whether someone imported ranx with the compiler on: its functions then take no plain dict."""
    common = sys.modules.get("ranx.data_structures.common")
    return common is not None and not isinstance(common.to_typed_list, FunctionType)
