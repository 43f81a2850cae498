"""`netspec draw`: golden pictures, what every picture holds, texts that mean something to the format."""

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from netspec.passes import analyse
from netspec.source import Source
from netspec.views.dot import as_dot, as_mermaid
from netspec.views.graph import EVERYTHING, Box, Cluster, Edge, Graph, boxes, graph
from netspec.views.layout import Rectangle, layout
from netspec.views.svg import as_svg

from .conftest import ROOT, SPECS, Run

Golden = Callable[[str | Path, str], None]
STRUCTURE = ROOT / "tests" / "golden" / "views" / "structure.net"

RESNET = """
input 224x224x3
conv 64 7x7 stride2 nobias batchnorm relu
pool 3x3 stride2 same
bottleneck 64
repeat 2: bottleneck 64
bottleneck 128 stride=2
repeat 3: bottleneck 128
bottleneck 256 stride=2
repeat 5: bottleneck 256
bottleneck 512 stride=2
repeat 2: bottleneck 512
global avg
softmax 1000

block bottleneck(width, stride=1):
    add:
        path:
            conv width 1x1 nobias batchnorm relu
            conv width 3x3 stride=stride nobias batchnorm relu
            conv (4*width) 1x1 nobias batchnorm
        short (4*width) stride=stride
    relu
block short(width, stride=1):
    if stride != 1 or in.channels != width:
        conv width 1x1 stride=stride nobias batchnorm
    else:
        identity
"""
TOWERS = """
input left 28x28x1
input right 28x28x1
network tower:
    conv 20 5x5 valid; pool 2; dense 50 relu; dense 2
tower from left as a
tower from right as b
add a b
relu as code
dense 30 sigmoid
concat code
softmax 10
output code
"""
CROSSING = """
input 16x16x8
conv 8 3x3 relu as a
conv 8 3x3 relu as b
concat a as ab
conv 8 3x3 relu as c
concat a b c
conv 16 1x1 relu as d
conv 8 3x3 from b as head
global avg
dense 4 as aux
global avg from d
softmax 10
output aux
"""
HEADS = """
input 8x8x4
conv 8 3x3 relu as first
dense 3 as aux1
conv 8 3x3 relu from first
conv 8 3x3 relu as second
dense 3 as aux2
conv 8 3x3 relu from second
softmax 3
output aux1 aux2
"""
NETS = {
    "heads": HEADS,
    "resnet": RESNET,
    "towers": TOWERS,
    "crossing": CROSSING,
    "structure": STRUCTURE.read_text(),
}


def drawn(text: str, depth: int = 0) -> Graph:
    return graph(analyse(Source(text, "drawn.net")), depth)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("depth", [0, 1, EVERYTHING])
def test_nothing_is_lost_and_nothing_overlaps(name: str, depth: int) -> None:
    picture = drawn(NETS[name], depth)
    made = layout(picture)
    assert set(made.boxes) == set(boxes(picture.members))
    assert set(made.lines) == set(picture.edges)
    for place in [*made.boxes.values(), *made.clusters.values()]:
        assert place.x >= 0
        assert place.x + place.width <= made.width
        assert place.y >= 0
        assert place.y + place.height <= made.height
    assert not any(overlap(one, other) for one, other in combinations(made.boxes.values(), 2))
    for edge, points in made.lines.items():
        source, target = made.boxes[edge.source], made.boxes[edge.target]
        assert points[0] == (source.middle, source.y + source.height)
        assert points[-1] == (target.middle, target.y)
        assert all(0 <= x <= made.width and 0 <= y <= made.height for x, y in points)


@pytest.mark.parametrize("name", [name for name in NETS if name != "crossing"])
def test_lines_go_down(name: str) -> None:
    for points in layout(drawn(NETS[name])).lines.values():
        heights = [y for _, y in points]
        assert heights == sorted(heights)


def test_further_results_name_their_line() -> None:
    text = "input 5x8\ngru 4\nlast\ndense 4\nsoftmax 3\n"
    assert {edge.label for edge in drawn(text).edges} == {""}
    text = "input 5x8\ngru 4 as code\ngru 4 init=code.state\nlast\nsoftmax 3\n"
    assert [edge.label for edge in drawn(text).edges] == ["", "state", "", ""]


def overlap(one: Rectangle, other: Rectangle) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    return not (beside or one.y + one.height <= other.y or other.y + other.height <= one.y)


@pytest.mark.parametrize("name", sorted(path.stem for path in SPECS.glob("*.net")))
def test_every_bundled_spec_is_drawn(run: Run, name: str) -> None:
    result = run("draw", name)
    assert (result.exit_code, result.stderr) == (0, "")
    ElementTree.fromstring(result.stdout)


def test_golden_pictures(run: Run, golden: Golden, tmp_path: Path) -> None:
    assert run("draw", "lecture_cnn", "--out", "picture.svg").exit_code == 0
    golden(ROOT / "docs" / "lecture_cnn.svg", (tmp_path / "picture.svg").read_text())
    golden("views/resnet.svg", as_svg(drawn(RESNET)))
    golden("views/structure.svg", as_svg(drawn(NETS["structure"], 1)))
    golden("views/structure.dot", as_dot(drawn(NETS["structure"], 1)))
    golden("views/towers.mmd", as_mermaid(drawn(TOWERS)))


def test_folded_network_fits_a_page() -> None:
    made = layout(drawn(RESNET))
    assert made.width < 700
    assert made.height < 1000


def test_repeat_of_equal_turns_shows_one(run: Run) -> None:
    text = "input 8x8x4\nrepeat 5:\n    conv 4 3x3 relu\n    conv 4 3x3\nsoftmax 3\n"
    assert [box.text for box in boxes(drawn(text).members)][1] == (
        "repeat 5:",
        "  conv 4 3x3 relu",
        "  conv 4 3x3",
    )
    (cluster,) = (each for each in drawn(text, 1).members if isinstance(each, Cluster))
    assert (cluster.text, len(cluster.members), cluster.repeats) == ("repeat 5", 2, True)
    (cluster,) = (each for each in drawn(text, EVERYTHING).members if isinstance(each, Cluster))
    assert len(cluster.members) == 10


def test_identity_is_a_line() -> None:
    text = "input 8\nadd:\n    identity\n    dense 8\nsoftmax 3\n"
    picture = drawn(text)
    assert [box.text[0] for box in boxes(picture.members)] == ["input 8", "dense 8", "add", "softmax 3"]
    names = [(edge.source.text[0], edge.target.text[0]) for edge in picture.edges]
    assert ("input 8", "add") in names


def test_deep_skips_do_not_nest_without_end() -> None:
    lines = "".join(f"dense 8 as d{i}\nadd d0\n" if i else "dense 8 as d0\n" for i in range(300))
    made = layout(drawn(f"input 8\n{lines}softmax 3\n"))
    assert len(made.boxes) == 2 + 1 + 2 * 299


HOSTILE = '</text><script>alert(1)</script> "quoted" \\N `x` & #1; \x00\x1b'


def hostile() -> Graph:
    first = Box(1, (HOSTILE,), HOSTILE, 5, "conv")
    second = Box(2, (HOSTILE,), "4", 0, "join")
    return Graph(HOSTILE, (Cluster(3, HOSTILE, [first]), second), (Edge(first, second, HOSTILE),))


def test_texts_are_escaped() -> None:
    picture = as_svg(hostile())
    tree = ElementTree.fromstring(picture)
    assert not [each for each in tree.iter() if each.tag.endswith("script")]
    dot = as_dot(hostile())
    assert '\\"quoted\\" \\\\N' in dot
    mermaid = as_mermaid(hostile())
    assert not set("<>&`\x00\x1b") & set(mermaid.replace("<br/>", "").replace("-->", ""))


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("picture", [hostile(), *(drawn(text, 1) for text in NETS.values())])
def test_graphviz_reads_it(picture: Graph) -> None:
    done = subprocess.run(["dot", "-Tsvg"], input=as_dot(picture), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    ElementTree.fromstring(done.stdout)


def test_formats_and_usage(run: Run, folder: Path) -> None:
    assert run("draw", "lenet", "--format", "dot").stdout.startswith('digraph "lenet" {')
    assert run("draw", "lenet", "--format", "mermaid").stdout.startswith("flowchart TD")
    for name, start in (("a.gv", "digraph"), ("a.mmd", "flowchart"), ("a.svg", "<svg")):
        assert run("draw", "lenet", "--out", name).exit_code == 0
        assert (folder / name).read_text().startswith(start)
    assert run("draw", "lenet", "--out", "a.png").exit_code == 2
    assert run("draw", "lenet", "--out", "a.png", "--format", "svg").exit_code == 0
    assert run("draw", ".").exit_code in (1, 2)
    wrong = run("draw", "wrong.net")
    assert (wrong.exit_code, wrong.stdout, "N101" in wrong.stderr) == (1, "", True)
    value = run("draw", "-", "--set", "width=6", stdin="param width = 4\ninput 8\ndense width\n")
    assert "dense 6" in value.stdout
