"""Writing a file: whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Put a text in a file's place in one step, its permissions kept; where that fails, the file is as it was."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """The same with bytes."""
    target = path.resolve()
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        written = Path(file.name)
        try:
            file.write(content)
            file.close()
            if target.exists():
                shutil.copymode(target, written)
            else:
                written.chmod(0o644)
            written.replace(target)
        except BaseException:
            with suppress(OSError):
                written.unlink()
            raise
