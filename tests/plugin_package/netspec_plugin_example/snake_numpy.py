"""`snake` for the NumPy backend."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec_plugin_example.snake import Snake


@rule(Snake)
class SnakeKernel(Kernel[Snake]):
    """y = x + sin(a x)^2 / a; dy/dx = 1 + sin(2 a x), dy/da = (x sin(2 a x) - sin(a x)^2 / a) / a."""

    def prepare(self) -> None:
        axis, rank = self.site.channel_axis, len(self.site.input_shape())
        self.others = tuple(each for each in range(rank) if each != axis)
        self.broadcast = tuple(-1 if each == axis else 1 for each in range(rank))

    def forward(self, x: Array, training: bool) -> Array:
        self.x, self.a = x, self.site.parameters["weight"].reshape(self.broadcast)
        self.bump = np.sin(self.a * x) ** 2 / self.a
        y: Array = x + self.bump
        return y

    def backward(self, dy: Array) -> Array:
        slope = np.sin(2 * self.a * self.x)
        np.sum(
            dy * (self.x * slope - self.bump) / self.a, axis=self.others, out=self.site.gradients["weight"]
        )
        dx: Array = dy * (1 + slope)
        return dx
