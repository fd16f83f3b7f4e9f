"""What is wrong or odd about a dataset, found before any model is loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One observation of the lint.

    code:     stable name, such as "dangling-qrels".
    severity: "error" stops the run, "warning" is printed, "note" is a fact for the report.
    message:  one sentence with its numbers.
    where:    file:line or ids of the first few places; empty where it concerns the whole.
    remedy:   what to do; empty for notes.
    """

    code: str
    severity: str
    message: str
    where: str = ""
    remedy: str = ""
