"""Stepped: a network that goes on with what it said, as what is worked out once and one step.

What does not depend on the fed input is the *prelude*, run once; what does is the *step*, a network with fixed shapes
whose inputs are what is fed at this step, the memories that the step before left, and what the prelude made.  How a
layer is written for one step is its definition's concern (`Operation.stepped`).  Both networks are ordinary ones, and
name their parameters as the whole network does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from netspec.diagnostics import error
from netspec.frozen import frozen
from netspec.ir.layer import Layer, Operation, Problem, Shapes
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.layers.recurrent import At
from netspec.passes.context import Context
from netspec.passes.derive import Draft, closure, lenders
from netspec.passes.telling import report_problem
from netspec.settings.generate import MAIN, Feed
from netspec.source import Source


@frozen
class Memory:
    """What a step leaves to the next one, of one example."""

    name: str
    """The input of the step network that it is."""
    shape: Shape
    first: str
    """What it is before the first step: an input of the whole network or output of the prelude; zeros if empty."""
    then: str
    """The output of the step network that it is at the next step."""


@frozen
class Stepped:
    """A network divided into what is run once and what is run at every step."""

    prelude: Net | None
    """Its outputs are read by the step; None where the step reads inputs of the whole network alone, or nothing."""
    step: Net
    feed: str
    """The input of the step network that is fed: a token or a row, as a sequence of one."""
    output: str
    """The output of the step network that says what comes next, likewise."""
    memories: tuple[Memory, ...]
    given: Mapping[str, str]
    """Further inputs of the step network, each with the input of the whole network or output of the prelude it is."""
    inputs: tuple[str, ...]
    """The inputs of the whole network that something depends on, but for the fed one."""
    count: str = ""
    """The input of the step network that is the number of steps so far; empty where nothing needs it."""
    most: int | None = None
    """How many steps can be made in a row; None where there is no end."""
    anchored: bool = False
    """The steps are those of a sequence that is given, so that their number may not begin anew."""
    aligned: tuple[str, ...] = ()
    """Those of `given` that have a row for each step, and so say how many there can be."""


def stepped(net: Net, feed: Feed, most: int | None = None) -> Stepped:
    """The network as prelude and step, for `most` steps in a row (`max` of the line `feed` unless given).

    Where learned positions or the network's own length allow fewer, it is for these.  Raises `SpecError` N410 where a
    layer cannot be written for one step, N413 where the output does not depend on what is fed.
    """
    found = _Division.attempted(net, feed, most)
    if isinstance(found, Stepped):
        return found
    context = Context(Source(net.text, net.name))
    _report(context, net, feed, *found)
    context.diagnostics.raise_if_any()
    raise AssertionError


def check_stepped(context: Context, net: Net, feed: Feed) -> None:
    """Report the first layer that cannot be written for one step."""
    found = _Division.attempted(net, feed, None)
    if not isinstance(found, Stepped):
        _report(context, net, feed, *found)


def _report(context: Context, net: Net, feed: Feed, layer: Layer, problem: Problem) -> None:
    chain = [layer]
    while chain[0].inputs:
        chain.insert(0, net.by_name[chain[0].inputs[0].partition(".")[0]])
    output = net.outputs[-1].name if feed.output == MAIN else feed.output
    problem.notes = (*problem.notes, f"`{feed.input}` is fed from `{output}`, one step at a time")
    if layer.origin is None:
        raise error(problem.code, f"`{layer.name}`: {problem.message}", notes=problem.notes)
    report_problem(context, chain, problem)


class _Division:
    """A network while it is divided."""

    def __init__(self, net: Net, feed: Feed, most: int) -> None:
        self.net, self.most = net, most
        self.output = net.outputs[-1].name if feed.output == MAIN else feed.output
        self.source = net.by_name[feed.input]
        self.fed = self._fed()
        self.owners = {layer.name: layer.shares or layer.name for layer in net.layers}
        self.step, self.prelude = Draft(self.fed), Draft(self.owners)
        self.results: dict[str, str] = {}
        """What layers of the whole network are called in the step."""
        self.made: dict[str, Shape] = {}
        """What layers make that were put into the prelude for the step."""
        self.given: dict[str, str] = {}
        """The inputs of the step that are results which are not fed."""
        self.wanted: dict[str, str] = {}
        """These results and those that memories begin with: what they are called outside of both networks."""
        self.memories: list[Memory] = []
        self.now: dict[str, str] = {}
        """The rows of this step, by the sequences that have one for each."""
        self.count, self.anchored, self.limit = "", False, most
        self.layer = self.source
        """The one that is being written."""

    @classmethod
    def attempted(cls, net: Net, feed: Feed, most: int | None) -> Stepped | tuple[Layer, Problem]:
        """The division, or the layer that stands in its way."""
        wanted = most or feed.max
        while True:
            division = cls(net, feed, wanted)
            try:
                division.write()
                if division.limit == wanted:
                    return division.done()
            except Problem as problem:
                return division.layer, problem
            wanted = division.limit

    def _fed(self) -> set[str]:
        """The layers that depend on what is fed."""
        fed = {self.source.name}
        for layer in self.net.layers:
            if any(name.partition(".")[0] in fed for name in layer.inputs):
                fed.add(layer.name)
        return fed

    def write(self) -> None:
        """Write the layers between what is fed and the output for one step; raises `Problem` N410."""
        if self.output not in self.fed:
            message = f"`{self.output}` does not depend on `{self.source.name}`, which is fed from it"
            raise error("N413", message)
        for layer in closure(self.net, [self.output]):
            if layer.name not in self.fed:
                continue
            self.layer = layer
            wanted = Shape((1, *layer.shape.dims[1:]), layer.shape.of)
            if layer is self.source:
                self.results[layer.name] = self.step.input(layer.name, wanted)
                continue
            self.check_read(layer)
            step = Written(self, self.within_its_end(layer))
            name = self.results[layer.name] = step.read.operation.stepped(step)
            found = self.step.shapes[name]
            if found != wanted:
                message = f"`{layer.word}` gives {found} for one step, not {wanted}"
                raise Problem("N410", message, label=f"gives {found}")

    def check_read(self, layer: Layer) -> None:
        """What a layer reads is there after each step, and so are weights of others; raises `Problem` N410."""
        for name in layer.inputs:
            owner, _, extra = name.partition(".")
            if extra and owner in self.fed:
                raise Problem(
                    "N410",
                    f"the {extra} of `{owner}` is that after its last step, and steps are made one after the other",
                    label=f"reads `{name}`",
                )
        self.check_lenders(layer, self.step)

    def within_its_end(self, layer: Layer) -> Layer:
        """A layer that is not told where its sequence ends, if that is made: a step has none of those after it."""
        operation: Any = layer.operation
        if (
            getattr(operation, "lengths", None) is None
            or layer.inputs[operation.measured()] not in self.results
        ):
            return layer
        return replace(layer, operation=replace(operation, lengths=None), inputs=layer.inputs[:-1])

    def check_lenders(self, layer: Layer, side: Draft) -> None:
        """The layers whose weights a layer uses are on its side; raises `Problem` N410."""
        for argument, lender in lenders(layer.operation).items():
            if not side.holds(self.owners[lender]):
                raise Problem(
                    "N410",
                    f"`{layer.word}` uses the weights of `{lender}`: of the two, one is run at every step and the "
                    "other once before them",
                    argument=argument,
                    label="is not where this layer is",
                )

    def shape(self, result: str) -> Shape:
        """The shape of a result that is not fed."""
        return self.made.get(result) or self.net.shapes[result]

    def outside(self, result: str) -> str:
        """What a result is called where the step does not make it: as the layer is, or a name of its own."""
        if result not in self.wanted:
            self.wanted[result] = self.prelude.fresh(result) if "." in result else result
        return self.wanted[result]

    def read(self, result: str) -> str:
        """The input of the step that is a result which is not fed."""
        if result not in self.given:
            self.outside(result)
            name = self.step.fresh(f"before_{result}" if result in self.made else result)
            self.given[result] = self.step.input(name, self.shape(result))
        return self.given[result]

    def done(self) -> Stepped:
        """Both networks, when all layers are written; raises `Problem` N410."""
        prelude, names = self._prelude()
        read = {layer.name for layer in prelude.inputs} if prelude else set()
        outside = {result: names.get(name, name) for result, name in self.wanted.items()}
        self.step.output(self.results[self.output])
        step, within = self.step.net(f"{self.net.name}_step", self.owners)
        return Stepped(
            prelude,
            step,
            within[self.source.name],
            within[self.results[self.output]],
            tuple(
                Memory(within[each.name], each.shape, outside.get(each.first, ""), within[each.then])
                for each in self.memories
            ),
            {within[name]: outside[result] for result, name in self.given.items()},
            tuple(layer.name for layer in self.net.inputs if layer.name in {*outside.values(), *read}),
            within.get(self.count, ""),
            self.most if self.count else None,
            self.anchored,
            tuple(within[self.given[result]] for result in self.now),
        )

    def _prelude(self) -> tuple[Net | None, dict[str, str]]:
        """What is run once, and what its layers are called in the end."""
        inputs = {layer.name for layer in self.net.inputs}
        needed = [result for result in self.wanted if result not in inputs]
        if not needed:
            return None, {}
        added, whole = self.prelude, Draft(self.owners)
        read = [name for layer in added.layers.values() for name in layer.inputs]
        results = [result for result in (*needed, *read) if result not in self.made]
        layers = closure(self.net, results)
        for layer in layers:
            shapes = self.net.shapes_into(layer) if layer.inputs else ()
            whole.add(layer.name, layer.operation, layer.inputs, shapes, layer)
        whole.layers |= added.layers
        whole.shapes |= added.shapes
        for layer in layers:
            self.layer = layer
            self.check_lenders(layer, whole)
        for result in needed:
            whole.output(result, self.wanted[result])
        return whole.net(f"{self.net.name}_prelude", self.owners)


class Written:
    """A layer while it is written for one step (see `ir.stepping.Stepping`)."""

    def __init__(self, division: _Division, layer: Layer) -> None:
        self.division, self.read = division, layer
        self.inputs: Shapes = division.net.shapes_into(layer)
        self.fed = tuple(name.partition(".")[0] in division.fed for name in layer.inputs)
        self.most = division.most
        self.pending: dict[str, Memory] = {}

    def now(self, place: int) -> str:
        """See `Stepping.now`."""
        division, result, shape = self.division, self.read.inputs[place], self.inputs[place]
        if self.fed[place]:
            return division.results[result]
        if shape.kind == "vector" or not shape.dims:
            return division.read(result)
        if result not in division.now:
            steps, rows = division.source.shape.dims[0], shape.dims[0]
            if isinstance(rows, int) and isinstance(steps, int) and rows != steps:
                message = f"`{self.read.word}` reads {shape}, which has no row for each of the {steps} steps"
                raise Problem("N410", message, label=f"reads {shape}")
            if isinstance(rows, int):
                self.hold(rows)
            given, step = (division.read(result), self.count(anchored=True)), division.step
            shapes = [step.shapes[name] for name in given]
            division.now[result] = step.add(step.fresh(f"{result}_now"), At(), given, shapes)
        return division.now[result]

    def count(self, *, anchored: bool = False) -> str:
        """See `Stepping.count`."""
        division, steps = self.division, self.division.source.shape.dims[0]
        division.anchored |= anchored
        if not division.count:
            # no integers are told apart where there is only one
            division.count = division.step.input(division.step.fresh("count"), Shape((1,), max(self.most, 2)))
            if isinstance(steps, int):
                self.hold(steps)
        return division.count

    def hold(self, steps: int) -> None:
        """See `Stepping.hold`."""
        self.division.limit = min(self.division.limit, steps)

    def memory(self, name: str, shape: Shape, first: int | None = None) -> str:
        """See `Stepping.memory`."""
        start = "" if first is None else self.read.inputs[first]
        if start:
            self.division.outside(start)
        step = self.division.step
        made = step.input(step.fresh(f"{self.read.name}_{name}"), shape)
        self.pending[made] = Memory(made, shape, start, "")
        return made

    def remember(self, memory: str, result: str) -> None:
        """See `Stepping.remember`."""
        step = self.division.step
        then = step.output(result, step.fresh(f"next_{memory}") if "." in result else "")
        self.division.memories.append(replace(self.pending[memory], then=then))

    def before(self, operation: Operation, place: int) -> tuple[str, ...]:
        """See `Stepping.before`."""
        division, layer, given = self.division, self.read, [self.inputs[place]]
        name = division.prelude.add(layer.name, operation, [layer.inputs[place]], given, layer)
        results = [name, *(f"{name}.{extra}" for extra in operation.extras(given))]
        division.made |= {result: division.prelude.shapes[result] for result in results}
        return tuple(division.read(result) for result in results)

    def layer(self, operation: Operation, *inputs: str, name: str = "") -> str:
        """See `Stepping.layer`."""
        step = self.division.step
        shapes = [step.shapes[result] for result in inputs]
        if name:
            return step.add(step.fresh(f"{self.read.name}_{name}"), operation, inputs, shapes)
        return step.add(self.read.name, operation, inputs, shapes, self.read)
