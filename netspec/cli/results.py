"""`--to`: results that are no text go into a file, pictures or arrays, and a line says where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from numpy.typing import NDArray

Command = TypeVar("Command", bound=Callable[..., Any])

KINDS: Final = (".png", ".npy", ".npz")


def to(text: str, kinds: Sequence[str] = KINDS) -> Callable[[Command], Command]:
    """The option of a file for results; the command gets `to`, a path in a folder that there is, or None."""

    def checked(_ctx: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and path.suffix.lower() not in kinds:
            raise click.BadParameter(f"{path} ends in none of {', '.join(kinds)}.")
        if path is not None and not path.parent.is_dir():
            raise click.BadParameter(f"there is no folder {path.parent}.")
        return path

    path = click.Path(path_type=Path, dir_okay=False)
    return click.option("--to", "to", type=path, metavar="FILE", callback=checked, help=text)


def write(
    path: Path, examples: Sequence[NDArray[Any]], cells: Sequence[Sequence[NDArray[Any] | None]]
) -> None:
    """Put pictures of `cells`, or the numbers of `examples`, into a file; a usage error where there is no picture."""
    from netspec.train.durable import replace_file
    from netspec.train.leave import PICTURE, numbers, picture

    kind = path.suffix.lower()
    if kind != PICTURE:
        replace_file(path, numbers(kind, examples))
        return
    shown = [[each for each in cell if each is not None] for cell in cells]
    if not shown or not all(shown):
        shape = "x".join(map(str, examples[0].shape)) if examples else "nothing"
        raise click.UsageError(f"The network gives no pictures, but {shape}: --to FILE.npz has the numbers.")
    replace_file(path, picture(shown))
