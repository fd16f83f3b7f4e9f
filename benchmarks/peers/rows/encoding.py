"""Encoding alone, and encoding beside others on a box with no core to spare."""

from __future__ import annotations

from collections.abc import Sequence

from peers.material import QUERIES, beir_folder
from peers.process import OURS, PEERS, PROGRAMS, Contestant, program
from peers.rows.setting import Setting
from peers.work import Claim, Spent, Work

OWN, PEER = "benchharness", "sentence-transformers"
GOAL, GOAL_BF16, GOAL_BUSY = 2.8, 4.2, 1.0
_ENGINES = {OWN: OURS, f"{OWN}-bfloat16": OURS, PEER: PEERS, f"{PEER}-bfloat16": PEERS}


def encoding(setting: Setting) -> Work:
    documents = setting.size(10_000, 200)
    folder = beir_folder(setting.data, documents, setting.size(QUERIES, 50))
    setting.scratch.mkdir(parents=True, exist_ok=True)
    outs = {engine: setting.scratch / f"vectors-{engine}.npy" for engine in _ENGINES}
    title = f"encode, {documents:,} mixed texts"

    def notes(_: Spent) -> Sequence[str]:
        import numpy as np

        theirs = np.load(outs[PEER]).astype(np.float64)
        found = []
        for engine in (OWN, f"{OWN}-bfloat16", f"{PEER}-bfloat16"):
            ours = np.load(outs[engine]).astype(np.float64)
            lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
            cosines = np.vecdot(ours, theirs) / lengths
            found.append(
                f"{engine}: least cosine to {PEER} {cosines.min():.7f}, mean {cosines.mean():.7f}"
            )
        return found

    return Work(
        name="encode",
        title=title,
        contestants=[
            Contestant(
                engine,
                program(
                    python, "encode.py", engine, folder.path, setting.model, documents, outs[engine]
                ),
            )
            for engine, python in _ENGINES.items()
        ],
        claims=[
            Claim(title, OWN, PEER, GOAL, figure="work_cpu_s"),
            Claim(f"{title}, bfloat16", f"{OWN}-bfloat16", PEER, GOAL_BF16, figure="work_cpu_s"),
            Claim(
                f"{title}, both bfloat16", f"{OWN}-bfloat16", f"{PEER}-bfloat16", None,
                figure="work_cpu_s",
            ),
        ],
        notes=notes,
    )  # fmt: skip


def busy(setting: Setting) -> Work:
    """Two encodes at a time beside a process that holds a core, as on a shared CI runner."""
    documents = setting.size(2_000, 200)
    folder = beir_folder(setting.data, documents, setting.size(QUERIES, 50))
    count = setting.size(200, 40)
    title = f"two processes and a third on two cores, {count} texts each"
    contestants = [
        Contestant(
            f"{engine}, {threads}",
            [
                OURS, str(PROGRAMS / "busy.py"), python, engine, str(folder.path),
                str(setting.model), str(count),
            ],
            {"OMP_NUM_THREADS": "" if threads == "default threads" else "1"},
        )
        for engine, python in ((OWN, OURS), (PEER, PEERS))
        for threads in ("default threads", "one thread")
    ]  # fmt: skip
    return Work(
        name="busy",
        title=title,
        contestants=contestants,
        claims=[
            Claim(title, f"{OWN}, default threads", f"{OWN}, one thread", GOAL_BUSY, "at most",
                  "work_wall_s"),
            Claim(title, f"{OWN}, default threads", f"{PEER}, default threads", None,
                  figure="work_wall_s"),
            Claim(title, f"{OWN}, default threads", f"{PEER}, one thread", None,
                  figure="work_wall_s"),
            Claim(f"{title}, {PEER} itself", f"{PEER}, default threads", f"{PEER}, one thread",
                  None, "at most", "work_wall_s"),
        ],
    )  # fmt: skip
