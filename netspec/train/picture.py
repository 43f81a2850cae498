"""How the pictures of runs look: one style, colours that everybody can tell apart, the same bytes for the same data.

Needs matplotlib, but no display, and changes none of its settings.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from itertools import chain
from typing import Any, Final

from netspec.train.extras import require

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito (2008), Color Universal Design, without the yellow, which is faint on white."""
DASHES: Final = ("-", "--", ":", "-.")
"""What tells lines apart when the colours are used up."""
KINDS: Final = {".svg": "svg", ".png": "png"}
"""What can be written, by what a file's name ends in."""
_PLAIN: Final[Any] = {
    "svg.hashsalt": "netspec",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "text.parse_math": False,
}
_DECADES: Final = 30
"""The quotient of the largest and the smallest value from which on an axis is logarithmic."""
_MARKED: Final = 40
"""Points up to which each is marked."""


def render(draw: Callable[[Any], None], size: tuple[float, float], kind: str = "svg") -> bytes:
    """A picture of `size` inches: `draw` is given matplotlib's figure.  Raises N604 where matplotlib is missing."""
    require("matplotlib", "plot", "a picture")
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a name in letters that the font has not
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_PLAIN)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        file = BytesIO()
        nameless = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        figure.savefig(file, format=kind, metadata=nameless)
    return file.getvalue()


def style(number: int, points: int) -> dict[str, Any]:
    """Colour, dashes and marks of the line of a number, counted from 0."""
    turn, place = divmod(number, len(COLOURS))
    marker = "." if points <= _MARKED else ""
    return {
        "color": COLOURS[place],
        "linestyle": DASHES[turn % len(DASHES)],
        "marker": marker,
        "linewidth": 1.4,
    }


def is_wide(values: Sequence[float]) -> bool:
    """All values are positive, and some are many times others."""
    return bool(values) and min(values) > 0 and max(values) >= _DECADES * min(values)


def scale(axes: Any, which: str, values: Iterable[Iterable[float]]) -> None:
    """Make the `x` or `y` axis logarithmic where all its values are positive and some are many times others."""
    if not is_wide(list(chain.from_iterable(values))):
        return
    getattr(axes, f"set_{which}scale")("log")
    plain_numbers(getattr(axes, f"{which}axis"))


def plain_numbers(axis: Any) -> None:
    """Write the decades of a logarithmic axis as they are typed: 0.01."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def whole_epochs(axes: Any) -> None:
    """Epochs along the bottom, counted in whole ones."""
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
