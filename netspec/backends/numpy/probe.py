"""Probes."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.probe import Probe


@rule(Probe)
class ProbeKernel(Kernel[Probe]):
    """y = x + weight."""

    def forward(self, x: Array, training: bool) -> Array:
        y: Array = np.add(x, self.site.parameters["weight"])
        return y

    def backward(self, dy: Array) -> Array:
        np.sum(dy, axis=0, out=self.site.gradients["weight"])
        return dy
