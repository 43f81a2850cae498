"""The base of what is fitted to the training part and travels with the weights; the kinds are in `preprocessing`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar


class Preprocessing:
    """The base of all kinds; `said` names the kind in a message."""

    said: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """A JSON document that `preprocessing_from` reads."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]
