"""What services said and gave when they were first met: `<cache folder>/endpoints/*.json`."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import CacheError
from benchharness.files import write_atomically
from benchharness.models.cache import CacheWarning
from benchharness.models.endpoint.address import Address, address_of
from benchharness.models.spec import parse_spec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMAT = 1
_FOLDER = "endpoints"


@dataclass(frozen=True)
class Encounter:
    """Which model was asked in which way; what differs in any of it is remembered apart.

    question: what a request holds besides texts and prompts of ours: dimension, prompt names …
    declared: what the service said of itself.
    """

    address: Address
    question: Mapping[str, str]
    declared: Mapping[str, str]

    @property
    def key(self) -> str:
        """sha256 (hex) of all of it; names the file."""
        return hashlib.sha256(json.dumps(self._plain(), sort_keys=True).encode()).hexdigest()

    def _plain(self) -> dict[str, object]:
        return {
            "service": self.address.kind,
            "url": self.address.url,
            "model": self.address.model,
            "question": dict(self.question),
            "declared": dict(self.declared),
        }


@dataclass(frozen=True, eq=False)
class Remembered:
    """The vectors of the probe's texts by form of the question, [16, dim], and their coarse form.

    The coarse form is that of the first meeting, so that noise cannot change a fingerprint.
    """

    coarse: str
    vectors: Mapping[str, NDArray[np.float32]]

    @property
    def digest(self) -> str:
        """sha256 (hex) of every bit: of this very memory, not of the model."""
        found = hashlib.sha256(self.coarse.encode())
        for form in sorted(self.vectors):
            found.update(form.encode() + b"\0" + self.vectors[form].tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Memory:
    """The folder of encounters; None remembers nothing."""

    folder: Path | None

    @contextlib.contextmanager
    def held(self, encounter: Encounter) -> Iterator[None]:
        """Holds the lock of an encounter, so that two processes remember the same."""
        import filelock

        if self.folder is None:
            yield
            return
        lock = filelock.FileLock(self.folder / "locks" / f"endpoint-{encounter.key}.lock")
        with contextlib.suppress(OSError, NotImplementedError):  # told when it is written
            Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(poll_interval=0.1)
        try:
            yield
        finally:
            lock.release()

    def recall(self, encounter: Encounter) -> Remembered | None:
        """What is remembered of it. Raises CacheError for a file that cannot be read."""
        if self.folder is None:
            return None
        path = self._path(encounter)
        try:
            return _remembered(json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CacheError(
                "what is remembered of a service cannot be read, so a change of its model could "
                f"not be seen: {type(error).__name__}",
                where=str(path),
                remedy="delete the file, and take the service's model as it is now",
            ) from None

    def keep(self, encounter: Encounter, found: Remembered) -> None:
        """Remembers it, whole or not at all; warns where nothing can be written."""
        if self.folder is None:
            return
        content = {
            "format": _FORMAT,
            **encounter._plain(),
            "since": time.strftime("%Y-%m-%d", time.gmtime()),
            "coarse": found.coarse,
            "probe": {
                form: {
                    "components": vectors.shape[1],
                    "float32": base64.b64encode(vectors.astype("<f4").tobytes()).decode(),
                }
                for form, vectors in sorted(found.vectors.items())
            },
        }
        try:
            write_atomically(self._path(encounter), [json.dumps(content, indent=1), "\n"])
        except OSError as error:
            warnings.warn(
                f"the model of {encounter.address} is not remembered, and a silent change of it "
                f"would not be noticed: {error.strerror}: {self.folder} (set BENCHHARNESS_CACHE to "
                "a folder that can be written to)",
                CacheWarning,
                stacklevel=2,
            )

    def forget(self, address: Address) -> int:
        """Forgets all that is remembered of a service and model; the number of meetings.

        Raises CacheError where a file cannot be deleted.
        """
        if self.folder is None:
            return 0
        forgotten = 0
        for path in sorted((self.folder / _FOLDER).glob("*.json")):
            if _address(path) != address:
                continue
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise CacheError(
                    f"this cannot be deleted: {error.strerror}", where=str(path),
                    remedy="check the permissions of the folder",
                ) from error  # fmt: skip
            forgotten += 1
        return forgotten

    def _path(self, encounter: Encounter) -> Path:
        assert self.folder is not None  # noqa: S101 (callers have looked)
        return self.folder / _FOLDER / f"{encounter.key}.json"


def address_named(spec: str) -> Address | None:
    """The address of an endpoint's spec; None for a spec of another kind. Raises UsageError."""
    parsed = parse_spec(spec)
    return address_of(parsed) if parsed.name.startswith(("openai:", "tei:")) else None


def _address(path: Path) -> Address | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Address(found["service"], found["url"], found["model"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remembered(content: Mapping[str, Any]) -> Remembered:
    """What a file holds. Raises ValueError, KeyError, TypeError."""
    import numpy as np

    if content["format"] != _FORMAT:
        raise ValueError
    vectors = {}
    for form, kept in content["probe"].items():
        flat = np.frombuffer(base64.b64decode(kept["float32"], validate=True), dtype="<f4")
        vectors[form] = flat.reshape(-1, kept["components"]).astype(np.float32)
    if not isinstance(content["coarse"], str):
        raise TypeError
    return Remembered(content["coarse"], vectors)
