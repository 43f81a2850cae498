"""`make` of a network by itself: `make code=normal` shows what it gives where the layer `code` is noise.

The layers behind that one are applied alone, with the weights that training leaves (`passes.updates`): a variational
autoencoder makes new examples so.  What `make` shows of several networks is bound in `passes.networks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.updates import NOISE, NOISES, From, Noise, noise_word
from netspec.passes.context import Context
from netspec.passes.updates import between
from netspec.source import Source
from netspec.syntax import tree
from netspec.syntax.parser import parse

_NOTES: Final = (
    "`make code=normal` shows what the network gives where the layer `code` is noise",
    "`network NAME:` before the layers, and these indented below it, makes a network that can be applied",
)


def of_document(context: Context, net: Net, text: str) -> From | None:
    """What a document says that `make` shows; None after a report."""
    context.source = Source(f"make {text}", "<json>")
    statements = parse(context.source, context.diagnostics, context.limits).statements
    match statements:
        case (tree.Command() as line,):
            return shown(context, net, line, {})
    if not context.diagnostics:
        context.diagnostics.report("N105", "`make` of a document is one line", context.source.line_span(1))
    return None


def shown(context: Context, net: Net, line: tree.Command, given: Mapping[str, str]) -> From | None:
    """What the line `make` shows; None after a report.  `given` are results by the names that the text gives them."""
    match line.items:
        case (tree.Option(name=name, values=(tree.Name() as kind,)),):
            return _From(context, net, line, given).checked(name, kind)
    message = "`make` says of a layer that it is noise, in a file whose layers belong to no network"
    fixes: tuple[Fix, ...] = ()
    match line.items:
        case (tree.Name() as name,) if given.get(name.text, name.text) in net.by_name:
            text = f"{name.text}={NOISE[0]}"
            fixes = (Fix((Edit(context.span(name), text),), f"`make {text}`"),)
    context.diagnostics.report(
        "N411", message, context.span(line), fixes=fixes, notes=() if fixes else _NOTES
    )
    return None


class _From:
    def __init__(self, context: Context, net: Net, line: tree.Command, given: Mapping[str, str]) -> None:
        self.context, self.net, self.line, self.given = context, net, line, given

    def checked(self, name: tree.Name, kind: tree.Name) -> From | None:
        """The end of the network behind a layer that is noise; reports what does not fit."""
        word = noise_word(kind.text)
        if word is None:
            message = f"noise is {NOISES}"
            self.report(kind, message, *self.near(kind, NOISE))
            return None
        result = self.given.get(name.text, name.text)
        layer = self.net.by_name.get(result)
        if layer is None:
            known = [*self.given, *(each for each in self.net.by_name if each not in self.given.values())]
            message = f"there is no layer called `{short(name.text)}`"
            self.report(name, message, *self.near(name, known), code="N108")
            return None
        if layer.shape.of is not None or not layer.shape.is_known:
            what = "integers" if layer.shape.of is not None else "of no fixed size"
            self.report(name, f"`{name.text}` is {layer.shape}, {what}, and noise is so many numbers")
            return None
        noise = Noise(word, Shape(layer.shape.known), 0)
        return From(result, noise) if self.stands_alone(name, result) else None

    def stands_alone(self, name: tree.Name, result: str) -> bool:
        """Nothing but that layer is needed to come to the last output; reports what else is."""
        end = self.net.outputs[-1].name
        behind = between(self.net, result, end)
        within = {layer.name for layer in behind}
        if result == end or not any(result in layer.inputs for layer in behind):
            self.report(name, f"the output `{end}` does not depend on what `{name.text}` gives")
            return False
        if others := [layer.name for layer in behind if not layer.inputs]:
            message = (
                f"the output `{end}` depends on the input `{others[0]}` too, on a way around `{name.text}`"
            )
            self.report(name, message)
            return False
        for layer in behind:
            for weight in self.net.weights_of(layer).values():
                owner = weight.name.partition(".")[0]
                if owner not in within:
                    message = (
                        f"`{layer.name}` uses the weights of `{owner}`, which stands before `{name.text}`"
                    )
                    self.report(name, message)
                    return False
        return True

    def near(self, node: tree.Name, known: Sequence[str]) -> tuple[Fix, ...]:
        span = self.context.span(node)
        return tuple(Fix((Edit(span, each),), f"`{each}`") for each in did_you_mean(node.text, known))

    def report(self, node: tree.Name, message: str, *fixes: Fix, code: str = "N411") -> None:
        notes = _NOTES[:1] if code == "N108" and not fixes else ()
        self.context.diagnostics.report(
            code, message, Label(self.context.span(node)), fixes=fixes, notes=notes
        )
