"""The worked example of the lecture: two channels, 2x2 kernels, and the sum over the channels."""

import numpy as np
import pytest

import netspec
from netspec.backends import available


@pytest.mark.parametrize("backend", available())
def test_the_sum_over_channels_is_56_at_the_first_position(backend: str) -> None:
    net = netspec.parse("input 3x3x2\nconv 1 2x2 valid nobias -> 2x2x1")
    kernels = np.array([[[[0, 1], [2, 3]], [[1, 2], [3, 4]]]], dtype="float32")
    program = netspec.compile(net, backend, parameters={"conv1.weight": kernels}, device="cpu")
    one, two = np.arange(9.0).reshape(3, 3), np.arange(1.0, 10.0).reshape(3, 3)
    result = program.predict(np.stack([one, two], axis=-1)[None].astype("float32"))
    # channel one: 0*0 + 1*1 + 3*2 + 4*3 = 19; channel two: 1*1 + 2*2 + 4*3 + 5*4 = 37
    np.testing.assert_array_equal(result[0, :, :, 0], [[56, 72], [104, 120]])
