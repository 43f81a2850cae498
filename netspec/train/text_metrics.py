"""The figures of whole texts: what was said of each example, against what was meant.

Knows nothing of networks; BLEU is that of sacrebleu.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Final

from netspec.ir.training import Metric
from netspec.settings.metric import Bleu, Exact


@dataclass(frozen=True, slots=True)
class Texts:
    """What was said of some examples and what was meant, as the numbers of tokens."""

    said: Sequence[Sequence[int]]
    meant: Sequence[Sequence[int]]
    unknown: int | None = None
    """The number of all words that are not known, with which nothing is met."""
    in_words: tuple[Sequence[str], Sequence[str]] | None = None
    """The same in words, where there is a vocabulary."""
    lower: bool = False
    """What was said is in lower case."""


def text_figure(metric: Metric, texts: Texts) -> float:
    """A metric of whole texts; NaN where there are none."""
    return FIGURES[type(metric)](texts) if texts.meant else nan


def exact(texts: Texts) -> float:
    """The share of the examples of which the same was said as meant."""
    pairs = zip(texts.said, texts.meant, strict=True)
    hits = sum(list(said) == list(meant) and texts.unknown not in meant for said, meant in pairs)
    return hits / len(texts.meant)


def bleu(texts: Texts) -> float:
    """BLEU from 0 to 100, of words by sacrebleu's own tokens (13a), of numbers by these; needs sacrebleu."""
    from sacrebleu import corpus_bleu

    numbers = ([" ".join(map(str, each)) for each in some] for some in (texts.said, texts.meant))
    said, meant = texts.in_words or numbers
    tokens = "13a" if texts.in_words else "none"
    return float(corpus_bleu(said, [meant], force=True, lowercase=texts.lower, tokenize=tokens).score)


FIGURES: Final[dict[type[Metric], Callable[[Texts], float]]] = {Bleu: bleu, Exact: exact}
