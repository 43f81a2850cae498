"""`data series`: windows of a table whose rows follow one another in time, and what comes after them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from netspec.data.dataset import Dataset, Loaded, Request
from netspec.data.fitting import fitting_dims
from netspec.data.lazy import LAZY_FROM, Array, Examples, Lazy
from netspec.data.parts import Division, parts, windows
from netspec.data.preprocessing import Column, Windows
from netspec.data.table import Table, cells_of, encode, read_table
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.settings.data import Series


def load(reader: Series, request: Request) -> Loaded:
    """The windows of a series for a network; raises N701, N702, N404, N406, and N108 for a column not there."""
    (shape,) = request.only("series", "window", target="target")
    table = read_table(request.place.find(reader.path), reader.delimiter, request.most_bytes)
    names, left_out = _columns(table, reader)
    count = _count(table, reader)
    which = parts(np.zeros(count, np.float32), Division(reader.test, reader.validation, split="time"))
    window = _window(table, reader, shape, len(names))
    prepared = request.prepared(Windows) or _fitted(table, names, which.train, window, reader)
    dims = _target_dims(table, prepared, request.target)
    values = encode(table.path, cells_of(table, prepared.columns), prepared.columns, request.most_bytes)
    maker = _Maker(table, values, prepared, shape, dims, reader.stride)
    train, test = maker.dataset(which.train, "training"), maker.dataset(which.test, "test")
    held = maker.dataset(which.validation, "validation") if which.validation is not None else None
    note = ""
    if left_out:
        said = ", ".join(f"`{name}`" for name in left_out)
        note = f"data: {said} of {table.path} holds no numbers and is left out; `drop` says so"
    return Loaded(train, test, held, (), prepared, note=note, baseline=maker.last_value(which.test))


def _count(table: Table, reader: Series) -> int:
    """The number of rows that are used; raises N404 where there are not so many."""
    if reader.rows is not None and reader.rows > len(table):
        message = f"`rows={reader.rows}` asks for more rows than {table.path} has, {len(table):,}"
        raise error("N404", message)
    return reader.rows or len(table)


def _columns(table: Table, reader: Series) -> tuple[list[str], list[str]]:
    """The columns of numbers that are the input, and those without any number that nobody dropped."""
    for option, asked in (("is the target", reader.target), ("`drop` names", reader.drop)):
        for name in asked:
            table.place(name, option)
    both = [name for name in reader.target if name in reader.drop]
    if both:
        raise error("N406", f"`{both[0]}` is the target, and `drop` leaves it out")
    for name in reader.target:
        table.numbers(name)
    kept = [name for name in table.names if name not in reader.drop]
    left_out = [name for name in kept if name not in reader.target and table.is_words(name)]
    return [name for name in kept if name not in left_out], left_out


def _window(table: Table, reader: Series, shape: Shape, width: int) -> int:
    """The number of rows that are read; raises N404 where the input does not have them."""
    steps = shape.dims[0]
    known = steps if isinstance(steps, int) else None
    window = reader.window or (known if len(shape.dims) > 1 or width == 1 else None)
    if window is None:
        message = f"the input {shape} does not say how many rows of {table.path} are read; `window` does"
        raise error("N404", message, tries=("`window=96`",))
    if shape.of is not None:
        raise error("N404", f"the input is integers ({shape}), and {table.path} holds numbers")
    if fits_rows(window, width, shape):
        return window
    because = f"{window} rows of {width} columns of numbers"
    message = f"a window of {table.path} is {window}x{width}, and the input is {shape}"
    raise error("N404", message, because=because, tries=(f"`input {window}x{width}`",))


def fits_rows(window: int, width: int, shape: Shape) -> bool:
    """An input of this shape reads so many rows in their order; the rows of one column may be a vector."""
    wanted = (window,) if width == 1 and len(shape.dims) == 1 else (window, width)
    return len(wanted) == len(shape.dims) and all(
        dim == size for dim, size in zip(shape.dims, wanted, strict=True) if isinstance(dim, int)
    )


def _fitted(table: Table, names: list[str], rows: Array, window: int, reader: Series) -> Windows:
    columns = []
    for name in names:
        numbers = table.numbers(name)
        with np.errstate(all="ignore"):
            columns.append(Column.of_numbers(name, numbers[rows], reader.standardize))
    return Windows(tuple(columns), reader.target, window, reader.horizon, reader.delimiter)


def _target_dims(table: Table, prepared: Windows, wanted: Shape | None) -> tuple[int, ...]:
    """The dimensions of a target: horizon x targets as the output writes them, or in a vector."""
    horizon, count = prepared.horizon, len(prepared.targets)
    choices = [(horizon, count), (horizon * count,)]
    if wanted is None:
        return choices[0]
    if wanted.of is not None:
        message = (
            f"the output tells {wanted.of} classes apart, and {table.path} is to be predicted in numbers"
        )
        raise error("N404", message)
    for dims in choices:
        if len(dims) == len(wanted.dims) and all(
            dim == size for dim, size in zip(wanted.dims, dims, strict=True) if isinstance(dim, int)
        ):
            return dims
    rows, columns = f"{horizon} row{'s' * (horizon > 1)}", f"{count} column{'s' * (count > 1)}"
    because = f"a horizon of {rows} of {columns}: {horizon}x{count}, or {horizon * count} in a vector"
    message = f"a target of {table.path} is {horizon}x{count}, and the output is {wanted}"
    raise error("N404", message, because=because, tries=(f"`dense {horizon * count}`",))


class _Maker:
    """Makes the windows of each part out of the rows of a table; none lies in two parts."""

    def __init__(
        self,
        table: Table,
        values: NDArray[np.float32],
        prepared: Windows,
        shape: Shape,
        dims: tuple[int, ...],
        stride: int,
    ) -> None:
        self.table, self.values, self.prepared = table, values, prepared
        self.shape, self.dims, self.stride = shape, dims, stride
        self.target_values = np.ascontiguousarray(values[:, prepared.places])

    def dataset(self, rows: Array, part: str) -> Dataset:
        """The windows whose rows, those of the horizon among them, all belong to a part; raises N404 for none."""
        window, horizon = self.prepared.window, self.prepared.horizon
        starts = windows(rows, window + horizon, self.stride)
        if not len(starts):
            needed = f"a window of {window} and a horizon of {horizon} take {window + horizon} in a row"
            message = f"the {part} part of {self.table.path} is {len(rows):,} rows, and {needed}"
            raise error("N404", message)
        dims = fitting_dims((window, self.values.shape[1]), self.shape, str(self.table.path))
        inputs = self._windows(self.values, window, starts, dims)
        targets = self._windows(self.target_values, horizon, starts + window, self.dims)
        between = -(-(window + horizon) // self.stride) - 1
        return Dataset(inputs, targets, between)

    def last_value(self, rows: Array) -> str:
        """What it comes to on these rows to say that all stays as it was in the last row of each window."""
        window, horizon = self.prepared.window, self.prepared.horizon
        starts = windows(rows, window + horizon, self.stride)
        last = self.target_values[starts + window - 1].astype(np.float64)
        squares = absolute = 0.0
        for step in range(horizon):
            apart = self.target_values[starts + window + step] - last
            squares += float(np.square(apart).mean()) / horizon
            absolute += float(np.abs(apart).mean()) / horizon
        return f"repeating the last row: mse {squares:.4f}, rmse {squares**0.5:.4f}, mae {absolute:.4f}"

    @staticmethod
    def _windows(values: NDArray[np.float32], length: int, starts: Array, dims: tuple[int, ...]) -> Examples:
        """(n, *dims) of the rows from each start on, in memory unless they take much more than the rows do."""
        source = np.swapaxes(sliding_window_view(values, length, axis=0), 1, 2)
        lazy = Lazy(
            source,
            dims,
            np.dtype(np.float32),
            lambda rows: np.ascontiguousarray(rows.reshape(len(rows), *dims)),
            starts,
        )
        return lazy if lazy.size * lazy.dtype.itemsize > LAZY_FROM else lazy[:]


def last_window(path: Path, prepared: Windows, shape: Shape, most_bytes: int) -> NDArray[np.float32]:
    """(1, *dims): the last rows of a new table, as those of training were prepared; raises N108, N404 and N702."""
    table = read_table(path, prepared.delimiter, most_bytes)
    rows = encode(path, cells_of(table, prepared.columns), prepared.columns, most_bytes)
    if len(rows) < prepared.window:
        message = f"{path} has {len(rows):,} rows, and the network reads the last {prepared.window:,}"
        raise error("N404", message)
    last = rows[-prepared.window :]
    dims = fitting_dims(last.shape, shape, str(path))
    return last.reshape(1, *dims)
