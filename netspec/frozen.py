"""Data classes that are made quickly, and whose instances are made quickly.

`dataclasses` writes and compiles six methods for every class.  A spec is read with about a hundred classes, and most
of the time before the first line is read went there.  `frozen` writes the constructor, which puts the values past the
guard that keeps them, and shares the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

C = TypeVar("C")


def _key(value: Any) -> tuple[object, ...]:
    return tuple(getattr(value, each.name) for each in fields(value) if each.compare)


def _eq(self: Any, other: object) -> bool:
    return _key(self) == _key(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash((self.__class__, _key(self)))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _setattr(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _setstate(self: Any, state: Any) -> None:
    """Put the values of a copy in their places."""
    values, slots = state if isinstance(state, tuple) else (state, None)
    for name, value in ((values or {}) | (slots or {})).items():
        object.__setattr__(self, name, value)


_SHARED = {
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__setstate__": _setstate,
}


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[C]) -> type[C]:
    """Make a class what `dataclass(frozen=True)` makes it, in a quarter of the time."""
    own = {name: method for name, method in _SHARED.items() if name not in vars(cls)}
    made = dataclass(init=False, eq=False, repr=False)(cls)
    for name, method in own.items():
        setattr(made, name, method)
    if "__init__" not in vars(cls):
        made.__init__ = _constructor(made)  # type: ignore[method-assign]
    return made


@dataclass_transform(field_specifiers=(field,))
def record(cls: type[C]) -> type[C]:
    """A data class whose values may change, compared by identity; made as quickly as a frozen one."""
    made = dataclass(init=False, eq=False, repr=False)(cls)
    made.__init__ = _constructor(made)  # type: ignore[method-assign]
    return made


def _constructor(cls: type) -> Callable[..., None]:
    """The `__init__` of a class: it writes to the slots where the class has them, else to the instance's dict."""
    slotted = all("__slots__" in vars(base) for base in cls.__mro__[:-1])
    names: dict[str, Any] = {"_missing": MISSING}
    lines = [] if slotted else ["_values = self.__dict__"]
    given = tuple(each for each in fields(cls) if each.init)
    for each in given:
        name = each.name
        value = name
        if each.default is not MISSING:
            names[f"_default_{name}"] = each.default
        elif each.default_factory is not MISSING:
            names[f"_default_{name}"] = MISSING
            names[f"_make_{name}"] = each.default_factory
            value = f"_make_{name}() if {name} is _missing else {name}"
        if slotted:
            names[f"_set_{name}"] = getattr(cls, name).__set__
        lines.append(f"_set_{name}(self, {value})" if slotted else f"_values[{name!r}] = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__(self{_parameters(given, names)}):\n " + "\n ".join(lines or ["pass"]), names)
    made: Callable[..., None] = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _parameters(of: tuple[Field[Any], ...], names: dict[str, Any]) -> str:
    """The parameters of a constructor, keyword-only ones last."""
    texts: dict[bool, list[str]] = {False: [], True: []}
    for each in of:
        default = f"_default_{each.name}"
        texts[bool(each.kw_only)].append(f"{each.name}={default}" if default in names else each.name)
    keywords = ["*", *texts[True]] if texts[True] else []
    return "".join(f", {text}" for text in texts[False] + keywords)
