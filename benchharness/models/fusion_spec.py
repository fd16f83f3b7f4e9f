"""How the rankings of several systems are joined: `fusion=wsum,weights=0.3:0.7` in, a `Fusion` out.

The methods are those of ranx that need no training data, under the names of ranx' functions.
Imports nothing heavy: front ends check specs before anything is opened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchharness.errors import UsageError, did_you_mean

DEFAULT_METHOD = "rrf"
DEFAULT_NORM = "min-max"
WEIGHTED_METHOD = "wsum"


@dataclass(frozen=True)
class Method:
    """One way to fuse.

    ranx:      its name in `ranx.fuse`.
    reads:     whether the documents' ranks count or their scores; only scores are normalised.
    weighted:  whether each part has a weight.
    parameter: the name of its number, and `default` its value; None where it must be given.
    whole:     whether that number is a whole one; `least` and `most` bound it.
    """

    ranx: str
    reads: Literal["ranks", "scores"]
    weighted: bool = False
    parameter: str = ""
    default: float | None = None
    whole: bool = False
    least: float = 0.0
    most: float = math.inf


METHODS: Mapping[str, Method] = {
    "rrf": Method("rrf", "ranks", parameter="k", default=60.0, whole=True, least=1),
    "wsum": Method("wsum", "scores", weighted=True),
    "mixed": Method("mixed", "scores", weighted=True),
    "wmnz": Method("wmnz", "scores", weighted=True),
    "comb_sum": Method("sum", "scores"),
    "comb_mnz": Method("mnz", "scores"),
    "comb_gmnz": Method("gmnz", "scores", parameter="gamma"),
    "comb_anz": Method("anz", "scores"),
    "comb_max": Method("max", "scores"),
    "comb_med": Method("med", "scores"),
    "comb_min": Method("min", "scores"),
    "isr": Method("isr", "ranks"),
    "log_isr": Method("log_isr", "ranks"),
    "logn_isr": Method("logn_isr", "ranks", parameter="sigma", default=0.01, most=1.0),
    "rbc": Method("rbc", "ranks", parameter="phi", default=0.8, most=1.0),
    "bordafuse": Method("bordafuse", "ranks"),
    "weighted_bordafuse": Method("w_bordafuse", "ranks", weighted=True),
}
NORMS = ("min-max", "max", "sum", "zmuv", "rank", "borda", "none")
_PARAMETERS = tuple(sorted({each.parameter for each in METHODS.values() if each.parameter}))
# The options of a spec that `Fusion.of` reads; all others are the caller's.
FUSION_OPTIONS = ("fusion", "norm", "weights", *_PARAMETERS)

_IS_ONE = 1e-9  # above what 12 decimals of each share add up to
_LEARNED = "it learns from judged runs; those that need no training: "
_UNSTABLE = (
    "ranx breaks its ties by the hash seed of the process, so that no two runs need agree; "
    "those that are reproducible: "
)
_NOT_OFFERED = {
    **dict.fromkeys(
        ("bayesfuse", "mapfuse", "posfuse", "probfuse", "segfuse", "slidefuse"), _LEARNED
    ),
    **dict.fromkeys(("condorcet", "weighted_condorcet"), _UNSTABLE),
}


@dataclass(frozen=True)
class Fusion:
    """A method, how scores are normalised before it, and its numbers.

    norm:      "" where the method reads ranks.
    weights:   one for each part, in order of the parts, their sum 1; empty where the method
               takes none.
    parameter: the method's number (k of rrf, phi of rbc …); None where it has none.
    """

    method: str = DEFAULT_METHOD
    norm: str = ""
    weights: tuple[float, ...] = ()
    parameter: float | None = METHODS[DEFAULT_METHOD].default

    @classmethod
    def of(cls, options: Mapping[str, str], parts: int, where: str) -> Fusion:
        """The fusion that a spec's options name, for so many parts; `where` is that spec.

        Without options it is reciprocal rank fusion with k=60. A method that takes weights and
        is given none weighs all parts alike. Weights are kept as shares: 3:7 is 0.3:0.7.
        Raises UsageError, with what was meant, for an unknown method or normalisation, for an
        option that the method does not have, and for a value that it cannot have.
        """
        if parts < 2:
            raise UsageError(
                f"a fusion of {parts} system{'s' if parts != 1 else ''}",
                where=where,
                remedy="name at least two, such as hybrid(bm25,minilm)",
            )
        name = options.get("fusion", DEFAULT_METHOD)
        method = _method(name, where)
        return cls(
            method=name,
            norm=_norm(options.get("norm"), name, method, where),
            weights=_weights(options.get("weights"), name, method, parts, where),
            parameter=_parameter(options, name, method, where),
        )

    def identity(self) -> dict[str, object]:
        """What the fused ranking depends on, for a fingerprint; JSON can hold it."""
        found: dict[str, object] = {"method": self.method}
        if self.norm:
            found["norm"] = self.norm
        if self.weights:
            found["weights"] = list(self.weights)
        if self.parameter is not None:
            found[METHODS[self.method].parameter] = self.parameter
        return found

    def options(self) -> str:
        """The options of a spec that say the same: `fusion=rrf,k=60`."""
        pairs = [f"fusion={self.method}"]
        if self.norm:
            pairs.append(f"norm={self.norm}")
        if self.weights:
            pairs.append(f"weights={self._shares()}")
        if self.parameter is not None:
            pairs.append(f"{METHODS[self.method].parameter}={self.parameter:g}")
        return ",".join(pairs)

    def __str__(self) -> str:
        """For reports: `rrf (k=60)`, `wsum (min-max, 0.3:0.7)`."""
        inside = [self.norm] if self.norm else []
        inside += [self._shares()] if self.weights else []
        if self.parameter is not None:
            inside.append(f"{METHODS[self.method].parameter}={self.parameter:g}")
        return f"{self.method} ({', '.join(inside)})" if inside else self.method

    def _shares(self) -> str:
        return ":".join(f"{weight:.12g}" for weight in self.weights)


def _method(name: str, where: str) -> Method:
    if name in METHODS:
        return METHODS[name]
    if name in _NOT_OFFERED:
        raise UsageError(
            f"fusion={name} is not offered",
            where=where,
            remedy=_NOT_OFFERED[name] + ", ".join(METHODS),
        )
    raise UsageError(f"unknown fusion {name!r}", where=where, remedy=did_you_mean(name, METHODS))


def _norm(given: str | None, name: str, method: Method, where: str) -> str:
    if method.reads == "ranks":
        if given is not None:
            raise UsageError(
                f"norm={given} has no effect: {name} reads ranks, and only scores are normalised",
                where=where,
                remedy=f"leave norm out, or take fusion={WEIGHTED_METHOD}",
            )
        return ""
    if given is None:
        return DEFAULT_NORM
    if given not in NORMS:
        raise UsageError(
            f"unknown normalisation {given!r}", where=where, remedy=did_you_mean(given, NORMS)
        )
    return given


def _weights(
    given: str | None, name: str, method: Method, parts: int, where: str
) -> tuple[float, ...]:
    if not method.weighted:
        if given is not None:
            weighted = ", ".join(each for each, how in METHODS.items() if how.weighted)
            raise UsageError(
                f"fusion={name} takes no weights",
                where=where,
                remedy=f"leave weights out, or take one of {weighted}",
            )
        return ()
    example = ":".join(["1"] * parts)
    if given is None:
        return shares([1.0] * parts)
    try:
        read = [float(each) for each in given.split(":")]
    except ValueError:
        raise UsageError(
            f"weights={given!r} are not numbers with ':' between them",
            where=where,
            remedy=f"write weights={example}",
        ) from None
    if len(read) != parts:
        raise UsageError(
            f"{len(read)} weight{'s' if len(read) != 1 else ''} for {parts} systems",
            where=where,
            remedy=f"give one each, in their order: weights={example}",
        )
    if not all(each >= 0 for each in read) or not 0 < sum(read) < math.inf:
        raise UsageError(
            f"weights={given!r} must be numbers of at least 0, and not all 0",
            where=where,
            remedy=f"write weights={example}",
        )
    return shares(read)


def shares(weights: Sequence[float]) -> tuple[float, ...]:
    """The weights with a sum of 1, so that the same proportions are the same fusion.

    To 12 decimals, which is as they are printed; shares that were printed stay what they are.
    """
    total = math.fsum(weights)
    if abs(total - 1.0) > _IS_ONE:
        weights = [round(each / total, 12) for each in weights]
    return tuple(abs(each) for each in weights)  # abs: JSON tells -0.0 from 0.0


def _parameter(options: Mapping[str, str], name: str, method: Method, where: str) -> float | None:
    for other in _PARAMETERS:
        if other in options and other != method.parameter:
            owners = ", ".join(each for each, how in METHODS.items() if how.parameter == other)
            raise UsageError(
                f"fusion={name} has no {other}", where=where, remedy=f"{other} belongs to {owners}"
            )
    if not method.parameter:
        return None
    given = options.get(method.parameter)
    if given is None:
        if method.default is None:
            raise UsageError(
                f"fusion={name} needs a {method.parameter}",
                where=where,
                remedy=f"write fusion={name},{method.parameter}=2",
            )
        return method.default
    try:
        value = float(int(given)) if method.whole else float(given)
    except (ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value) or not method.least <= value <= method.most:
        kind = "a whole number" if method.whole else "a number"
        bounds = f"from {method.least:g} to {method.most:g}"
        if method.most == math.inf:
            bounds = f"of at least {method.least:g}"
        raise UsageError(
            f"{method.parameter}={given!r} is not {kind} {bounds}",
            where=where,
            remedy=f"write {method.parameter}={method.default or 2:g}",
        )
    return value
