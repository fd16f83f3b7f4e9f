"""Queries that a language model writes from a corpus, as training pairs or an evaluation set."""
