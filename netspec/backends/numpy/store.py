"""Parameters and gradients in one flat buffer each, so that a step of an optimiser is a few calls for any depth."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from netspec.backends.numpy.kernel import Array
from netspec.ir.net import Net, Weight


class Store:
    """The numbers of one program: `values` and `gradients` are the parameters that it trains, end to end.

    There is no room for gradients until somebody asks for them: a program that only predicts never does.
    """

    def __init__(self, net: Net, dtype: str) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.net = net
        self.lenders: dict[str, Store] = {}
        """Whose arrays are used in the place of own ones, by the names of these."""
        self._lay_out()

    def _lay_out(self) -> None:
        """Make room for what is not borrowed."""
        for name in ("gradients", "gradient_views", "penalised"):
            self.__dict__.pop(name, None)
        own = {name: param for name, param in self.net.parameters.items() if name not in self.lenders}
        trainable = {name: param for name, param in own.items() if param.trainable}
        self.shapes = [param.shape for param in trainable.values()]
        """The shapes of the parameters that are trained, in the order of the buffers."""
        self.values = np.zeros(sum(param.size for param in trainable.values()), self.dtype)
        self.untrained = {
            name
            for name, param in self.net.parameters.items()
            if param.frozen or (param.trainable and name in self.lenders)
        }
        """Parameters that kernels work out gradients of, which go nowhere."""
        self.states = [name for name, param in own.items() if param.is_state]
        self.own: dict[str, Array] = {}
        """Views of what is not borrowed."""
        self.trained: dict[str, slice] = {}
        """The parameters that are trained, and where each stands in the buffers."""
        start = 0
        for name, param in own.items():
            if not param.trainable:
                self.own[name] = np.zeros(param.shape, self.dtype)
                continue
            stretch = slice(start, start + param.size)
            self.own[name] = self.values[stretch].reshape(param.shape)
            self.trained[name] = stretch
            start = stretch.stop

    @cached_property
    def gradients(self) -> Array:
        """The gradients of `values`."""
        return np.zeros_like(self.values)

    @cached_property
    def gradient_views(self) -> dict[str, Array]:
        """The gradients by parameter."""
        return {
            name: self.gradients[stretch].reshape(self.own[name].shape)
            for name, stretch in self.trained.items()
        }

    @cached_property
    def penalised(self) -> Array:
        """Where weights stand in `values`: matrices and kernels, not biases, scales and shifts."""
        found = np.zeros(self.values.shape, bool)
        for name, stretch in self.trained.items():
            found[stretch] = self.own[name].ndim > 1
        return found

    def borrow(self, lender: Store, names: Collection[str]) -> None:
        """Use the lender's arrays of these names; those that stay this store's own move, and keep their numbers."""
        kept = {name: view for name, view in self.own.items() if name not in names}
        self.lenders |= dict.fromkeys(names, lender)
        self._lay_out()
        for name, view in kept.items():
            self.own[name][...] = view

    @property
    def views(self) -> dict[str, Array]:
        """All parameters and states, in the network's order; asked for anew after a store has borrowed."""
        return {name: self.view(name) for name in self.net.parameters}

    def view(self, name: str) -> Array:
        """One of `views`."""
        return self.lenders[name].view(name) if name in self.lenders else self.own[name]

    @property
    def changing(self) -> dict[str, Array]:
        """What training changes: `values`, and the states by name."""
        return {"values": self.values, **{name: self.own[name] for name in self.states}}

    @property
    def lent_states(self) -> list[Array]:
        """The states that are borrowed."""
        names = (name for name, param in self.net.parameters.items() if param.is_state)
        return [self.view(name) for name in names if name in self.lenders]

    def load(self, values: Mapping[str, Array]) -> None:
        """Overwrite all parameters and states."""
        for name, view in self.views.items():
            view[...] = values[name]

    def values_of(self, weights: Mapping[str, Weight]) -> dict[str, Array]:
        """Views of parameters and states in use, under their short names."""
        return {name: _as_used(weight, self.view(weight.name)) for name, weight in weights.items()}

    def gradients_of(self, weights: Mapping[str, Weight]) -> dict[str, Array]:
        """Views of the gradients of parameters in use, under their short names."""
        return {
            name: _as_used(weight, self.gradient_views[weight.name])
            for name, weight in weights.items()
            if weight.name in self.trained
        }


def _as_used(weight: Weight, view: Array) -> Array:
    return view.T if weight.transposed else view
