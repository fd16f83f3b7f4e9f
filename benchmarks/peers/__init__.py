"""Rows of the table that `benchmarks/peers.py` prints: what is run, measured and claimed."""
