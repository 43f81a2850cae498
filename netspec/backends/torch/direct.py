"""Parameters and submodules where Python looks for an attribute first.

`nn.Module` keeps them in tables, and looks into these only after Python's own search has failed.  Here that search
finds them, in less than half the time; a layer asks three times.  What is found is what stands in the table at that
moment, hooks are called, and layers may be replaced.  The classes are made here and stand in no module, so that pickle
takes none of them: weights are saved as what they are, by `state_dict`.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)

BATCHED: Final = 3
"""Axes of a batch of sequences."""
TABLES: Final = ("_parameters", "_buffers", "_modules")
"""Where `nn.Module` keeps what it is made of, by name."""


class _Held:
    """An attribute that stands in a table of its module.

    It has no `__set__`: what a module has of its own under this name comes first, as in weight normalisation.
    """

    __slots__ = ("name", "table")

    def __init__(self, table: str, name: str) -> None:
        self.table, self.name = table, name

    def __get__(self, module: nn.Module, owner: type) -> Any:
        try:
            return module.__dict__[self.table][self.name]
        except KeyError:  # nn.Module says what is missing
            raise AttributeError(self.name) from None


def _lstm(self: nn.LSTM, x: Any, hx: tuple[Tensor, Tensor] | None = None) -> Any:
    """`nn.LSTM.forward`; of a batch whose states begin at 0 without its checks of shapes, a tenth of a short call."""
    if hx is not None or not isinstance(x, Tensor) or x.ndim != BATCHED or self.proj_size:
        return nn.LSTM.forward(self, x, hx)
    self._update_flat_weights()
    examples = x.size(0 if self.batch_first else 1)
    zeros = x.new_zeros((1 + self.bidirectional) * self.num_layers, examples, self.hidden_size)
    y, state, cell = torch.lstm(
        x,
        (zeros, zeros),
        self._flat_weights,  # type: ignore[arg-type]
        self.bias,
        self.num_layers,
        self.dropout,
        self.training,
        self.bidirectional,
        self.batch_first,
    )
    return y, (state, cell)


SHORTER: Final[dict[type[nn.Module], dict[str, Any]]] = {nn.LSTM: {"forward": _lstm}}
"""Methods of PyTorch's layers with less around what they compute."""


def direct(module: M) -> M:
    """The module, where it and each that it holds have a class of the same name, derived from theirs."""
    classes: dict[tuple[object, ...], type[nn.Module]] = {}
    for each in module.modules():
        own = type(each)
        held = [(table, name) for table in TABLES for name in getattr(each, table) if not hasattr(own, name)]
        key = (own, *held)
        if key not in classes:
            names = {name: _Held(table, name) for table, name in held}
            told = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
            classes[key] = type(own.__name__, (own,), {**told, **names, **SHORTER.get(own, {})})
        each.__class__ = classes[key]
    return module
