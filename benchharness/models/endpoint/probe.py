"""Sixteen fixed texts whose vectors tell one model from another.

Servers differ in the last bits from call to call, so vectors are compared with a tolerance, and
what goes into a fingerprint is a coarse form of them; docs/endpoints.md has the measured figures.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The first eight are sent along with every request, one in each: they cost a few tokens.
SENTINELS = 8
TEXTS = (
    "A red bicycle leans against the wall.",
    "How do I return a parcel?",
    "The committee postponed its vote on the budget.",
    "def area(radius): return 3.14159 * radius ** 2",
    "Wasser gefriert bei null Grad.",
    "Ticks carry disease from deer to people.",
    "SELECT name FROM cities ORDER BY population",
    "The violin part is too loud in the second movement.",
    "Interest rates fell, and house prices rose by four percent within a year.",
    "error 0x80070005: access is denied",
    "La boulangerie ouvre à six heures du matin, sauf le lundi.",
    "Stir the lentils until they are soft, then add salt, lemon and a spoon of oil.",
    "Un perro duerme debajo de la mesa de la cocina.",
    "A graph is connected if every pair of its vertices is joined by a path.",
    "She left the company in 2009, founded her own, and sold it to a rival nine years later.",
    # Long enough to show whether a service has begun to read less of a text.
    "The lighthouse on the northern cape was built of granite blocks that were cut on the mainland "
    "and brought over by barge in the calm weeks of summer. Three keepers lived there at a time, "
    "one of them always awake, and they wrote down every ship, every change of the wind and every "
    "hour in which fog had hidden the coast. In winter the supply boat could not land for weeks. "
    "Then they baked with the last flour, mended nets and clothes, and read the same few books "
    "aloud to one another. When the lamp was converted to electricity, the keepers were sent home, "
    "and for some years nobody climbed the stairs except for a technician who came in May and in "
    "October. Today the tower belongs to a society of volunteers, who repaired the roof, painted "
    "the balcony and opened a small museum in the engine room, where children may turn the old "
    "clockwork by hand and hear the bell that once warned the fishermen.",
)

# Vectors of a model that is still the same: the cosine is at least this.
TOLERANCE = 0.999
# Where length counts (dot product), it may differ by this share.
LENGTH_TOLERANCE = 0.01
_COSINE_STEP = 0.1
_SIGN_STEP = 1.0


def agreement(
    found: NDArray[np.float32], remembered: NDArray[np.float32], *, length: bool
) -> NDArray[np.float64]:
    """The cosine of each vector with the remembered one of its text; [n].

    -1 where there is no direction, where dimensions differ, and, if `length` counts, where the
    lengths differ by more than 1 %.
    """
    import numpy as np

    if found.shape != remembered.shape:
        return np.full(len(found), -1.0)
    left, right = found.astype(np.float64), remembered.astype(np.float64)
    lengths = np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1)
    product = lengths[0] * lengths[1]
    known = product > 0
    cosines = np.where(known, (left * right).sum(axis=1) / np.where(known, product, 1.0), -1.0)
    if length:
        apart = np.abs(lengths[0] - lengths[1]) > LENGTH_TOLERANCE * lengths[1]
        cosines[apart] = -1.0
    return cosines


def coarse(vectors: NDArray[np.float32]) -> str:
    """A digest (16 hex digits) of 32 rounded numbers, the same one under small noise.

    vectors: of the probe's texts, [16, dim]. Sixteen numbers are cosines between neighbours, to
    0.1; sixteen are projections on a fixed vector of +1 and -1, to 1. They are rounded, so that
    the usual exact values (0 and 1) lie in the middle of a step.
    """
    import numpy as np

    exact = vectors.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    exact = exact / np.where(norms > 0, norms, 1.0)
    cosines = (exact * np.roll(exact, -1, axis=0)).sum(axis=1)
    projections = exact @ _signs(exact.shape[1])
    steps = np.rint(np.concatenate([cosines / _COSINE_STEP, projections / _SIGN_STEP]))
    numbers = " ".join(str(int(step)) for step in steps)
    return hashlib.sha256(f"{exact.shape[1]}: {numbers}".encode()).hexdigest()[:16]


def _signs(dim: int) -> NDArray[np.float64]:
    """+1 and -1 in an order that is the same on every machine; [dim]."""
    import numpy as np

    blocks = -(-dim // 256)
    digest = b"".join(hashlib.sha256(f"sign {n}".encode()).digest() for n in range(blocks))
    bits = np.unpackbits(np.frombuffer(digest, dtype=np.uint8))[:dim]
    return np.where(bits == 1, 1.0, -1.0)
