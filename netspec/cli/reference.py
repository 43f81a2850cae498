"""`python -m netspec.cli.reference` writes what `docs/` publishes of the definitions: the layers, the JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from netspec.cli.pages import as_markdown
from netspec.ir.net import Net

DOCS: Final = Path(__file__).parents[2] / "docs"


def schema_text() -> str:
    """The JSON Schema of a network as text."""
    return json.dumps(Net.schema(), indent=1, ensure_ascii=False) + "\n"


PUBLISHED: Final[dict[str, Callable[[], str]]] = {"layers.md": as_markdown, "net.schema.json": schema_text}

if __name__ == "__main__":
    for name, text in PUBLISHED.items():
        (DOCS / name).write_text(text(), "utf-8", newline="\n")
