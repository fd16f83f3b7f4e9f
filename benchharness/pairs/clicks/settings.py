"""`Settings`: how a click log is mined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BY_QUERY, BY_COMPONENT = "query", "component"


@dataclass(frozen=True)
class Settings:
    """How a log is mined; the defaults are those of the command.

    curve:     rank -> examination, in place of the fitted one. eta: 1 / rank^eta in its place.
    debias:    False takes clicks as they are, at whatever rank.
    clip:      examinations below count as this, so that no single click weighs more than 1 / clip.
    min_score: of the lower end of the attraction, from 0 to 1.
    split_at:  seconds since 1970; later: share of the impressions that are later, in its place.
    split_by:  "component" also drops later queries that share a positive with earlier ones.
    columns:   our name -> the log's.
    """

    max_clicks_per_session: int = 100
    min_dwell_s: float = 10.0
    max_rank: int | None = None
    curve: Mapping[int, float] | None = None
    eta: float | None = None
    debias: bool = True
    clip: float = 0.05
    min_score: float = 0.2
    min_impressions: int = 5
    min_clicks: int = 2
    split_at: float | None = None
    later: float | None = None
    split_by: str = BY_QUERY
    columns: Mapping[str, str] = field(default_factory=dict)


DEFAULTS = Settings()
