"""How a program computes beside its type and device, where that is a matter of speed and room: what a run may ask for.

Which of it a backend has, its module says: `CAN` holds the names of the fields of `Manner`, and `processes` where
programs of several processes learn together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from netspec.diagnostics import error


@dataclass(frozen=True, slots=True)
class Manner:
    """Beside the plain one: products in another precision, a compiled module, parameters divided among processes.

    Where it is `graphed`, a device is handed a whole step at a time.  With `reference`, the plain rule of each layer
    computes, where a backend has faster ones beside it.
    """

    precision: str = "fp32"
    compiled: bool = False
    sharded: bool = False
    graphed: bool = False
    reference: bool = False

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def said(self) -> dict[str, str]:
        """What is not plain, by name."""
        return {name: str(value) for name, value in self.to_json().items() if value != getattr(PLAIN, name)}


PLAIN: Final = Manner()

MEANING: Final = {
    "precision": "multiply in the precision {precision}",
    "compiled": "compile the network",
    "sharded": "divide the parameters among processes",
    "graphed": "make one graph of a step",
    "reference": "compute by reference rules: it has one rule for each layer",
    "processes": "train in several processes",
}
"""What a backend is asked for, in words."""


def check_manner(backend: str, module: Any, manner: Manner, *, together: bool = False) -> None:
    """Raise `SpecError` N602 where a backend cannot do what is asked for; `together`: in several processes."""
    can: frozenset[str] = getattr(module, "CAN", frozenset())
    for name in [*manner.said(), *["processes"] * together]:
        if name not in can:
            what = MEANING[name].format(precision=manner.precision)
            message = f"the backend `{backend}` cannot {what}"
            raise error("N602", message, tries=("--backend torch",) if backend == "numpy" else ())
