"""Facts: one core layer of a network in numbers, each with how it comes about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import PurePath

from netspec.ir.layer import Layer, Origin, Param
from netspec.ir.net import Net
from netspec.ir.shape import Dim, Shape
from netspec.passes.memory import BYTES
from netspec.passes.reach import Field
from netspec.passes.shapes import history
from netspec.passes.table import as_json
from netspec.source import Source


@dataclass(frozen=True)
class Neighbour:
    """A result that a layer reads, or a layer that reads its result."""

    name: str
    place: str
    shape: str


@dataclass(frozen=True)
class Weights:
    """One parameter; state (a running mean) is not trained, nor is what is frozen."""

    name: str
    shape: tuple[int, ...]
    trained: bool


@dataclass(frozen=True)
class Facts:
    """One core layer in numbers; None where a symbol decides, or where there is nothing of the kind."""

    name: str
    text: str
    summary: str
    formula: str
    numbers: str
    """The shape formula with this layer's numbers."""
    history: str
    reads: tuple[Neighbour, ...]
    output: str
    memory: int | None
    """Bytes of its output in float32, for one example."""
    padding: tuple[int | str | None, ...] | None
    weights: tuple[Weights, ...]
    shares: str
    """The layer whose weights it uses; its own count is then 0."""
    parameters: int
    parameters_as: str
    """How the number comes about: `5*5*1*4 + 4`."""
    multiply_adds: int | str | None
    """A text where it depends on symbols."""
    multiply_adds_as: str
    field: tuple[int, int] | None
    """Pixels of the input, in height and width, that one number sees; None for all of it."""
    jump: tuple[str, str] | None
    """Pixels of the input between neighbours."""
    of_image: bool
    """A receptive field has a meaning: an image comes in."""
    read_by: tuple[Neighbour, ...]
    is_output: bool


def facts(net: Net, layer: Layer, fields: Mapping[str, Field], main: Source | None) -> Facts:
    """The facts of a layer; `main` is the text whose lines need no file's name."""
    inputs, operation = net.shapes_into(layer), layer.operation
    params = operation.parameters(inputs) if layer.inputs else ()
    own = 0 if layer.shares else sum(param.size for param in params if param.trainable)
    products = _products(layer, inputs)
    sides = operation.padding(inputs) if inputs else None
    seen = fields[layer.name]
    whole = seen.whole or layer.shape.kind not in ("image", "sequence of images")
    readers = [each for each in net.layers if layer.name in {_base(name) for name in each.inputs}]
    return Facts(
        layer.name,
        operation.written() + " frozen" * layer.frozen,
        operation.summary(),
        operation.formula,
        operation.explain(inputs) if inputs and layer.shape.is_known else "",
        history(chain(net, layer)),
        tuple(
            Neighbour(name, at(net.by_name[_base(name)], main), str(net.shapes[name]))
            for name in layer.inputs
        ),
        str(layer.shape),
        prod(layer.shape.known) * BYTES if layer.shape.is_known else None,
        tuple(map(as_json, sides)) if sides else None,
        tuple(Weights(param.name, param.shape, param.trainable and not layer.frozen) for param in params),
        layer.shares,
        own,
        counted(params) if own else "",
        as_json(products),
        _products_as(layer, inputs, params, products) if isinstance(products, int) and products else "",
        None if whole else seen.pixels,
        None if whole else (str(seen.jump[0]), str(seen.jump[1])),
        any(each.shape.kind == "image" for each in net.inputs),
        tuple(Neighbour(each.name, at(each, main), str(each.shape)) for each in readers),
        layer in net.outputs,
    )


def at(layer: Layer, main: Source | None) -> str:
    """Where a layer was written, in words."""
    return place(layer.origin, main)


def place(origin: Origin | None, main: Source | None) -> str:
    """A place in words: `line 5`, in another file with its name."""
    if origin is None:
        return ""
    source, line = origin.statement.source, origin.statement.line
    return f"line {line}" if source is main else f"{PurePath(source.name).name}:{line}"


def chain(net: Net, layer: Layer) -> list[Layer]:
    """The layers from an input to this one, the first input of each."""
    found = [layer]
    while found[-1].inputs:
        found.append(net.by_name[_base(found[-1].inputs[0])])
    return found[::-1]


def _base(result: str) -> str:
    return result.partition(".")[0]


def factors(numbers: Sequence[int]) -> str:
    """A product, written out: `5*5*1*4`."""
    return "*".join(map(str, numbers)) or "1"


def counted(params: Sequence[Param]) -> str:
    """How the number of trained parameters comes about, kernel first: `5*5*1*4 + 4`."""
    return " + ".join(factors(param.shape[::-1]) for param in params if param.trainable)


def _products(layer: Layer, inputs: Sequence[Shape]) -> Dim | None:
    with suppress(OverflowError):  # too long an expression
        return layer.operation.multiply_adds(inputs) if layer.inputs else 0
    return None


def _products_as(layer: Layer, inputs: Sequence[Shape], params: Sequence[Param], products: int) -> str:
    """The number as a product, places * weights, where it is one."""
    weights = [param for param in params if len(param.shape) > 1]
    size = sum(param.size for param in weights)
    for shape in (layer.shape, *inputs[:1]):
        places = [dim for dim in shape.dims[:-1] if isinstance(dim, int)]
        if weights and prod(places) * size == products:
            how = counted(weights)
            how = f"({how})" if len(weights) > 1 and places else how
            return " * ".join([factors(places), how] if places else [how])
    entries = [dim for dim in layer.shape.dims if isinstance(dim, int)]
    each, rest = divmod(products, max(prod(entries), 1))
    return f"{factors(entries)} * {each}" if entries and not rest else ""
