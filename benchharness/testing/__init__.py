"""Doubles for tests: an encoder that needs no model, tiny data sets and tiny real models.

from benchharness.testing import install_doubles, write_beir

install_doubles()                       # in a conftest.py: pytest --bench-model hash
write_beir(tmp_path, {"d1": "red fox"}, {"q1": "fox"}, {"q1": {"d1": 1}})
"""

from benchharness.testing.data import LEARNABLE_WORDS, write_beir, write_learnable
from benchharness.testing.doubles import (
    HashEncoder,
    StoredReferences,
    hash_encoder,
    install_doubles,
)
from benchharness.testing.models import (
    TINY_WORDS,
    tiny_cross_encoder,
    tiny_late_interaction_model,
    tiny_model,
    tiny_sparse_model,
)

__all__ = [
    "LEARNABLE_WORDS",
    "TINY_WORDS",
    "HashEncoder",
    "StoredReferences",
    "hash_encoder",
    "install_doubles",
    "tiny_cross_encoder",
    "tiny_late_interaction_model",
    "tiny_model",
    "tiny_sparse_model",
    "write_beir",
    "write_learnable",
]
