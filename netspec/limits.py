"""Bounds on what one spec may cost, met before anything large is built.  A user may raise them, a spec never."""

from __future__ import annotations

from dataclasses import field, fields, replace
from typing import Final

from netspec.frozen import frozen


def _limit(value: int, meaning: str) -> int:
    bound: int = field(default=value, metadata={"meaning": meaning})
    return bound


@frozen
class Limits:
    """The bounds on by default; `netspec limits` lists them and `--limit NAME=NUMBER` raises one."""

    source: int = _limit(1 << 20, "bytes of source text")
    tokens: int = _limit(400_000, "words, numbers and signs in a text")
    nesting: int = _limit(32, "blocks or parentheses inside one another")
    digits: int = _limit(18, "digits of one number")
    layers: int = _limit(20_000, "layers of a network")
    files: int = _limit(64, "files that a text imports, and those that they import")
    depth: int = _limit(8, "files that import one another in a row")
    parameters: int = _limit(10**10, "parameters of a network")
    trials: int = _limit(1000, "trials of a sweep")
    activations: int = _limit(1 << 36, "bytes of layer outputs for one example, in float32")

    def describe(self) -> list[tuple[str, int, str]]:
        """Name, value and meaning of every limit."""
        return [(f.name, getattr(self, f.name), f.metadata["meaning"]) for f in fields(self)]

    def raised(self, **values: int) -> Limits:
        """A copy with some limits changed."""
        return replace(self, **values)


DEFAULT: Final = Limits()
