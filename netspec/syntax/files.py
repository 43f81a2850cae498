"""The files that a spec may import: those inside one folder, or texts that were kept with trained weights.

Nothing outside the folder is opened, whatever a path says and wherever a link leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from netspec.diagnostics import error
from netspec.limits import DEFAULT
from netspec.source import Files, Source
from netspec.syntax.parser import read_source


class Folder:
    """The files inside a folder; `texts` are those that were read, by relative path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.texts: dict[str, str] = {}

    def read(self, path: str, most: int) -> Source:
        """See `Files.read`."""
        place = self.root / path
        if not place.resolve().is_relative_to(self.root.resolve()):
            raise error("N306", f"`{path}` leads out of the folder of the spec")
        source = read_source(place, DEFAULT.raised(source=most))
        self.texts[path] = source.text
        return Source(source.text, str(place), self, path)


class Texts:
    """Files that are not on disk."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)

    def read(self, path: str, most: int) -> Source:
        """See `Files.read`."""
        if path not in self.texts:
            raise error("N008", f"{path}: there is no such file")
        if len(self.texts[path]) > most:
            raise error("N501", f"{path} is larger than {most:,} bytes")
        return Source(self.texts[path], path, self, path)


class Changed:
    """The files of another, some of them with other texts: what a proposed change is tried on."""

    def __init__(self, files: Files, texts: Mapping[str, str]) -> None:
        self.files = files
        self.texts = dict(texts)

    def read(self, path: str, most: int) -> Source:
        """See `Files.read`."""
        found = self.files.read(path, most)
        return Source(self.texts.get(path, found.text), found.name, self, path)
