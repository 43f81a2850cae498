"""Metrics that torchmetrics computes: the door of `netspec.train.metrics` to it.

Arrays are as the spec writes them, the example axis first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

Array = np.ndarray[Any, np.dtype[Any]]


def ssim(output: Array, target: Array) -> Array:
    """The structural similarity of each image (N, H, W, C) with its target; numbers from 0 to 1.

    An image at a time and in float32, which is right to 1e-5: for a convolution in float64 on a CPU, PyTorch writes the
    121 numbers under the window out for every pixel of a batch, and takes twenty times as long.
    """
    found = np.empty(len(output))
    for place, pair in enumerate(zip(output, target, strict=True)):
        image, wanted = (
            torch.from_numpy(np.ascontiguousarray(np.moveaxis(each, -1, 0), "float32"))[None] for each in pair
        )
        found[place] = float(structural_similarity_index_measure(image, wanted, data_range=1.0))  # type: ignore[arg-type]
    return found
