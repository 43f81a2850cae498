"""The documentation of the layers, read from their definitions: as data, on the terminal, as `docs/layers.md`.

The worked examples are compiled here, so that the numbers shown are those that the compiler gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from textwrap import fill, indent
from typing import Any, Final

from netspec.ir.catalog import definitions, find
from netspec.ir.definition import Argument
from netspec.ir.layer import Example, Operation
from netspec.ir.shape import Dim, described_kind
from netspec.passes import analyse
from netspec.passes.count import count
from netspec.source import Source

_NARROW: Final = 79


@dataclass(frozen=True)
class Worked:
    """An example that was run: what goes in, the layer as written, what comes out, what it takes.

    `before` are the lines before it, `input` their shapes.
    """

    before: tuple[str, ...]
    input: str
    text: str
    output: str
    parameters: int
    multiply_adds: Dim | None
    weights: str
    """The parameters one by one: `weight 4x1x5x5, bias 4`."""

    @property
    def cost(self) -> str:
        """Parameters and multiply-adds in words; empty where there are none."""
        parts = [f"{self.parameters:,} parameters ({self.weights})"] if self.parameters else []
        return ", ".join(parts + ([f"{self.multiply_adds:,} multiply-adds"] if self.multiply_adds else []))


@dataclass(frozen=True)
class ArgumentPage:
    """One argument of a layer; `default` is None where it has none or where it is a word that stands or does not."""

    name: str
    usage: str
    meaning: str
    accepts: str
    required: bool
    default: str | None

    @property
    def is_flag(self) -> bool:
        """It is a word that stands or does not."""
        return self.usage == f"[{self.accepts.rpartition(' ')[2]}]"


@dataclass(frozen=True)
class Page:
    """All that is to be said of one layer."""

    word: str
    family: str
    summary: str
    usage: str
    prose: str
    reads: tuple[str, ...]
    formula: str
    arguments: tuple[ArgumentPage, ...]
    examples: tuple[Worked, ...]


def page(word: str) -> Page | None:
    """The page of a layer, None where there is no such layer."""
    found = find("layer", word)
    return _page(found) if found is not None and issubclass(found, Operation) else None


def _page(layer: type[Operation]) -> Page:
    reads = tuple(described_kind(kind) for kind in layer.takes)
    if layer.takes == Operation.takes:
        reads = () if layer.reads_nothing else ("whatever but integers",)
    return Page(
        layer.word,
        layer.family(),
        layer.summary(),
        layer.usage(),
        layer.prose(),
        (*reads, *(("an image, which is flattened",) if layer.flattens else ())),
        layer.formula,
        tuple(_argument(each) for each in layer.arguments()),
        tuple(_worked(layer, example) for example in layer.examples),
    )


def _argument(each: Argument) -> ArgumentPage:
    has_value = not each.required and each.default is not None and not isinstance(each.default, bool)
    default = each.kind.write(each.default) or None if has_value else None
    return ArgumentPage(each.name, each.usage, each.meaning, each.kind.phrase, each.required, default)


def _worked(layer: type[Operation], example: Example) -> Worked:
    before = [f"input {name} {shape}" for name, shape in example.others]
    before += [] if layer.reads_nothing else [f"input {example.input}"]
    net = analyse(Source("\n".join([*before, example.text]), "example"))
    row = count(net).rows[-1]
    weights = [
        f"{name.rpartition('.')[2]} {'x'.join(map(str, param.shape))}"
        for name, param in net.parameters.items()
        if param.trainable
    ]
    shapes = ", ".join([*(f"{name} {shape}" for name, shape in example.others), example.input])
    numbers = (row.output, row.parameters, row.multiply_adds)
    return Worked(tuple(before), shapes, example.text, *numbers, ", ".join(weights))


def all_pages() -> Iterator[Page]:
    """The pages of all layers, family by family."""
    for definition in definitions("layer"):
        if issubclass(definition, Operation):
            yield _page(definition)


def summaries() -> list[tuple[str, str, str]]:
    """Family, word and summary of every layer."""
    return [(each.family(), each.word, each.summary()) for each in definitions("layer")]


def as_data(page: Page) -> dict[str, Any]:
    """A page as JSON data."""
    return asdict(page)


# --- on the terminal


def listing(columns: int | None, bold: str = "", plain: str = "") -> str:
    """All layers, a line each, family by family; wrapped to the terminal's width where there is one."""
    rows = summaries()
    margin = max(len(word) for _, word, _ in rows) + 4
    blocks = []
    for family, members in groupby(rows, key=lambda row: row[0]):
        lines = [f"{bold}{family}{plain}"]
        for _, word, summary in members:
            text = f"  {word:<{margin - 2}}{summary}"
            lines.append(fill(text, max(columns, 40), subsequent_indent=" " * margin) if columns else text)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n\n`netspec layers NAME` explains one.\n"


def as_text(page: Page, bold: str = "", plain: str = "") -> str:
    """A page as text."""
    parts = [f"{bold}{page.usage}{plain}", page.prose]
    facts = [("reads", " or ".join(page.reads)), ("shape", page.formula)]
    parts.append("\n".join(_hanging(f"{name}  ", text) for name, text in facts if text))
    if page.arguments:
        parts.append(
            _heading("arguments", bold, plain) + "\n".join(_argument_text(each) for each in page.arguments)
        )
    for index, example in enumerate(page.examples):
        head = (
            _heading("example" if len(page.examples) == 1 else "examples", bold, plain) if index == 0 else ""
        )
        first = list(example.before)
        lines = [*first, f"{example.text}  -> {example.output}"]
        lines += [f"# {example.cost}"] if example.cost else []
        parts.append(head + indent("\n".join(lines), "    "))
    return "\n\n".join(parts) + "\n"


def _heading(text: str, bold: str, plain: str) -> str:
    return f"{bold}{text}{plain}\n"


def _hanging(head: str, text: str) -> str:
    return fill(head + text, _NARROW, subsequent_indent=" " * len(head), break_on_hyphens=False)


def _argument_text(each: ArgumentPage) -> str:
    default = f"; {each.default} by default" if each.default is not None else ""
    accepts = "" if each.is_flag else f": {each.accepts}{default}"
    return _hanging(f"    {each.usage:<15} ", f"{_meaning(each)}{accepts}")


def _meaning(each: ArgumentPage) -> str:
    """The meaning, after the name where the usage does not tell it: `[same|valid]` is `pad`."""
    named = each.is_flag or each.name in each.usage.lower()
    return each.meaning if named else f"`{each.name}`, {each.meaning}"


# --- as Markdown


def as_markdown() -> str:
    """The document `docs/layers.md`: all layers, family by family."""
    parts = [
        "# The layers",
        "<!-- Written by `python -m netspec.cli.reference` from the definitions in netspec/layers; not by hand. -->",
        "Arguments in capitals stand in this order without their names; those in brackets may be left out. "
        "`netspec layers NAME` prints the same page.",
    ]
    for family, members in groupby(all_pages(), key=lambda page: page.family):
        parts.append(f"## {family}")
        parts += [_markdown(page) for page in members]
    return "\n\n".join(parts) + "\n"


def _markdown(page: Page) -> str:
    parts = [f"### {page.word}", f"    {page.usage}", page.prose]
    facts = [f"- reads: {' or '.join(page.reads)}"] if page.reads else []
    parts.append("\n".join([*facts, f"- shape: `{page.formula}`"]))
    if page.arguments:
        rows = [_markdown_row(each) for each in page.arguments]
        parts.append("\n".join(["| argument | meaning | accepts | default |", "|---|---|---|---|", *rows]))
    rows = [
        f"| `{each.input}` | `{each.text}` | `{each.output}` | {each.cost or 'no parameters'} |"
        for each in page.examples
    ]
    parts.append("\n".join(["| input | layer | output | takes |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts)


def _markdown_row(each: ArgumentPage) -> str:
    accepts = "" if each.is_flag else each.accepts
    default = f"`{each.default}`" if each.default is not None else ""
    return f"| `{_cell(each.usage)}` | {_cell(_meaning(each))} | {_cell(accepts)} | {default} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
