"""A small text in two languages, and what is read from it."""

import gzip
from pathlib import Path

import numpy as np

from netspec.data import Dataset, Loaded, every, load
from netspec.data.preprocessing import Fields
from netspec.data.vocabulary import Tokens
from netspec.ir.shape import Shape, Symbol
from netspec.passes.fields import Wishes
from netspec.settings.text import Pairs

S, T = Symbol("S"), Symbol("T")
GERMAN = ["Ein Mann geht.", "Eine Frau geht nicht.", "Ein Hund!", "Der Mann schläft."] * 5
ENGLISH = ["A man walks.", "A woman doesn't walk (much).", "A dog!", "The man is asleep."] * 5


def put(folder: Path, name: str, lines: list[str] | bytes, *, packed: bool = False) -> None:
    raw = lines if isinstance(lines, bytes) else "".join(f"{line}\n" for line in lines).encode()
    (folder / name).write_bytes(gzip.compress(raw) if packed else raw)


def pairs(
    folder: Path,
    shapes: tuple[Shape, ...] = (Shape((S,), of=30), Shape((T,), of=20)),
    wanted: Shape | None = Shape((T,), of=20),
    wishes: Wishes | None = None,
    most: int = 1 << 30,
    **options: object,
) -> Loaded:
    reader = Pairs("train", **{"source": "de", "target": "en", **options})  # type: ignore[arg-type]
    return load(reader, None, shapes, wanted, wishes, folder=folder, most_bytes=most)


def prepared(loaded: Loaded) -> tuple[Tokens, Tokens]:
    assert isinstance(loaded.preprocessing, Fields)
    found = loaded.preprocessing.fields
    source, target = found["source"], found["target"]
    assert isinstance(source, Tokens) and isinstance(target, Tokens)
    return source, target


def arrays(part: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    source, target = (np.asarray(each) for each in every(part.inputs))
    return source, target, np.asarray(part.targets)
