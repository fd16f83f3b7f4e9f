"""`benchharness mine`: hard negatives for a file of pairs, and a sheet to judge them by."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.cli import PASS
from benchharness.cli.output import progress, table_lines, write, write_json
from benchharness.cli.pairing import one_task, pairs_file
from benchharness.cli.task import Task, need_task
from benchharness.errors import BenchError, UsageError

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset
    from benchharness.judge.bench import Bench
    from benchharness.models.encoder import Encoder, Ranker
    from benchharness.pairs.candidates import MiningRule
    from benchharness.pairs.confirmation import PairScorer
    from benchharness.pairs.negatives import Mined
    from benchharness.pairs.pair import Pair
    from benchharness.progress import Listener

_COUNTS = ("candidates", "vetoed", "by_id", "by_text", "by_margin", "without_margin")
_HEAD = ("miner", "candidates", "vetoed", "relevant", "same text", "too near", "without margin")


def mine(arguments: argparse.Namespace) -> int:
    """Writes the pairs with negatives, the sheet and the report; 0."""
    from benchharness.pairs.pair import read_pairs

    need_task(arguments)
    out = pairs_file(arguments.out)  # the pairs themselves may be meant
    task = one_task(arguments)
    setting = _Setting.of(arguments, task)
    pairs = read_pairs(Path(arguments.pairs))
    with progress(quiet=arguments.quiet) as listener:
        mined, corpus = _mined(setting, task, pairs, listener)
    report = {
        "pairs": len(pairs),
        "input": str(arguments.pairs),
        "corpus": corpus,
        **setting.report(mined),
        **_result(mined),
    }
    _write(out, setting.marked(pairs, mined), mined, report)
    if arguments.json:
        write_json(report)
    else:
        for line in lines_of(mined, setting):
            write(line)
        if of_test := corpus["negatives_relevant_to_test"]:
            write(f"  of documents that answer test queries: {of_test:,} negatives")
        if missing := corpus["no_training_side"]:
            write(f"  judgments of the training side did not count: {missing}")
        for path in (out, _beside(out, "sample.md"), _beside(out, "report.json")):
            write(f"{path}")
    return PASS


@dataclasses.dataclass(frozen=True)
class _Setting:
    """With what is mined: opened before anything is read, so that a wrong spec costs nothing."""

    systems: tuple[Encoder | Ranker, ...]
    scorer: PairScorer | None
    rule: MiningRule
    seed: int

    @classmethod
    def of(cls, arguments: argparse.Namespace, task: Task) -> _Setting:
        from benchharness.models.cross_encoder import open_cross_encoder
        from benchharness.pairs.candidates import MiningRule
        from benchharness.pairs.miners import open_miner

        specs = tuple(dict.fromkeys(arguments.miners))
        if not specs:
            raise UsageError(
                "say what ranks the corpus", remedy="--miner bm25, or --miner minilm, or both"
            )
        scorer = arguments.cross_encoder
        return cls(
            systems=tuple(open_miner(spec, task.base) for spec in specs),
            scorer=open_cross_encoder(scorer, task.base) if scorer is not None else None,
            rule=MiningRule(
                arguments.per_query, arguments.first, arguments.last, arguments.margin,
                arguments.sampling,
            ),
            seed=arguments.seed,
        )  # fmt: skip

    def report(self, mined: Mined) -> dict[str, object]:
        scorer = self.scorer
        return {
            "miners": [
                {"spec": system.spec, "fingerprint": system.fingerprint, **_counts(count)}
                for system, count in zip(self.systems, mined.miners, strict=True)
            ],
            "cross_encoder": scorer
            and {
                "spec": scorer.spec, "fingerprint": scorer.fingerprint, "scored": mined.scored,
                "dropped": mined.dropped,
            },
            "rule": dataclasses.asdict(self.rule),
            "seed": self.seed,
        }  # fmt: skip

    def marked(self, pairs: Sequence[Pair], mined: Mined) -> Iterator[Pair]:
        """The mined pairs with a provenance that says what mined them."""
        made = {"miners": ", ".join(system.spec for system in self.systems)}
        if self.scorer is not None:
            made["cross_encoder"] = self.scorer.spec
        for given, pair in zip(pairs, mined.pairs, strict=True):
            provenance = tuple(sorted({**dict(given.provenance), **made}.items()))
            yield dataclasses.replace(pair, provenance=provenance)


def _mined(
    setting: _Setting, task: Task, pairs: Sequence[Pair], listener: Listener
) -> tuple[Mined, dict[str, object]]:
    from benchharness.judge.bench import Bench
    from benchharness.pairs.negatives import mine

    bench = Bench(listener=listener)
    data = bench.dataset(task.suite.dataset, task.base)
    judged, missing = _judged(bench, task, data)
    by_id, by_text = _relevant(judged)
    mined = mine(
        pairs, data.corpus, setting.systems, setting.rule, cache=bench.cache, relevant=by_id,
        relevant_by_text=by_text, scorer=setting.scorer, seed=setting.seed, listener=listener,
    )  # fmt: skip
    content = {
        "data": str(task.suite.dataset),
        "documents": len(data.corpus),
        "fingerprint": data.fingerprint.corpus,
        "judged_queries": len(by_id),
        "no_training_side": missing,
        "negatives_relevant_to_test": _of_test(mined, data),
    }
    return mined, content


def _of_test(mined: Mined, data: Dataset) -> int:
    """How many negatives have the text of a document that answers a query of the test side.

    They are right to be negatives of their own query. A model that is trained away from them has
    seen texts of the test all the same, so it is counted.
    """
    from benchharness.data.similarity import text_key

    relevance = data.relevance
    rows = sorted({row for row in relevance.doc_rows.tolist() if row >= 0})
    keys = set(map(text_key, data.corpus.texts.take(rows)))
    return sum(text_key(text) in keys for pair in mined.pairs for text in pair.negatives)


def _judged(bench: Bench, task: Task, data: Dataset) -> tuple[list[Dataset], str]:
    """(the data sets whose judgments count: test and training side, why the latter is missing)."""
    from benchharness.train.material import training_reference

    try:
        reference = training_reference(task.suite)
        if reference is None:
            return [data], "the suite's training side is files of pairs"
        return [data, bench.dataset(reference, task.base)], ""
    except BenchError as error:  # a data set without a training side is mined all the same
        return [data], error.message


def _relevant(judged: Sequence[Dataset]) -> tuple[dict[str, set[str]], dict[int, set[str]]]:
    """(query_id -> relevant doc ids, key of a query's text -> likewise)."""
    from benchharness.data.similarity import text_key

    by_id: dict[str, set[str]] = {}
    by_text: dict[int, set[str]] = {}
    for data in judged:
        qrels = data.qrels
        for query_id, doc_id, grade in zip(
            qrels.query_ids, qrels.doc_ids, qrels.relevance.tolist(), strict=True
        ):
            if grade > 0:
                by_id.setdefault(query_id, set()).add(doc_id)
        texts = ((one, data.queries.get(one, "")) for one in set(qrels.query_ids) & by_id.keys())
        for query_id, text in texts:
            by_text.setdefault(text_key(text), set()).update(by_id[query_id])
    return by_id, by_text


def _write(out: Path, pairs: Iterator[Pair], mined: Mined, report: dict[str, Any]) -> None:
    """Writes the three files, the report last: it names the sum of the pairs."""
    from benchharness.files import write_atomically
    from benchharness.pairs.pair import pair_lines
    from benchharness.pairs.sheet import sheet_lines

    report["sha256"] = write_atomically(out, pair_lines(pairs))
    write_atomically(_beside(out, "sample.md"), sheet_lines(mined.sample))
    content = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(_beside(out, "report.json"), [f"{content}\n"])


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(f"{out.name}.{ending}")


def _result(mined: Mined) -> dict[str, object]:
    names = ("kept", "with_any", "removed_by_id", "removed_by_text", "removed_by_margin", "filled",
             "without_margin", "given_left_out")  # fmt: skip
    return {name: getattr(mined, name) for name in names}


def _counts(count: object) -> Mapping[str, int]:
    return {name: getattr(count, name) for name in _COUNTS}


def lines_of(mined: Mined, setting: _Setting) -> Iterator[str]:
    """What the command prints: what came of it, a line for each miner, and what to look at."""
    from benchharness.judge.numbers import format_count, format_share

    pairs = format_count(len(mined.pairs), "pair")
    each = format_count(setting.rule.per_query, "negative")
    yield f"{pairs}, {each} each: {mined.kept:.1%} of those wanted were mined"
    yield from table_lines(
        _HEAD,
        [(count.miner, *(f"{getattr(count, name):,}" for name in _COUNTS)) for count in
         mined.miners],
    )  # fmt: skip
    if setting.scorer is not None:
        yield (
            f"  {setting.scorer.spec} scored {format_count(mined.scored, 'candidate')} and dropped "
            f"{mined.dropped:,} ({format_share(mined.dropped, mined.scored)})"
        )
    yield f"  with a hard negative: {mined.with_any:.1%} of the pairs"
    if mined.filled:
        yield f"  filled up with random documents: {format_count(mined.filled, 'negative')}"
    if mined.given_left_out:
        left_out = format_count(mined.given_left_out, "given negative")
        yield f"  left out: {left_out}, a positive's text, repeated or too many"
    if mined.without_margin:
        queries = format_count(mined.without_margin, "query", "queries")
        yield f"  without a margin: {queries}, no positive of which has a score"
    yield f"  {len(mined.sample)} to be judged by a person: does one of them answer its query?"
