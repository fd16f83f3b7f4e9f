"""Prose search over NetworkX: find the docstring that its own first sentence opens.

500 held-out queries against the whole corpus; the other queries are the training side.
"""

from benchharness import Gate, Suite, docstrings

prose = Suite(
    name="networkx-prose",
    dataset=docstrings("networkx", document="prose", queries=500),
    models=["minilm", "wordllama", "bm25"],
    measures=["recall@10", "ndcg@10", "mrr@10"],
    gates=[
        Gate.floor("recall@10", 0.80, models=["minilm"]),
        Gate.floor("recall@10", 0.60, models=["wordllama"]),
        Gate.floor("recall@10", 0.75, models=["bm25"]),
        # 500 queries resolve 0.04; see `benchharness power networkx-prose`.
        Gate.regression("recall@10", margin=0.04, models=["minilm", "wordllama"]),
    ],
)
