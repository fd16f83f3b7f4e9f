"""Folds for training and measuring on one set of labelled queries, without leaking answers.

Folds drawn at random over queries put a document on both sides: a model that learnt the document
is measured on it. The number then answers another question, without saying so. Here the question
is chosen by name:

    split="component"  queries about documents that were never trained on (the default)
    split="query"      queries that ask about documents that were trained on
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from benchharness.data.components import Component, components, held_out, seeded_order
from benchharness.data.similarity import text_key
from benchharness.errors import UsageError, did_you_mean, shortened
from benchharness.judge.numbers import format_count, format_share
from benchharness.pairs.pair import Pair

Split = Literal["component", "query"]

# The question that a number measured over the folds answers.
QUESTIONS: Mapping[Split, str] = {
    "component": "queries about documents that were never trained on",
    "query": "queries that ask about documents that were trained on",
}
# Fewer queries move by whole steps of 5 % and more when a single one changes.
MIN_DEV = 20
_LARGEST_DEV = 3  # a dev set takes at most a third of the queries
_RANDOM = ("random", "kfold", "shuffle", "shuffled")


@dataclass(frozen=True)
class Folds:
    """Which queries are held out together.

    fold_of:      query_id -> its fold, 0 … k - 1.
    component_of: query_id -> the smallest query id of its component, whatever the split.
    split, asked: how the queries are split, and how it was asked for.
    note:         what the report must say of it; empty where there is nothing to be said.
    """

    fold_of: Mapping[str, int]
    component_of: Mapping[str, str]
    split: Split
    asked: Split
    note: str
    k: int

    def held_out(self, fold: int) -> frozenset[str]:
        """The query ids of a fold; empty for a fold that there is not."""
        return frozenset(query_id for query_id, own in self.fold_of.items() if own == fold)

    @property
    def question(self) -> str:
        """What is measured: "queries about documents that were never trained on"."""
        return QUESTIONS[self.split]


def component_names(pairs: Iterable[Pair]) -> dict[str, str]:
    """query_id -> smallest query id of its component.

    A component is connected through queries and documents; those of equal text, without regard
    to case and blanks, are one. Pairs without a query_id connect through their texts.
    """
    return _named(_groups(pairs, "component"))


def make_folds(pairs: Sequence[Pair], k: int, *, split: str = "component", seed: int = 0) -> Folds:
    """The queries of the pairs in k folds of nearly equal size, none of them empty.

    Whole components go into a fold, or with split="query" all queries of equal text. Where one
    component holds more than half of the queries the split is by query, and the note says so.
    The result depends on the seed, not on the order of the pairs. Pairs without a query_id are
    in no fold: see `training_side` for which of them may be trained on.

    Raises UsageError for another split, k < 2, and more folds than there are groups.
    """
    asked = _checked(split)
    if k < 2:
        raise UsageError(
            f"{format_count(k, 'fold')}: at least 2 are needed, or nothing is left to train on",
            remedy="--folds 5, or --folds 0 to train once and judge on the held-out queries",
        )
    connected = _groups(pairs, "component")
    total = sum(len(group) for group in connected)
    if not total:
        raise UsageError(
            f"none of {format_count(len(pairs), 'pair')} has a query_id, so there is no query "
            "to hold out",
            remedy="--folds 0, or give the pairs the query_id and doc_id of judged queries",
        )
    largest = max(connected, key=len)
    is_giant = 2 * len(largest) > total
    used: Split = "query" if is_giant else asked
    groups = connected if used == "component" else _groups(pairs, "query")
    _check_enough(len(groups), total, k, used)
    fold_of = _dealt(groups, k, seed)
    notes = []
    if is_giant and asked == "component":
        why = f"whole components cannot make {k} even folds, so the queries are split one by one"
        notes.append(f"{_described(largest, total, pairs, 'component')}; {why}")
    if used == "query":
        notes.append(f"the folds answer for {QUESTIONS['query']}, not for {QUESTIONS['component']}")
    notes += _uneven(groups, total, fold_of, k, used, pairs)
    return Folds(
        fold_of=fold_of,
        component_of=_named(connected),
        split=used,
        asked=asked,
        note="; ".join(notes),
        k=k,
    )


def dev_queries(pairs: Sequence[Pair], wanted: int, *, split: str, seed: int) -> frozenset[str]:
    """About `wanted` query ids of the training pairs, at most a third, to pick a step with.

    They are whole groups of the split, like those of `make_folds`; a component that does not fit
    is passed over. Raises UsageError where fewer than 20 queries result.
    """
    used = _checked(split)
    groups = _groups(pairs, used)
    total = sum(len(group) for group in groups)
    most = min(wanted, total // _LARGEST_DEV)
    drawn = held_out(groups, most, seed)
    if len(drawn) >= MIN_DEV:
        return drawn
    why, remedy = "", f"--set dev_queries={MIN_DEV}, or more"
    if total < (least := MIN_DEV * _LARGEST_DEV):
        why = f"; it takes at most a third of {total:,} training queries"
        remedy = f"add training queries ({least} are needed), or more folds, which hold out fewer"
    elif wanted >= MIN_DEV:
        why = f"; {_described(max(groups, key=len), total, pairs, used)}, and stays together"
        remedy = "add training queries about other documents"
        remedy += ", or --folds-by query" if used == "component" else ""
    have = format_count(len(drawn), "query", "queries")
    raise UsageError(f"a dev set of {have} cannot choose a step{why}", remedy=remedy)


def training_side(
    pairs: Sequence[Pair], held_out: frozenset[str], *, split: str
) -> tuple[Pair, ...]:
    """The pairs that may be trained on while these queries are held out, in their order.

    Left out are the pairs of held-out queries and all that are connected to one by the split:
    a pair without a query_id, too, can hold the text of a held-out query or its document.
    """
    blocked: set[str] = set()
    for group in components(_edges(pairs, _checked(split))):
        if any(node[0] == _ID and node[1:] in held_out for node in group):
            blocked.update(group)
    return tuple(pair for n, pair in enumerate(pairs) if _node(n, pair) not in blocked)


_ID = "q"  # begins the node of a query with an id; others are named by the pair's number


def _node(number: int, pair: Pair) -> str:
    return f"{_ID}{pair.query_id}" if pair.query_id else f"n{number}"


def _edges(pairs: Iterable[Pair], split: Split) -> Iterator[tuple[str, str]]:
    """Yields (node of a query, what connects it), for `components`; all begin with their kind."""
    for number, pair in enumerate(pairs):
        node = _node(number, pair)
        text = text_key(pair.query)
        # Empty texts are no sign of the same query or document, so they connect nothing.
        yield node, f"text {text}" if text else node
        if split == "component":
            if pair.doc_id:
                yield node, f"document {pair.doc_id}"
            content = text_key(pair.positive)
            if content:
                yield node, f"content {content}"


def _groups(pairs: Iterable[Pair], split: Split) -> tuple[Component, ...]:
    """The query ids that stay together, each group and the groups in order of id."""
    found = (
        tuple(node[1:] for node in group if node[0] == _ID)
        for group in components(_edges(pairs, split))
    )
    return tuple(sorted(group for group in found if group))


def _named(groups: Iterable[Component]) -> dict[str, str]:
    return {query_id: group[0] for group in groups for query_id in group}


def _checked(split: str) -> Split:
    if split in QUESTIONS:
        return cast("Split", split)
    if split.casefold().replace("-", "") in _RANDOM:
        raise UsageError(
            f"split {split!r} puts the documents of held-out queries on the training side, and "
            "the number does not say so",
            remedy=" or ".join(f"--folds-by {name} ({asks})" for name, asks in QUESTIONS.items()),
        )
    raise UsageError(f"unknown split {split!r}", remedy=did_you_mean(split, QUESTIONS))


def _check_enough(groups: int, total: int, k: int, split: Split) -> None:
    if k <= groups:
        return
    what = "components" if split == "component" else "distinct query texts"
    most = f"--folds {groups}" if groups >= 2 else "--folds 0"
    more = "queries about other documents" if split == "component" else "other queries"
    raise UsageError(
        f"{k} folds of {format_count(total, 'query', 'queries')} in {groups} {what}: at least "
        f"{k - groups} would be empty",
        remedy=f"{most}, or add {more}",
    )


def _dealt(groups: Sequence[Component], k: int, seed: int) -> dict[str, int]:
    """query_id -> fold; the largest group first, each into the smallest fold so far."""
    import numpy as np
    from sklearn.model_selection import GroupKFold

    group_of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    places: dict[int, list[int]] = {}  # size of a group -> the folds that take one
    for fold, (_, rows) in enumerate(GroupKFold(k).split(group_of, groups=group_of)):
        for group in np.unique(group_of[rows]).tolist():
            places.setdefault(len(groups[group]), []).append(fold)
    # How many groups of a size a fold takes is the same everywhere. Which ones was left to an
    # unstable sort up to scikit-learn's pull request 28464, so the seeded order decides here.
    fold_of: dict[str, int] = {}
    for group in seeded_order(groups, seed):
        fold_of.update(dict.fromkeys(group, places[len(group)].pop()))
    return dict(sorted(fold_of.items()))


def _uneven(
    groups: Sequence[Component],
    total: int,
    fold_of: Mapping[str, int],
    k: int,
    split: Split,
    pairs: Sequence[Pair],
) -> Iterator[str]:
    """Yields a sentence where a group is larger than an even fold."""
    largest = max(groups, key=len)
    if len(largest) <= -(-total // k):
        return
    sizes = [0] * k
    for fold in fold_of.values():
        sizes[fold] += 1
    what = _described(largest, total, pairs, split)
    yield f"{what}, and stays in one fold: folds of {min(sizes):,} to {max(sizes):,} queries"


def _described(group: Component, total: int, pairs: Iterable[Pair], split: Split) -> str:
    """A group by name: its share, a query, and the document that connects most of it."""
    share = f"{len(group):,} of {total:,} queries ({format_share(len(group), total)})"
    members = set(group)
    asking: dict[int | str, set[str]] = {}  # document -> queries of the group that it answers
    names: dict[
        int | str, tuple[bool, str]
    ] = {}  # document -> its smallest id; its text without one
    example = ""
    for pair in pairs:
        if pair.query_id not in members:
            continue
        document = text_key(pair.positive) or pair.doc_id
        asking.setdefault(document, set()).add(pair.query_id)
        own = (not pair.doc_id, pair.doc_id or shortened(pair.positive))
        names[document] = min(names.get(document, own), own)
        if pair.query_id == group[0]:
            example = min(example or pair.query, pair.query)
    most = min(asking, key=lambda document: (-len(asking[document]), names[document]))
    if split == "query":
        return f"the text {shortened(example)} of {group[0]} is that of {share}"
    return (
        f"component {group[0]} holds {share}, such as {shortened(example)}; document "
        f"{names[most][1]} connects {len(asking[most]):,} of them"
    )
