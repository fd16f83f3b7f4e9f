"""Names of measures as other tools spell them."""

from __future__ import annotations


def spelled_out(measure: str) -> str:
    """`recall@10` as `recall_at_10`: the Hub, MTEB and MLflow know no "@"."""
    return measure.replace("@", "_at_").replace(" ", "_")
