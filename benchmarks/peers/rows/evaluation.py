"""The whole evaluation of a BEIR folder, from an empty process to the values."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from peers.material import EDITED_EVERY, Folder, beir_folder
from peers.process import OURS, PEERS, Contestant, program
from peers.rows.setting import Setting
from peers.work import Claim, Spent, Work

ENGINES = ("sentence-transformers", "mteb", "beir")
MEASURES = ("ndcg@10", "recall@10")
OWN, OWN_BF16 = "benchharness", "benchharness, bfloat16"
AGAIN, EDITED = "benchharness, again", "benchharness, 1 of 20 edited"
GOAL, GOAL_LARGE, GOAL_BF16, GOAL_AGAIN, GOAL_EDITED = 2.0, 2.5, 3.5, 30.0, 0.08


def evaluation(setting: Setting) -> Work:
    return _evaluation(setting, "evaluation", setting.size(2_000, 200), GOAL)


def evaluation_large(setting: Setting) -> Work:
    return _evaluation(setting, "evaluation-large", setting.size(10_000, 400), GOAL_LARGE)


def _evaluation(setting: Setting, row: str, documents: int, goal: float) -> Work:
    """Ours, the three pipelines beside it, and ours again from the cache that it leaves."""
    queries = setting.size(500, 50)
    folder = beir_folder(setting.data, documents, queries)
    scratch = setting.scratch / row
    title = f"whole evaluation, {documents:,} documents, {queries:,} queries"
    peers = [
        Contestant(name, program(PEERS, "evaluate.py", name, folder.path, setting.model))
        for name in ENGINES
    ]
    claims = [Claim(title, OWN, name, goal) for name in ENGINES]
    claims += [Claim(f"{title}, bfloat16", OWN_BF16, name, GOAL_BF16) for name in ENGINES]
    claims += [
        Claim(f"the same run again, {documents:,} documents", AGAIN, OWN, GOAL_AGAIN),
        *(
            Claim(f"the same run again, {documents:,} documents", AGAIN, name, None)
            for name in ENGINES
        ),
        Claim(f"1 of {EDITED_EVERY} edited, {documents:,}", EDITED, OWN, GOAL_EDITED, "at most"),
    ]
    return Work(
        name=row,
        title=title,
        contestants=[*_ours(folder, scratch), *peers],
        claims=claims,
        notes=_same_values,
    )


def _ours(folder: Folder, scratch: Path) -> list[Contestant]:
    full = scratch / "cache"
    return [
        _measure(OWN, folder.path, "minilm", full, None),
        _measure(OWN_BF16, folder.path, "minilm@dtype=bfloat16", scratch / "bfloat16", None),
        _measure(AGAIN, folder.path, "minilm", scratch / "again", full),
        _measure(EDITED, folder.edited, "minilm", scratch / "edited", full),
    ]


def _measure(name: str, folder: Path, model: str, cache: Path, kept: Path | None) -> Contestant:
    """The command as users type it, with an empty cache or a copy of the one that is `kept`."""

    def before() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        if kept is not None:
            shutil.copytree(kept, cache)

    return Contestant(
        name,
        [
            OURS, "-m", "benchharness", "measure", "--data", f"beir:{folder}", "--model", model,
            "--quiet", "--json", "--out", str(cache.with_name(f"{cache.name}-report")),
        ],
        {"BENCHHARNESS_CACHE": str(cache)},
        before,
        _values,
    )  # fmt: skip


def _values(out: str) -> dict[str, float]:
    (result,) = json.loads(out)["results"]
    return {name: result["measures"][name]["value"] for name in MEASURES}


def _same_values(spent: Spent) -> Sequence[str]:
    """How far the peers' values are from ours, where the definition is the same."""
    notes = []
    for name in ENGINES:
        apart = max(abs(spent[OWN][0][one] - spent[name][0][one]) for one in MEASURES)
        notes.append(
            f"{name}: nDCG@10 and recall@10 are {'ours' if apart <= 1e-4 else 'not ours'} "
            f"(largest difference {apart:.1e})"
        )
    return notes
