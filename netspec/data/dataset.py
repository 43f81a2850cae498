"""Examples in memory: what every reader hands over, how it is divided, and how it is fitted to a network.

Knows nothing of files.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from netspec.data.columns import Preprocessing
from netspec.data.files import MOST_BYTES, Place
from netspec.diagnostics import SpecError, error
from netspec.ir.shape import Dim, Shape
from netspec.ir.symbolic import Expression

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Examples and what is to be predicted of them.

    `inputs` is (n, *dims as the spec writes them), float32, or int64 where the input is `of` integers. `targets` is
    (n, *steps) int64 for classes, else float32 of (n, *dims); (n, 1) for a number or a yes (1) or no (0).
    """

    inputs: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, which: Array) -> Dataset:
        """The examples of these indices."""
        return Dataset(self.inputs[which], self.targets[which])


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What `load` gives.  `validation` is None unless the spec's `data` line asks for one: see `split`."""

    train: Dataset
    test: Dataset
    validation: Dataset | None = None
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their numbers; of no and yes for a yes/no target; empty for numbers."""
    preprocessing: Preprocessing | None = None
    """What makes numbers of the columns of a table, for `prepare_rows`; None where the data are numbers as they are."""
    used: str = ""
    """The reader that was used, as the language writes it."""
    note: str = ""
    """What must be said aloud: that the fallback was used, and why."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a reader has to satisfy: the shape of the input, the target that the output is made for, the files."""

    input: Shape
    target: Shape | None
    place: Place
    most_bytes: int = MOST_BYTES


def split(dataset: Dataset, fraction: float, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The examples that are kept and those that are held out, in their old order; see `divide`."""
    kept, held = divide(dataset.targets, fraction, seed)
    return dataset.take(kept), dataset.take(held)


def divide(targets: Array, fraction: float, seed: int = 0) -> tuple[Array, Array]:
    """Indices of the examples that are kept and of those held out: round(fraction * n), at least one of each.

    Classes (and yes and no) are held out in proportion. Raises N404 for fewer than two examples.
    """
    count = len(targets)
    if count < 2:
        raise error("N404", f"{count} example cannot be divided in two parts; 2 or more are needed")
    part = min(max(floor(fraction * count + 0.5), 1), count - 1)
    order = np.random.default_rng(seed).permutation(count)
    if _are_classes(targets):
        order = order[np.argsort(targets.reshape(-1)[order], kind="stable")]
    # evenly spaced through the examples sorted by class, so that each class gives its share
    chosen = np.zeros(count, bool)
    chosen[order[(2 * np.arange(part) + 1) * count // (2 * part)]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _are_classes(targets: Array) -> bool:
    if targets.size != len(targets):
        return False
    return targets.dtype.kind in "iub" or bool(np.isin(targets, (0, 1)).all())


def fit(array: Array, shape: Shape) -> Array:
    """The examples `array` (n, *dims) as inputs of `shape`; raises N404 with both shapes.

    An image feeds an image of its size, a vector of as many entries, channel by channel (C, H, W), and, where it has
    one channel, the sequence of its rows; a vector feeds any shape of as many entries.  As many entries in another
    order of axes are no fit: 1x28x28 is an image of 28 channels. Integers become float32 unless `shape` is `of` N.
    """
    dims = _bound(shape.dims, array.shape[1:])
    if dims is None or not _same_picture(array.shape[1:], dims):
        raise _misfit(array, shape)
    if shape.of is not None:
        if array.dtype.kind not in "iu":
            raise error(
                "N404",
                f"the input is integers ({shape}), and the data are numbers with fractions ({array.dtype})",
            )
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= shape.of:
            raise error(
                "N404",
                f"the input is integers from 0 to {shape.of - 1}, and the data go from {low} to {high}",
            )
    if dims != array.shape[1:]:
        if array.ndim > 3:
            array = np.moveaxis(array, -1, -3)
        array = array.reshape(len(array), *Shape(dims).channels_first)
        if array.ndim > 3:
            array = np.moveaxis(array, -3, -1)
    return _as_float32(array, "the input") if shape.of is None else np.ascontiguousarray(array, np.int64)


def _same_picture(have: tuple[int, ...], want: tuple[int, ...]) -> bool:
    """The same numbers in the same order of axes: as they are, as a vector, a number a step, or one image a step."""
    rows = [dims[:-1] if len(dims) == 3 and dims[-1] == 1 else dims for dims in (have, want)]
    return rows[0] == rows[1] or 1 in (len(have), len(want)) or want in ((prod(have), 1), (1, *have))


def _as_float32(array: Array, name: str) -> Array:
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, np.float32)
    if array.dtype.itemsize > converted.dtype.itemsize:
        check_finite(converted, name)
    return converted


def _bound(wanted: tuple[Dim, ...], have: tuple[int, ...]) -> tuple[int, ...] | None:
    """The wanted dimensions with their symbols replaced so that the data fit, None where they do not."""
    total = prod(have)
    alike = next((dims for dims in (have, _squeezed(have)) if len(dims) == len(wanted)), None)
    names = [dim for dim in wanted if isinstance(dim, Expression)]
    if alike is not None:
        sizes = {dim: size for dim, size in zip(wanted, alike, strict=True) if isinstance(dim, Expression)}
    else:
        rest = prod(dim for dim in wanted if isinstance(dim, int))
        sizes = {names[0]: total // rest} if len(names) == 1 else {}
    dims = tuple(sizes.get(dim, 0) if isinstance(dim, Expression) else dim for dim in wanted)
    if dims == have:
        return dims
    mine, theirs = _squeezed(dims), _squeezed(have)
    same = mine == theirs or min(len(mine), len(theirs)) <= 1
    return dims if same and prod(dims) == total else None


def _squeezed(dims: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dim for dim in dims if dim != 1)


def _misfit(array: Array, shape: Shape) -> SpecError:
    have = Shape(array.shape[1:])
    found = str(have) or "one number"
    sizes = f"{_product(have)}, {_product(shape)}" if shape.is_known and have.dims else ""
    return error("N404", f"an example of the data is {found}, and the input is {shape}", because=sizes)


def _product(shape: Shape) -> str:
    factors = " * ".join(str(dim) for dim in shape.dims)
    return f"{factors} = {shape.size}" if len(shape.dims) > 1 else factors


def fit_targets(targets: Array, wanted: Shape | None, classes: tuple[str, ...] = ()) -> Array:
    """The targets as the output wants them (see `load`): classes as int64, else float32; raises N404.

    Whole numbers are classes or numbers, as the output wants; they are never numbers where `classes` names them.
    """
    whole = targets.dtype.kind in "iub"
    if wanted is not None and wanted.of is None and classes:
        notes = (f"classes are told apart by `softmax {len(classes)}` at the end of the network",)
        raise error(
            "N404", f"the targets are {len(classes)} classes, and the output is {wanted}", notes=notes
        )
    if wanted is None:
        wanted = (
            Shape(targets.shape[1:], of=int(targets.max()) + 1) if whole else Shape(targets.shape[1:] or (1,))
        )
    if wanted.of is None:
        return _as_numbers(targets, wanted)
    if not whole:
        raise error(
            "N404",
            f"the output tells {wanted.of} classes apart, and the targets are numbers ({targets.dtype})",
        )
    if targets.ndim == 2 and targets.shape[1] == 1 and not wanted.dims:
        targets = targets[:, 0]
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= wanted.of:
        raise error(
            "N404",
            f"the output tells classes 0 to {wanted.of - 1} apart, and the targets go from {low} to {high}",
        )
    _check_dims(targets, wanted)
    return np.ascontiguousarray(targets, np.int64)


def _as_numbers(targets: Array, wanted: Shape) -> Array:
    if targets.ndim == 1:
        targets = targets[:, None]
    _check_dims(targets, wanted)
    return _as_float32(targets, "the target")


def _check_dims(targets: Array, wanted: Shape) -> None:
    have = targets.shape[1:]
    if len(have) != len(wanted.dims) or any(
        size != dim for size, dim in zip(have, wanted.dims, strict=True) if isinstance(dim, int)
    ):
        mine, theirs = (str(Shape(dims)) or "one number" for dims in (have, wanted.dims))
        raise error("N404", f"a target of the data is {mine}, and the output is {theirs}")


def check_finite(array: Array, name: str) -> None:
    """Raises N702 naming the first example of `array` that holds a NaN or an infinity."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
        entry = f", entry {', '.join(map(str, place[1:]))}" if place[1:] else ""
        raise error("N702", f"{name} holds {array[place]} at example {place[0]}{entry} (counted from 0)")
