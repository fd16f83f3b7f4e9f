"""`mine`: from a click log and a corpus to training pairs, and evaluation queries of a later time.

A pair is written where the clicks say that the document is good for the query. That a document
was not clicked says little (it may not have been looked at), so no negative is ever written. The
pairs all have weight 1: the contrastive losses of sentence-transformers know no weight of a pair,
and a pair that is repeated instead teaches popularity and leaves batches without duplicates short.
What is not sure enough is left out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from benchharness.data.components import components
from benchharness.data.similarity import text_key
from benchharness.data.texts import TextTable
from benchharness.errors import DataError
from benchharness.pairs.clicks import choosing
from benchharness.pairs.clicks.cleaning import (
    Filter,
    Names,
    Pages,
    Rules,
    Window,
    drop_repeated,
    tally,
)
from benchharness.pairs.clicks.counts import Counts
from benchharness.pairs.clicks.curve import (
    FITTED,
    Curve,
    fit_curve,
    flat_curve,
    given_curve,
    power_curve,
)
from benchharness.pairs.clicks.intake import Intake
from benchharness.pairs.clicks.scores import Prior, fit_prior, score_cells
from benchharness.pairs.clicks.settings import BY_COMPONENT, DEFAULTS, Settings
from benchharness.pairs.pair import Pair
from benchharness.progress import Listener, Step, silent


@dataclass(frozen=True)
class Split:
    """The later window, and what was taken out of it.

    at:               seconds since 1970 from which an impression is later.
    impressions, rows: of the later window, after cleaning.
    seen_queries:     its queries that were asked earlier too, and are removed.
    seen_rows:        the rows of those.
    connected_queries: its queries removed because a component joins them to the earlier ones.
    queries, positives: that are left for evaluation.
    shared_documents: of its positives' documents, those that are positives of the earlier window.
    documents:        documents of its positives.
    """

    at: float
    impressions: int
    rows: int
    seen_queries: int
    seen_rows: int
    connected_queries: int
    queries: int
    positives: int
    shared_documents: int
    documents: int


@dataclass(frozen=True)
class Report:
    """What became of a log.

    rows:        of the log. impressions: distinct ones, before cleaning.
    kept_rows, kept_impressions: that pairs are made from (of the earlier window).
    candidates:  (query, document) shown. enough: those with enough impressions and clicks.
    kept_of_raw: share of the pairs that the same number of highest raw click-through rates has.
    test_pairs, test_queries: left out, because their query is one that is tested with.
    """

    log: str
    rows: int
    impressions: int
    filters: tuple[Filter, ...]
    kept_rows: int
    kept_impressions: int
    curve: Curve
    clip: float
    prior: Prior
    min_score: float
    min_impressions: int
    min_clicks: int
    candidates: int
    enough: int
    pairs: int
    queries: int
    documents: int
    kept_of_raw: float
    split: Split | None = None
    test_pairs: int = 0
    test_queries: int = 0


@dataclass(frozen=True)
class Mined:
    """pairs: to train on; later: to evaluate on, of queries that `pairs` does not have.

    Both in order of (normalised query, falling score, doc_id).
    """

    pairs: tuple[Pair, ...]
    later: tuple[Pair, ...]
    report: Report


def mine(
    log: Path,
    corpus: TextTable,
    settings: Settings = DEFAULTS,
    listener: Listener = silent,
    *,
    held: Collection[int] = (),
) -> Mined:
    """The pairs of a click log. The order of its rows does not matter.

    held: keys of texts (`text_key`) that are tested with: no pair of such a query is trained on.

    Raises DataError for a log that cannot be read, that does not tell ranks apart, or of which
    nothing is left.
    """
    try:
        return _mined(log, corpus, settings, listener, held)
    except DataError as error:
        if error.where:
            raise
        raise DataError(error.message, where=str(log), remedy=error.remedy) from None


def _mined(
    log: Path,
    corpus: TextTable,
    settings: Settings,
    listener: Listener,
    held: Collection[int],
) -> Mined:
    with Intake() as intake:
        intake.read(
            log, settings.columns, ranked=settings.debias, min_dwell_s=settings.min_dwell_s,
            listener=listener,
        )  # fmt: skip
        names = Names.of(intake, corpus.rows_of(list(intake.docs)))
        pages = drop_repeated(intake, names, listener)
        at = _split_at(pages, settings)
        rules = Rules(settings.max_clicks_per_session, settings.max_rank)
        (earlier, later), filters = tally(intake, names, pages, rules, at, listener)
        rows = intake.rows
    _refuse_empty(earlier, filters)
    listener(Step("learning the curve", 0, 0))
    curve = _curve(earlier.counts, settings)
    prior = fit_prior(earlier.counts, curve, settings.clip)
    scores = score_cells(earlier.counts, curve, settings.clip, prior)
    chosen = choosing.chosen(scores, settings)
    pairs = choosing.pairs(scores, chosen, earlier, names, corpus)
    if not pairs:
        raise choosing.nothing(scores, settings)
    tested = tuple(pair for pair in pairs if text_key(pair.query) in held)
    pairs = tuple(pair for pair in pairs if text_key(pair.query) not in held)
    if not pairs:
        raise DataError(
            f"all of {len(tested):,} pairs are of queries that the suite tests with",
            remedy="mine another log, or name the corpus alone: --data beir:DIR",
        )
    found: tuple[Pair, ...] = ()
    split = None
    if at is not None:
        found, split = _later(earlier, later, names, (curve, prior), pairs, settings, corpus, at)
    report = Report(
        log=str(log),
        rows=rows,
        impressions=len(pages.times),
        filters=filters,
        kept_rows=earlier.rows,
        kept_impressions=earlier.impressions,
        curve=curve,
        clip=settings.clip,
        prior=prior,
        min_score=settings.min_score,
        min_impressions=settings.min_impressions,
        min_clicks=settings.min_clicks,
        candidates=len(scores.score),
        enough=int(choosing.enough(scores, settings).sum()),
        pairs=len(pairs),
        queries=len({pair.query_id for pair in pairs}),
        documents=len({pair.doc_id for pair in pairs}),
        kept_of_raw=choosing.kept_of_raw(scores, chosen, settings),
        split=split,
        test_pairs=len(tested),
        test_queries=len({pair.query_id for pair in tested}),
    )
    return Mined(pairs, found, report)


def _split_at(pages: Pages, settings: Settings) -> float | None:
    import numpy as np

    if settings.split_at is None and settings.later is None:
        return None
    if np.isnan(pages.times).all():
        raise DataError(
            "the log has no times: it cannot be split",
            remedy="add a column ts (--columns ts=NAME names it), or leave --later and --split-at",
        )  # fmt: skip
    if settings.split_at is not None:
        return settings.split_at
    times = np.sort(pages.times)  # NaN last; `tally` refuses them
    place = len(times) - round((settings.later or 0.0) * len(times))
    return float(times[min(max(place, 0), len(times) - 1)])


def _refuse_empty(earlier: Window, filters: tuple[Filter, ...]) -> None:
    if earlier.rows:
        return
    removed = "; ".join(f"{one.name}: {one.removed:,} {one.unit}" for one in filters if one.removed)
    if not removed:
        raise DataError(
            "no row of the log is earlier than the split",
            remedy="split later: --split-at TIME within the log, or --later 0.2",
        )
    raise DataError(
        f"no row of the log is left ({removed})",
        remedy="name the corpus that the log is of, with the doc_ids of the log",
    )


def _refuse_no_later(split: Split) -> None:
    if not split.positives:
        raise DataError(
            f"no query is left to evaluate on: of {split.impressions:,} later impressions, "
            f"{split.seen_queries:,} queries were asked earlier too, {split.connected_queries:,} "
            "are joined to earlier ones, and no other reaches the thresholds",
            remedy="split earlier (--later 0.3), or mine a longer log",
        )


def _curve(counts: Counts, settings: Settings) -> Curve:
    if not settings.debias:
        return flat_curve(counts)
    if settings.curve is not None:
        return given_curve(counts, settings.curve)
    if settings.eta is not None:
        return power_curve(counts, settings.eta)
    return fit_curve(counts)


def _later(
    earlier: Window,
    later: Window,
    names: Names,
    learned: tuple[Curve, Prior],
    pairs: tuple[Pair, ...],
    settings: Settings,
    corpus: TextTable,
    at: float,
) -> tuple[tuple[Pair, ...], Split]:
    """(pairs of queries that were not asked earlier, what was left out); DataError without any.

    Curve and prior are the earlier window's, so that it stays blind to the later one.
    """
    import numpy as np

    counts = later.counts
    is_seen = np.isin(counts.query, earlier.counts.query)
    seen_queries = len(np.unique(counts.query[is_seen]))
    new = counts.where(~is_seen)
    found: tuple[Pair, ...] = ()
    if len(new):
        # A given curve holds for ranks that the earlier window did not have, too.
        curve = learned[0] if learned[0].source == FITTED else _curve(new, settings)
        scores = score_cells(new, curve, settings.clip, learned[1])
        found = choosing.pairs(scores, choosing.chosen(scores, settings), later, names, corpus)
    connected = 0
    if settings.split_by == BY_COMPONENT:
        kept = _apart(pairs, found)
        connected = len({pair.query_id for pair in found} - {pair.query_id for pair in kept})
        found = kept
    trained = {pair.doc_id for pair in pairs}
    documents = {pair.doc_id for pair in found}
    split = Split(
        at, later.impressions, later.rows, seen_queries, int(counts.shown[is_seen].sum()),
        connected, len({pair.query_id for pair in found}), len(found),
        len(documents & trained), len(documents),
    )  # fmt: skip
    _refuse_no_later(split)
    return found, split


def _apart(pairs: tuple[Pair, ...], later: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """The later pairs whose query no chain of shared positives joins to an earlier one."""
    trained = {pair.query_id for pair in pairs}
    edges = ((pair.query_id, pair.doc_id) for pair in (*pairs, *later))
    joined = {
        query_id
        for group in components(edges)
        if not trained.isdisjoint(group)
        for query_id in group
    }
    return tuple(pair for pair in later if pair.query_id not in joined)
