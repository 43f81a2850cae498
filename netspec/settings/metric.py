"""Figures reported beside the loss: what each is made for, and whether more of it is better.

How they are computed is the part of `netspec.train.metrics`.
"""

from __future__ import annotations

from typing import ClassVar, Final

from netspec.ir.definition import word
from netspec.ir.layer import Layer
from netspec.ir.shape import Dim
from netspec.ir.training import Metric

PROBABILITIES: Final = ("softmax", "sigmoid")
"""The outputs that are probabilities."""
TOP: Final = 5
WINDOW: Final = 11
"""Rows and columns of the window that `ssim` looks through."""


def _wants_probabilities(output: Layer, targets: str) -> str:
    """Classes and answers are compared with probabilities, and scores are none."""
    if targets == "numbers" or output.word in PROBABILITIES:
        return ""
    return f"it compares probabilities, and `{output.word}` gives none"


@word("accuracy")
class Accuracy(Metric):
    """Share of the places where the most probable class, or the answer yes or no, is the right one.

    The answer is yes from one half on, with `hinge` from 0 on.
    """

    higher_is_better: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("classes", "answers", "distributions")


@word("top5")
class Top5(Metric):
    """Share of the places where the right class is among the five most probable ones."""

    higher_is_better: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("classes", "distributions")

    def misfit(self, output: Layer, targets: str) -> str:
        classes = output.shape.dims[-1]
        return f"the right one is always among {TOP} of {classes} classes" if _below(classes, TOP + 1) else ""


@word("mae")
class Mae(Metric):
    """Mean absolute error; a class counts as 1 in its own place and 0 elsewhere."""

    def misfit(self, output: Layer, targets: str) -> str:
        return _wants_probabilities(output, targets)


@word("rmse")
class Rmse(Metric):
    """Root of the mean squared error; a class counts as 1 in its own place and 0 elsewhere."""

    def misfit(self, output: Layer, targets: str) -> str:
        return _wants_probabilities(output, targets)


@word("r2")
class R2(Metric):
    """Share of the targets' variance that is explained: 1 - sum (y - output)^2 / sum (y - mean y)^2.

    The mean over the entries of the output, those left out whose target is always the same.
    """

    higher_is_better: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("numbers", "answers", "distributions")


@word("f1")
class F1(Metric):
    """2 TP / (2 TP + FP + FN): of yes for one yes or no, else the mean over the classes (macro) or the entries.

    A class that neither occurs nor is predicted is left out.
    """

    higher_is_better: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("classes", "answers", "distributions")


@word("auroc")
class Auroc(Metric):
    """Area under the ROC curve: how often a yes is given more than a no, ties counting half (Hanley and McNeil 1982).

    Of classes the mean of each against the rest, of several answers their mean; where one of the two kinds does not
    occur, it is left out. It is exact, and keeps the outputs of all examples until the last.
    """

    higher_is_better: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("classes", "answers")


@word("perplexity")
class Perplexity(Metric):
    """exp of the mean of -log p of the right class; a p that was rounded to 0 counts as the smallest normal number."""

    reads: ClassVar[tuple[str, ...]] = ("classes",)

    def misfit(self, output: Layer, targets: str) -> str:
        return _wants_probabilities(output, targets)


@word("psnr")
class Psnr(Metric):
    """Peak signal-to-noise ratio in decibels, of numbers from 0 to 1: -10 log10 of the mean squared error."""

    higher_is_better: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("numbers", "answers")


@word("ssim")
class Ssim(Metric):
    """Structural similarity of images with numbers from 0 to 1 (Wang et al. 2004), the mean over the images.

    It is computed by torchmetrics.
    """

    higher_is_better: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("numbers", "answers")
    needs: ClassVar[str] = "torchmetrics"

    def misfit(self, output: Layer, targets: str) -> str:
        dims = output.shape.dims
        if len(dims) != 3:
            return f"it compares images (HxWxC), and the output is {output.shape}"
        small = any(_below(dim, WINDOW) for dim in dims[:2])
        return (
            f"it looks through a window of {WINDOW}x{WINDOW}, and the output is {output.shape}"
            if small
            else ""
        )


@word("bleu")
class Bleu(Metric):
    """How many runs of 1 to 4 words are those of the target, of all texts together, from 0 to 100.

    By Papineni et al. (2002). Where the network answers with a text of its own (`feed` with `start` and `stop`, and
    another input), it is of the texts that it generates, as `generate:` says, and measured after training and by
    `netspec eval`. Elsewhere it is of the most probable class at each step. It is computed by sacrebleu; words of a
    vocabulary are in lower case and are compared so.
    """

    higher_is_better: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("classes",)
    needs: ClassVar[str] = "sacrebleu"
    of_texts: ClassVar[bool] = True

    def misfit(self, output: Layer, targets: str) -> str:
        return _wants_sequences(output)


@word("exact")
class Exact(Metric):
    """Share of the texts that are the target's, from the first token to the last.

    Of generated texts as in `bleu`, else of the most probable class at each step. A target with a word that the
    vocabulary has not is never met.
    """

    higher_is_better: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("classes",)
    of_texts: ClassVar[bool] = True

    def misfit(self, output: Layer, targets: str) -> str:
        return _wants_sequences(output)


def _wants_sequences(output: Layer) -> str:
    """Texts are a class at each step."""
    if len(output.shape.dims) == 2:
        return ""
    return f"it compares sequences (TxN), and the output is {output.shape}"


def _below(dim: Dim, size: int) -> bool:
    return isinstance(dim, int) and dim < size
