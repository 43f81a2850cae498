"""Numbers for symbols: from the sizes that a user gives, and from the arrays that arrive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netspec.diagnostics import SpecError, did_you_mean, error
from netspec.ir.constraints import Constraints
from netspec.ir.layer import Layer, Operation
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Dim, Expression, Symbol, substituted, symbols_of
from netspec.ir.values import LARGEST


def symbols_in(layers: Iterable[Layer]) -> tuple[str, ...]:
    """The names of the symbols that stand in the arguments of layers, in order."""
    found = (
        symbols_of(dim) for layer in layers for value in _dims(layer.operation).values() for dim in value
    )
    return tuple(dict.fromkeys(name for names in found for name in names))


def _dims(operation: Operation) -> dict[str, tuple[Dim, ...]]:
    """The arguments that hold expressions."""
    values = {each.name: getattr(operation, each.name) for each in operation.lookup().shapes}
    return {name: value for name, value in values.items() if _is_symbolic(value)}


def _is_symbolic(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(dim, Expression) for dim in value)


def check_sizes(symbols: Sequence[str], sizes: Mapping[str, int]) -> None:
    """Raise `SpecError` N108 where there is no symbol of such a name, N105 where a size is not 1 or more."""
    for name, size in sizes.items():
        if name not in symbols:
            near = did_you_mean(name, symbols)
            hint = f"did you mean `{near[0]}`?" if near else f"its symbols: {', '.join(symbols) or 'none'}"
            raise error("N108", f"the network has no symbol `{name}`; {hint}")
        if type(size) is not int or not 1 <= size <= LARGEST:
            raise error("N105", f"the size of `{name}` must be a whole number of 1 or more; found {size!r}")


def bound_layers(layers: Sequence[Layer], sizes: Mapping[str, int]) -> Sequence[Layer]:
    """Layers with numbers put for symbols, in their arguments, their shapes and what is stated of these."""
    return tuple(_bound(layer, sizes) for layer in layers) if sizes else layers


def _bound(layer: Layer, sizes: Mapping[str, int]) -> Layer:
    dims = {
        name: tuple(substituted(dim, sizes) for dim in value)
        for name, value in _dims(layer.operation).items()
    }
    operation = replace(layer.operation, **dims) if dims else layer.operation
    stated = layer.stated and layer.stated.substitute(sizes)
    return replace(layer, operation=operation, shape=layer.shape.substitute(sizes), stated=stated)


def all_sizes(
    symbols: Sequence[str], sizes: Mapping[str, int], constraints: Constraints, what: str
) -> dict[str, int]:
    """Sizes with those that follow from them; raises `SpecError` N208 where they break a constraint."""
    followed = constraints.with_sizes(sizes)
    if followed is None:
        broken = constraints.check({**constraints.following(sizes), **sizes})
        needed = ", ".join(broken) or f"{constraints} ({_equal(sizes)})"
        raise error("N208", f"{what} does not fit the network, which needs {needed}")
    return {name: size for name in symbols if isinstance(size := followed.values.get(name), int)}


def matched(
    given: Iterable[tuple[Shape, tuple[int, ...]]], symbols: Sequence[str], constraints: Constraints
) -> dict[str, int]:
    """The size of every symbol, from shapes with symbols and the dimensions of an example of each.

    Raises `SpecError` N208 where a dimension is another, a symbol has two sizes, or a constraint does not hold.
    """
    sizes: dict[str, int] = {}
    given = list(given)
    for shape, dims in given:
        if len(shape.dims) != len(dims):
            raise _misfit(shape, dims, f"{len(dims)} dimensions are not {len(shape.dims)}")
        for dim, size in zip(shape.dims, dims, strict=True):
            if isinstance(dim, Symbol) and sizes.setdefault(dim.name, size) != size:
                raise _misfit(shape, dims, f"{dim} is both {sizes[dim.name]} and {size}")
    for shape, dims in given:
        for dim, size in zip(shape.dims, dims, strict=True):
            wanted = substituted(dim, sizes)
            if isinstance(wanted, int) and wanted != size:
                formula = "" if isinstance(dim, int) else f" = {dim}"
                raise _misfit(shape, dims, f"{size} is not {wanted}{formula}")
    what = " and ".join(f"an input of {_text(dims)}" for _, dims in given)
    found = all_sizes(symbols, sizes, constraints, what)
    for name in symbols:
        if name not in found:
            raise error("N208", f"the size of {name} does not follow from {what}; `Net.bind` gives it one")
    return found


def _misfit(shape: Shape, dims: tuple[int, ...], why: str) -> SpecError:
    return error("N208", f"an input of {_text(dims)} does not fit {shape}: {why}")


def _text(dims: tuple[int, ...]) -> str:
    return "x".join(map(str, dims)) or "one number"


def _equal(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())
