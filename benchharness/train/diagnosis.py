"""`diagnose`: what went wrong in a training, told from its curve alone.

Every threshold is relative to something in the curve: its own start, its chance, its base, its
own noise. The recipe is never looked at, so the names hold for rates, models and sizes that
nobody has tried. They were set on recorded trainings and held against others, see
tests/train/test_diagnosis.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import fmean, median, median_low

from benchharness.judge.numbers import format_count
from benchharness.train.curve import Curve, Step

# Fewer steps have no beginning, middle and end that could be told from noise.
_FEWEST_STEPS = 6
_START = 0.02  # share of the training that stands for the model as it came
_WARM = 0.1  # share after which the rate has reached its height
_THIRD = 1 / 3
# Steps that count for others: an epoch's last batch is smaller, and easier to be right on.
_SAME_CHANCE = 0.1
# Midway, as a ratio, between what was recorded at the best rates and ten times them (0.65 and
# more) and at a hundred times (0.10 and less).
_PULL_LOST = 0.25
_LOSS_NOISE = 3.0  # standard deviations of one batch
_LOSS_RISE = 0.03  # of the start
_VALUE_CRASH = 0.25  # of the base, in the first epoch
_AT_CHANCE = 0.02
_SAME_DIRECTION = 0.05  # 1 - mean cosine of unrelated documents
_FLAT_LOSS = 0.03
_FLAT_VALUE = 0.04  # of the base, or of what is missing to 1 where that is less
_DECLINE = 0.05  # of the peak
_BY_HEART = 0.01  # of chance
_EASY = 0.03  # of chance
_FEW_CANDIDATES = 8
_TENTH = "train with a tenth of the learning rate"


@dataclass(frozen=True)
class Diagnosis:
    """What a curve shows.

    name:     "diverged", "collapsed", "learning-rate-too-high", "overfitting", "pairs-too-easy",
              "learning-rate-too-low", "batch-too-small" or "healthy".
    evidence: the numbers that say so.
    remedy:   what to change next; "" where nothing has to.
    """

    name: str
    evidence: str
    remedy: str


def diagnose(curve: Curve) -> tuple[Diagnosis, ...]:
    """What the curve says, worst first; "healthy" alone where nothing else holds.

    The first step has to be in the curve: all others are held against it; between the others,
    steps may be left out. A curve of fewer than 6 comparable steps is judged by what can be seen
    in it, and "healthy" then says that it is short. Never raises.
    """
    trace = _Trace(curve)
    found: list[Diagnosis] = []
    for name, see in _CAUSES.items():
        explained = any(named.name in _EXPLAINED_BY.get(name, ()) for named in found)
        seen = None if explained else see(trace)
        if seen is not None:
            found.append(Diagnosis(name, *seen))
    return tuple(found) or (Diagnosis("healthy", *_healthy(trace)),)


class _Trace:
    """The finite part of a curve, and what the rules ask of it."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        self.end = max((step.step for step in curve.steps), default=0)
        finite = [one for one in curve.steps if _is_finite(one) and math.isfinite(one.chance)]
        usual = median_low([step.chance for step in finite]) if finite else 0.0
        self.chance = usual
        self.steps = [one for one in finite if abs(one.chance - usual) <= _SAME_CHANCE * usual]
        self.evaluations = [one for one in curve.evaluations if math.isfinite(one.value)]
        self.base = self.evaluations[0] if self.evaluations else None
        self.later = self.evaluations[1:]
        # A single candidate leaves nothing to learn, and its loss of 0 says nothing.
        self.is_long = len(self.steps) >= _FEWEST_STEPS and usual > 0

    def between(self, low: float, high: float) -> list[Step]:
        """The steps from one share of the training to another; by number, so thinning is free."""
        return [one for one in self.steps if low * self.end < one.step <= high * self.end]

    @cached_property
    def opening(self) -> list[Step]:
        """What was seen before the weights had moved: at least one step."""
        return self.between(0, _START) or self.steps[:1]

    @cached_property
    def start(self) -> float:
        return _median(one.loss for one in self.opening)

    @cached_property
    def closing(self) -> float:
        """The loss over the last third."""
        return self.loss(1 - _THIRD, 1)

    def loss(self, low: float, high: float) -> float:
        """The median loss of a stretch; nan where it has no step."""
        return _median(one.loss for one in self.between(low, high))

    @cached_property
    def noise(self) -> float:
        """The standard deviation of one batch's loss about its neighbours', early on."""
        early = self.between(0, _THIRD) or self.steps
        jumps = [abs(after.loss - before.loss) for before, after in pairwise(early)]
        # Of normal deviates: the median of |x| is 0.674 sd, a difference has sqrt(2) as much.
        return 1.048 * median(jumps) if jumps else 0.0

    @cached_property
    def moved(self) -> float | None:
        """How far the dev value ever was from the base's; None where that was not measured."""
        if self.base is None or not self.later:
            return None
        return max(abs(one.value - self.base.value) for one in self.later)

    @cached_property
    def is_unmoved(self) -> bool:
        """Whether the dev value shows that next to nothing has happened to the model."""
        if self.base is None or self.moved is None:
            return False
        return self.moved <= _FLAT_VALUE * min(self.base.value, 1 - self.base.value) + 0.002


Seen = tuple[str, str] | None  # evidence and remedy


def _diverged(trace: _Trace) -> Seen:
    """Something is not finite, and did not come back.

    A gradient that overflows once is left out by mixed precision and does no harm; what is
    followed by finite gradients is therefore none.
    """
    steps, evaluations = trace.curve.steps, trace.curve.evaluations
    sound = max((one.step for one in steps if _is_finite(one)), default=0)
    breaks = [(one.step, "loss") for one in steps if not math.isfinite(one.loss)]
    breaks += [(one.step, "gradient") for one in steps if one.step > sound]
    breaks += [(one.step, "dev value") for one in evaluations if not math.isfinite(one.value)]
    if not breaks:
        return None
    # min keeps the first of equals, so the loss is named before the gradient of its step.
    at, what = min(breaks, key=lambda found: found[0])
    before = [one for one in steps if one.step < at and _is_finite(one)]
    last = "no step before it was finite"
    if before:
        last = f"the last finite step was {before[-1].step}, with loss {_short(before[-1].loss)}"
        last += f" and gradient norm {_short(before[-1].grad_norm)}"
    remedy = f"{_TENTH}, in float32; where it comes back, look for empty texts among the pairs"
    return f"the {what} is not finite at step {at}; {last}", remedy


def _collapsed(trace: _Trace) -> Seen:
    """All texts ended in one direction: by the loss, by the vectors, or both."""
    base, last = trace.base, trace.later[-1] if trace.later else None
    apart = [1 - one.similarity for one in (base, last) if one is not None]
    signs = []
    # Each loss sits at chance then; a median alone may pass by.
    closing = trace.between(1 - _THIRD, 1)
    off = _median(abs(one.loss - trace.chance) for one in closing) / max(trace.chance, 1e-9)
    # Where the loss always was at chance, it is only unmoved, unless the vectors say otherwise.
    moved = abs(trace.start - trace.chance) > _AT_CHANCE * trace.chance and not trace.is_unmoved
    alike = bool(apart) and apart[-1] < _SAME_DIRECTION
    if trace.is_long and off <= _AT_CHANCE and (moved or alike):
        signs.append(
            f"the loss ended at {_short(trace.closing)}, which is chance "
            f"({_short(trace.chance)}) among {_candidates(trace)}"
        )
    if len(apart) == 2 and apart[1] < min(_SAME_DIRECTION, apart[0] / 4):
        signs.append(
            f"the mean similarity of unrelated documents went from {1 - apart[0]:.3f} to "
            f"{1 - apart[1]:.3f}"
        )
    if not signs:
        return None
    return " and ".join(signs), (
        f"{_TENTH}; where it ends there again, check that the queries belong to their documents"
    )


def _rate_too_high(trace: _Trace) -> Seen:
    """The weights were thrown out of place: seen in loss, gradients or the dev value."""
    signs = [*_rise(trace), *_lost_pull(trace), *_crash(trace)]
    return ("; ".join(signs), _TENTH) if signs else None


def _rise(trace: _Trace) -> Iterator[str]:
    """The loss rose above its start by more than noise, after the warm-up or at the end.

    Of an unmoved model it did not: the first batch was an easy one.
    """
    if not trace.steps or trace.is_unmoved:
        return
    margin = max(_LOSS_NOISE * trace.noise, _LOSS_RISE * trace.start)
    stretches = {
        "after the warm-up": trace.loss(_WARM, _THIRD),
        "in the last third": trace.closing,
    }
    start = _short(trace.start)
    for when, loss in stretches.items():
        if trace.is_long and loss > trace.start + margin:
            yield f"the loss was {_short(loss)} {when}, above its start of {start}"
            return
    last = trace.steps[-1]
    # A training that broke off has no stretches; its last steps are what led there.
    if _diverged(trace) and last.loss > 1.5 * trace.start:
        yield f"the loss rose from {start} to {_short(last.loss)} at step {last.step}"


def _lost_pull(trace: _Trace) -> Iterator[str]:
    """The gradient is far smaller than its start for the same error.

    1 - exp(-loss) is the error that the gradient of a contrastive loss is proportional to. Vectors
    are normalised, so what remains falls as the weights grow: fourfold only where the steps were
    large beside the weights. It also falls to nothing where a network is dead.
    """
    before, after = _median(_pulls(trace.opening)), _median(_pulls(trace.between(_THIRD, 1)))
    if trace.is_long and after < _PULL_LOST * before:
        yield (
            f"for the same error the gradient fell to {after / before:.2g} of what it was at the "
            "start, so the steps were too large for the weights"
        )


def _pulls(steps: Iterable[Step]) -> Iterator[float]:
    for one in steps:
        if one.loss > 0:
            yield one.grad_norm / -math.expm1(-one.loss)


def _crash(trace: _Trace) -> Iterator[str]:
    """The dev value fell deep below the base before a pair was seen twice, and stayed below."""
    base = trace.base
    first = [one for one in trace.later if one.epoch <= 1]
    if base is None or not first or trace.later[-1].value >= base.value:
        return
    lowest = min(first, key=lambda one: one.value)
    if base.value - lowest.value > max(_VALUE_CRASH * base.value, 0.02):
        yield (
            f"the dev value fell from {base.value:.3f} to {lowest.value:.3f} at step "
            f"{lowest.step}, within the first epoch"
        )


def _overfitting(trace: _Trace) -> Seen:
    """The dev value declined while the loss went on falling, or everything is known by heart."""
    if not trace.is_long or trace.base is None:
        return None
    early = trace.loss(0, _THIRD)
    by_heart = trace.closing < _BY_HEART * trace.chance
    if not (trace.closing < 0.9 * early or by_heart):
        return None
    peak = max(trace.evaluations, key=lambda one: one.value)
    after = [one for one in trace.evaluations if one.step > peak.step]
    if len(after) < 2:
        return None
    half = (peak.step + after[-1].step) / 2
    end, low = fmean(one.value for one in after if one.step >= half), min(o.value for o in after)
    # What has climbed back by half is recovering, whatever threw it down.
    declines = peak.value - end > _DECLINE * peak.value and end - low <= (peak.value - end) / 2
    learnt = by_heart and peak is trace.base and trace.start > 5 * _BY_HEART * trace.chance
    if not declines and not (learnt and after[-1].epoch >= 2):
        return None
    place = "of the base model" if peak is trace.base else f"at step {peak.step}"
    return (
        f"the dev value was best {place} ({peak.value:.3f}) and {end:.3f} towards the end, while "
        f"the loss went from {_short(trace.start)} to {_short(trace.closing)}",
        "train fewer epochs, or on more pairs" + _mismatch(trace),
    )


def _too_easy(trace: _Trace) -> Seen:
    early = trace.between(0, _WARM)
    # The median of fewer small batches is a matter of luck; but where steps were left out, the
    # fifth may be one that has learnt, so the very first has its say.
    loss = _median(one.loss for one in max(early, trace.steps[:5], key=len))
    if not (loss < _EASY * trace.chance and trace.start < 4 * _EASY * trace.chance):
        return None
    return (
        f"the loss was {_short(loss)} in the first steps, where chance is {_short(trace.chance)}: "
        "the model tells the pairs apart already",
        "mine hard negatives, or leave out pairs whose query stands in its document",
    )


def _rate_too_low(trace: _Trace) -> Seen:
    """Neither the loss nor the dev value has left its start."""
    if not trace.is_long or (trace.moved is not None and not trace.is_unmoved):
        return None
    ends = trace.loss(0, _THIRD), trace.closing
    steps = min(len(trace.between(0, _THIRD)), len(trace.between(1 - _THIRD, 1)))
    if not steps:
        return None
    # 2 standard errors of the difference of two medians, 1.25 sd / sqrt(n) each.
    uncertain = 2 * 1.25 * trace.noise * math.sqrt(2 / steps)
    dev = ""
    if trace.base is not None and trace.moved is not None:
        base, moved = trace.base.value, trace.moved
        dev = f", and the dev value never moved from {base:.3f} by more than {moved:.3f}"
    else:
        # The loss alone has to say it, and noise would hide a real fall.
        uncertain = min(uncertain, 0.1 * ends[0])
    if ends[0] - ends[1] > max(_FLAT_LOSS * ends[0], uncertain):
        return None
    return (
        f"the loss was {_short(ends[0])} in the first third and {_short(ends[1])} in the last{dev}",
        "train with 10 times the learning rate",
    )


def _batch_too_small(trace: _Trace) -> Seen:
    if not trace.steps or trace.chance >= math.log(_FEW_CANDIDATES) - 1e-3:
        return None
    return (
        f"a query had to choose among {_candidates(trace)} only",
        "use a batch of 64 or more (a small `rows_at_once` keeps the memory low), or mine hard "
        "negatives",
    )


def _healthy(trace: _Trace) -> tuple[str, str]:
    if not trace.is_long:
        count = format_count(len(trace.curve.steps), "step")
        return f"{count}: too short to be judged", "train for longer, or log more often"
    seen = f"the loss went from {_short(trace.start)} to {_short(trace.closing)}"
    if trace.base is None or not trace.later:
        return f"{seen}; no dev value was measured", ""
    best = max(trace.later, key=lambda one: one.value)
    seen += f", the dev value from {trace.base.value:.3f} to {best.value:.3f} at step {best.step}"
    gained = best.value > trace.base.value
    return seen, "" if gained else "bring more pairs, or other ones" + _mismatch(trace)


def _mismatch(trace: _Trace) -> str:
    """A hint at wrong pairs; no cause by itself, as random weights begin above chance as well."""
    if trace.start < trace.chance:
        return ""
    return (
        f"; as the loss began at {_short(trace.start)}, above chance ({_short(trace.chance)}), "
        "check that the queries belong to their documents"
    )


# Worst first.
_CAUSES: dict[str, Callable[[_Trace], Seen]] = {
    "diverged": _diverged,
    "collapsed": _collapsed,
    "learning-rate-too-high": _rate_too_high,
    "overfitting": _overfitting,
    "pairs-too-easy": _too_easy,
    "learning-rate-too-low": _rate_too_low,
    "batch-too-small": _batch_too_small,
}
_WRECKED = ("diverged", "collapsed", "learning-rate-too-high")
# What is not said where a worse cause brings it about.
_EXPLAINED_BY: dict[str, Sequence[str]] = {
    "overfitting": _WRECKED,
    "learning-rate-too-low": (*_WRECKED, "pairs-too-easy"),
}


def _is_finite(step: Step) -> bool:
    return math.isfinite(step.loss) and math.isfinite(step.grad_norm)


def _median(numbers: Iterable[float]) -> float:
    found = list(numbers)
    return median(found) if found else math.nan


def _candidates(trace: _Trace) -> str:
    return format_count(round(math.exp(trace.chance)), "candidate")


def _short(number: float) -> str:
    """Three digits that say something: 0.0421, 3.28, 312."""
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:,.0f}"
