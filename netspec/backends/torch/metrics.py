"""Metrics that torchmetrics computes: the door of `netspec.train.metrics` to it.

Arrays are as the spec writes them, the example axis first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.functional.text import bleu_score

Array = np.ndarray[Any, np.dtype[Any]]


def ssim(output: Array, target: Array) -> Array:
    """The structural similarity of each image (N, H, W, C) with its target; numbers from 0 to 1."""
    images, wanted = (
        torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1), "float64"))
        for array in (output, target)
    )
    found = structural_similarity_index_measure(images, wanted, data_range=1.0, reduction="none")
    assert isinstance(found, torch.Tensor)
    return np.asarray(found.numpy())


def bleu(output: Sequence[Sequence[int]], target: Sequence[Sequence[int]]) -> float:
    """The BLEU score of sequences of words, all of them together; words are numbers."""
    said, wanted = ([" ".join(map(str, words)) for words in each] for each in (output, target))
    return float(bleu_score(said, [[each] for each in wanted]))
