"""What one call of the command line wants of its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WORDS: Final = "netspec.words"
"""The key of the words of the command line in the contexts' `meta`."""


@dataclass
class State:
    """What the options of one call say about its output; the root context's `obj`."""

    debug: bool = False
    format: str = "full"
    """How diagnostics are shown: a key of `render.FORMATS`."""
    schema: str | None = None
    """The schema of the JSON document that is wanted, None where text is."""
