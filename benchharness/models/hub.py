"""A Hub model as a local directory: downloaded once, then found in the Hub's own cache."""

from __future__ import annotations

import os
from pathlib import Path

from benchharness.errors import ModelError
from benchharness.models.content import DOWNLOAD_IGNORED


def snapshot(repo_id: str, revision: str | None, *, wanted_as: str) -> Path:
    """The directory of the model's files, without other frameworks' weights and pickles.

    Raises ModelError where the model is neither cached nor reachable; the message says whether
    this process is offline (`HF_HUB_OFFLINE`).
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = repo_id if revision is None else f"{repo_id} at {revision}"
    try:
        found = snapshot_download(repo_id, revision=revision, ignore_patterns=[*DOWNLOAD_IGNORED])
    except GatedRepoError as error:
        raise ModelError(
            "the Hub model is gated", where=where, remedy="accept its terms and set HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(
            f"the Hub model has no revision {revision!r}", where=where, remedy="see its branches"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"{wanted_as!r} is neither a directory nor a model of the Hub",
            where=where,
            remedy="check the spelling; for a private model set HF_TOKEN",
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"{wanted_as!r} is not a directory, and the Hub model is {_why_absent()}",
            where=where,
            remedy=f"download it where the Hub can be reached (hf download {repo_id}), "
            "or give a directory",
        ) from error
    return Path(found)


def _why_absent() -> str:
    offline = os.environ.get("HF_HUB_OFFLINE", "")
    if offline.upper() in ("1", "ON", "YES", "TRUE"):
        return f"not cached while HF_HUB_OFFLINE={offline} forbids the network"
    return "neither cached nor reachable"
