"""Where numbers, tables and pictures come from: the words after `data`.  The readers are in `netspec.data`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from netspec.ir.definition import argument, flag, option, word
from netspec.ir.shape import Dim, Shape, Symbol
from netspec.ir.training import Misfit, Reader
from netspec.ir.values import Choice, String, Whole
from netspec.settings.values import FRACTION, PART, SCALE, SEED, Columns, Delimiter, Held, Split, Target

FILE: Final = "the path of a file in double quotes"
SPLIT: Final = Choice(get_args(Split))
SPLIT_MEANS: Final = "how these are chosen; classes are stratified unless set"


@word("mnist")
class Mnist(Reader):
    """Handwritten digits (LeCun, Cortes and Burges 1998): 60,000 images 28x28x1 to train on and 10,000 to test on.

    They are looked for in the folder `mnist` of the folder that NETSPEC_DATA names, then in the user's cache, and
    downloaded into it where they are not. Pixels are numbers from 0 to 1. Where there is neither file nor network,
    `data mnist else digits` goes on with other data and says so.
    """

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "image", "label"

    def example_shape(self) -> Shape:
        return Shape((28, 28, 1))

    def target_shape(self) -> Shape:
        return Shape((), of=10)


@word("digits")
class Digits(Reader):
    """The 1,797 handwritten digits 8x8 that come with scikit-learn, stretched to the size of the network's input.

    1,437 of them are to train on and 360 to test on, always the same ones. Pixels are numbers from 0 to 1,
    interpolated bilinearly; a vector as input is filled with a square image.
    """

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "image", "label"

    def target_shape(self) -> Shape:
        return Shape((), of=10)


@word("csv")
class Csv(Reader):
    """A table: a line of column names, then a line for each example.

    A column of numbers is one entry of the input, with mean 0 and deviation 1 over the training part. A column of
    words is one entry for each of its words in the training part, 1 where the word stands and 0 elsewhere. A column
    that mixes both is an error unless `categories` names it. The columns keep their order; the target's own column
    is left out. The file is looked for beside the spec, then in the folder that NETSPEC_DATA names.
    """

    path: str = argument(String(FILE, "table.csv"), "the file")
    target: str = option(Target(), "what is to be predicted")
    drop: tuple[str, ...] = option(Columns(), "columns that are left out", default=())
    categories: tuple[str, ...] = option(Columns(), "columns of numbers that are read as words", default=())
    delimiter: Delimiter | None = option(
        Choice(get_args(Delimiter)),
        "what separates the cells, seen from line 1 unless set",
        default=None,
    )
    standardize: bool = flag("raw", "leave numbers as they are", default=True)
    test: Held = option(PART, "share of the rows that is kept to test on, or which ones", default=0.2)
    validation: Held | None = option(
        PART, "share of the other rows that is held out while training, or which rows", default=None
    )
    seed: int = option(SEED, "decides which rows these are", default=0)
    split: Split | None = option(SPLIT, SPLIT_MEANS, default=None)

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "x", "y"


@word("npz")
class Npz(Reader):
    """Arrays in NumPy's own formats: `x_train`, `y_train`, `x_test`, `y_test`, or `x` and `y` to be divided.

    The first axis counts the examples, the others are as the spec writes them (H x W x C). An `.npy` file holds `x`
    alone, and `targets` names the file of `y`. Bytes (uint8) are taken for pixels and divided by 255. A target of
    whole numbers is one of classes where the output is a softmax. What takes much memory stays in its file as far as
    it is not packed, and is read a batch at a time. The files are looked for beside the spec, then in the folder that
    NETSPEC_DATA names.
    """

    path: str = argument(String(FILE, "arrays.npz"), "the file")
    test: Held | None = option(
        PART,
        "share kept to test on where the files do not say, 0.2 unless set, or which rows",
        default=None,
    )
    validation: Held | None = option(
        PART, "share of the others that is held out while training, or which rows", default=None
    )
    seed: int = option(SEED, "decides which examples these are", default=0)
    split: Split | None = option(SPLIT, SPLIT_MEANS, default=None)
    targets: str | None = option(String(FILE, "y.npy"), "the targets of an .npy file", default=None)
    test_inputs: str | None = option(String(FILE, "x-test.npy"), "an .npy file to test on", default=None)
    test_targets: str | None = option(String(FILE, "y-test.npy"), "its targets", default=None)
    scale: float | None = option(SCALE, "what is divided by: 255 for bytes unless set", default=None)
    standardize: bool = flag("standardize", "mean 0 and deviation 1 over the training part", default=False)
    mapped: bool = flag("mapped", "read a batch at a time, whatever the size", default=False)

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return (*(inputs if len(inputs) > 1 else ("x",)), "y")


@word("idx")
class Idx(Reader):
    """Arrays in the format of MNIST's files (IDX), plain or gzipped: one file of examples, one of their labels.

    `test_inputs` and `test_labels` name the files to test on; without them a part of the examples is kept. Bytes are
    taken for pixels and divided by 255. A plain file that takes much memory is read a batch at a time. The files are
    looked for beside the spec, then in the folder that NETSPEC_DATA names.
    """

    path: str = argument(String(FILE, "train-images-idx3-ubyte"), "the examples")
    labels: str = option(String(FILE, "train-labels-idx1-ubyte"), "their labels")
    test_inputs: str | None = option(
        String(FILE, "t10k-images-idx3-ubyte"), "the examples to test on", default=None
    )
    test_labels: str | None = option(String(FILE, "t10k-labels-idx1-ubyte"), "their labels", default=None)
    test: Held | None = option(
        PART,
        "share kept to test on where no file is named for it, 0.2 unless set, or which examples",
        default=None,
    )
    validation: Held | None = option(
        PART, "share of the others that is held out while training, or which examples", default=None
    )
    seed: int = option(SEED, "decides which examples these are", default=0)
    split: Split | None = option(SPLIT, SPLIT_MEANS, default=None)
    scale: float | None = option(SCALE, "what is divided by: 255 for bytes unless set", default=None)
    standardize: bool = flag("standardize", "mean 0 and deviation 1 over the training part", default=False)
    mapped: bool = flag("mapped", "read a batch at a time, whatever the size", default=False)

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "image", "label"


@word("images")
class Images(Reader):
    """Pictures (.png, .jpg) in a folder that has a folder for each class; the classes are sorted by name.

    A folder whose folders are `train`, `test` and, if need be, `validation`, each with the folders of the classes, is
    divided that way. Pictures are resized to the height and width of the network's input, grey where it has one
    channel, and are numbers from 0 to 1. Names that begin with a dot are passed over, any other file is an error. The
    folder is looked for beside the spec, then in the folder that NETSPEC_DATA names.
    """

    path: str = argument(String("the path of a folder in double quotes", "pictures"), "the folder")
    test: float | None = option(
        FRACTION, "share kept to test on where there is no folder `test`, 0.2 unless set", default=None
    )
    validation: float | None = option(
        FRACTION, "share of the others that is held out while training", default=None
    )
    seed: int = option(SEED, "decides which pictures these are", default=0)
    scale: float | None = option(SCALE, "what is divided by, 255 unless set", default=None)
    standardize: bool = flag(
        "standardize", "mean 0 and deviation 1 of each channel over the training part", default=False
    )

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "image", "label"


@word("series")
class Series(Reader):
    """A table of numbers whose rows follow one another in time: from `window` rows to the `horizon` rows after them.

    All columns of numbers are the input (T x columns, the target's own among them), those of `target` the target,
    horizon x columns. Where the network's own output is fed back (`feed`), the target of each step is the next row, and
    `target` names all columns. Columns without any number, such as dates, are left out, which is said unless `drop`
    names them. Numbers have mean 0 and deviation 1 over the training part, and so have the targets: losses and metrics
    are in these units, `predict` gives the column's own. The last rows are the test part, those before them the
    validation part, and no window lies in two parts. The file is looked for beside the spec, then in the folder that
    NETSPEC_DATA names.
    """

    path: str = argument(String(FILE, "series.csv"), "the file")
    target: tuple[str, ...] = option(Columns(), "the columns that are to be predicted")
    window: int | None = option(
        Whole(1, example=96), "rows that are read, the steps of the input unless set", default=None
    )
    horizon: int = option(Whole(1, example=24), "rows after them that are predicted", default=1)
    stride: int = option(Whole(1, example=1), "rows from one window to the next", default=1)
    rows: int | None = option(
        Whole(2, example=14400), "rows that are used, the first ones, all unless set", default=None
    )
    drop: tuple[str, ...] = option(Columns(), "columns that are left out", default=())
    delimiter: Delimiter | None = option(
        Choice(get_args(Delimiter)),
        "what separates the cells, seen from line 1 unless set",
        default=None,
    )
    standardize: bool = flag("raw", "leave numbers as they are", default=True)
    test: Held = option(PART, "share of the rows that is kept to test on, or which ones", default=0.2)
    validation: Held | None = option(
        PART, "share of the other rows that is held out while training, or which rows", default=None
    )

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "window", "target"

    def targets(self, read: Shape, fed: bool) -> tuple[tuple[Dim, ...], ...]:
        """The dimensions that a target may have: horizon x columns, or these in a vector; where `fed` a row a step."""
        count = len(self.target)
        if fed:
            return ((read.dims[0] if self.window is None else self.window, count),)
        return (self.horizon, count), (self.horizon * count,)

    def target_dims(self, read: Shape, wanted: Shape | None, fed: bool) -> tuple[Dim, ...] | None:
        """Those that an output is made for, the first ones where any will do; None where none fit it."""
        choices = self.targets(read, fed)
        dims = choices[0] if wanted is None else wanted.substitute(self._sizes(read)).dims
        return next((each for each in choices if _agree(each, dims)), None)

    def _sizes(self, read: Shape) -> dict[str, Dim]:
        """The number of steps, where the input has a symbol for it and the line says it."""
        steps = read.dims[0] if read.dims else None
        return {steps.name: self.window} if isinstance(steps, Symbol) and self.window is not None else {}

    def misfit(self, read: Shape, wanted: Shape, fed: bool) -> Misfit | None:
        steps = read.dims[0] if read.dims else None
        if self.window is not None and isinstance(steps, int) and steps != self.window:
            return Misfit(
                f"a window of {self.path} has {self.window} rows, and the input is {read}", "window"
            )
        if wanted.of is not None:
            message = (
                f"the output tells {wanted.of} classes apart, and {self.path} is to be predicted in numbers"
            )
            return Misfit(message)
        if fed and self.horizon > 1:
            message = (
                f"`horizon={self.horizon}` is of one answer a window, and what is fed back is said row by row"
            )
            because = "each step of the output is to say the next row"
            note = f"`max={self.horizon}` in the line `feed` has {self.horizon} rows said one after the other"
            return Misfit(message, "horizon", because, (note,), fed=True)
        if self.target_dims(read, wanted, fed) is not None:
            return None
        target = Shape(self.targets(read, fed)[0])
        message = (
            f"a target of {self.path} is {target}, and the output is {wanted.substitute(self._sizes(read))}"
        )
        return self._row(message, target) if fed else self._answer(message, target, read, wanted)

    def _row(self, message: str, target: Shape) -> Misfit:
        """Why a target is what it is where rows are fed back."""
        because = f"each step is to say the next row, of {_counted(len(self.target), 'column')}: {target}"
        note = "what is fed back is a row: `target` names all columns of the input, in their order"
        return Misfit(message, "", because, (note,), fed=True)

    def _answer(self, message: str, target: Shape, read: Shape, wanted: Shape) -> Misfit:
        """Why a target is what it is where a window has one answer, and what the output may be instead."""
        size = self.horizon * len(self.target)
        rows, columns = _counted(self.horizon, "row"), _counted(len(self.target), "column")
        because = f"a horizon of {rows} of {columns}: {target}, or {size} in a vector"
        if len(wanted.dims) < 2 or wanted.dims[0] != read.dims[0]:
            return Misfit(message, "", because, (), (f"dense {size}",))
        note = "where each step is to say the next row, `generate:` has a line `feed` with the input's name"
        return Misfit(message, "", because, (note,), (f"last; dense {size}",))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"


def _agree(one: Sequence[Dim], other: Sequence[Dim]) -> bool:
    """No size is another one; a symbol may stand for any."""
    return len(one) == len(other) and all(
        mine == theirs
        for mine, theirs in zip(one, other, strict=True)
        if isinstance(mine, int) and isinstance(theirs, int)
    )
