"""netspec: a network as people write it on a whiteboard, checked to the last number, run on NumPy or PyTorch.

    >>> import netspec
    >>> net = netspec.parse("input 28x28x1; dense 200 relu; softmax 10")
    >>> net.parameter_count
    159010

Nothing here prints, keeps global state or imports NumPy or torch before `compile` is called.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import Diagnostic, SpecError
from netspec.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netspec.backends import Program
    from netspec.ir.net import Net

__all__ = ["Diagnostic", "Limits", "Net", "SpecError", "compile", "from_json", "load", "parse"]


def parse(
    text: str,
    *,
    name: str = "net",
    limits: Limits = DEFAULT,
    values: Mapping[str, str] | None = None,
    sizes: Mapping[str, int] | None = None,
    root: str | PathLike[str] | None = None,
) -> Net:
    """The network of a text; raises `SpecError` with every diagnostic.

    It opens no file, whatever the text says: `import` is refused unless `root` names the folder whose files may be
    imported.  `values` replace those of the text's parameters, `sizes` its symbols (as `Net.bind` does).
    """
    from netspec.passes import analyse
    from netspec.source import Source

    if root is None:
        return analyse(Source(text, name), limits, values, sizes)
    from pathlib import Path

    from netspec.syntax.files import Folder

    return analyse(Source(text, name, Folder(Path(root))), limits, values, sizes)


def load(
    path: str | PathLike[str],
    *,
    limits: Limits = DEFAULT,
    values: Mapping[str, str] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Net:
    """The network of a file; raises `SpecError` with every diagnostic.  It may import from its own folder.

    `values` replace those of the spec's parameters, `sizes` its symbols (as `Net.bind` does).
    """
    from pathlib import Path

    from netspec.passes import analyse
    from netspec.source import Source
    from netspec.syntax.files import Folder
    from netspec.syntax.parser import read_source

    source, place = read_source(str(path), limits), Path(path)
    source = Source(source.text, source.name, Folder(place.parent), place.name)
    return analyse(source, limits, values, sizes)


def from_json(document: dict[str, Any], *, limits: Limits = DEFAULT) -> Net:
    """The network of a document made by `Net.to_json`, validated anew; raises `SpecError`."""
    from netspec.passes import from_document

    return from_document(document, limits)


def compile(
    net: Net,
    backend: str = "torch",
    *,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "auto",
    parameters: Mapping[str, Any] | None = None,
) -> Program:
    """A network as a program of a backend (see `netspec.backends.Program`); raises `SpecError`."""
    from netspec.backends import compile_net

    return compile_net(net, backend, seed=seed, dtype=dtype, device=device, parameters=parameters)


def __getattr__(name: str) -> Any:
    if name == "Net":
        from netspec.ir.net import Net

        return Net
    if name == "__version__":
        from importlib.metadata import version

        return version("netspec")
    raise AttributeError(f"module 'netspec' has no attribute {name!r}")
