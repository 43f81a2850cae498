"""How the examples of a file become those of a network: shapes, types and ranges, all checked with numbers.

Knows nothing of files.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from netspec.data.lazy import LAZY_FROM, Array, Examples, Lazy, pieces, settled
from netspec.data.preprocessing import Numbers
from netspec.diagnostics import SpecError, error
from netspec.ir.shape import Dim, Shape
from netspec.ir.symbolic import Expression


def fit(array: Array, shape: Shape | None, end: str = "input") -> Array:
    """The examples `array` (n, *dims) as inputs of `shape`, or as targets of an output; raises N404 with both shapes.

    An image feeds an image of its size, a vector of as many entries, channel by channel (C, H, W), and, where it has
    one channel, the sequence of its rows; a vector feeds any shape of as many entries.  As many entries in another
    order of axes are no fit: 1x28x28 is an image of 28 channels. Integers become float32 unless `shape` is `of` N.
    None takes the shape of the examples.
    """
    shape = shape or Shape(array.shape[1:])
    dims = fitting_dims(array.shape[1:], shape, end=end)
    _check_type(array.dtype, shape, end=end)
    _check_integers(array, shape, end=end)
    fitted = _laid(array, dims, shape)
    if fitted.dtype.kind == "f" and array.dtype.itemsize > fitted.dtype.itemsize:
        check_finite(fitted, f"the {end}")
    return fitted


def fitting_dims(
    have: tuple[int, ...], shape: Shape, name: str = "the data", end: str = "input"
) -> tuple[int, ...]:
    """The dimensions that examples of these sizes take as inputs of `shape`; raises N404, see `fit`."""
    dims = _bound(shape.dims, have)
    if dims is None or not _same_picture(have, dims):
        raise _misfit(have, shape, name, end)
    return dims


def _check_type(dtype: np.dtype[Any], shape: Shape, name: str = "the data", end: str = "input") -> None:
    if shape.of is not None and dtype.kind not in "iu":
        message = f"the {end} is integers ({shape}), and the numbers of {name} have fractions ({dtype})"
        raise error("N404", message)


def _check_integers(
    array: Array, shape: Shape, name: str = "the data", start: int = 0, end: str = "input"
) -> None:
    """Raises N404 where integers are not below what the shape is `of`; `start` is the number of row 0."""
    if shape.of is None or (int(array.min()) >= 0 and int(array.max()) < shape.of):
        return
    found = _stranger(array, shape.of, name, start)
    raise error("N404", f"the {end} is integers from 0 to {shape.of - 1}, and {found}")


def _stranger(array: Array, bound: int, name: str, start: int) -> str:
    """The first entry that is below 0 or not below a bound, and its place."""
    place = tuple(int(index) for index in np.argwhere((array < 0) | (array >= bound))[0])
    entry = f", entry {', '.join(map(str, place[1:]))}," if place[1:] else ""
    return f"{array[place]} stands at example {start + place[0]}{entry} of {name} (counted from 0)"


def _laid(array: Array, dims: tuple[int, ...], shape: Shape) -> Array:
    """The entries in their places and in the type of the network, contiguous; copied only where need be."""
    if dims != array.shape[1:]:
        if array.ndim > 3:
            array = np.moveaxis(array, -1, -3)
        array = array.reshape(len(array), *Shape(dims).channels_first)
        if array.ndim > 3:
            array = np.moveaxis(array, -3, -1)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float32 if shape.of is None else np.int64)


def inputs_of(
    source: Array,
    numbers: Numbers,
    shape: Shape | None,
    *,
    name: str = "the data",
    stays: bool = False,
    end: str = "input",
) -> Examples:
    """Rows of numbers (n, *dims) as inputs of `shape`, or as targets of an output (see `fit`).

    They are scaled and standardised unless they are `of` integers. All rows are looked at once, a piece at a time, but
    where nothing can be wrong with them. They come to memory in the type of the network unless they are to stay in
    their place or would take more than `LAZY_FROM` bytes. Raises N404, and N702 for numbers too large.
    """
    shape = shape or Shape(source.shape[1:])
    dims = fitting_dims(source.shape[1:], shape, name, end)
    _check_type(source.dtype, shape, name, end)
    kind = np.dtype(np.float32 if shape.of is None else np.int64)

    def make(rows: Array) -> Array:
        return _laid(numbers.apply(rows) if shape.of is None else rows, dims, shape)

    def check(made: Array, start: int) -> None:
        _check_integers(made, shape, name, start, end)
        check_finite(made, f"{name} in float32", start)

    lazy = Lazy(source, dims, kind, make)
    stays = stays or lazy.size * kind.itemsize > LAZY_FROM
    plain = shape.of is None and not numbers.mean and (numbers.scale is None or numbers.scale >= 1)
    if stays and plain and source.dtype.kind in "iu":
        return lazy
    return settled(lazy, check, stays=stays)


def _same_picture(have: tuple[int, ...], want: tuple[int, ...]) -> bool:
    """The same numbers in the same order of axes: as they are, as a vector, a number a step, or one image a step."""
    rows = [dims[:-1] if len(dims) == 3 and dims[-1] == 1 else dims for dims in (have, want)]
    return rows[0] == rows[1] or 1 in (len(have), len(want)) or want in ((prod(have), 1), (1, *have))


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


def _misfit(dims: tuple[int, ...], shape: Shape, name: str, end: str) -> SpecError:
    have = Shape(dims)
    found = str(have) or "one number"
    sizes = f"{_product(have)}, {_product(shape)}" if shape.is_known and have.dims else ""
    return error("N404", f"an example of {name} is {found}, and the {end} is {shape}", because=sizes)


def _product(shape: Shape) -> str:
    factors = " * ".join(str(dim) for dim in shape.dims)
    return f"{factors} = {shape.size}" if len(shape.dims) > 1 else factors


def fit_targets(targets: Array, wanted: Shape | None, classes: tuple[str, ...] = ()) -> Array:
    """The targets as the output wants them (see `load`): classes as int64, else float32; raises N404.

    Whole numbers are classes or numbers, as the output wants; they are never numbers where `classes` names them.
    """
    whole = targets.dtype.kind in "iub"
    if wanted is not None and wanted.of is None and classes and whole:
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
    _check_dims(targets, wanted)
    _check_labels(targets, wanted.of, "the targets")
    return np.ascontiguousarray(targets, np.int64)


def _as_numbers(targets: Array, wanted: Shape) -> Array:
    if targets.ndim == 1:
        targets = targets[:, None]
    _check_dims(targets, wanted)
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(targets, np.float32)
    if targets.dtype.itemsize > numbers.dtype.itemsize:
        check_finite(numbers, "the target")
    return numbers


def targets_of(
    source: Array,
    wanted: Shape | None,
    classes: tuple[str, ...] = (),
    *,
    name: str = "the targets",
    stays: bool = False,
) -> Examples:
    """Targets of rows (n, *dims) as the output wants them, in memory unless they are many; see `fit_targets`."""
    if wanted is None and source.dtype.kind in "iub":
        wanted = Shape(source.shape[1:], of=max(int(piece.max()) for _, piece in pieces(source)) + 1)
    make = partial(fit_targets, wanted=wanted, classes=classes)
    alike = make(np.zeros((1, *source.shape[1:]), source.dtype))
    if wanted is not None and wanted.of is not None:
        for start, piece in pieces(source):
            _check_labels(piece, wanted.of, name, start)
    lazy = Lazy(source, alike.shape[1:], alike.dtype, make)
    several = lazy.size > len(lazy)
    large = lazy.size * lazy.dtype.itemsize > LAZY_FROM
    return settled(lazy, lambda _made, _start: None, stays=several and (stays or large))


def _check_labels(array: Array, of: int, name: str, start: int = 0) -> None:
    if int(array.min()) < 0 or int(array.max()) >= of:
        found = _stranger(array, of, name, start)
        raise error("N404", f"the output tells classes 0 to {of - 1} apart, and {found}")


def _check_dims(targets: Array, wanted: Shape) -> None:
    have = targets.shape[1:]
    if len(have) != len(wanted.dims) or any(
        size != dim for size, dim in zip(have, wanted.dims, strict=True) if isinstance(dim, int)
    ):
        mine, theirs = (str(Shape(dims)) or "one number" for dims in (have, wanted.dims))
        raise error("N404", f"a target of the data is {mine}, and the output is {theirs}")


def check_finite(array: Array, name: str, start: int = 0) -> None:
    """Raises N702 naming the first example that holds a NaN or an infinity; `start` is the number of row 0."""
    if array.dtype.kind != "f":
        return
    for first, piece in pieces(array):
        if np.isfinite(piece).all():
            continue
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(piece))[0])
        entry = f", entry {', '.join(map(str, place[1:]))}" if place[1:] else ""
        example = start + first + place[0]
        raise error("N702", f"{name} holds {piece[place]} at example {example}{entry} (counted from 0)")
