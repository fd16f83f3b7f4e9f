"""`Workshop`: all that the trainings of one run share, and the making of one trained model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder, Ranker
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.pairs.candidates import MiningRule
from benchharness.pairs.miners import open_miner
from benchharness.pairs.negatives import mine
from benchharness.pairs.pair import Pair
from benchharness.progress import Listener, silent
from benchharness.recipe import SELF, Recipe
from benchharness.train.curve import Curve
from benchharness.train.devset import DevSet
from benchharness.train.fitting import Fitted, fit
from benchharness.train.material import Material
from benchharness.train.objectives import Examples
from benchharness.train.tuning import Mining

if TYPE_CHECKING:
    from benchharness.pairs.labelled import LabelledTexts
    from benchharness.pairs.negatives import Mined


@dataclass(frozen=True, eq=False)
class Workshop:
    """What every training of a run shares.

    encoder:  the base model. recipe: resolved for it.
    material: the training side.
    base:     where relative paths and specs start.
    replay, labels, taught: further objectives; see `objectives.Examples`.
    """

    encoder: SentenceTransformerEncoder
    recipe: Recipe
    material: Material
    base: Path
    cache: EmbeddingCache
    replay: tuple[Pair, ...] = ()
    labels: LabelledTexts | None = None
    taught: tuple[tuple[str, ...], Any] | None = field(default=None, repr=False)
    listener: Listener = silent

    def train(
        self,
        pairs: Sequence[Pair],
        folder: Path,
        *,
        stage: str,
        dev: DevSet | None = None,
        share: float | None = None,
    ) -> tuple[Fitted, Mining | None]:
        """The model trained on the pairs, with negatives mined as the recipe says.

        dev picks the step; without it training goes to `share` of the schedule. Mining in rounds
        begins each with the model that the last one left; a round that is not better than it
        changes nothing.
        """
        recipe = self.recipe
        rounds = recipe.mining_rounds
        in_round = dataclasses.replace(recipe, epochs=(recipe.epochs or 1.0) / rounds)
        whole = (1.0 if share is None else share) * rounds
        fitted: Fitted | None = None
        mining: Mining | None = None
        curves: list[Curve] = []
        for number in range(rounds):
            if whole <= number:
                break
            system: Encoder | Ranker | None = None
            if recipe.negatives:
                system = self._miner(fitted)
            chosen, mining = self._with_negatives(pairs, system, mining)
            found = fit(
                self.encoder,
                Examples(chosen, self.replay, self.labels, self.taught),
                in_round,
                folder / f"round-{number + 1}" if rounds > 1 else folder,
                base=self.base,
                dev=dev,
                share=None if share is None else min(1.0, whole - number),
                start=fitted.model if fitted is not None else None,
                listener=self.listener,
                stage=stage if rounds == 1 else f"{stage}, round {number + 1} of {rounds}",
            )
            curves.append(found.curve)
            reached = (number + found.best_share) / rounds
            if fitted is not None and found.is_base:
                reached = fitted.best_share
            fitted = dataclasses.replace(found, best_share=reached)
        assert fitted is not None  # noqa: S101 -- share is above 0
        return dataclasses.replace(fitted, curve=_joined(curves)), mining

    def _miner(self, fitted: Fitted | None) -> Encoder | Ranker:
        if self.recipe.miner != SELF:
            return open_miner(self.recipe.miner, self.base)
        return self.encoder if fitted is None else self.encoder.around(fitted.model)

    def _with_negatives(
        self, pairs: Sequence[Pair], system: Encoder | Ranker | None, before: Mining | None
    ) -> tuple[tuple[Pair, ...], Mining | None]:
        if system is None:
            return tuple(pairs), before
        recipe = self.recipe
        first, last = recipe.negative_ranks
        is_in_memory = before is not None and recipe.miner == SELF
        mined = mine(
            pairs,
            self.material.judged.corpus,
            [system],
            MiningRule(recipe.negatives, first, last, recipe.negative_margin),
            cache=EmbeddingCache.none() if is_in_memory else self.cache,
            relevant=self._relevant(),
            seed=recipe.seed,
            listener=self.listener,
        )
        return mined.pairs, mining_of(recipe.miner, mined)

    def _relevant(self) -> dict[str, set[str]]:
        """Of every training query; what is relevant to a query is no negative of it."""
        qrels = self.material.judged.qrels
        found: dict[str, set[str]] = {}
        for query_id, doc_id, grade in zip(
            qrels.query_ids, qrels.doc_ids, qrels.relevance.tolist(), strict=True
        ):
            if grade > 0:
                found.setdefault(query_id, set()).add(doc_id)
        return found


def mining_of(miner: str, mined: Mined) -> Mining:
    """What the report says of mined negatives."""
    return Mining(
        miner=miner,
        kept=mined.kept,
        with_any=mined.with_any,
        removed_by_id=mined.removed_by_id,
        removed_by_text=mined.removed_by_text,
        removed_by_margin=mined.removed_by_margin,
        filled=mined.filled,
        sample=tuple(mined.sample),
    )


def _joined(curves: Sequence[Curve]) -> Curve:
    """The curves of rounds as one, steps and epochs counted on."""
    if len(curves) == 1:
        return curves[0]
    steps, evaluations = list(curves[0].steps), list(curves[0].evaluations)
    for curve in curves[1:]:
        step = steps[-1].step if steps else 0
        epoch = steps[-1].epoch if steps else 0.0
        steps += [
            dataclasses.replace(one, step=one.step + step, epoch=one.epoch + epoch)
            for one in curve.steps
        ]
        evaluations += [
            dataclasses.replace(one, step=one.step + step, epoch=one.epoch + epoch)
            for one in curve.evaluations
            if one.step
        ]
    return Curve(tuple(steps), tuple(evaluations))
