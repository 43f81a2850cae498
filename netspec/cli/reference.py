"""`python -m netspec.cli.reference` writes `docs/layers.md` from the definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from netspec.cli.pages import as_markdown

LAYERS: Final = Path(__file__).parents[2] / "docs" / "layers.md"

if __name__ == "__main__":
    LAYERS.write_text(as_markdown(), "utf-8", newline="\n")
