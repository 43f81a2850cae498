"""The shelf: the blocks that ship with netspec, as their files tell of them.

A file begins with comments: prose, then an example, indented.  Below stand the definitions; the first is the block's.
"""

from __future__ import annotations

import re
from functools import cached_property
from textwrap import dedent

from netspec.ir.net import Net
from netspec.passes import analyse
from netspec.passes.context import Context
from netspec.passes.library import blocks, standard
from netspec.passes.uses import usage
from netspec.source import Source

_SOURCE = re.compile(r" \([^)]*\)")


class Shelved:
    """One block: its word, how it is written, what it is, its text, and an example."""

    def __init__(self, word: str) -> None:
        self.word = word
        text = blocks()[word].read_text("utf-8")
        comments = [line.removeprefix("#") for line in text.splitlines() if line.startswith("#")]
        example = [line for line in comments if line.startswith("    ")]
        self.prose = " ".join(" ".join(line for line in comments if not line.startswith("    ")).split())
        self.example = dedent("\n".join(example)) + "\n"
        self.definition = "\n".join(line for line in text.splitlines() if not line.startswith("#")) + "\n"

    @property
    def summary(self) -> str:
        """What it is, before the first colon, comma or full stop, without its source."""
        return re.split("[:,.;] |[.]$", _SOURCE.sub("", self.prose))[0]

    @cached_property
    def usage(self) -> str:
        """How it is written: `residual WIDTH [stride=1]`."""
        found = standard(Context(Source("")), self.word)
        assert found is not None
        return usage(found)

    def net(self) -> Net:
        """The network of the example."""
        return analyse(Source(self.example, "example"))


def shelf() -> dict[str, Shelved]:
    """All blocks by word."""
    return {word: Shelved(word) for word in blocks()}
