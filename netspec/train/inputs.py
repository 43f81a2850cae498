"""Files that a trained network is applied to: pictures, arrays and tables, as the arrays that it reads.

The user names these files; nothing in them is trusted: sizes are checked before anything is decoded.
"""

from __future__ import annotations

import warnings
import zlib
from math import isqrt, prod
from pathlib import Path
from typing import IO, Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy

from netspec.data import Preprocessing, fit, prepare_rows
from netspec.diagnostics import SpecError, error
from netspec.ir.net import Net
from netspec.ir.shape import Shape

Array = np.ndarray[Any, np.dtype[Any]]

MOST_PIXELS: Final = 50_000_000
MOST_BYTES: Final = 1 << 32
MODES: Final = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's names of the pictures that have so many channels."""
PICTURES: Final = (".png", ".jpg", ".jpeg")
ARRAYS: Final = (".npz", ".npy")
TABLES: Final = (".csv", ".tsv", ".txt")
_DAMAGED: Final = (
    BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    SyntaxError,
    zlib.error,
)


def refused(path: Path, problem: str, **details: Any) -> SpecError:
    """N705 with the file's name."""
    return error("N705", f"{path}: {problem}", **details)


def read_inputs(path: Path, net: Net, preprocessing: Preprocessing | None = None) -> Array:
    """The examples in a file, (n, *dims as the spec writes them); a picture is one.  Raises `SpecError` N705.

    Pictures become numbers from 0 to 1, grey where the network has one channel, and are resized to its height and
    width.  `.npz` holds an array `x`, `.npy` is one: n examples, or a single one of the input's own shape; bytes are
    divided by 255.  Tables are prepared as the training rows were.
    """
    if not path.is_file():
        raise refused(path, "it is a folder" if path.is_dir() else "there is no such file")
    shape = net.inputs[0].shape
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        return _fitted(path, picture(path, shape)[None], shape)
    if suffix in ARRAYS:
        return _fitted(path, arrays(path, shape), shape)
    if suffix in TABLES:
        if preprocessing is None:
            raise refused(
                path, "the network was not trained on a table, so that nothing says how to read one"
            )
        return _fitted(path, prepare_rows(path, preprocessing), shape)
    known = ", ".join([*PICTURES, *ARRAYS, *TABLES])
    raise refused(
        path, f"what kind of file it is cannot be told from `{suffix or path.name}`; known: {known}"
    )


def _fitted(path: Path, array: Array, shape: Shape) -> Array:
    if array.dtype.kind not in "biuf":
        raise refused(path, f"its entries are of type {array.dtype}; numbers are needed")
    if len(array) == 0:
        raise refused(path, "there is no example in it")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise refused(path, "it holds NaN or infinity")
    try:
        return np.asarray(fit(array, shape))
    except SpecError as misfit:
        (found,) = misfit.diagnostics
        raise refused(path, found.message, because=found.because) from None


# --- pictures


def picture(path: Path, shape: Shape) -> Array:
    """A picture as (H, W, C) float32 from 0 to 1, in the size and with the channels of the input."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise refused(path, 'pictures need Pillow: pip install "netspec[data]"') from None
    height, width, channels = _picture_size(path, shape)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bound, which is larger, and remarks on metadata
            with Image.open(path, formats=("PNG", "JPEG")) as file:
                if file.width * file.height > MOST_PIXELS:
                    size = f"{file.width}x{file.height} pixels"
                    raise refused(path, f"{size} are too many: {MOST_PIXELS:,} are the limit")
                image = ImageOps.exif_transpose(file)
                return _pixels(image, height or image.height, width or image.width, channels)
    except Image.DecompressionBombError:
        raise refused(path, f"it has too many pixels: {MOST_PIXELS:,} are the limit") from None
    except _DAMAGED as problem:
        raise refused(path, f"it is no PNG or JPEG picture, or damaged: {problem}") from None


def _picture_size(path: Path, shape: Shape) -> tuple[int | None, int | None, int]:
    """Height, width and channels of the picture that fills an input; None for a size that is free."""
    dims = [dim if isinstance(dim, int) else None for dim in shape.dims]
    if shape.of is None and len(dims) == 3 and dims[2] in MODES:
        assert dims[2] is not None
        return dims[0], dims[1], dims[2]
    if shape.of is None and len(dims) == 2:
        return dims[0], dims[1], 1
    if shape.of is None and len(dims) == 1 and dims[0] and isqrt(dims[0]) ** 2 == dims[0]:
        return isqrt(dims[0]), isqrt(dims[0]), 1
    raise refused(
        path, f"a picture does not fit the input {shape}: it has 1, 3 or 4 channels, or is a square"
    )


def _pixels(image: Any, height: int, width: int, channels: int) -> Array:
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits a pixel
        deep = np.asarray(image, np.float32) / np.float32(65535)
        image = Image.fromarray(deep.clip(0, 1) * np.float32(255))  # mode F
        if channels != 1:
            image = image.convert("L")
    if channels < 4 and "A" in image.getbands():
        ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    if image.mode != "F":
        image = image.convert(MODES[channels])
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, np.float32).reshape(height, width, channels) / np.float32(255)


# --- arrays


def arrays(path: Path, shape: Shape) -> Array:
    """The examples in an .npy file, or in `x` of an .npz file."""
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as stream:
                found = _read(path, stream, path.stat().st_size)
        else:
            found = _member(path)
    except _DAMAGED as problem:
        raise refused(path, f"it holds no array that can be read: {problem}") from None
    if found.ndim == len(shape.dims):
        found = found[None]  # one example
    if found.ndim == 0:
        raise refused(path, "it holds one number, and examples are needed")
    if found.dtype == np.uint8 and shape.of is None:
        return np.divide(found, np.float32(255), dtype=np.float32)
    return found.astype(np.uint8) if found.dtype == np.bool_ else found


def _member(path: Path) -> Array:
    with ZipFile(path) as archive:
        names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
        if "x" not in names:
            found = ", ".join(sorted(names)[:12]) or "nothing"
            raise refused(path, f"it holds {found}; an array `x` is needed")
        info = archive.infolist()[names.index("x")]
        if info.file_size > 1032 * max(info.compress_size, 1):  # deflate cannot
            raise refused(
                path, f"`x` announces {info.file_size:,} bytes, and {info.compress_size:,} cannot hold them"
            )
        with archive.open(info) as stream:
            return _read(path, stream, info.file_size)


def _read(path: Path, stream: IO[bytes], size: int) -> Array:
    """An array of a stream of `size` bytes, its header checked before memory is taken."""
    version = npy.read_magic(stream)
    header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if header is None:
        raise ValueError(f"the version {version} of its header is not known")
    try:
        shape, _, dtype = header(stream)
    except Exception as problem:  # NumPy lets through whatever Python's parser raises
        raise ValueError(f"its header cannot be read: {problem}") from None
    if dtype.hasobject:
        raise refused(path, "it holds Python objects, which could run code; numbers are needed")
    needed, have = prod(shape) * dtype.itemsize, size - stream.tell()
    if needed != have or needed > MOST_BYTES or min(shape, default=0) < 0:
        dims = "x".join(map(str, shape)) or "one number"
        limit = f"; {MOST_BYTES:,} are the limit" if needed > MOST_BYTES else ""
        raise refused(
            path, f"its header announces {dims} of {dtype} = {needed:,} bytes, and {have:,} follow{limit}"
        )
    stream.seek(0)
    return np.asarray(npy.read_array(stream, allow_pickle=False))
