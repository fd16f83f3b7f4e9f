"""How well a tokenizer knows the words of a corpus: tokens per word, and the most split terms.

A tokenizer that cuts a domain's frequent terms into many pieces has hardly seen them. That is
one sign, beside the value itself, that fine-tuning on the domain has something to teach.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.models.encoder import Encoder, Ranker, is_encoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SAMPLE = 2_000
_SEED = 20_260
# One document of a megabyte must not outweigh the others.
_CHARACTERS = 20_000
_SHOWN = 10
# A word begins with a letter. In scripts that are written without spaces (Thai, Lao, Burmese,
# Khmer, kana, Han) a pattern finds sentences, not words, so these are left out.
_WORD = re.compile(r"[^\W\d_]\w*")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_LONGEST = 64


@dataclass(frozen=True)
class SplitTerm:
    """A frequent term, how many tokens it becomes, and in how many sampled documents it is."""

    term: str
    tokens: int
    documents: int


@dataclass(frozen=True)
class TokenEvidence:
    """What the tokenizer makes of the corpus.

    corpus:     tokens per word of the corpus, every occurrence counted.
    general:    tokens per word of general English, by the same tokenizer.
    documents:  number of documents looked at.
    most_split: frequent terms of the corpus that become the most tokens, worst first; ties by
                number of documents, then by term.
    """

    corpus: float
    general: float
    documents: int
    most_split: tuple[SplitTerm, ...]


def token_evidence(texts: Sequence[str], encoder: Encoder | Ranker) -> TokenEvidence | None:
    """Tokens per word of the texts beside general English, and the terms that are split most.

    Looks at up to 2,000 texts (a seeded sample) and 20,000 characters of each. A term is
    frequent that stands in at least 5 of them and in at least 0.2 %; upper and lower case are
    one term. None for a ranker, which has no subword tokenizer, for an encoder whose counts are
    estimates, and for a corpus without words between spaces.
    """
    if not is_encoder(encoder) or not getattr(encoder, "counts_are_exact", True):
        return None
    sample = _sample(texts)
    occurrences, spread, spellings = _count(sample)
    if not occurrences:
        return None
    general = Counter(_words(GENERAL_ENGLISH))
    words = sorted(occurrences | general)
    tokens = dict(zip(words, map(int, encoder.tokens_per_word(words)), strict=True))
    least = max(5, 0.002 * len(sample))
    terms = [
        SplitTerm(spelling, tokens[spelling], spread[term])
        for term, spelling in spellings.items()
        if spread[term] >= least and tokens[spelling] > 1
    ]
    terms.sort(key=lambda term: (-term.tokens, -term.documents, term.term))
    return TokenEvidence(
        corpus=_per_word(occurrences, tokens),
        general=_per_word(general, tokens),
        documents=len(sample),
        most_split=tuple(terms[:_SHOWN]),
    )


def _sample(texts: Sequence[str]) -> list[str]:
    if len(texts) <= _SAMPLE:
        rows: Iterable[int] = range(len(texts))
    else:
        chosen = random.Random(_SEED).sample(range(len(texts)), _SAMPLE)  # noqa: S311  # no secret
        rows = sorted(chosen)
    return [texts[row][:_CHARACTERS] for row in rows]


def _count(sample: Sequence[str]) -> tuple[Counter[str], Counter[str], dict[str, str]]:
    """Occurrences by spelling, documents by lower-cased term, and each term's usual spelling."""
    occurrences: Counter[str] = Counter()
    spread: Counter[str] = Counter()
    for text in sample:
        words = _words(text)
        occurrences.update(words)
        spread.update({word.lower() for word in words})
    spellings: dict[str, str] = {}
    for word in sorted(occurrences):
        term = word.lower()
        if term not in spellings or occurrences[word] > occurrences[spellings[term]]:
            spellings[term] = word
    return occurrences, spread, spellings


def _words(text: str) -> list[str]:
    found = _WORD.findall(text)
    return [word for word in found if len(word) <= _LONGEST and not _UNSPACED.search(word)]


def _per_word(occurrences: Mapping[str, int], tokens: Mapping[str, int]) -> float:
    total = sum(occurrences.values())
    return sum(count * tokens[word] for word, count in occurrences.items()) / total


# Plain prose on everyday matters, written for this purpose: what any English tokenizer knows.
GENERAL_ENGLISH = """
The morning was cold, and the street was still quiet when Anna opened the window. Her neighbour
was already in the garden, looking at the apple trees that the storm had damaged in the night.
She made coffee, cut some bread and read the letter again. Her brother wanted to visit in the
spring and bring the children, who had never seen the sea. There was enough room in the house,
but the old boat needed paint, and somebody would have to repair the kitchen door before they
came.

At the market the prices had gone up once more. The baker said that flour and butter cost twice
as much as last year, and that fewer people bought cake during the week. Still, the square was
full. Two women were talking about the new school, a man was selling flowers from the back of his
car, and a dog slept under the table where the honey stood. Anna bought potatoes, onions and a
piece of cheese, and paid with the last coins in her pocket.

On the way home she met the doctor, a tall man who always seemed to be in a hurry. He asked about
her knee, told her to walk a little every day, and promised to lend her a book about birds. In
the afternoon it began to rain. She lit the fire, wrote an answer to her brother and listened to
the radio, where a woman explained how the town had changed since the railway was built. People
used to work close to where they lived, she said; now most of them travel for an hour and hardly
know the family next door.

In the evening the sky cleared. Anna took her coat and walked down to the harbour to see whether
the boats had come back. A few lights were moving on the water. She thought about the summer,
about music and long dinners outside, and decided that she would buy the paint tomorrow after
all.
"""
