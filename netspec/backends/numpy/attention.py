"""Attention: batched products, a matrix for each example and head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.lengths import ends_of, there
from netspec.backends.numpy.output import softmax
from netspec.ir.shape import Shape
from netspec.layers.attention import Attention, AttentionKeys, AttentionOver, AttentionStep

MOST: Final = 1 << 17
"""Numbers of a block on the way to a prediction: enough for a GEMM to pay, few enough for a processor's cache."""


class Kept(NamedTuple):
    """What the backward pass reads: arrays of heads, but for the input and what the last dense layer reads."""

    x: Array
    query: Array
    key: Array
    value: Array
    probabilities: Array
    mixed: Array


class Heads(Kernel[Attention]):
    """P = softmax(Q K' / sqrt(key)), Y = P V, a head at a time; arrays of heads are (N, heads, T, size)."""

    def prepare(self) -> None:
        self.scale = self.operation.sizes[0] ** -0.5
        self.rooms: dict[str, Array] = {}
        """What is kept for the way back, held from batch to batch: as large as it is, new room would take its time."""

    def room(self, name: str, *shape: int) -> Array:
        """Room for what is made on the way."""
        if not self.site.learns:
            return self.site.empty(*shape)
        if name not in self.rooms:
            self.rooms[name] = self.site.empty(*shape)
        return self.rooms[name]

    def project(self, x: Array, name: str) -> Array:
        """One of the dense layers."""
        weight = self.site.parameters[f"{name}.weight"].T
        y = np.matmul(
            x, weight, out=None if name == "out" else self.room(name, *x.shape[:2], weight.shape[1])
        )
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
    ) -> tuple[Array, Kept | None]:
        """What the queries of x find in keys and values that are not `later`, within `lengths`; what is kept of it."""
        query = self.project(x, "query")
        query *= self.scale
        query, key, value = self.split(query), self.split(keys), self.split(values)
        (n, count, steps, _), others, size = query.shape, key.shape[2], value.shape[3]
        unseen = None if lengths is None else ~there(ends_of(lengths, others), others)[:, None, None]
        mixed = self.room("mixed", n, steps, count * size)
        together = count if self.site.learns else max(1, MOST // (n * steps * others))
        scores = self.room("scores", n, min(together, count), steps, others)
        for first in range(0, count, together):
            some = slice(first, first + together)
            room = scores[:, : count - first]
            probabilities = self.weigh(query[:, some], key[:, some], later, unseen, room)
            np.matmul(probabilities, value[:, some], out=self.split(mixed)[:, some])
        y = self.project(mixed, "out")
        return y, Kept(x, query, key, value, probabilities, mixed) if self.site.learns else None

    @staticmethod
    def weigh(query: Array, key: Array, later: Array | None, unseen: Array | None, out: Array) -> Array:
        """How much of each step a query takes."""
        scores = np.matmul(query, key.swapaxes(2, 3), out=out)
        for hidden in (later, unseen):
            if hidden is not None:
                np.copyto(scores, -np.inf, where=hidden)
        return softmax(scores, 3, scores)

    def attend_back(self, dy: Array, kept: Kept) -> tuple[Array, Array, Array]:
        """The gradients of x, keys and values."""
        x, query, key, value, probabilities, mixed = kept
        dmixed = self.split(self.project_back(dy, mixed, "out"))
        dvalue = probabilities.swapaxes(2, 3) @ dmixed
        dscores = dmixed @ value.swapaxes(2, 3)
        # the mean that softmax takes off, the sum of dscores * P: by Y = P V it is that of dY * Y, which is smaller
        dscores -= np.sum(dmixed * self.split(mixed), axis=3, keepdims=True)
        dscores *= probabilities
        dquery = (dscores @ key) * self.scale
        dkey = dscores.swapaxes(2, 3) @ query
        dx = self.project_back(self.merged(dquery), x, "query")
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

        self.together = max(1, MOST // Shape((self.operation.keeps(self.site.inputs),)).known[0])
        """Examples at a time where nothing goes back."""

    def forward(self, *inputs: Array, training: bool) -> Array:
        x, memory, lengths = inputs[0], inputs[self.operation.measured()], self.lengths_in(inputs)
        if self.site.learns or len(x) <= self.together:
            y, found = self.look(x, memory, lengths)
            self.kept = memory, found
            return y
        y = self.site.result(*self.site.output_shape())
        for some in (slice(first, first + self.together) for first in range(0, len(x), self.together)):
            y[some], _ = self.look(x[some], memory[some], None if lengths is None else lengths[some])
        return y

    def look(self, x: Array, memory: Array, lengths: Array | None) -> tuple[Array, Kept | None]:
        """What some examples find in their memories."""
        keys, values = self.project(memory, "key"), self.project(memory, "value")
        return self.attend(x, keys, values, self.later, lengths)

    def backward(self, dy: Array) -> tuple[Array, ...]:
        memory, kept = self.kept
        dx, *dparts = self.attend_back(dy, kept)
        dmemory = self.project_back(dparts[0], memory, "key")
        dmemory += self.project_back(dparts[1], memory, "value")
        found = (dx + dmemory,) if self.operation.over is None else (dx, dmemory)
        return (*found, *self.dlengths)


@rule(AttentionKeys)
class AttentionKeysKernel(Heads):
    """Two dense layers."""

    def forward(self, memory: Array, *, training: bool) -> tuple[Array, Array]:
        self.kept = memory
        return self.project(memory, "key"), self.project(memory, "value")

    def backward(self, *gradients: Array | None) -> Array:
        memory = self.kept
        dmemory = np.zeros_like(memory)
        for name, gradient in zip(("key", "value"), gradients, strict=True):
            dpart = self.site.zeros(*memory.shape[:2], len(self.site.parameters[f"{name}.weight"]))
            dmemory += self.project_back(dpart if gradient is None else gradient, memory, name)
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
        y, self.kept = self.attend(x, keys, values, later, self.lengths_in(inputs))
        return y

    def backward(self, dy: Array) -> tuple[Array, ...]:
        dcount = [self.site.zeros(self.site.batch, 1)] * self.operation.causal  # integers have no gradient
        return (*self.attend_back(dy, self.kept), *dcount, *self.dlengths)


@rule(AttentionStep)
class AttentionStepKernel(Counted):
    """Keys and values of the steps before are given, and this step's own are put behind them."""

    keys = 2

    def forward(
        self, x: Array, memory: Array, keys: Array, values: Array, count: Array, *, training: bool
    ) -> tuple[Array, Array, Array]:
        own = (self.places == count)[:, :, None]
        keys = np.where(own, self.project(memory, "key"), keys)
        values = np.where(own, self.project(memory, "value"), values)
        y, found = self.attend(x, keys, values, self.later(count))
        self.kept = memory, own, found
        return y, keys, values

    def backward(
        self, dy: Array | None, dkeys: Array | None, dvalues: Array | None
    ) -> tuple[Array, Array, Array, Array, Array]:
        memory, is_own, found = self.kept
        dx, *given = self.attend_back(self.site.zeros(*self.site.output_shape()) if dy is None else dy, found)
        dmemory, dbefore = np.zeros_like(memory), []
        for name, gradient, more in zip(("key", "value"), given, (dkeys, dvalues), strict=True):
            total = gradient if more is None else gradient + more
            own = np.sum(total * is_own, axis=1, keepdims=True)
            dmemory += self.project_back(own, memory, name)
            dbefore.append(np.where(is_own, 0, total))
        return dx, dmemory, dbefore[0], dbefore[1], self.site.zeros(self.site.batch, 1)
