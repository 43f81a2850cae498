"""Losses, with PyTorch's formulas: the mean over the examples of a batch (and over steps and entries).

Every loss is a mean of terms that each belong to one place of one example, so that the losses of two pieces of a
batch add up to that of the whole.  Where a formula has a source other than
https://docs.pytorch.org/docs/stable/nn.html#loss-functions, it is named.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from netspec.diagnostics import error
from netspec.frozen import frozen
from netspec.ir.definition import option, word
from netspec.ir.shape import Shape
from netspec.ir.training import Loss
from netspec.ir.values import Kind, Real
from netspec.syntax import tree

BALANCED: Final = "balanced"
"""The class weights that follow from how often each class occurs."""
_ABOVE_0: Final = Real(0, open_low=True, example=1)


@frozen
class ClassWeights(Kind):
    """A number for each class, or the word `balanced`."""

    @property
    def phrase(self) -> str:
        return "a number above 0 for each class, such as 1,2,1, or the word balanced"

    @property
    def sample(self) -> str:
        return BALANCED

    def read(self, values: tuple[tree.Value, ...]) -> str | tuple[float, ...]:
        match values:
            case (tree.Name(text="balanced"),):
                return BALANCED
        return tuple(_ABOVE_0.read((value,)) for value in values)

    def repairs(self, values: tuple[tree.Value, ...]) -> list[str]:
        match values:
            case (tree.Text(value=text),):
                return [text]
        return [BALANCED]

    def write(self, value: str | tuple[float, ...]) -> str:
        return value if isinstance(value, str) else ",".join(map(_ABOVE_0.write, value))

    def annotation(self) -> Any:
        from pydantic import Field

        number: Any = _ABOVE_0.annotation()
        return Literal["balanced"] | Annotated[tuple[number, ...], Field(min_length=1)]


@word("crossentropy")
class Crossentropy(Loss):
    """Of classes that exclude one another: -log of the probability of the right one.

    With `smoothing=s` (Szegedy et al. 2015) the right class counts 1 - s, and s is shared out among all C classes:
    -(1 - s) log p_y - s/C sum_c log p_c. With `weights` every -log p_c is multiplied by the weight of class c, and the
    sum divided by the number of examples, not by that of their weights. `balanced` is n / (C n_c) of the n training
    examples, n_c of which are of class c: the weights' mean over them is 1.
    """

    smoothing: float = option(
        Real(0, 1, open_high=True), "share of the target that all classes get", default=0.0
    )
    weights: str | tuple[float, ...] | None = option(
        ClassWeights(), "what each class counts: a number each, or `balanced`", default=None
    )

    fuses: ClassVar[str] = "softmax"
    targets: ClassVar[str] = "classes"
    examples: ClassVar[tuple[str, ...]] = (
        "crossentropy smoothing=0.1",
        "crossentropy weights=0.5,2,1",
        "crossentropy smoothing=0.3 weights=0.5,2,1",
    )

    def misfit(self, shape: Shape) -> tuple[str, str] | None:
        given, classes = self.weights, shape.dims[-1]
        if given is None or isinstance(given, str) or len(given) == classes:
            return None
        many = f"{len(given)} weight{'s' * (len(given) > 1)}"
        return (
            "weights",
            f"`weights` of `crossentropy` is a number for each class: {many}, and {classes} classes",
        )

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """The weights, None where all count alike; raises N405 where they are `balanced` and nobody has counted."""
        if isinstance(self.weights, str):
            raise error("N405", "`weights=balanced` needs the training data, whose classes are counted")
        return self.weights


@word("bce")
class Bce(Loss):
    """Binary cross-entropy, of yes and no: -(positive * y log p + (1 - y) log(1 - p))."""

    positive: float = option(Real(0, open_low=True, example=1), "what a yes counts", default=1.0)

    fuses: ClassVar[str] = "sigmoid"
    targets: ClassVar[str] = "answers"
    examples: ClassVar[tuple[str, ...]] = ("bce positive=3",)


@word("kl")
class Kl(Loss):
    """Kullback-Leibler divergence of the output p from a target t with a probability for each class.

    sum_c t_c (log t_c - log p_c) at each place, 0 log 0 = 0 (Kullback and Leibler 1951).
    """

    fuses: ClassVar[str] = "softmax"
    targets: ClassVar[str] = "distributions"


@word("mse")
class Mse(Loss):
    """The mean squared error: (output - target)^2."""


@word("mae")
class Mae(Loss):
    """The mean absolute error: |output - target|."""


@word("l1")
class L1(Mae):
    """The mean absolute error, another word for `mae`."""


@word("huber")
class Huber(Loss):
    """Of d = output - target: d^2 / 2 where |d| <= delta, else delta * (|d| - delta / 2) (Huber 1964)."""

    delta: float = option(Real(0, open_low=True, example=1), "from where on it is linear", default=1.0)

    examples: ClassVar[tuple[str, ...]] = ("huber delta=0.3",)


@word("hinge")
class Hinge(Loss):
    """Of scores x without bounds, where the right one has to win by a margin.

    An output of one number (`dense 1`) answers yes or no, t = 1 or -1: max(0, margin - t x); yes is predicted from 0
    on. An output of C numbers tells C classes apart: sum over c != y of max(0, margin - x_y + x_c) / C (Weston and
    Watkins 1999).
    """

    margin: float = option(
        Real(0, open_low=True, example=1), "by how much the right one has to win", default=1.0
    )

    raw: ClassVar[bool] = True
    targets: ClassVar[str] = "classes"
    boundary: ClassVar[float] = 0.0
    examples: ClassVar[tuple[str, ...]] = ("hinge margin=0.4",)

    def targets_for(self, shape: Shape) -> str:
        return "answers" if shape.dims[-1:] == (1,) else "classes"

    def misfit(self, shape: Shape) -> tuple[str, str] | None:
        entries = shape.dims[-1]
        if isinstance(entries, int):
            return None
        return "", f"`hinge` wants to know whether the output is one number, and it is {entries} numbers"


@word("gaussian")
class Gaussian(Loss):
    """How far a normal distribution is from the standard one, that of a code which `sample` draws from.

    The first half of the output is the means m, the second the logarithms v of the variances, as `sample` reads them:
    sum_j (exp(v_j) + m_j^2 - 1 - v_j) / 2 at each place, the Kullback-Leibler divergence from the normal distribution
    of mean 0 and variance 1 (Kingma and Welling 2013, appendix B).  It is compared with nothing.
    """

    targets: ClassVar[str] = "nothing"

    def misfit(self, shape: Shape) -> tuple[str, str] | None:
        entries = shape.dims[-1]
        if isinstance(entries, int) and not entries % 2:
            return None
        return "", f"`gaussian` reads means and as many log-variances, and the output is {entries} numbers"


@word("mean")
class Mean(Loss):
    """The mean of the output itself, which is compared with nothing.

    An `update` adds such means up with a sign: `mean(critic(stop fake)) - mean(critic(real))` is the loss of the critic
    of a Wasserstein GAN (Arjovsky, Chintala and Bottou 2017).
    """

    targets: ClassVar[str] = "nothing"
