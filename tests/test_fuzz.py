"""Random networks: the backends agree on them, and where one has a fault, a small spec shows it."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import faults
import pytest
from click.testing import CliRunner

from netspec.backends.numpy.fast.dense import DenseRelu
from netspec.ir.catalog import definitions, words
from netspec.ir.layer import Operation
from netspec.ir.shape import Shape
from netspec.layers.activation import Softsign
from netspec.layers.dense import Dense
from netspec.layers.join import Concat
from netspec.layers.recurrent import Lstm
from netspec.passes import run
from netspec.source import Source
from netspec.testing import draft
from netspec.testing.arguments import Setting, use
from netspec.testing.drawing import Unreadable, draw, read
from netspec.testing.fuzz import COMPILER, Finding, Tally, examine, fuzz, main, smaller
from netspec.testing.shrink import shrink

FOUND = sorted((Path(__file__).parent / "fuzzed").glob("*.net"))
"""What such networks have shown, made small."""
COUNT, CHUNK = 2000, 125
UNSTABLE = 0.01
"""Largest share of networks that may be left out."""
EXPORTED = 0.8
"""Least share that has to have an ONNX model."""

ROUNDING = {
    3612: "input 1x4\ngroupnorm 4\nbatchnorm",
    4258: "input 1 of 2\nembed 1 layernorm\nglobal batchnorm",
    5470: "input 1x6x1\ndepthwise 2x1 dilation=2x1\ngroupnorm 1",
    6320: "input 1x2x1\nrepeat 3:\n    lrn alpha=0.25 k=0.001\n    silu",
    84692: "input 1x1x1\nconv 1 1x2 dilation=1x2\ninverted_residual 2\ntrain:\n    loss hinge",
    13098: "input Tx3x2x3\nlast\ndepthwise 1x3 as d1\ncrop 2x1 rmsnorm as d2\ngroupnorm 3",
}
"""Normalisations of numbers that are alike, or of one: backends are further apart than is allowed elsewhere."""

STRUCTURE = (
    "repeat for if path block network param output loss frozen from as state weights lengths init over tied residual"
).split()
"""Words of the language beside the layers, and a block that ships."""

# fault: the most lines that it takes to show it, and the fault
FAULTS: dict[str, tuple[int, faults.Plant]] = {
    "bias without a gradient": (2, faults.kernel(Dense, backward=faults.without_bias_gradient)),
    "concatenated in the other order": (4, faults.lines(Concat, "{y} = torch.cat(({x1}, {x}), dim=-1)")),
    "exported as another function": (2, faults.exported(Softsign, "Tanh")),
    "too little of a faster path": (4, faults.faster(DenseRelu, forward=faults.nearly_all)),
    "gates i and f swapped": (3, faults.kernel(Lstm, forward=faults.rearranged(faults.swapped_gates))),
}


@pytest.mark.parametrize("start", range(0, COUNT, CHUNK))
def test_backends_agree(start: int) -> None:
    tally = fuzz(range(start, start + CHUNK))
    assert [each.spec() for each in tally.findings] == []
    assert tally.agreed + tally.unstable == CHUNK
    assert tally.unstable <= UNSTABLE * CHUNK and tally.exported >= EXPORTED * CHUNK


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(path: Path) -> None:
    net = read(path.read_text(encoding="utf-8"))
    assert net is not None
    tally = examine(net, 0)
    assert [str(each) for each in tally.findings] == [] and tally.agreed


@pytest.mark.parametrize("seed", ROUNDING)
def test_what_rounding_makes_is_no_finding(seed: int) -> None:
    net = read(ROUNDING[seed])
    assert net is not None and examine(net, seed).findings == []


def first_finding() -> tuple[int, Finding]:
    """The first number whose network shows that something is wrong, and what."""
    nets = ((seed, draw(Random(seed))) for seed in range(COUNT))
    return next((seed, each) for seed, net in nets for each in examine(net, seed).findings)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_made_small(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    most, plant = FAULTS[name]
    plant(monkeypatch)
    _, finding = first_finding()
    small = smaller(finding)
    assert len(small.text.strip().splitlines()) <= most, small.spec()
    assert (small.backend, small.seed) == (finding.backend, finding.seed)
    net = read(small.spec())
    assert net is not None and examine(net, small.seed).findings
    monkeypatch.undo()
    assert examine(net, small.seed).agreed


# --- what is drawn


def test_a_number_is_a_network() -> None:
    texts = [draw(Random(seed)).text for seed in range(20)]
    assert texts == [draw(Random(seed)).text for seed in range(20)]
    assert len(set(texts)) == 20


def test_every_layer_and_structure_is_drawn() -> None:
    missing, nets = {*words("layer"), *STRUCTURE}, []
    for seed in range(COUNT):
        nets.append(draw(Random(seed)))
        missing -= set(re.findall(r"[a-z_]\w*", nets[-1].text))
        if not missing and seed >= 100:
            break
    assert not missing
    assert sum(bool(net.symbols) for net in nets) > 0.2 * len(nets)
    assert sum(len(net.inputs) > 1 for net in nets) > 0.1 * len(nets)
    assert sum(len(net.outputs) > 1 for net in nets) > 0.1 * len(nets)
    assert sum(bool(net.parameters) for net in nets) > 0.6 * len(nets)


@pytest.mark.parametrize("definition", list(definitions("layer")), ids=lambda definition: definition.word)
def test_every_argument_is_drawn(definition: type[Operation]) -> None:
    random, names = Random(0), ("one", "other")
    uses = [use(definition, Setting(random, Shape((4, 6)), names)) for _ in range(100)]
    bare = " ".join(uses)
    for argument in definition.arguments():
        named = any(each in bare for each in (f" {argument.name}=", f" {argument.name} "))
        assert named or argument.positional or set(argument.kind.words) & set(bare.split()), argument


def test_a_failure_of_the_compiler_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(source: Source, *more: object) -> object:
        if "tanh" in source.text:
            raise ZeroDivisionError("planted")
        return run(source, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(draft, "run", failing)
    found = next(each for seed in range(COUNT) for each in fuzz([seed]).findings)
    assert (found.backend, found.what) == (COMPILER, "ZeroDivisionError: planted")
    assert len(found.text.strip().splitlines()) == 1 and found.text.strip().endswith("tanh")
    with pytest.raises(Unreadable):
        read("tanh")


# --- how it is made small


def test_a_text_is_made_small_while_it_fails() -> None:
    text = "\n".join(
        [
            "param p0 = 3",
            "network b1:",
            "    dense 4 nobias; relu",
            "    path_of_one from given as inner",
            "input i0 of 5",
            "input given 5x6",
            "add:",
            "    path:",
            "        lstm 17 bidirectional",
            "    identity",
            "b1 p0",
            "output inner",
        ]
    )
    assert shrink(text, lambda each: "lstm" in each and "17" in each).strip() == "lstm 17"
    assert shrink(text, lambda each: re.search(r"lstm \d+ \w", each) is not None).strip() == (
        "lstm 1 bidirectional"
    )
    assert shrink(text, lambda each: "dense" in each, budget=0) == text


def test_a_definition_goes_where_it_is_used() -> None:
    def fails(text: str) -> bool:
        net = read(text)
        return net is not None and "lstm" in {layer.word for layer in net.layers}

    assert shrink("block b(n):\n    lstm n\ninput 5x4\nb 3", fails).strip() == "input 1x1\nlstm 1"
    assert shrink("input Tx4\nfor n in 3, 4:\n    lstm n", fails).strip() == "input 1x1\nlstm 1"


# --- the command


def test_the_command_counts_and_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(main, ["--count", "3", "--seed", "5"])
    assert done.exit_code == 0 and "3 networks, 5 to 7: " in done.stdout and "0 differences" in done.stdout
    FAULTS["bias without a gradient"][1](monkeypatch)
    folder, (seed, _) = tmp_path / "found", first_finding()
    done = CliRunner().invoke(main, ["--count", "1", "--seed", str(seed), "--save", str(folder)])
    assert done.exit_code == 1
    saved = sorted(folder.glob("*.net"))
    assert saved and all(path.read_text().startswith(f"# {path.stem.partition('-')[0]}: ") for path in saved)
    assert saved[0].read_text().partition("\n")[2] in done.stdout


def test_it_goes_on_where_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(seeds: range, save: Path | None = None) -> Tally:
        if seeds.start >= 500:
            raise KeyboardInterrupt
        return Tally(agreed=len(seeds))

    monkeypatch.setattr("netspec.testing.fuzz.fuzz", stopped)
    done = CliRunner().invoke(main, ["--count", "2000"])
    assert "go on with --seed 500 --count 1500" in done.stderr and "500 networks, 0 to 499" in done.stdout


def test_processes_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netspec.testing.fuzz.CHUNK", 2)
    done = CliRunner().invoke(main, ["--count", "5", "--jobs", "2"])
    assert done.exit_code == 0 and "5 networks, 0 to 4" in done.stdout, done.output
