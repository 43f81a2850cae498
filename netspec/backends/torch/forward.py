"""The body of a forward pass: which value has which name, and what is written on one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from netspec.backends.torch.code import Code, free, supports
from netspec.ir.layer import Layer
from netspec.ir.net import Net

WIDTH: Final = 80
"""Longest expression that a following function is written around."""
TEMPORARY: Final = frozenset("_ a h c mean share steps variance".split())
"""Names that rules use for what they work out on the way."""
_TAKEN = TEMPORARY | {"self", "torch", "nn", "F", "x", "logits"}


@dataclass
class _Statement:
    """A layer's lines, the one with its result apart: `target = expression  # shape`."""

    layer: Layer
    before: list[str]
    target: str
    expression: str
    is_call: bool
    """A function that follows may be written around it."""
    after: list[str] = field(default_factory=list)


def _is_last(statement: _Statement, value: str) -> bool:
    return statement.target == value and not statement.after


class Forward:
    """Writes a forward pass.

    It goes from the inputs through the layers of `body` to `results`.  A value that only the next layer reads is `x`;
    one that is read later bears its layer's name.  A function is written around the call that it follows,
    over its input where nothing else needs that: `x = F.relu(self.conv1(x), inplace=True)`.
    """

    def __init__(
        self,
        net: Net,
        code: Mapping[str, Code],
        modules: Mapping[str, str],
        weights: Mapping[str, Mapping[str, str]],
        body: Sequence[Layer],
        results: Sequence[str],
    ) -> None:
        self.net, self.code, self.modules, self.weights = net, code, modules, weights
        self.body, self.results = body, results
        self.within = {layer.name for layer in body}
        self.taken = {*_TAKEN, *supports(code.values())}
        self.given = [layer.name for layer in net.inputs]
        self.same = {layer.name: layer.name for layer in net}
        """The value that a result is: that of its input, where a layer hands this on."""
        for layer in net:
            if layer.inputs and code[layer.name].lines == ("{y} = {x}",):
                self.same[layer.name] = self.same.get(layer.inputs[0], layer.inputs[0])
        self.readers = self._readers()
        self.values = self._names()
        self.arguments = [self.values[name] for name in self.given]

    def _is_real(self, layer: Layer) -> bool:
        """It makes a value of its own."""
        return self.same[layer.name] == layer.name

    def _readers(self) -> dict[str, list[int]]:
        """For every value the places of the layers that read it; the end reads the results."""
        readers: dict[str, list[int]] = {}
        for place, layer in enumerate(self.net):
            if layer.name in self.within and self._is_real(layer):
                for name in layer.inputs:
                    readers.setdefault(self.same.get(name, name), []).append(place)
        for name in self.results:
            readers.setdefault(self.same.get(name, name), []).append(len(self.net.layers))
        return readers

    def own(self, name: str) -> str:
        """A variable that is called like a result, as nearly as can be."""
        found = free(name.replace(".", "_"), self.taken)
        self.taken.add(found)
        return found

    def _names(self) -> dict[str, str]:
        """The variable of every result that the lines make."""
        names: dict[str, str] = {}
        alone = len(self.given) == 1
        until = max(self.readers.get(self.given[0], [0])) if alone else 0
        """The place up to which `x` is the input."""
        real = [place for place, layer in enumerate(self.net) if self._is_made(layer)]
        following = dict(pairwise([*real, len(self.net.layers)]))
        for place, layer in enumerate(self.net):
            if not layer.inputs:
                names[layer.name] = "x" if alone else self.own(layer.name)
            if not self._is_made(layer):
                continue
            passes = set(self.readers.get(layer.name, [])) <= {following[place]} and until <= place
            if len(self.code[layer.name].lines) > 1:  # a later one of which may read a further input
                passes &= all(names[self.same.get(name, name)] != "x" for name in layer.inputs[1:])
            names[layer.name] = "x" if passes else self.own(layer.name)
            for extra in layer.operation.extras(self.net.shapes_into(layer)):
                names[f"{layer.name}.{extra}"] = self.own(f"{layer.name}.{extra}")
        return names | {name: names[value] for name, value in self.same.items() if value in names}

    def _is_made(self, layer: Layer) -> bool:
        """The lines work out its value."""
        return bool(layer.inputs) and layer.name in self.within and self._is_real(layer)

    def _lines_of(self, layer: Layer) -> tuple[str, ...]:
        """A layer's lines; those that write over its input where it alone reads that, and the end does not."""
        code = self.code[layer.name]
        read = self.same.get(layer.inputs[0], layer.inputs[0])
        spared = read in self.code and self.code[read].overwritable and len(self.readers[read]) == 1
        return code.overwriting if code.overwriting and spared else code.lines

    def lines(self) -> list[str]:
        """The lines from the inputs to `return`, which gives the results."""
        statements = self._statements()
        lines: list[str] = []
        for statement in statements:
            line = f"{statement.target} = {statement.expression}  # {statement.layer.shape}"
            lines += [*statement.before, line, *statement.after]
        *others, last = results = [self.values[name] for name in self.results]
        if statements and _is_last(statements[-1], last) and last not in others:
            before = "".join(f"{result}, " for result in others)
            lines[-1] = f"return {before}" + lines[-1].removeprefix(f"{last} = ")
        else:
            lines.append(f"return {', '.join(results)}")
        return [f"        {line}" for line in lines]

    def _statements(self) -> list[_Statement]:
        statements: list[_Statement] = []
        for layer in self.body:
            if not self._is_real(layer):
                continue
            follows = self.code[layer.name].follows
            if not (statements and follows and self._joins(statements[-1], layer)):
                statements.append(self._statement(layer))
        return statements

    def _statement(self, layer: Layer) -> _Statement:
        code, lines = self.code[layer.name], self._lines_of(layer)
        inputs = [self.values[name] for name in layer.inputs]
        texts = [self._text(line, layer, inputs, self.values[layer.name]) for line in lines]
        place = max(index for index, line in enumerate(lines) if line.startswith("{y}"))
        target, _, expression = texts[place].partition(" = ")
        is_call = target == self.values[layer.name] and bool(code.module or code.follows or len(inputs) > 1)
        return _Statement(layer, texts[:place], target, expression, is_call, texts[place + 1 :])

    def _text(self, line: str, layer: Layer, inputs: Sequence[str], y: str) -> str:
        """A line of a layer's code with the names that stand in it."""
        numbered = {f"x{number}": x for number, x in enumerate(inputs)}
        extras = layer.operation.extras(self.net.shapes_into(layer))
        results = {extra: self.values[f"{layer.name}.{extra}"] for extra in extras}
        return line.format(
            x=inputs[0],
            y=y,
            module=self.modules[layer.name],
            xs=", ".join(inputs),
            **numbered,
            **results,
            **self.weights[layer.name],
        )

    def _joins(self, statement: _Statement, layer: Layer) -> bool:
        """Write a layer around the call that it follows, if that fits."""
        before = statement.layer.name
        passes = [self.same.get(name, name) for name in layer.inputs] == [before] and len(
            self.readers[before]
        ) == 1
        if not statement.is_call or not passes or statement.after:
            return False
        (line,) = self._lines_of(layer)
        expression = self._text(line, layer, [statement.expression], "").removeprefix(" = ")
        if len(expression) > WIDTH:
            return False
        statement.layer, statement.target, statement.expression = layer, self.values[layer.name], expression
        return True
