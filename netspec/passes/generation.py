"""Bind the lines of `generate:`, and check them against the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.ir import catalog
from netspec.ir.definition import Definition
from netspec.ir.generation import Generation
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.passes.arguments import bind_arguments
from netspec.passes.context import Context
from netspec.passes.line import not_yet
from netspec.passes.settings import drops, report_twice
from netspec.settings.generate import MAIN, Feed, Sample
from netspec.source import Span
from netspec.syntax import tree


def bind_generation(context: Context, body: Sequence[tree.Statement]) -> Generation:
    """The lines of a `generate:` block; reports what is wrong and leaves it out."""
    lines: dict[str, Definition] = {}
    spans: dict[str, Span] = {}
    places: dict[str, Mapping[str, Span]] = {}
    for statement in body:
        if context.is_enough(statement):
            break
        match statement:
            case tree.Unread() | tree.Command(head=tree.Name(text="make"), body=None):
                continue  # bound by `passes.networks` or `passes.making`
            case tree.Command(head=head, body=None):
                span = context.span(statement)
                if head.text in spans:
                    report_twice(context, head.text, span, spans[head.text])
                    continue
                definition = _find(context, head)
                if definition is None:
                    continue
                spans[head.text] = span
                use = bind_arguments(context, definition, head, [_renamed(item) for item in statement.items])
                if use.instance is not None:
                    lines[head.text], places[head.text] = use.instance, use.arguments
            case _:
                not_yet(context, statement, "this line of `generate:`")
    return Generation(lines, spans, places)


def _renamed(item: tree.Item) -> tree.Item:
    """`from NAME` as the option that it is."""
    if isinstance(item, tree.Clause) and item.word.text == "from":
        name = tree.Name(item.word.start, item.word.end, "output")
        return tree.Option(item.start, item.end, name, item.values)
    return item


def _find(context: Context, head: tree.Name) -> type[Definition] | None:
    found = catalog.find("generation", head.text)
    if found is None:
        known = catalog.words("generation")
        span = context.span(head)
        fixes = tuple(Fix((Edit(span, near),), f"`{near}`") for near in did_you_mean(head.text, known))
        notes = () if fixes else (f"known: {', '.join(known)}",)
        message = f"`generate:` has no line called `{short(head.text)}`"
        context.diagnostics.report("N401", message, span, fixes=fixes, notes=notes)
    return found


# --- against the network


def with_names(context: Context, generation: Generation, net: Net, given: Mapping[str, str]) -> Generation:
    """The lines with the full names of outputs in the place of those that the text gives them (`given`); checked."""
    feed, sample = generation.get("feed"), generation.get("sample")
    if isinstance(sample, Sample) and not isinstance(feed, Feed):
        _report(
            context, generation, "sample", "", "`sample` chooses what `feed` feeds back, and nothing is fed"
        )
    if isinstance(feed, Feed) and feed.beam > 1 and isinstance(sample, Sample):
        spans = [generation.place("feed", "beam"), generation.spans.get("sample")]
        labels = [Label(span) for span in spans if span]
        message = "a beam follows the likeliest, and `sample` draws: one of the two"
        context.diagnostics.report(
            "N406", message, *labels, fixes=drops(generation.spans["sample"]) if labels else ()
        )
    if not isinstance(feed, Feed):
        return generation
    found = _Feed(context, generation, net, given).checked(feed)
    return replace(generation, lines={**generation.lines, "feed": found})


def _report(
    context: Context, generation: Generation, line: str, argument: str, message: str, **more: object
) -> None:
    span = generation.place(line, argument)
    context.diagnostics.report("N413", message, *([span] if span else []), **more)


class _Feed:
    """The line `feed` against the network."""

    def __init__(self, context: Context, generation: Generation, net: Net, given: Mapping[str, str]) -> None:
        self.context, self.generation, self.net, self.given = context, generation, net, given

    def checked(self, feed: Feed) -> Feed:
        """With the output's full name; reports what does not fit."""
        source = next((layer for layer in self.net.inputs if layer.name == feed.input), None)
        if source is None:
            self.stranger("input", feed.input, [layer.name for layer in self.net.inputs], "input")
        outputs = {layer.name: layer for layer in self.net.outputs}
        main = self.net.outputs[-1].name
        name = (
            main if feed.output == MAIN and MAIN not in outputs else self.given.get(feed.output, feed.output)
        )
        if name not in outputs:
            self.stranger("output", feed.output, [MAIN, *outputs], "output")
        elif source is not None:
            self.fits(feed, source, outputs[name])
        return replace(feed, output=MAIN if name == main else name)

    def stranger(self, argument: str, name: str, known: Sequence[str], what: str) -> None:
        """Report a name that is none of an input or output."""
        span = self.generation.place("feed", argument)
        near = did_you_mean(name, known)
        text = "from {}" if argument == "output" else "{}"
        fixes = tuple(
            Fix((Edit(span, text.format(each)),), f"`{text.format(each)}`") for each in near if span
        )
        notes = (f"{what}s: {', '.join(f'`{each}`' for each in known)}",)
        message = f"there is no {what} called `{short(name)}`"
        self.context.diagnostics.report("N108", message, *([span] if span else []), fixes=fixes, notes=notes)

    def fits(self, feed: Feed, source: Layer, output: Layer) -> None:
        """What comes out at a step can go in at the next one."""
        given, made = source.shape, output.shape
        if len(given.dims) != (1 if given.of is not None else 2):
            self.report(
                "input",
                f"`{source.name}` is {given.described}, and what is fed is a sequence",
                (f"`input {source.name} T of 100` is one of tokens, `input {source.name} Tx3` one of rows",),
            )
            return
        classes = given.of is not None
        steps, entries = (given.dims[0], given.of) if classes else given.dims
        if len(made.dims) != 2 or made.dims[0] != steps:
            self.report(
                "output",
                f"`{output.name}` gives {made.described}, and `{source.name}` reads {steps} steps: "
                "a step of the output is fed as the next step of the input",
            )
        elif made.dims[1] != entries:
            what = "probabilities" if classes else "numbers"
            self.report(
                "output",
                f"`{output.name}` gives {made.dims[1]} {what} a step, and `{source.name}` reads {entries}",
            )
        for name in ("start", "stop"):
            value = getattr(feed, name)
            if value is not None and not classes:
                self.report(name, f"`{name}` is a token, and `{source.name}` reads rows of numbers")
            elif value is not None and given.of is not None and value >= given.of:
                self.report(
                    name, f"the token {value} is none: `{source.name}` reads integers below {given.of}"
                )
        if classes and feed.start is not None and feed.start == feed.stop:
            message = f"`start` and `stop` are both the token {feed.stop}: a text would end where it begins"
            self.report("stop", message)
        self.draws_tokens(feed, source)

    def draws_tokens(self, feed: Feed, source: Layer) -> None:
        """Rows are fed back as they are: there is nothing to choose from."""
        if source.shape.of is not None:
            return
        rows = f"and `{source.name}` reads rows of numbers"
        if feed.beam > 1:
            self.report("beam", f"a beam follows tokens, {rows}")
        if self.generation.get("sample"):
            span = self.generation.spans.get("sample")
            fixes = drops(span) if span else ()
            _report(
                self.context, self.generation, "sample", "", f"`sample` draws tokens, {rows}", fixes=fixes
            )

    def report(self, argument: str, message: str, notes: tuple[str, ...] = ()) -> None:
        """Report a misfit of the line."""
        _report(self.context, self.generation, "feed", argument, message, notes=notes)
