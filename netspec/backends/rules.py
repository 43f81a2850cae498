"""Rules: how a backend spells a definition, tied to it by a decorator.

The rules of a built-in backend for a definition of `netspec/layers/conv.py` or `netspec/settings/loss.py` lie in a
file of the same name in the backend's folder, which is imported when first asked for.  Third parties register rules,
for their own definitions or for someone else's backend, through the entry-point group `netspec.rules`: an entry under
the backend's name, whose value is the module with the rules.  So nothing is imported for a backend that is not in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Generic, TypeVar

from netspec.diagnostics import Label, SpecError, error
from netspec.ir.definition import Definition
from netspec.ir.layer import Layer

R = TypeVar("R")


class Rules(Generic[R]):
    """The rules of one backend."""

    def __init__(self, backend: str, package: str) -> None:
        self.backend = backend
        self.package = package
        self._rules: dict[type[Definition], R] = {}
        self._plug_ins_loaded = False
        self._broken: list[str] = []

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
            message = f"the backend `{self.backend}` has no rule for `{definition.word}`"
            raise error("N601", message, notes=tuple(self._broken))
        return self._rules[definition]

    def _load_family(self, definition: type[Definition]) -> None:
        module = f"{self.package}.{definition.family()}"
        if definition.__module__.startswith("netspec.") and find_spec(module) is not None:
            import_module(module)

    def _load_plug_ins(self) -> None:
        from importlib.metadata import entry_points

        self._plug_ins_loaded = True
        for point in entry_points(group="netspec.rules", name=self.backend):
            try:
                point.load()  # importing the module registers its rules
            except Exception as problem:  # a stranger's module must not break what does not need it
                reason = f"{type(problem).__name__}: {problem}"
                self._broken.append(f"the rules in `{point.value}` cannot be imported: {reason}")


@contextmanager
def placed(layer: Layer) -> Iterator[None]:
    """Have what is refused in here, a rule that is missing or what a rule cannot say, point to the layer's line."""
    try:
        yield
    except SpecError as refused:
        labels = (Label(layer.origin.word),) if layer.origin else ()
        raise SpecError(
            *(found if found.labels else replace(found, labels=labels) for found in refused.diagnostics)
        ) from None
