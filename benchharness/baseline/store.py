"""Where baselines are: a folder in the repository, or that folder as a ref of git has it.

baselines/<suite>/<model>.json      other characters than letters, digits and _.-~ encoded
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from benchharness.baseline.file import lines_of, parse, size_of
from benchharness.baseline.record import Baseline
from benchharness.errors import DataError, UsageError
from benchharness.files import write_atomically

GIT = "git:"
DEFAULT_FOLDER = "baselines"
# File systems end names at 255 bytes; a model spec may be a long path.
_LONGEST_NAME = 200


class Baselines(Protocol):
    """Finds the baseline of a suite and model; None where there is none.

    `describe` says where it was looked for; `size` is its number of queries, without reading
    more. Raises DataError where a baseline is damaged.
    """

    def find(self, suite: str, model: str) -> Baseline | None: ...
    def describe(self, suite: str, model: str) -> str: ...
    def size(self, suite: str, model: str) -> int | None: ...


def relative_name(suite: str, model: str) -> str:
    """`<suite>/<model>.json`, each percent-encoded, so that a name is never a path."""
    return f"{_file_name(suite)}/{_file_name(model)}.json"


def _file_name(name: str) -> str:
    encoded = quote(name, safe="", errors="surrogatepass")
    if encoded.startswith("."):  # "." and ".." name folders; a leading dot hides a file
        encoded = "%2E" + encoded[1:]
    if len(encoded) > _LONGEST_NAME:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{encoded[:_LONGEST_NAME]}.{digest[:12]}"
    return encoded or "%"  # without a name the path would begin at the root


@dataclass(frozen=True)
class FolderBaselines:
    """The baselines of a folder, as they lie there now. The only place that writes."""

    folder: Path

    def find(self, suite: str, model: str) -> Baseline | None:
        text = self._text(suite, model)
        place = self.describe(suite, model)
        return None if text is None else _checked(parse(text, place), suite, model)

    def size(self, suite: str, model: str) -> int | None:
        text = self._text(suite, model)
        return None if text is None else size_of(text, self.describe(suite, model))

    def describe(self, suite: str, model: str) -> str:
        return shown(self.path(suite, model))

    def _text(self, suite: str, model: str) -> str | None:
        path = self.path(suite, model)
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"the baseline cannot be read: {error}",
                where=shown(path),
                remedy="restore the file from git, or write it again with --bench-update=all",
            ) from error

    def path(self, suite: str, model: str) -> Path:
        return self.folder / relative_name(suite, model)

    def write(self, baseline: Baseline) -> Path:
        """The path of the file, which holds the baseline or what it held before.

        Raises UsageError where it cannot be written.
        """
        path = self.path(baseline.suite, baseline.model_spec)
        try:
            write_atomically(path, lines_of(baseline))
        except OSError as error:
            raise UsageError(
                f"the baseline cannot be written: {error.strerror or error}",
                where=shown(path),
                remedy="name a folder that can be written with --bench-baselines",
            ) from error
        return path

    def files(self) -> Iterator[Path]:
        """Every baseline file, in order of path."""
        if self.folder.is_dir():
            yield from sorted(self.folder.glob("*/*.json"))


@dataclass(frozen=True)
class GitBaselines:
    """The same folder as a commit has it; `ref` is a branch, tag or commit.

    Raises UsageError, when made by `at`, where there is no git, repository or commit.
    """

    folder: Path
    ref: str

    @classmethod
    def at(cls, ref: str, folder: Path) -> GitBaselines:
        found = cls(folder, ref)
        if ref.startswith("-") or found._git("rev-parse", "--verify", f"{ref}^{{commit}}") is None:
            raise UsageError(
                f"git knows no commit {ref!r} here",
                where=shown(found._home),
                remedy=f"fetch it first (git fetch origin {ref.removeprefix('origin/')}; "
                "actions/checkout needs fetch-depth: 0)",
            )
        return found

    def find(self, suite: str, model: str) -> Baseline | None:
        text = self._text(suite, model)
        place = self.describe(suite, model)
        return None if text is None else _checked(parse(text, place), suite, model)

    def size(self, suite: str, model: str) -> int | None:
        text = self._text(suite, model)
        return None if text is None else size_of(text, self.describe(suite, model))

    def _text(self, suite: str, model: str) -> str | None:
        name = relative_name(suite, model)
        inside = (self.folder / name).relative_to(self._home).as_posix()
        # cat-file tells a file that is not there (None) from one that cannot be read.
        spelled = f"{self.ref}:./{inside}"
        if self._git("cat-file", "-e", spelled) is None:
            return None
        text = self._git("show", spelled)
        if text is None:
            place = self.describe(suite, model)
            raise DataError("git cannot show the baseline", where=place, remedy="git fsck")
        return text

    def describe(self, suite: str, model: str) -> str:
        return f"{GIT}{self.ref}:{shown(self.folder / relative_name(suite, model))}"

    @property
    def _home(self) -> Path:
        """The nearest folder that exists: the one of the baselines may be in the ref alone."""
        return next(place for place in (self.folder, *self.folder.parents) if place.is_dir())

    def _git(self, *arguments: str) -> str | None:
        """What git prints; None where it fails."""
        try:
            done = subprocess.run(  # noqa: S603 -- the ref is checked, and never a shell's
                ["git", "-C", str(self._home), *arguments],  # noqa: S607 -- git as the user has it
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise UsageError(
                "there is no git here", remedy="install git, or name a folder"
            ) from None
        if done.returncode != 0:
            return None
        # Bytes that are no UTF-8 become an escape that JSON does not know: the file is damaged.
        return done.stdout.decode("utf-8", "backslashreplace")


def shown(path: Path) -> str:
    """The path from the working folder, where it lies below; with forward slashes."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def _checked(baseline: Baseline, suite: str, model: str) -> Baseline:
    """The baseline, if it is that of the suite and model whose name the file has."""
    if (baseline.suite, baseline.model_spec) != (suite, model):
        raise DataError(
            f"the file is the baseline of {baseline.suite} / {baseline.model_spec}, "
            f"not of {suite} / {model}",
            where=baseline.place,
            remedy="a copied baseline judges nothing: write it with --bench-update=all",
        )
    return baseline
