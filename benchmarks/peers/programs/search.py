"""The best 100 documents of each query among random vectors; prints the seconds of the search.

    python search.py ENGINE DOCUMENTS QUERIES [OUT.npy]

`product-numpy` and `product-torch` only multiply, into memory that is there already. All but
those keep the rows that they find in OUT.npy. One query warms up before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

K, DIM, SEED = 100, 384, 0
_BLOCK = 65_536


def unit_vectors(count: int, seed: int) -> Any:
    """[count, 384] float32, made block by block, so that little more than they is held."""
    import numpy as np

    dice = np.random.default_rng(seed)
    found = np.empty((count, DIM), dtype=np.float32)
    for start in range(0, count, _BLOCK):
        block = found[start : start + _BLOCK]
        dice.standard_normal(out=block, dtype=np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return found


def ours(documents: Any) -> Callable[[Any], Any]:
    from benchharness.evaluation.search import search

    return lambda queries: search(queries, documents, K).rows


def product_numpy(documents: Any) -> Callable[[Any], Any]:
    import numpy as np

    kept: dict[int, Any] = {}

    def call(queries: Any) -> None:
        out = kept.setdefault(0, np.zeros((len(queries), len(documents)), dtype=np.float32))
        np.matmul(queries, documents.T, out=out[: len(queries)])

    return call


def product_torch(documents: Any) -> Callable[[Any], Any]:
    import torch

    theirs = torch.from_numpy(documents)
    kept: dict[int, Any] = {}

    def call(queries: Any) -> None:
        out = kept.setdefault(0, torch.zeros(len(queries), len(documents)))
        torch.mm(torch.from_numpy(queries), theirs.T, out=out[: len(queries)])

    return call


def faiss(documents: Any) -> Callable[[Any], Any]:
    import faiss as theirs

    index = theirs.IndexFlatIP(DIM)

    def call(queries: Any) -> Any:
        if not index.ntotal:
            index.add(documents)
        return index.search(queries, K)[1]

    return call


def semantic_search(documents: Any) -> Callable[[Any], Any]:
    from sentence_transformers.util import semantic_search as theirs

    return lambda queries: [
        [hit["corpus_id"] for hit in hits] for hits in theirs(queries, documents, top_k=K)
    ]


ENGINES = {
    "benchharness": ours, "product-numpy": product_numpy, "product-torch": product_torch,
    "faiss": faiss, "semantic_search": semantic_search,
}  # fmt: skip


def main() -> None:
    engine, documents, queries, *outs = sys.argv[1:]
    vectors = unit_vectors(int(documents), SEED)
    asked = unit_vectors(int(queries), SEED + 1)
    call = ENGINES[engine](vectors)
    # The products need all of their memory at first; faiss copies the documents when asked first.
    call(asked if engine.startswith("product") else asked[:1])
    cpu, wall = time.process_time(), time.perf_counter()
    rows = call(asked)
    figures = {"work_cpu_s": time.process_time() - cpu, "work_wall_s": time.perf_counter() - wall}
    if outs and rows is not None:
        import numpy as np

        np.save(outs[0], np.asarray(rows, dtype=np.int64))
    sys.stdout.write("\n" + json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
