"""Attention: batched products, a matrix for each example and head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.lengths import ends_of, there
from netspec.backends.numpy.output import softmax
from netspec.layers.attention import Attention, AttentionKeys, AttentionOver, AttentionStep


class Heads(Kernel[Attention]):
    """P = softmax(Q K' / sqrt(key)), Y = P V, a head at a time; arrays of heads are (N, heads, T, size)."""

    def prepare(self) -> None:
        self.scale = self.operation.sizes[0] ** -0.5

    def project(self, x: Array, name: str) -> Array:
        """One of the dense layers."""
        y: Array = x @ self.site.parameters[f"{name}.weight"].T
        if self.operation.bias:
            y += self.site.parameters[f"{name}.bias"]
        return y

    def project_back(self, dy: Array, x: Array, name: str) -> Array:
        """The gradient of a dense layer's input; fills those of its parameters."""
        rows, gradients = dy.reshape(-1, dy.shape[-1]), self.site.gradients
        np.matmul(rows.T, x.reshape(-1, x.shape[-1]), out=gradients[f"{name}.weight"])
        if self.operation.bias:
            np.sum(rows, axis=0, out=gradients[f"{name}.bias"])
        dx: Array = dy @ self.site.parameters[f"{name}.weight"]
        return dx

    def split(self, y: Array) -> Array:
        """(N, T, heads * size) as (N, heads, T, size)."""
        return y.reshape(*y.shape[:2], self.operation.heads, -1).swapaxes(1, 2)

    @staticmethod
    def merged(heads: Array) -> Array:
        """The inverse of `split`."""
        n, count, steps, size = heads.shape
        return heads.swapaxes(1, 2).reshape(n, steps, count * size)

    def lengths_in(self, inputs: Sequence[Array]) -> Array | None:
        """The lengths among the inputs, which stand last; makes their gradients, as whole numbers have none."""
        if self.operation.lengths is None:
            self.dlengths: list[Array] = []
            return None
        self.dlengths = [np.zeros(inputs[-1].shape, self.site.dtype)]
        return inputs[-1]

    def attend(
        self, x: Array, keys: Array, values: Array, later: Array | None = None, lengths: Array | None = None
    ) -> Array:
        """What the queries of x find in keys and values that are not `later`, within `lengths`."""
        self.x, self.key, self.value = x, self.split(keys), self.split(values)
        self.query = self.split(self.project(x, "query")) * self.scale
        scores = self.query @ self.key.swapaxes(2, 3)
        if later is not None:
            np.copyto(scores, -np.inf, where=later)
        if lengths is not None:
            steps = scores.shape[-1]
            np.copyto(scores, -np.inf, where=~there(ends_of(lengths, steps), steps)[:, None, None])
        self.probabilities = softmax(scores, 3, scores)
        self.mixed = self.merged(self.probabilities @ self.value)
        return self.project(self.mixed, "out")

    def attend_back(self, dy: Array) -> tuple[Array, Array, Array]:
        """The gradients of x, keys and values."""
        dmixed = self.split(self.project_back(dy, self.mixed, "out"))
        dvalue = self.probabilities.swapaxes(2, 3) @ dmixed
        dscores = dmixed @ self.value.swapaxes(2, 3)
        dscores -= np.sum(dscores * self.probabilities, axis=3, keepdims=True)
        dscores *= self.probabilities
        dquery = (dscores @ self.key) * self.scale
        dkey = dscores.swapaxes(2, 3) @ self.query
        dx = self.project_back(self.merged(dquery), self.x, "query")
        return dx, self.merged(dkey), self.merged(dvalue)


@rule(Attention)
class AttentionKernel(Heads):
    """Attention to all steps of a sequence, with `causal` to none that is later than the step that looks."""

    def prepare(self) -> None:
        super().prepare()
        shapes = self.site.inputs[0], self.operation.memory(self.site.inputs)
        steps, others = (shape.known[0] for shape in shapes)
        self.later = np.triu(np.ones((steps, others), bool), 1) if self.operation.causal else None
        """What is later than the step that looks."""

    def forward(self, *inputs: Array, training: bool) -> Array:
        self.memory = inputs[self.operation.measured()]
        keys, values = self.project(self.memory, "key"), self.project(self.memory, "value")
        return self.attend(inputs[0], keys, values, self.later, self.lengths_in(inputs))

    def backward(self, dy: Array) -> tuple[Array, ...]:
        dx, *dparts = self.attend_back(dy)
        dmemory = self.project_back(dparts[0], self.memory, "key")
        dmemory += self.project_back(dparts[1], self.memory, "value")
        found = (dx + dmemory,) if self.operation.over is None else (dx, dmemory)
        return (*found, *self.dlengths)


@rule(AttentionKeys)
class AttentionKeysKernel(Heads):
    """Two dense layers."""

    def forward(self, memory: Array, *, training: bool) -> tuple[Array, Array]:
        self.memory = memory
        return self.project(memory, "key"), self.project(memory, "value")

    def backward(self, *gradients: Array | None) -> Array:
        dmemory = np.zeros_like(self.memory)
        for name, gradient in zip(("key", "value"), gradients, strict=True):
            dpart = self.site.zeros(*self.memory.shape[:2], len(self.site.parameters[f"{name}.weight"]))
            dmemory += self.project_back(dpart if gradient is None else gradient, self.memory, name)
        return dmemory


class Counted(Heads):
    """Attention of one step, which may know how many were before it."""

    keys: ClassVar[int]
    """The place of the keys among its inputs."""

    def prepare(self) -> None:
        super().prepare()
        self.places = np.arange(self.site.inputs[self.keys].known[0])

    def later(self, count: Array) -> Array:
        """What is later than a step, (N, 1, 1, steps), for the number of steps before it, (N, 1)."""
        return (self.places > count)[:, None, None]


@rule(AttentionOver)
class AttentionOverKernel(Counted):
    """Keys and values are given."""

    keys = 1

    def forward(self, *inputs: Array, training: bool) -> Array:
        x, keys, values, *_ = inputs
        later = self.later(inputs[3]) if self.operation.causal else None
        return self.attend(x, keys, values, later, self.lengths_in(inputs))

    def backward(self, dy: Array) -> tuple[Array, ...]:
        dcount = [self.site.zeros(self.site.batch, 1)] * self.operation.causal  # integers have no gradient
        return (*self.attend_back(dy), *dcount, *self.dlengths)


@rule(AttentionStep)
class AttentionStepKernel(Counted):
    """Keys and values of the steps before are given, and this step's own are put behind them."""

    keys = 2

    def forward(
        self, x: Array, memory: Array, keys: Array, values: Array, count: Array, *, training: bool
    ) -> tuple[Array, Array, Array]:
        self.memory, self.own = memory, (self.places == count)[:, :, None]
        keys = np.where(self.own, self.project(memory, "key"), keys)
        values = np.where(self.own, self.project(memory, "value"), values)
        return self.attend(x, keys, values, self.later(count)), keys, values

    def backward(
        self, dy: Array | None, dkeys: Array | None, dvalues: Array | None
    ) -> tuple[Array, Array, Array, Array, Array]:
        dx, *given = self.attend_back(self.site.zeros(*self.site.output_shape()) if dy is None else dy)
        dmemory, dbefore = np.zeros_like(self.memory), []
        for name, gradient, more in zip(("key", "value"), given, (dkeys, dvalues), strict=True):
            total = gradient if more is None else gradient + more
            own = np.sum(total * self.own, axis=1, keepdims=True)
            dmemory += self.project_back(own, self.memory, name)
            dbefore.append(np.where(self.own, 0, total))
        return dx, dmemory, dbefore[0], dbefore[1], self.site.zeros(self.site.batch, 1)
