"""What is said where numbers are not finite: the layers at fault, as far as they can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from netspec.train.events import Row

Array = np.ndarray[Any, np.dtype[Any]]


def blamed(norms: Mapping[str, float], parameters: Mapping[str, Array], rows: Sequence[Row]) -> str:
    """The layers in which the numbers are not finite, or else the one with the largest gradient.

    `norms` are those of the last step's gradients by layer, `rows` the epochs before.
    """
    bad = [layer for layer, norm in norms.items() if not isfinite(norm)]
    weights = [name for name, value in parameters.items() if not np.isfinite(value).all()]
    words = []
    if bad:
        words.append(f"the gradient is not finite in {_listed(bad)}")
    if weights:
        words.append(
            f"nor are the weights of {_listed(_layers(weights))}"
            if bad
            else f"not finite: {_listed(weights)}"
        )
    last = rows[-1].gradients if rows else {}
    if not words and norms:
        last = dict(norms)
    if last:
        largest = max(last, key=lambda layer: last[layer])
        when = f"at the end of epoch {rows[-1].epoch} " if words else ""
        words.append(f"{when}the largest gradient was that of `{largest}`, {last[largest]:.3g}")
    return "; ".join(words)


def _layers(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in names))


def _listed(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"`{name}`" for name in names[:most]) + more
