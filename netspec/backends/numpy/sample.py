"""Layers whose output is drawn at random."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.sample import Sample


@rule(Sample)
class SampleKernel(Kernel[Sample]):
    """y = mean + noise, noise = scale * exp(v / 2) * normal, so dv = dy * noise / 2."""

    def prepare(self) -> None:
        if self.site.learns:
            self.noise = self.site.empty(*self.site.output_shape())
            self.draws = np.empty(self.noise.shape)

    def forward(self, *inputs: Array, training: bool) -> Array:
        self.training = training
        mean, variance = inputs if len(inputs) > 1 else np.split(inputs[0], 2, axis=self.site.channel_axis)
        if not training:
            return mean
        self.site.random.standard_normal(out=self.draws)
        np.exp(variance / 2, out=self.noise)
        np.multiply(self.noise, self.draws * self.operation.scale, out=self.noise, casting="same_kind")
        y: Array = mean + self.noise
        return y

    def backward(self, dy: Array) -> Array | tuple[Array, Array]:
        dvariance = dy * self.noise / 2 if self.training else np.zeros_like(dy)
        if len(self.site.inputs) > 1:
            return dy, dvariance
        return np.concatenate([dy, dvariance], axis=self.site.channel_axis)
