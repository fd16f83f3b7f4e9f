"""`benchharness serve`: an encoder behind HTTP, as TEI and OpenAI speak it.

A request passes `connection` (time limits), `app` (routes, key, queue), `tei` or `openai` (what is
asked), `batcher` (many clients' texts in one batch) and `served` (the encoder), and back.
"""
