"""Texts with labels: the second task of a training, and how well its vectors tell labels apart.

    labels/train.jsonl    {"text": "where is my card", "label": "card_arrival"} on each line
    labels/test.csv       or a table with the header text,label

Accuracy follows MTEB's protocol for classification, so that it can be held against published
values: logistic regression on a few training texts of each label, the mean of ten draws.
Source: N. Muennighoff et al., MTEB: massive text embedding benchmark, 2023, section 3.2.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.data.lines import COMPRESSED
from benchharness.data.similarity import text_key
from benchharness.errors import DataError, UsageError, shortened
from benchharness.judge.numbers import format_count, format_share
from benchharness.models.cache import EmbeddingCache
from benchharness.models.checks import check_vectors
from benchharness.models.encoder import Encoder, Role
from benchharness.pairs.labelled import LabelledTexts, read_labelled
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Published sets share a few texts (banking77: 7 of 3,080), which moves no digit that is shown.
_SHARED_ALLOWED = 0.01
_MAX_ITERATIONS = 100  # MTEB's; most fits end before
_SHOWN = 3


@dataclass(frozen=True)
class Labels:
    """Training and test texts of one set of labels.

    Raises DataError where nothing could be learnt or measured: a single label, test labels that
    training lacks, or 1 % and more of the test texts in training too.
    """

    train: LabelledTexts
    test: LabelledTexts

    def __post_init__(self) -> None:
        known = set(self.train.labels)
        if len(known) < 2:
            raise DataError(
                f"{format_count(len(self.train.texts), 'text')} with one label "
                f"({''.join(map(repr, known)) or 'none'}): there is nothing to tell apart",
                where=self.train.source, remedy="give texts of two labels or more",
            )  # fmt: skip
        strange = [label for label in self.test.labels if label not in known]
        if strange:
            unknown = sorted(set(strange))
            more = ", …" if len(unknown) > _SHOWN else ""
            raise DataError(
                f"{format_count(len(unknown), 'label')} of {format_count(len(strange), 'text')} "
                f"without a training text: {', '.join(map(repr, unknown[:_SHOWN]))}{more}",
                where=self.test.source,
                remedy=f"add texts to {self.train.source}, or check the spelling",
            )
        shared, n = self.shared, len(self.test.texts)
        if len(shared) >= max(1, _SHARED_ALLOWED * n):
            raise DataError(
                f"{len(shared):,} of {format_count(n, 'text')} ({format_share(len(shared), n)}) "
                f"are trained on too: {', '.join(map(shortened, shared[:_SHOWN]))}",
                where=self.test.source,
                remedy=f"remove them here or from {self.train.source}; "
                f"less than {_SHARED_ALLOWED:.0%} is let pass",
            )

    @property
    def shared(self) -> tuple[str, ...]:
        """The test texts that are trained on too, but for case and blanks."""
        trained = {text_key(text) for text in self.train.texts}
        return tuple(text for text in self.test.texts if text_key(text) in trained)

    @property
    def single(self) -> tuple[str, ...]:
        """The labels with one training text, in order: too few to learn anything from."""
        counts = Counter(self.train.labels)
        return tuple(sorted(label for label, count in counts.items() if count == 1))

    @property
    def lines(self) -> tuple[str, ...]:
        """Sentences for the report on what is odd, empty where nothing is."""
        n, said = len(self.test.texts), []
        if self.single:
            said.append(f"with one training text: {format_count(len(self.single), 'label')}")
        if shared := len(self.shared):
            of_n = f"of {format_count(n, 'labelled test text')} ({format_share(shared, n)})"
            said.append(f"trained on too: {shared:,} {of_n}")
        return tuple(said)


@dataclass(frozen=True)
class Accuracy:
    """Share of test texts whose label logistic regression finds; the mean of its draws.

    draws:     the share of each draw of training texts.
    n:         test texts.
    per_label: training texts of each label in a draw, or all of a label that has fewer.
    role:      that texts were encoded in.
    """

    value: float
    draws: tuple[float, ...]
    n: int
    per_label: int
    role: Role


def read_labels(folder: Path) -> Labels:
    """The labels of a folder, train and test, each a .jsonl or .csv file (.gz and .zst too).

    Raises DataError, with file and line where there is one.
    """
    return Labels(*(read_labelled(_file_of(folder, split)) for split in ("train", "test")))


def label_role(encoder: Encoder) -> Role:
    """The role in which labelled texts are encoded: the one without a prompt, as MTEB does.

    Where both have one, or neither has: "query", since texts that are classified are mostly short.
    """
    prompts: Mapping[str, str] = getattr(encoder, "prompts", {})
    has = {role: bool(prompts.get(role)) for role in ("query", "document")}
    return "document" if has["query"] and not has["document"] else "query"


def accuracy(
    encoder: Encoder,
    labels: Labels,
    *,
    cache: EmbeddingCache,
    draws: int = 10,
    per_label: int = 8,
    seed: int = 42,
    listener: Listener = silent,
) -> Accuracy:
    """How well labels can be told apart by the encoder's vectors; each text is encoded once.

    The draws are those of MTEB (2.x): indices of the training texts, shuffled anew for each, and
    the first `per_label` of each label. Raises UsageError, and ModelError for broken vectors.
    """
    import numpy as np

    for name, value in (("draws", draws), ("per_label", per_label)):
        if value < 1:
            raise UsageError(f"{name}={value} is below 1", remedy="MTEB has draws=10, per_label=8")
    role = label_role(encoder)
    train = _encoded(encoder, labels.train, role, cache, listener)
    test = _encoded(encoder, labels.test, role, cache, listener)
    names, numbers = np.unique(np.array(labels.train.labels, dtype=object), return_inverse=True)
    truth = np.searchsorted(names, np.array(labels.test.labels, dtype=object))
    values = []
    for done, rows in enumerate(_drawn(numbers.tolist(), draws, per_label, seed)):
        listener(Step("classify", done, draws, "draws"))
        values.append(_share_right(train[rows], numbers[rows], test, truth, seed))
    listener(Step("classify", draws, draws, "draws"))
    return Accuracy(math.fsum(values) / draws, tuple(values), len(truth), per_label, role)


def _encoded(
    encoder: Encoder, given: LabelledTexts, role: Role, cache: EmbeddingCache, listener: Listener
) -> NDArray[np.float32]:
    vectors = cache.encode(encoder, given.texts, role, listener)
    check_vectors(vectors, [shortened(text) for text in given.texts], given.texts, encoder)
    return vectors


def _drawn(labels: Sequence[int], draws: int, per_label: int, seed: int) -> Iterator[list[int]]:
    """Yields the rows of each draw.

    MTEB starts the generator anew for each draw and shuffles what the last one left.
    """
    import numpy as np

    order = list(range(len(labels)))
    for _ in range(draws):
        np.random.default_rng(seed).shuffle(order)
        taken: Counter[int] = Counter()
        rows = []
        for row in order:
            if taken[labels[row]] < per_label:
                taken[labels[row]] += 1
                rows.append(row)
        yield rows


def _share_right(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    test: NDArray[np.float32],
    truth: NDArray[np.int64],
    seed: int,
) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=_MAX_ITERATIONS, random_state=seed)
    with warnings.catch_warnings():
        # The protocol ends after 100 iterations whether or not the last digit still moves.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors, labels)
    return float((model.predict(test) == truth).mean())


# --- files --------------------------------------------------------------------------------------


def _file_of(folder: Path, split: str) -> Path:
    names = [
        f"{split}{kind}{packed}" for kind in (".jsonl", ".csv") for packed in ("", *COMPRESSED)
    ]
    found = [folder / name for name in names if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"{' and '.join(path.name for path in found)} are both there",
            where=str(folder),
            remedy="keep one of them",
        )
    what = f"{split}.jsonl or {split}.csv" if folder.is_dir() else "such folder"
    raise DataError(
        f"there is no {what}", where=str(folder),
        remedy="labels are a folder with train and test files of the columns text and label",
    )  # fmt: skip
