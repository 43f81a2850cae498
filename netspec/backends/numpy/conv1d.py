"""Convolutions over time: those of an image one pixel high."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.conv import Correlation
from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.lengths import ends_of, masked, there
from netspec.ir.shape import Shape
from netspec.layers.conv1d import Conv1d, Slide


@rule(Conv1d)
class Conv1dKernel(Kernel[Conv1d]):
    """y = W * x + b; arrays are (N, T, F) outside and (N, F, 1, T) inside.

    Examples with lengths of their own are laid out with their own padding, so that the correlation pads nothing.
    """

    def prepare(self) -> None:
        site, operation = self.site, self.operation
        (n, self.steps, features), (_, results, kernels) = site.input_shape(), site.output_shape()
        before, after = Shape(operation.ends(site.inputs[0])).known
        steps = self.steps
        if operation.lengths is not None:
            # room for the longest example behind the most zeros, and for all windows
            room = steps + max(before, operation.reach - 1)
            steps = max(room, (results - 1) * operation.stride + operation.reach)
            before, after = 0, 0
        window = (1, operation.kernel), (1, operation.stride), (1, operation.dilation)
        self.output = (n, kernels, 1, results)
        self.correlation = Correlation(
            (n, features, 1, steps),
            self.output,
            window,
            (0, 0, before, after),
            operation.groups,
            site.dtype,
        )
        self.room = (n, steps, features)
        self.rows = np.arange(n)[:, None]

    def forward(self, x: Array, *lengths: Array, training: bool) -> Array:
        self.dlengths = [np.zeros(each.shape, x.dtype) for each in lengths]
        self.kept = (self.lay_out(x, lengths[0]) if lengths else x).swapaxes(1, 2)[:, :, None]
        y = self.site.empty(*self.output)
        self.correlation.forward(self.kept, self.site.parameters["weight"], y)
        if self.operation.bias:
            y += self.site.parameters["bias"][:, None, None]
        return y[:, :, 0].swapaxes(1, 2)

    def lay_out(self, x: Array, lengths: Array) -> Array:
        """Each example behind its own padding, zeros after its end."""
        ends = ends_of(lengths, self.steps)
        before = [self.operation.ends(Shape((int(end), x.shape[2])))[0] for end in ends]
        self.places = np.array(before)[:, None] + np.arange(self.steps)
        self.mask = there(ends, self.steps)
        laid_out = self.site.zeros(*self.room)
        laid_out[self.rows, self.places] = masked(x, self.mask)
        return laid_out

    def backward(self, dy: Array) -> Array | tuple[Array, ...]:
        images = np.ascontiguousarray(dy.swapaxes(1, 2))[:, :, None]
        self.correlation.to_weight(self.kept, images, self.site.gradients["weight"])
        if self.operation.bias:
            np.sum(dy, axis=(0, 1), out=self.site.gradients["bias"])
        dx = self.correlation.to_image(images, self.site.parameters["weight"])[:, :, 0].swapaxes(1, 2)
        if not self.dlengths:
            return dx
        return (masked(dx[self.rows, self.places], self.mask), *self.dlengths)


@rule(Slide)
class SlideKernel(Kernel[Slide]):
    """The rows from the second on, and one more."""

    def forward(self, window: Array, row: Array, *, training: bool) -> Array:
        return np.concatenate((window[:, 1:], row), axis=1)

    def backward(self, dy: Array) -> tuple[Array, Array]:
        dwindow = self.site.zeros(*self.site.input_shape())
        dwindow[:, 1:] = dy[:, :-1]
        return dwindow, dy[:, -1:]
