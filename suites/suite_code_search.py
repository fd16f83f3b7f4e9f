"""Code search over SymPy: find the function that a docstring's first sentence describes.

1,000 held-out queries against the whole corpus; the other queries are the training side.
"""

from benchharness import Gate, Suite, docstrings

code_search = Suite(
    name="sympy-code-search",
    dataset=docstrings("sympy", document="code", queries=1000),
    models=["minilm@max_length=128", "wordllama", "bm25"],
    measures=["recall@10", "ndcg@10", "mrr@10"],
    gates=[
        Gate.floor("recall@10", 0.65, models=["minilm@max_length=128"]),
        Gate.floor("recall@10", 0.28, models=["wordllama"]),
        Gate.floor("recall@10", 0.30, models=["bm25"]),
        # 1,000 queries resolve 0.03; see `benchharness power sympy-code-search`.
        Gate.regression("recall@10", margin=0.03, models=["minilm@max_length=128", "wordllama"]),
    ],
)
