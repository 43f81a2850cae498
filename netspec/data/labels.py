"""Classes that are named by words: numbered for a softmax, no and yes for a sigmoid.  Knows nothing of files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.dataset import Request
from netspec.data.fitting import fit_targets
from netspec.data.lazy import Array
from netspec.diagnostics import error, short
from netspec.ir.shape import Shape


def classes_of(
    words: Sequence[str], said: str, request: Request, place: Callable[[int], str]
) -> tuple[Array, tuple[str, ...]]:
    """The class of each row as the output wants it, and the names of the classes, sorted; two are no and yes.

    The classes are those of a network that was trained before, where there is one. `said` is what holds the words and
    `place` says where a row stands. Raises N404 where all words are the same, where there are not as many as the output
    tells apart, and for a word that was no class before.
    """
    classes = request.classes or tuple(sorted(set(words)))
    places = {word: number for number, word in enumerate(classes)}
    strange = next((row for row, word in enumerate(words) if word not in places), None)
    if strange is not None:
        known = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
        message = (
            f"{said} holds `{short(words[strange])}` at {place(strange)}, which was no class in training"
        )
        raise error("N404", message, notes=(f"the classes: {known}",))
    labels = np.array([places[word] for word in words])
    if len(classes) == 1:
        raise error("N404", f"{said} is `{short(classes[0])}` in every row")
    if len(classes) == 2:
        return yes_or_no(labels == 1, classes, request.target, said)
    check_count(said, classes, request.target)
    return fit_targets(labels, request.target, classes), classes


def yes_or_no(
    answers: NDArray[np.bool_], classes: tuple[str, ...], wanted: Shape | None, said: str = "the target"
) -> tuple[Array, tuple[str, ...]]:
    """No and yes as one number for a sigmoid, as two classes for a softmax, with their names."""
    if wanted is not None and wanted.of is not None:
        check_count(said, classes, wanted)
        return fit_targets(answers.astype(np.int64), wanted, classes), classes
    return fit_targets(answers.astype(np.float32), wanted), classes


def check_count(said: str, classes: Sequence[Any], wanted: Shape | None) -> None:
    """Raises N404 where the output tells another number of classes apart."""
    if wanted is not None and wanted.of is not None and wanted.of != len(classes):
        names = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
        message = f"{said} has {len(classes)} classes, and the output tells {wanted.of} apart"
        raise error("N404", message, notes=(f"the classes: {names}",), tries=(f"`softmax {len(classes)}`",))
