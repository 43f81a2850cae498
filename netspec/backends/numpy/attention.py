"""Attention: batched products, a matrix for each example and head."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.lengths import ends_of, there
from netspec.backends.numpy.output import softmax
from netspec.layers.attention import Attention


@rule(Attention)
class AttentionKernel(Kernel[Attention]):
    """P = softmax(Q K' / sqrt(key)), Y = P V, a head at a time; arrays of heads are (N, heads, T, size)."""

    def prepare(self) -> None:
        site, heads = self.site, self.operation.heads
        steps, others = (shape.known[0] for shape in (site.inputs[0], self.operation.memory(site.inputs)))
        self.probabilities = site.empty(site.batch, heads, steps, others)
        self.hidden = np.triu(np.ones((steps, others), bool), 1)
        """What is later than the step that looks."""
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

    def forward(self, *inputs: Array, training: bool) -> Array:
        self.x, self.memory = inputs[0], inputs[self.operation.measured()]
        self.query = self.split(self.project(self.x, "query")) * self.scale
        self.key, self.value = (self.split(self.project(self.memory, name)) for name in ("key", "value"))
        scores = self.query @ self.key.swapaxes(2, 3)
        if self.operation.causal:
            scores[..., self.hidden] = -np.inf
        self.dlengths = []
        if self.operation.lengths is not None:
            ends = ends_of(inputs[-1], scores.shape[-1])
            scores = np.where(there(ends, scores.shape[-1])[:, None, None], scores, -np.inf)
            self.dlengths = [np.zeros(inputs[-1].shape, scores.dtype)]
        softmax(scores, 3, self.probabilities)
        self.mixed = self.merged(self.probabilities @ self.value)
        return self.project(self.mixed, "out")

    def backward(self, dy: Array) -> Array | tuple[Array, ...]:
        dmixed = self.split(self.project_back(dy, self.mixed, "out"))
        dvalue = self.probabilities.swapaxes(2, 3) @ dmixed
        dscores = dmixed @ self.value.swapaxes(2, 3)
        dscores -= np.sum(dscores * self.probabilities, axis=3, keepdims=True)
        dscores *= self.probabilities
        dquery = (dscores @ self.key) * self.scale
        dkey = dscores.swapaxes(2, 3) @ self.query
        dx = self.project_back(self.merged(dquery), self.x, "query")
        dmemory = self.project_back(self.merged(dkey), self.memory, "key")
        dmemory += self.project_back(self.merged(dvalue), self.memory, "value")
        found = (dx + dmemory,) if self.operation.over is None else (dx, dmemory)
        return (*found, *self.dlengths)
