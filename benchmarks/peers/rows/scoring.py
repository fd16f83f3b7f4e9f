"""Search and metrics: what comes after the vectors."""

from __future__ import annotations

from collections.abc import Sequence

from peers.material import run_file
from peers.process import OURS, PEERS, Contestant, program
from peers.rows.setting import Setting
from peers.work import Claim, Spent, Work

OWN = "benchharness"
DEPTH = 100
GOAL_SEARCH, GOAL_PYTREC, GOAL_RANX, GOAL_MEMORY_MB = 1.6, 3.0, 15.0, 2500.0
PRODUCTS = ("product-numpy", "product-torch")


def metrics(setting: Setting) -> Work:
    queries = setting.size(10_000, 500)
    place = run_file(setting.data, queries, DEPTH)
    title = f"metrics, {queries:,} queries x {DEPTH}"
    goals = {"pytrec_eval": GOAL_PYTREC, "ranx": GOAL_RANX, "ranx-evaluate": None,
             "ir_measures": None}  # fmt: skip

    def notes(spent: Spent) -> Sequence[str]:
        names = ("recall@10", "ndcg@10", "map@100", "mrr@100")
        return [
            f"{peer}: largest difference of a mean to ours "
            f"{max(abs(spent[OWN][0][name] - spent[peer][0][name]) for name in names):.1e}"
            for peer in goals
        ]

    return Work(
        name="metrics",
        title=title,
        contestants=[
            Contestant(OWN, program(OURS, "metrics.py", OWN, place)),
            *(Contestant(peer, program(PEERS, "metrics.py", peer, place)) for peer in goals),
        ],
        claims=[Claim(title, OWN, peer, goal, figure="work_cpu_s") for peer, goal in goals.items()],
        notes=notes,
    )


def search(setting: Setting) -> Work:
    documents, queries = setting.size(100_000, 5_000), setting.size(1_000, 100)
    setting.scratch.mkdir(parents=True, exist_ok=True)
    title = f"search, {documents:,} x {queries:,} queries"
    peers = ("faiss", "semantic_search")
    outs = {engine: setting.scratch / f"rows-{engine}.npy" for engine in (OWN, *peers)}

    def notes(_: Spent) -> Sequence[str]:
        import numpy as np

        ours = np.load(outs[OWN])
        found = []
        for peer in peers:
            pairs = zip(ours, np.load(outs[peer]), strict=True)
            common = sum(len(np.intersect1d(one, other)) for one, other in pairs)
            found.append(f"{peer}: {common / ours.size:.5f} of our {DEPTH} best are its own")
        return found

    def contestant(engine: str) -> Contestant:
        python = PEERS if engine in peers else OURS
        out = [outs[engine]] if engine in outs else []
        return Contestant(engine, program(python, "search.py", engine, documents, queries, *out))

    bare = [Claim(title, OWN, one, GOAL_SEARCH, "at most", "work_cpu_s") for one in PRODUCTS]
    beside = [Claim(title, OWN, peer, None, figure="work_cpu_s") for peer in peers]
    return Work(
        name="search",
        title=title,
        contestants=[contestant(one) for one in (OWN, *PRODUCTS, *peers)],
        claims=[*bare, *beside],
        notes=notes,
    )


def search_memory(setting: Setting) -> Work:
    documents, queries = setting.size(1_000_000, 20_000), setting.size(1_000, 100)
    title = f"search, {documents:,} x {queries:,} queries"
    return Work(
        name="search-memory",
        title=f"{title}, memory",
        contestants=[
            Contestant(OWN, program(OURS, "search.py", OWN, documents, queries)),
            Contestant("faiss", program(PEERS, "search.py", "faiss", documents, queries)),
        ],
        claims=[
            Claim(f"{title}, MB of the process", OWN, "", GOAL_MEMORY_MB, "value", "peak_mb"),
            Claim(f"{title}, MB of the process", OWN, "faiss", None, figure="peak_mb"),
            Claim(title, OWN, "faiss", None, figure="work_cpu_s"),
        ],
    )
