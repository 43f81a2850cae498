"""Layout: where the boxes of an arranged picture are, and how the lines between them run, in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Final, TypeAlias

from netspec.views.arrange import Frame, Item, Leaf, Side, Stack, arrange, unplaced
from netspec.views.graph import Box, Cluster, Edge, Graph

CHARACTER: Final = 7.23
"""Width of a character at size 12, in a font of one width."""
SMALL: Final = 6.03
"""At size 10."""
LINE: Final = 16
GAP: Final = 28
"""Between what stands below one another."""
APART: Final = 24
"""Between what stands side by side."""
LANE: Final = 14
MARGIN: Final = 16
TITLE: Final = 20
BEHIND: Final = 6
"""How far the boxes behind one that stands for several look out."""
WIDEST: Final = 52
"""Characters in a line of a box."""
MOST_LINES: Final = 8

Point: TypeAlias = tuple[float, float]
Flow: TypeAlias = list[tuple[Box, list[Point]]]
"""Results on their way down, each with the corners that its line has passed."""


@dataclass(frozen=True)
class Rectangle:
    """Where something is."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Its axis."""
        return self.x + self.width / 2


@dataclass
class Layout:
    """A picture in pixels."""

    width: float = 0
    height: float = 0
    boxes: dict[Box, Rectangle] = field(default_factory=dict)
    clusters: dict[Cluster, Rectangle] = field(default_factory=dict)
    lines: dict[Edge, list[Point]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Size:
    """How far something reaches to the left and right of its axis, and down."""

    left: float
    right: float
    height: float


def lines_of(box: Box) -> list[str]:
    """The lines of a box, cut to what it can hold."""
    lines: list[str] = []
    for text in box.text:
        indent = text[: len(text) - len(text.lstrip())]
        lines += wrap(text.strip(), WIDEST, initial_indent=indent, subsequent_indent=f"{indent}    ") or [""]
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "..."]


def layout(graph: Graph) -> Layout:
    """The picture of a graph in pixels."""
    return _Layout(graph).run()


class _Layout:
    def __init__(self, graph: Graph) -> None:
        self.edges = {(edge.source, edge.target): edge for edge in graph.edges}
        self.stack = arrange(graph)
        self.made = Layout()
        self.sizes: dict[Item | Stack, _Size] = {}
        self.widths: dict[Box, float] = {}
        """Boxes below one another are of one width."""
        self.axes: dict[Stack, float] = {}
        self.sides: dict[Side, tuple[float, float, float]] = {}
        """Of what stands side by side: axis, top and bottom."""
        self.lanes: dict[Stack, list[tuple[Edge, int]]] = {}

    def run(self) -> Layout:
        self.measure(self.stack)
        self.place(self.stack, 0, 0)
        self.flow(self.stack, [])
        self.assign_lanes([edge for edge in self.edges.values() if edge not in self.made.lines])
        self.sizes.clear()
        size = self.measure(self.stack)
        self.place(self.stack, MARGIN + size.left, MARGIN)
        self.made.lines.clear()
        self.flow(self.stack, [])
        for stack, lanes in self.lanes.items():
            for edge, lane in lanes:
                self.around(stack, edge, lane)
        self.made.width = size.left + size.right + 2 * MARGIN
        self.made.height = size.height + 2 * MARGIN
        return self.made

    # --- sizes

    def measure(self, item: Item | Stack) -> _Size:
        """The size of an item, its inner ones before it."""
        if item not in self.sizes:
            self.sizes[item] = self.measured(item)
        return self.sizes[item]

    def measured(self, item: Item | Stack) -> _Size:
        if isinstance(item, Leaf):
            width, height = box_size(item.box)
            width = max(width, self.widths.get(item.box, 0))
            return _Size(width / 2, width / 2, height)
        if isinstance(item, Frame):
            body = self.measure(item.body)
            title = len(item.cluster.text) * SMALL + 2 * MARGIN
            short = max(title - body.left - body.right - 2 * MARGIN, 0)
            return _Size(body.left + MARGIN, body.right + MARGIN + short, body.height + TITLE + 2 * MARGIN)
        if isinstance(item, Side):
            sizes = [self.measure(stack) for stack in item.stacks]
            width = sum(size.left + size.right for size in sizes) + APART * (len(sizes) - 1)
            full = [index for index, stack in enumerate(item.stacks) if stack.items]
            left = width / 2
            if len(full) == 1:
                left = sizes[full[0]].left + sum(size.left + size.right + APART for size in sizes[: full[0]])
            return _Size(left, width - left, max(size.height for size in sizes))
        plain = [each.box for each in item.items if isinstance(each, Leaf) and not each.box.joins]
        widest = max((box_size(box)[0] for box in plain), default=0)
        self.widths.update(dict.fromkeys(plain, widest))
        sizes = [self.measure(each) for each in item.items] or [_Size(6, 6, 0)]
        lanes = max((lane for _, lane in self.lanes.get(item, ())), default=-1) + 1
        return _Size(
            max(size.left for size in sizes),
            max(size.right for size in sizes) + lanes * LANE,
            sum(size.height for size in sizes) + GAP * (len(sizes) - 1),
        )

    # --- places

    def place(self, item: Item | Stack, axis: float, top: float) -> None:
        """Put an item below a place on its axis."""
        size = self.measure(item)
        place = Rectangle(axis - size.left, top, size.left + size.right, size.height)
        if isinstance(item, Leaf):
            self.made.boxes[item.box] = place
        elif isinstance(item, Frame):
            self.made.clusters[item.cluster] = place
            self.place(item.body, axis, top + TITLE + MARGIN)
        elif isinstance(item, Side):
            self.sides[item] = axis, top, top + size.height
            x = axis - size.left
            for stack in item.stacks:
                inner = self.measure(stack)
                self.place(stack, x + inner.left, top)
                x += inner.left + inner.right + APART
        else:
            self.axes[item] = axis
            for each in item.items:
                self.place(each, axis, top)
                top += self.measure(each).height + GAP

    # --- lines

    def flow(self, item: Item | Stack, flow: Flow) -> Flow:
        """Draw the lines into an item from what comes down to it; what goes on down below it."""
        if isinstance(item, Leaf):
            self.enter(item.box, flow)
            return [(item.box, [])]
        if isinstance(item, Frame):
            return self.flow(item.body, flow)
        if isinstance(item, Stack):
            for each in item.items:
                flow = self.flow(each, flow)
            return flow
        axis, top, bottom = self.sides[item]
        below: Flow = []
        for stack in item.stacks:
            own, above, under = self.axes[stack], top - GAP / 2, bottom + GAP / 2
            inner = [(box, [*points, (axis, above), (own, above)]) for box, points in flow]
            below += [
                (box, [*points, (own, under), (axis, under)]) for box, points in self.flow(stack, inner)
            ]
        return below

    def enter(self, box: Box, flow: Flow) -> None:
        target = self.made.boxes[box]
        for source, points in flow:
            edge = self.edges.get((source, box))
            if edge is not None and edge not in self.made.lines:
                start = self.made.boxes[source]
                first = (start.middle, start.y + start.height)
                self.made.lines[edge] = _straightened([first, *points, (target.middle, target.y)])

    def assign_lanes(self, edges: Sequence[Edge]) -> None:
        """Give each line that goes around a lane of its own, short ones inside."""
        for stack, found in unplaced(self.stack, edges).items():
            taken: list[list[tuple[int, int]]] = []
            lanes: list[tuple[Edge, int]] = []
            for edge, first, last in sorted(found, key=lambda each: each[2] - each[1]):
                free = (
                    lane
                    for lane, spans in enumerate(taken)
                    if all(last < start or end < first for start, end in spans)
                )
                lane = next(free, len(taken))
                if lane == len(taken):
                    taken.append([])
                taken[lane].append((first, last))
                lanes.append((edge, lane))
            self.lanes[stack] = lanes

    def around(self, stack: Stack, edge: Edge, lane: int) -> None:
        """A line around everything in a stack, on the right; it leaves and arrives between the boxes."""
        source, target = self.made.boxes[edge.source], self.made.boxes[edge.target]
        size, lanes = self.measure(stack), max(lane for _, lane in self.lanes[stack]) + 1
        x = self.axes[stack] + size.right - (lanes - lane - 0.5) * LANE
        bottom = source.y + source.height
        high, low = bottom + GAP / 4, target.y - GAP / 3
        corners = [(source.middle, high), (x, high), (x, low), (target.middle, low)]
        self.made.lines[edge] = [(source.middle, bottom), *corners, (target.middle, target.y)]


def box_size(box: Box) -> tuple[float, float]:
    """Width and height of a box."""
    output, parameters = box.numbers
    lines = lines_of(box)
    if box.joins:
        return (len(lines[0]) + 2) * CHARACTER + len(output) * SMALL + 16, 24
    below = (len(output) + len(parameters) + 3) * SMALL
    width = max(max(map(len, lines)) * CHARACTER, below) + 20
    return max(width, 120), len(lines) * LINE + LINE + 10 + (BEHIND if box.count > 1 else 0)


def _straightened(points: Sequence[Point]) -> list[Point]:
    """Corners without those on a straight line."""
    found: list[Point] = []
    for point in points:
        if found and point == found[-1]:
            continue
        if len(found) > 1 and (
            found[-2][0] == found[-1][0] == point[0] or found[-2][1] == found[-1][1] == point[1]
        ):
            found[-1] = point
        else:
            found.append(point)
    return found
