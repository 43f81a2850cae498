"""From what a user types to the text of a spec: a path, a folder, `-`, weights that carry a spec, a bundled name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from netspec.diagnostics import Diagnostic, SpecError, did_you_mean, error
from netspec.ir.net import Net
from netspec.limits import DEFAULT, Limits
from netspec.passes import analyse
from netspec.source import Source
from netspec.syntax.files import Folder
from netspec.syntax.parser import decode, read_source
from netspec.train.header import read_header, spec_in

STDIN: Final = "-"
SUFFIX: Final = ".net"
WEIGHTS: Final = ".safetensors"


def bundled() -> dict[str, Path]:
    """The specs that ship with netspec, by bare name: the package's own copies, or the checkout's."""
    package = Path(__file__).parents[1]
    for folder in (package / "specs", package.parent / "specs"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.rglob(f"*{SUFFIX}"))}
    return {}


def find_spec(text: str) -> Path:
    """The file that a user means: a path, or the bare name of a bundled spec; raises `SpecError` N008."""
    path = Path(text)
    if os.path.lexists(path):
        return path
    known = bundled() if path.name == text else {}
    if text in known:
        return known[text]
    folder = path.parent
    names = [each.name for each in folder.iterdir()] if folder.is_dir() and os.access(folder, os.R_OK) else []
    near = [str(folder / name) for name in did_you_mean(path.name, names)]
    near = near or did_you_mean(path.stem if path.suffix == SUFFIX else text, bundled())
    hint = (f"did you mean `{near[0]}`?",) if near else ()
    raise SpecError(Diagnostic("N008", f"{text}: there is no such file", notes=hint))


def read(text: str, limits: Limits = DEFAULT) -> Source:
    """The spec that a user means; raises `SpecError` where it cannot be read."""
    if text == STDIN:
        if sys.stdin is None:
            raise error("N008", "standard input is closed")
        source = decode(sys.stdin.buffer.read(limits.source + 1), "<stdin>", limits)
        return Source(source.text, source.name, Folder(Path()))
    path = find_spec(text)
    if path.suffix == WEIGHTS and path.is_file():
        header = read_header(path)
        decode(header.text.encode("utf-8", "surrogatepass"), str(path), limits)
        return spec_in(path, header.text, header.metadata, str(path))
    source = read_source(path, limits)
    return Source(source.text, text if str(path) == text else path.name, Folder(path.parent), path.name)


def spec_files(paths: Iterable[str], found: list[Diagnostic]) -> list[str]:
    """What a user named, each folder replaced by the specs inside it; a folder without one is put into `found`."""
    files: dict[str, None] = {}
    for path in paths:
        if path == STDIN or not Path(path).is_dir():
            files[path] = None
            continue
        inside = list(_inside(path))
        files.update(dict.fromkeys(inside))
        if not inside:
            found.append(Diagnostic("N008", f"{path}: there is no {SUFFIX} file in this folder"))
    return list(files)


def _inside(folder: str) -> Iterable[str]:
    """The specs below a folder in order, hidden folders and links to folders left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (str(Path(place, name)) for name in sorted(names) if name.endswith(SUFFIX))


def compile_all(
    paths: Sequence[str],
    limits: Limits,
    values: Mapping[str, str] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> tuple[list[tuple[str, Net]], list[Diagnostic]]:
    """The networks of the specs that are right, each with its name for people, and the diagnostics of the others."""
    nets: list[tuple[str, Net]] = []
    found: list[Diagnostic] = []
    for file in spec_files(paths, found):
        try:
            source = read(file, limits)
            nets.append((source.name, analyse(source, limits, values, sizes)))
        except SpecError as wrong:
            blocks_alone = [each.code for each in wrong.diagnostics] == ["N009"]
            if file in paths or not blocks_alone:
                found.extend(wrong.diagnostics)
    return nets, found
