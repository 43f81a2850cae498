"""What does not fit into memory is refused before it is taken."""

from __future__ import annotations

from typing import Final

from netspec.diagnostics import error

NOTES: Final = ("fewer steps (`max=`), a smaller `beam=` or fewer examples at a time take less",)


def check_room(what: str, needed: int, free: int | None) -> None:
    """Raises N507 where more bytes are needed than are free, if that is known; `what` says what is to be made."""
    if free is not None and needed > free:
        message = f"{what}: that takes {needed:,} bytes, and {free:,} bytes are free"
        raise error("N507", message, notes=NOTES)


def counted(count: int, what: str) -> str:
    """A number with what it counts."""
    return f"{count:,} {what}{'s' * (count != 1)}"
