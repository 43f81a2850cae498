"""`data series`: windows of a table whose rows follow one another in time, and what comes after them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

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
    after = _after(table, reader, prepared, shape, request)
    values = encode(table.path, cells_of(table, prepared.columns), prepared.columns, request.most_bytes)
    maker = _Maker(table, values, prepared, shape, after, reader.stride)
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


class _After(NamedTuple):
    """Where the rows of a target lie: so many of them, from one that is so far from the first of the window."""

    first: int
    rows: int
    dims: tuple[int, ...]
    """What an example of them is made."""

    @property
    def reach(self) -> int:
        """Rows from the first of a window to the last of its target."""
        return self.first + self.rows


def _after(table: Table, reader: Series, prepared: Windows, shape: Shape, request: Request) -> _After:
    """The rows after a window, or, where the input is fed, the row after each of its rows; raises N404."""
    fed, window, horizon = bool(request.roles.fed), prepared.window, prepared.horizon
    known = replace(reader, path=str(table.path), target=prepared.targets, window=window, horizon=horizon)
    found = known.misfit(shape, request.target, fed) if request.target else None
    if found:
        tries = tuple(f"`{each}`" for each in found.instead)
        raise error("N404", found.message, because=found.because, notes=found.notes, tries=tries)
    names = tuple(column.name for column in prepared.columns)
    if fed and prepared.targets != names:
        said, told = (",".join(each) for each in (names, prepared.targets))
        message = f"what is fed back is a row of {table.path}, {said}, and `target` says {told}"
        raise error("N404", message, tries=(f'`target="{said}"`',))
    dims = known.target_dims(shape, request.target, fed)
    sizes = tuple(each for each in dims or () if isinstance(each, int))
    return _After(1, window, sizes) if fed else _After(window, horizon, sizes)


class _Maker:
    """Makes the windows of each part out of the rows of a table; none lies in two parts."""

    def __init__(
        self,
        table: Table,
        values: NDArray[np.float32],
        prepared: Windows,
        shape: Shape,
        after: _After,
        stride: int,
    ) -> None:
        self.table, self.values, self.prepared = table, values, prepared
        self.shape, self.after, self.stride = shape, after, stride
        self.target_values = np.ascontiguousarray(values[:, prepared.places])

    def dataset(self, rows: Array, part: str) -> Dataset:
        """The windows whose rows, those of the target among them, all belong to a part; raises N404 for none."""
        window, reach = self.prepared.window, self.after.reach
        starts = windows(rows, reach, self.stride)
        if not len(starts):
            needed = f"a window of {window} and a horizon of {reach - window} take {reach} in a row"
            message = f"the {part} part of {self.table.path} is {len(rows):,} rows, and {needed}"
            raise error("N404", message)
        dims = fitting_dims((window, self.values.shape[1]), self.shape, str(self.table.path))
        inputs = self._windows(self.values, window, starts, dims)
        targets = self._windows(
            self.target_values, self.after.rows, starts + self.after.first, self.after.dims
        )
        between = -(-reach // self.stride) - 1
        return Dataset(inputs, targets, between)

    def last_value(self, rows: Array) -> str:
        """What it comes to on these rows to say that all stays as it was in the last row that is read."""
        window, after = self.prepared.window, self.after
        starts = windows(rows, after.reach, self.stride)
        squares = absolute = 0.0
        for step in range(after.rows):
            last = self.target_values[starts + min(after.first + step, window) - 1].astype(np.float64)
            apart = self.target_values[starts + after.first + step] - last
            squares += float(np.square(apart).mean()) / after.rows
            absolute += float(np.abs(apart).mean()) / after.rows
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
