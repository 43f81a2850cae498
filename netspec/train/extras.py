"""Packages that only some commands need: which extra of netspec brings them, said before anything is done."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from netspec.diagnostics import error


def require(module: str, extra: str, what: str) -> ModuleType:
    """The module that `what` needs, imported; raises N604 with the extra that brings it where it is not installed."""
    try:
        return import_module(module)
    except ImportError as missing:
        name = (missing.name or module).partition(".")[0]
        raise error("N604", f'{what} needs {name}: pip install "netspec[{extra}]"') from None
