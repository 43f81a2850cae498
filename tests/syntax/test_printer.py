"""The formatter: one style, comments kept, the same tree, and content with its own work."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from netspec.diagnostics import Diagnostics
from netspec.source import Source
from netspec.syntax import tree
from netspec.syntax.parser import parse
from netspec.syntax.printer import format_file

ROOT = Path(__file__).resolve().parents[2]

LAYERS = [
    "input 28×28x1",
    "conv 4 5x5   relu",
    "conv 4 5x5 stride = 2 pad=1, 2,1 ,2 -> 28x28x4",
    "conv (4 * width)x3 -> 14x(2 + 3)x8",
    "dense - 5;dense 2  as  foo ;",
    "lstm 64 bidirectional from a,b as c -> Tx128",
    "input words T of 8000",
    "dense (2*(3 - 1)//2 %  4)",
    "softmax 10 -> _",
    "param width = 64 in {32,64 , 128}",
    "x (a -  -b//c)",
    'import residual,foo from "blocks/  resnet.net"',
    "expect params <= 70k,macs<5M",
    "let fake = generator( normal 100, lr=0.1, b )",
    "update d: bce(d(real), 0.9)+ bce(d(stop fake), 0)   adam 2e-4 beta1=0.5",
]
OPENERS = [
    "add :",
    "block residual( width , stride=1 ):",
    "block bar():",
    "if not ( stride != 1 ) or in.channels*2 != width and a<=3:",
    "else:",
    "for width in 128,256:",
    "repeat 3 :",
    "train:",
]


@some.composite
def files(draw: some.DrawFn) -> str:
    """A text that can be read: layers, blocks in blocks, comments, blank lines, any consistent indentation."""
    lines: list[str] = []

    def comment(indent: str) -> None:
        if draw(some.integers(0, 3)) == 0:
            lines.append(
                " " * draw(some.integers(0, 9)) + "# " + draw(some.sampled_from(["note", "×", "-> ; ("]))
            )
        lines.extend([""] * draw(some.sampled_from([0, 0, 0, 1, 3])))
        del indent

    def body(indent: str, depth: int) -> None:
        for _ in range(draw(some.integers(1, 4))):
            comment(indent)
            tail = draw(some.sampled_from(["", "", "  ", "#c", "   # c  "]))
            if depth and draw(some.integers(0, 3)) == 0:
                opener = draw(some.sampled_from(OPENERS))
                if draw(some.booleans()):
                    lines.append(indent + opener + draw(some.sampled_from(LAYERS)) + tail)
                else:
                    lines.append(indent + opener + tail)
                    body(indent + " " * draw(some.integers(1, 6)), depth - 1)
            else:
                lines.append(indent + draw(some.sampled_from(LAYERS)) + tail)

    body("", 3)
    comment("")
    return "\n".join(lines) + draw(some.sampled_from(["", "\n", "\n\n\n"]))


def read(text: str) -> tuple[tree.File, Source]:
    source, diagnostics = Source(text, "text"), Diagnostics()
    file = parse(source, diagnostics)
    assert not diagnostics, diagnostics
    return file, source


def meaning(file: tree.File) -> str:
    return re.sub(r"start=\d+, end=\d+(, )?", "", repr(file.statements))


def comments(file: tree.File) -> list[str]:
    return [row.comment.rstrip() for row in file.rows if row.comment]


def check(text: str) -> str:
    file, source = read(text)
    printed = format_file(file, source)
    again, reread = read(printed)
    assert meaning(again) == meaning(file)
    assert comments(again) == comments(file)
    assert format_file(again, reread) == printed
    return printed


@settings(max_examples=150, deadline=None)
@given(files(), some.booleans())
def test_same_tree_and_no_second_thoughts(text: str, windows: bool) -> None:
    printed = check(text.replace("\n", "\r\n") if windows else text)
    assert "\r" not in printed
    assert "\n\n\n" not in printed
    assert printed.endswith("\n") and not printed.endswith("\n\n")
    assert not re.search(r"[ \t]$", printed, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("specs/*.net"), *ROOT.glob("tests/**/*.net")]), ids=lambda p: p.stem
)
def test_real_files(path: Path) -> None:
    source, diagnostics = Source(path.read_text("utf-8"), path.name), Diagnostics()
    try:
        parse(source, diagnostics)
    except Exception:
        return
    if not diagnostics:
        check(source.text)


def test_bundled_specs_are_in_the_one_style() -> None:
    for path in ROOT.glob("specs/*.net"):
        file, source = read(path.read_text("utf-8"))
        assert format_file(file, source) == source.text, f"run `netspec fmt {path.name}`"


def test_whole_language(golden) -> None:
    text = "\n".join([*LAYERS, *(f"{opener}\n   # inside\n   relu -> 4\n# after" for opener in OPENERS)])
    golden("fmt/whole_language.txt", check(text))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", ""),
        ("\n\n", ""),
        ("relu", "relu\n"),
        ("\n\nrelu\n\n\n\ntanh\n\n", "relu\n\ntanh\n"),
        ("train:\n        batch 3\n# end", "train:\n    batch 3\n# end\n"),
        ("train:\n        batch 3\n        # end", "train:\n    batch 3\n    # end\n"),
        ("train:\n# begin\n        batch 3", "train:\n    # begin\n    batch 3\n"),
        ("relu -> 4\nconv 12345 3x3 -> 4x4x4", "relu            -> 4\nconv 12345 3x3  -> 4x4x4\n"),
        ("relu -> 4\n\nconv 1 3 -> 4", "relu    -> 4\n\nconv 1 3    -> 4\n"),
        ("relu -> 4; tanh -> 4 # c", "relu -> 4; tanh     -> 4  # c\n"),
        ("a 1e-3 70k 0.50 - 3", "a 1e-3 70k 0.50 -3\n"),
        ("repeat 3: residual 64", "repeat 3: residual 64\n"),
    ],
)
def test_style(text: str, printed: str) -> None:
    assert check(text) == printed


def test_results_are_written_and_stripped() -> None:
    file, source = read("input 4\ndense 3 -> _ # c\nrelu as a")
    second, third = (statement.start for statement in file.statements[1:])
    written = format_file(file, source, results={second: "3", third: "3"})
    assert written == "input 4\ndense 3     -> 3  # c\nrelu as a   -> 3\n"
    assert format_file(*read(written), strip=True) == "input 4\ndense 3  # c\nrelu as a\n"
