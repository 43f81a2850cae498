"""Arrays as tensors, and tensors as arrays."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from netspec.backends import Array, Arrays, as_tuple
from netspec.backends.torch.shard import whole


def to_tensor(array: Array) -> Tensor:
    """A tensor on the array's own memory where PyTorch can use that, else on a copy.

    Its strides are those of its shape: NumPy leaves any stride to an axis of one entry, and PyTorch would take an image
    of one channel for channels last, of which the backward pass of its group normalisation ends the process (2.13).
    """
    array = np.asarray(array, array.dtype.newbyteorder("="), order="C")
    tensor = torch.from_numpy(array if array.flags.writeable else array.copy())
    return tensor.view(-1).view(tensor.shape)


def to_targets(arrays: Arrays, device: torch.device, dtype: torch.dtype) -> Tensor | tuple[Tensor, ...]:
    """Prepared targets on a device, one or a tuple as they are given; numbers with fractions take the type."""
    found = []
    for array in as_tuple(arrays):
        tensor = to_tensor(array)
        found.append(tensor.to(device, dtype if tensor.is_floating_point() else torch.int64))
    return tuple(found) if isinstance(arrays, tuple) else found[0]


def to_array(tensor: Tensor) -> Array:
    """A tensor's numbers on the host; those of a tensor that is divided among processes from all of them."""
    tensor = whole(tensor.detach()).cpu()
    # NumPy has no bfloat16, and float16 is what mixed precision makes
    array: Array = (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()
    return array


def tensors_in(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The tensors that a module gives, also where it is only one."""
    return result if isinstance(result, tuple) else (result,)


def count_of(targets: Arrays) -> int:
    """How many examples these are the targets of."""
    return len(as_tuple(targets)[0])
