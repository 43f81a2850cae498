"""Rules: how a backend spells a definition, tied to it by a decorator.

The rules of a built-in backend for a definition of `netspec/layers/conv.py` or `netspec/settings/loss.py` lie in a
file of the same name in the backend's folder, which is imported when first asked for.  Third parties register rules,
for their own definitions or for someone else's backend, through the entry-point group `netspec.rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Generic, TypeVar

from netspec.diagnostics import error
from netspec.ir.definition import Definition

R = TypeVar("R")


class Rules(Generic[R]):
    """The rules of one backend."""

    def __init__(self, backend: str, package: str) -> None:
        self.backend = backend
        self.package = package
        self._rules: dict[type[Definition], R] = {}
        self._plug_ins_loaded = False

    def rule(self, *definitions: type[Definition]) -> Callable[[R], R]:
        """Make what is decorated the rule of some definitions."""

        def register(rule: R) -> R:
            for definition in definitions:
                self._rules[definition] = rule
            return rule

        return register

    def find(self, definition: type[Definition]) -> R:
        """The rule of a definition; raises `SpecError` N601 naming layer and backend where there is none."""
        if definition not in self._rules:
            self._load_family(definition)
        if definition not in self._rules and not self._plug_ins_loaded:
            self._load_plug_ins()
        if definition not in self._rules:
            raise error("N601", f"the backend `{self.backend}` has no rule for `{definition.word}`")
        return self._rules[definition]

    def _load_family(self, definition: type[Definition]) -> None:
        module = f"{self.package}.{definition.family()}"
        if definition.__module__.startswith("netspec.") and find_spec(module) is not None:
            import_module(module)

    def _load_plug_ins(self) -> None:
        from importlib.metadata import entry_points

        self._plug_ins_loaded = True
        for point in entry_points(group="netspec.rules"):
            point.load()  # importing the module registers its rules
