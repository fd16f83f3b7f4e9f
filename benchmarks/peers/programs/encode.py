"""The vectors of a BEIR folder's documents; prints CPU and wall seconds of the encoding alone.

    python encode.py ENGINE FOLDER MODEL COUNT [OUT.npy] [wait]

ENGINE: `benchharness` or `sentence-transformers`, the latter with its defaults; `-bfloat16` behind
it chooses the dtype. The model is loaded, and has encoded eight texts, before the clock starts.
With `wait` it says "ready" and starts when a line comes in.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Encode = Callable[[list[str]], Any]


def ours(model: str, dtype: str) -> Encode:
    import numpy as np

    from benchharness.models.encoder import is_encoder
    from benchharness.models.registry import open_model

    del model  # the package's folder is what `minilm` stands for
    encoder = open_model("minilm" if dtype == "float32" else f"minilm@dtype={dtype}")
    assert is_encoder(encoder)  # noqa: S101

    def encode(texts: list[str]) -> Any:
        vectors = np.empty((len(texts), 384), dtype=np.float32)
        for rows, batch in encoder.encode(texts, "document"):
            vectors[rows] = batch
        return vectors

    return encode


def sentence_transformers(model: str, dtype: str) -> Encode:
    from sentence_transformers import SentenceTransformer

    settings = {} if dtype == "float32" else {"model_kwargs": {"dtype": dtype}}
    found = SentenceTransformer(model, **settings)
    return found.encode


def main() -> None:
    engine, folder, model, count, *rest = sys.argv[1:]
    lines = (Path(folder) / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines[: int(count)]]
    name, _, dtype = engine.partition("-bfloat16")
    dtype = "bfloat16" if engine.endswith("-bfloat16") else "float32"
    encode = {"benchharness": ours, "sentence-transformers": sentence_transformers}[name](
        model, dtype
    )
    encode(texts[:8])
    if "wait" in rest:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
    cpu, wall = time.process_time(), time.perf_counter()
    vectors = encode(texts)
    spent = {"work_cpu_s": time.process_time() - cpu, "work_wall_s": time.perf_counter() - wall}
    spent["texts_per_cpu_s"] = len(texts) / spent["work_cpu_s"]
    outs = [one for one in rest if one.endswith(".npy")]
    if outs:
        import numpy as np

        np.save(outs[0], vectors)
    sys.stdout.write("\n" + json.dumps(spent) + "\n")


if __name__ == "__main__":
    main()
