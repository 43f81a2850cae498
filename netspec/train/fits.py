"""What a batch takes in memory, and which one would fit: the answer to a run that ran out of it."""

from __future__ import annotations

from typing import Final

import numpy as np

from netspec.ir.net import Net
from netspec.passes.memory import memory_of

COPIES: Final = 4
"""Numbers for each parameter: itself, its gradient, and two that the optimiser remembers, as Adam does."""
FLOAT32: Final = 4
SHARE: Final = 0.8
"""Of the free memory, what a batch that is proposed may take: allocators and the data need the rest."""


def explain(
    net: Net, examples: int, dtype: str, free: int | None, batch: int = 0, processes: int = 1
) -> tuple[str, tuple[str, ...]]:
    """The estimate for so many examples at a time in words, and what to write instead.

    Where they are those of a step, `batch` is how many the step has in all, which may be worked on in parts; of several
    processes, each has so many examples at a time.
    """
    example = memory_of(net).training
    if example is None:  # a symbol decides
        return "how much an example takes depends on its size", _tries(
            max(examples // 2, 1), batch, processes
        )
    factor = np.dtype(dtype).itemsize / FLOAT32
    fixed, each = int(COPIES * memory_of(net).parameters * factor), int(example * factor)
    because = (
        f"the estimate for a {'part' if examples < batch else 'batch'} of {examples:,}"
        f"{' in each process' * (processes > 1)} is {size(fixed + each * examples)}: "
        f"{size(fixed)} for parameters, gradients and optimizer, {size(each)} for an example"
    )
    if free is not None:
        because += f"; {size(free)} are free"
    fitting = _fitting(fixed, each, examples, free)
    if not fitting:
        return because, ()
    about = f"about {size(fixed + each * fitting)}{' in each' * (processes > 1)}"
    return because, _tries(fitting, batch, processes, about)


def _tries(fitting: int, batch: int, processes: int, about: str = "") -> tuple[str, ...]:
    """A batch that fits, or the same batch in parts that do: these are as large in each process as in one."""
    smaller = f"--batch {fitting * processes}{about and f' ({about})'}"
    parts = f"--accumulate {-(-batch // fitting)} (the same batch in parts)"
    return (smaller, parts) if batch else (smaller,)


def _fitting(fixed: int, each: int, batch: int, free: int | None) -> int:
    """The largest power of two below the batch that fits; half the batch where nobody says what is free, 0 for none."""
    fitting = 1 << max(batch - 1, 0).bit_length() >> 1
    if free is None:
        return fitting
    while fitting and fixed + each * fitting > SHARE * free:
        fitting >>= 1
    return fitting


def size(count: int) -> str:
    """Bytes in a unit that can be read: `12.5 MB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
