"""Random networks for Hypothesis: those of `drawing`, which makes them from the catalog."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from netspec.ir.net import Net
from netspec.testing.drawing import draw

LARGEST_SEED = 2**32 - 1


def nets() -> st.SearchStrategy[Net]:
    """Networks, each of which keeps the text that it was drawn as."""
    return st.integers(0, LARGEST_SEED).map(lambda seed: draw(Random(seed)))
