"""New files for a network that is trained: read, checked and prepared as the training data were.

The one place that applies a `Preprocessing` to new data. The user names these files, so that they may lie anywhere;
nothing in them is trusted. Every refusal is N705.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from netspec.data import pictures
from netspec.data.arrays import Member, file_of, members_of
from netspec.data.dna import new_letters
from netspec.data.files import MOST_BYTES
from netspec.data.fitted import Preprocessing
from netspec.data.fitting import fit
from netspec.data.lazy import Array
from netspec.data.preprocessing import Columns, Letters, Numbers, Windows
from netspec.data.series import last_window
from netspec.data.table import cells_of, encode, read_table
from netspec.data.texts import new_texts
from netspec.data.vocabulary import Tokens
from netspec.diagnostics import SpecError, error
from netspec.ir.shape import Shape

ARRAYS: Final = (".npz", ".npy")
TABLES: Final = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be made of a file."""

    shape: Shape
    preprocessing: Preprocessing | None
    most_bytes: int
    names: Sequence[str] = ()
    blank: bool = False


def read_new(
    path: Path,
    shape: Shape,
    preprocessing: Preprocessing | None = None,
    most_bytes: int = MOST_BYTES,
    names: Sequence[str] = (),
    *,
    blank: bool = False,
) -> Array:
    """The examples in a file, (n, *dims as the spec writes them), of the type that the input has.

    A picture is one example, in the size and with the channels of the input. `.npz` holds an array of one of the
    `names`, or `x`, `.npy` is one: n examples, or a single one of the input's own shape. Of a table each row is an
    example, of a series its last window, of a file of texts or of letters each line, of a text to be gone on with each
    window. A text may have any name, and be packed. A line without a text, but for those at the end, is refused, or
    where it may be `blank` a text of no token. Raises `SpecError` N705.
    """
    if not path.is_file():
        raise _refused(path, "it is a folder" if path.is_dir() else "there is no such file")
    suffix = path.suffix.lower()
    wanted = _Wanted(shape, preprocessing, most_bytes, names, blank)
    read = next((read for suffixes, read in _READERS if suffix in suffixes), None)
    if read is None and isinstance(preprocessing, Tokens):
        read = _table  # a text may be called anything: `news.de`, `news.de.gz`
    if read is None:
        known = ", ".join(suffix for suffixes, _ in _READERS for suffix in suffixes)
        message = f"what kind of file it is cannot be told from `{suffix or path.name}`; known: {known}"
        raise _refused(path, message)
    try:
        return np.asarray(fit(read(path, wanted), shape))
    except SpecError as refused:
        (found,) = refused.diagnostics
        if found.code == "N705":
            raise
        named = found.message if str(path) in found.message else f"{path}: {found.message}"
        notes = found.notes if found.code == "N108" else ()
        raise error("N705", named, because=found.because, notes=notes, tries=found.tries) from None


def read_several(
    path: Path,
    shapes: Mapping[str, Shape],
    preprocessing: Mapping[str, Preprocessing],
    most_bytes: int = MOST_BYTES,
    called: Mapping[str, str] | None = None,
) -> dict[str, Array]:
    """The examples in an `.npz` file for several inputs by name: an array for each by its name, or `x1`, `x2`, ...

    `called` are other names that arrays may have. `preprocessing` is that of an input, where it has one. Raises
    `SpecError` N705.
    """
    others = tuple((called or {}).get(name, name) for name in shapes)
    if path.suffix.lower() != ".npz":
        names = " and ".join(f"`{name}`" for name in others)
        raise _refused(path, f"the network reads {names}, which an .npz file has an array each for")
    if not path.is_file():
        raise _refused(path, "it is a folder" if path.is_dir() else "there is no such file")
    found = {}
    try:
        numbered = tuple(f"x{number}" for number in range(1, len(shapes) + 1))
        members = members_of(path, others, tuple(shapes), numbered)
        for member, (name, shape) in zip(members, shapes.items(), strict=True):
            wanted = _Wanted(shape, preprocessing.get(name), most_bytes)
            most_bytes -= member.size
            found[name] = np.asarray(fit(_read_member(path, member, wanted), shape))
    except SpecError as refused:
        (one,) = refused.diagnostics
        named = one.message if str(path) in one.message else f"{path}: {one.message}"
        raise error("N705", named, because=one.because, notes=one.notes, tries=one.tries) from None
    counts = {name: len(array) for name, array in found.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count:,} for `{name}`" for name, count in counts.items())
        raise _refused(path, f"its arrays hold {told}: they belong together")
    return found


def _refused(path: Path, problem: str) -> SpecError:
    return error("N705", f"{path}: {problem}")


def _numbers(path: Path, wanted: _Wanted) -> Numbers:
    """The scale that the network was trained with."""
    if wanted.preprocessing is None:
        return Numbers()
    if isinstance(wanted.preprocessing, Numbers):
        return wanted.preprocessing
    raise _refused(path, f"the network was trained on {wanted.preprocessing.said}, and this is none")


def _standard(path: Path, array: Array, numbers: Numbers) -> Array:
    if not numbers.fits(array.shape[1:]):
        have = Shape(array.shape[1:])
        message = f"the network was trained on {len(numbers.mean)} channels, and an example is {have}"
        raise _refused(path, message)
    return numbers.apply(array)


def _picture(path: Path, wanted: _Wanted) -> Array:
    size = pictures.size_of(wanted.shape)
    if size is None:
        shape = wanted.shape
        message = f"a picture does not fit the input {shape}: it has 1, 3 or 4 channels, or is a square"
        raise _refused(path, message)
    numbers = _numbers(path, wanted)
    one = pictures.picture(path, size)
    if one.dtype != np.uint8 and numbers.scale is None:
        one = one / np.float32(255)
    return _standard(path, one[None], numbers)


def _array(path: Path, wanted: _Wanted) -> Array:
    choices = [(name,) for name in (*wanted.names, "x")]
    member = file_of(path) if path.suffix.lower() == ".npy" else members_of(path, *choices)[0]
    return _read_member(path, member, wanted)


def _read_member(path: Path, member: Member, wanted: _Wanted) -> Array:
    if member.size > wanted.most_bytes:
        raise _refused(
            path, f"{member.name} takes {member.size:,} bytes, and {wanted.most_bytes:,} are the limit"
        )
    found = member.array()
    if found.ndim == len(wanted.shape.dims):
        found = found[None]  # one example
    return found if wanted.shape.of is not None else _standard(path, found, _numbers(path, wanted))


def _table(path: Path, wanted: _Wanted) -> Array:
    prepared = wanted.preprocessing
    if isinstance(prepared, Tokens):
        return new_texts(path, prepared, wanted.shape, wanted.most_bytes, blank=wanted.blank)
    if isinstance(prepared, Letters):
        return new_letters(path, prepared, wanted.shape, wanted.most_bytes)
    if isinstance(prepared, Windows):
        return last_window(path, prepared, wanted.shape, wanted.most_bytes)
    if not isinstance(prepared, Columns):
        raise _refused(
            path, "the network was not trained on a table or a text, so that nothing says how to read one"
        )
    table = read_table(path, prepared.delimiter, wanted.most_bytes)
    return encode(path, cells_of(table, prepared.columns), prepared.columns, wanted.most_bytes)


_Read: TypeAlias = Callable[[Path, _Wanted], Array]
_READERS: Final[tuple[tuple[tuple[str, ...], _Read], ...]] = (
    (pictures.SUFFIXES, _picture),
    (ARRAYS, _array),
    (TABLES, _table),
)
"""What reads a new file, by the end of its name."""
