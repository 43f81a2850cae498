"""SVG: the picture of a network as a file that any browser shows; nothing else has to be installed for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from netspec.views.graph import Box, Cluster, Graph
from netspec.views.layout import BEHIND, LINE, Layout, Point, Rectangle, layout, lines_of

COLOURS: Final = {
    "input": ("#eceff1", "#546e7a"),
    "conv": ("#e3f0fb", "#3a78b0"),
    "dense": ("#fdf0dd", "#b07a2a"),
    "output": ("#fbe4e4", "#b04a4a"),
    "pool": ("#e4f3e6", "#478a50"),
    "norm": ("#f1e9f7", "#7d58a0"),
    "recurrent": ("#f9e6f0", "#a84f7f"),
    "embedding": ("#e2f3f2", "#33857f"),
    "attention": ("#fbe9dd", "#b0623a"),
    "join": ("#ffffff", "#444444"),
    "block": ("#f3f3e6", "#7a7a3a"),
}
"""Fill and line by family; pale enough for the text to stand out in black and white."""
PLAIN: Final = ("#f7f7f7", "#777777")
_ROUND: Final = 7
_STYLE: Final = (
    'text{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:12px;fill:#1a1a1a}'
    ".s{font-size:10px;fill:#555}.t{font-size:10px;fill:#555;paint-order:stroke;stroke:#fff;stroke-width:4px}"
    ".e{fill:none;stroke:#555;stroke-width:1.2}.c{fill:none;stroke:#999;stroke-dasharray:4 3}"
)


def as_svg(graph: Graph) -> str:
    """The picture of a graph."""
    return "\n".join(_parts(graph, layout(graph))) + "\n"


def _parts(graph: Graph, made: Layout) -> Iterator[str]:
    width, height = f"{made.width:.0f}", f"{made.height:.0f}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">'
    )
    yield f"<title>{text_of(graph.name)}</title>"
    yield f"<style>{_STYLE}</style>"
    yield (
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0.8 L7.5,4 L0,7.2 z" fill="#555"/></marker></defs>'
    )
    yield f'<rect width="{width}" height="{height}" fill="#fff"/>'
    for cluster, place in made.clusters.items():
        yield from _cluster(cluster, place)
    for edge, points in made.lines.items():
        yield f'<path class="e" marker-end="url(#a)" d="{_path(points)}"/>'
        if edge.label:
            x, y = points[len(points) // 2]
            yield f'<text class="t" x="{x + 4:.1f}" y="{y - 5:.1f}">{text_of(edge.label)}</text>'
    for box, place in made.boxes.items():
        yield from _box(box, place)
    for cluster, place in made.clusters.items():
        yield f'<text class="t" x="{place.x + 10:.1f}" y="{place.y + 15:.1f}">{text_of(cluster.text)}</text>'
    yield "</svg>"


def _cluster(cluster: Cluster, place: Rectangle) -> Iterator[str]:
    for shift in (5, 0) if cluster.repeats else (0,):
        yield _rectangle(place, 'class="c" rx="8"', shift)


def _box(box: Box, place: Rectangle) -> Iterator[str]:
    fill, line = COLOURS.get(box.family, PLAIN)
    style = f'fill="{fill}" stroke="{line}" rx="{12 if box.joins else 5}"'
    output, parameters = (text_of(number) for number in box.numbers)
    yield f"<g><title>{text_of(' '.join([*box.text, '->', box.output]))}</title>"
    if box.count > 1:
        place = Rectangle(place.x, place.y + BEHIND, place.width, place.height - BEHIND)
    for shift in (BEHIND, BEHIND / 2, 0) if box.count > 1 else (0,):
        yield _rectangle(place, style, shift)
    lines = [text_of(each) for each in lines_of(box)]
    if box.joins:
        y = f"{place.y + 16:.1f}"
        yield f'<text x="{place.x + 10:.1f}" y="{y}">{lines[0]}</text>'
        yield f'<text class="s" x="{place.x + place.width - 10:.1f}" y="{y}" text-anchor="end">{output}</text></g>'
        return
    for index, each in enumerate(lines):
        y = f"{place.y + 17 + index * LINE:.1f}"
        yield f'<text x="{place.x + 10:.1f}" y="{y}" xml:space="preserve">{each}</text>'
    y = f"{place.y + place.height - 8:.1f}"
    yield f'<text class="s" x="{place.x + 10:.1f}" y="{y}">{output}</text>'
    yield f'<text class="s" x="{place.x + place.width - 10:.1f}" y="{y}" text-anchor="end">{parameters}</text></g>'


def _rectangle(place: Rectangle, style: str, shift: float = 0) -> str:
    return (
        f'<rect x="{place.x + shift:.1f}" y="{place.y - shift:.1f}" width="{place.width:.1f}" '
        f'height="{place.height:.1f}" {style}/>'
    )


def _path(points: Sequence[Point]) -> str:
    """A line through corners, which are rounded."""
    parts = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        enter, leave = _towards(corner, before), _towards(corner, after)
        parts.append(
            f"L{enter[0]:.1f},{enter[1]:.1f}Q{corner[0]:.1f},{corner[1]:.1f} {leave[0]:.1f},{leave[1]:.1f}"
        )
    return "".join([*parts, f"L{points[-1][0]:.1f},{points[-1][1]:.1f}"])


def _towards(corner: Point, other: Point) -> Point:
    """The point a little way from a corner towards another point on its line."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = abs(dx) + abs(dy)
    share = min(_ROUND, length / 2) / length if length else 0
    return corner[0] + dx * share, corner[1] + dy * share


def text_of(text: str) -> str:
    """Text as XML holds it: escaped, without what no XML may hold."""
    return escape("".join(each for each in text if each.isprintable()), {'"': "&quot;"})
