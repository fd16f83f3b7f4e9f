"""The one door to ranx, with what goes wrong there closed for all who use it.

numba's compiler is off (it takes 20 to 40 s in a cold container, and again for every new length
of document id), one thread is in ranx at a time (with the compiler on, two end the process), and
numba's warnings stay inside.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from benchharness.errors import MissingDependency

_one_at_a_time = threading.Lock()


@contextmanager
def ranx_opened() -> Iterator[ModuleType]:
    """The module ranx, for the length of a `with`; what it warns of is not shown.

    Raises MissingDependency where it cannot be imported.
    """
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba's notes on types, of no use to a user
        yield _import_ranx()


def _import_ranx() -> ModuleType:
    if "numba" not in sys.modules:
        os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    try:
        import ranx
    except ImportError as error:
        raise MissingDependency(
            f"ranx cannot be imported: {error}", remedy="pip install --force-reinstall ranx"
        ) from error
    module: ModuleType = ranx
    return module
