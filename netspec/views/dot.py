"""The picture of a network as text for other tools: DOT for Graphviz, Mermaid for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from netspec.views.graph import Box, Cluster, Graph, Member
from netspec.views.svg import COLOURS, PLAIN, as_svg

_FONT: Final = 'fontname="monospace"'


def as_dot(graph: Graph) -> str:
    """A graph in the language of Graphviz."""
    lines = [
        f"digraph {_quoted(graph.name)} {{",
        f'  graph [rankdir=TB, ranksep=0.3, nodesep=0.3, {_FONT}, fontsize=10, style="rounded,dashed"];',
        f'  node [shape=box, style="rounded,filled", height=0.3, {_FONT}, fontsize=11];',
        f"  edge [arrowsize=0.6, {_FONT}, fontsize=9];",
        *_dot_members(graph.members, "  "),
    ]
    for edge in graph.edges:
        label = f" [label={_quoted(edge.label)}]" if edge.label else ""
        lines.append(f"  {edge.source.key} -> {edge.target.key}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_members(members: Sequence[Member], indent: str) -> Iterator[str]:
    for each in members:
        if isinstance(each, Cluster):
            yield f"{indent}subgraph cluster_{each.number} {{"
            yield f"{indent}  label={_quoted(each.text)}; labeljust=l;"
            yield from _dot_members(each.members, indent + "  ")
            yield f"{indent}}}"
            continue
        fill, line = COLOURS.get(each.family, PLAIN)
        label = "".join(f"{_escaped(text)}{'' if each.joins else chr(92) + 'l'}" for text in _lines(each))
        more = ", peripheries=2" if each.count > 1 else ""
        yield f'{indent}{each.key} [label="{label}", fillcolor="{fill}", color="{line}"{more}];'


def _lines(box: Box) -> list[str]:
    """The lines of a box: its text, then its numbers."""
    numbers = "   ".join(filter(None, box.numbers))
    return [" ".join([*box.text, numbers])] if box.joins else [*box.text, numbers]


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """Text inside the quotes of DOT, where a backslash begins an escape."""
    plain = "".join(each for each in text if each.isprintable())
    return plain.replace("\\", "\\\\").replace('"', '\\"')


# --- Mermaid


def as_mermaid(graph: Graph) -> str:
    """A graph as a Mermaid flowchart."""
    lines = ["flowchart TD", *_mermaid_members(graph.members, "    ")]
    for edge in graph.edges:
        arrow = f'-- "{_entities(edge.label)}" -->' if edge.label else "-->"
        lines.append(f"    {edge.source.key} {arrow} {edge.target.key}")
    return "\n".join([*lines, *_classes(graph)]) + "\n"


def _mermaid_members(members: Sequence[Member], indent: str) -> Iterator[str]:
    for each in members:
        if isinstance(each, Cluster):
            yield f'{indent}subgraph c{each.number} ["{_entities(each.text)}"]'
            yield from _mermaid_members(each.members, indent + "    ")
            yield f"{indent}end"
            continue
        label = "<br/>".join(_entities(text) for text in _lines(each))
        start, end = ("([", "])") if each.joins else ("[[", "]]") if each.count > 1 else ("[", "]")
        yield f'{indent}{each.key}{start}"{label}"{end}:::{each.family or "plain"}'


def _classes(graph: Graph) -> Iterator[str]:
    """The colours of the families that are there."""
    for family in dict.fromkeys(_families(graph.members)):
        fill, line = COLOURS.get(family, PLAIN)
        yield f"    classDef {family or 'plain'} fill:{fill},stroke:{line},color:#1a1a1a"


def _families(members: Sequence[Member]) -> Iterator[str]:
    for each in members:
        if isinstance(each, Cluster):
            yield from _families(each.members)
        else:
            yield each.family


def _entities(text: str) -> str:
    """Text inside the quotes of Mermaid: whatever might have a meaning is written by its number."""
    return "".join(
        each if each.isalnum() or each in " .,=-()/*+_" else f"#{ord(each)};"
        for each in text
        if each.isprintable()
    )


FORMATS: Final[dict[str, Callable[[Graph], str]]] = {"svg": as_svg, "dot": as_dot, "mermaid": as_mermaid}
