"""Wrong specs with the exact text that a user sees: `tests/errors/NAME.net` and `NAME.txt`.

`pytest --update-golden` rewrites the texts; read them as prose before keeping them.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from netspec.diagnostics import Diagnostic, SpecError
from netspec.limits import Limits
from netspec.passes import analyse
from netspec.passes.suggest import apply
from netspec.render import full
from netspec.source import Source
from netspec.syntax.parser import decode, read_source

FOLDER = Path(__file__).parent / "errors"
SPECS = sorted(FOLDER.glob("*.net"))

Golden = Callable[[str | Path, str], None]


def rendered(data: bytes, name: str, limits: Limits) -> str:
    with pytest.raises(SpecError) as refused:
        analyse(decode(data, name, limits), limits)
    return full(refused.value.diagnostics)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_wrong_spec_is_told_so(path: Path, golden: Golden) -> None:
    golden(path.with_suffix(".txt"), rendered(path.read_bytes(), path.name, Limits()))


# What does not belong into a text file, or is too long for one.
BYTES: dict[str, bytes] = {
    "bad_utf8": b"# gr\xfcn\ninput 28x28x1\n",
    "nul": b"input 28x28x1\nsoft\0max 10\n",
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "utf16": "input 10\ndense 3\n".encode("utf-16"),
    "digits_5000": b"input 10\ndense " + b"9" * 5000 + b"\n",
    "parentheses_200000": b"input 10\ndense " + b"(" * 200_000 + b"\n",
    "blocks_40": b"".join(b"    " * depth + b"add:\n" for depth in range(40)) + b"    " * 40 + b"relu\n",
    "long_line": b"input 10\n" + b"relu; " * 60 + b"rellu; " + b"relu; " * 60 + b"relu\n",
    "many_bad_lines": b"input 10\n" + b"dense = 4\n" * 200,
}
# Limits that are met by little where they are low.
LIMITED: dict[str, tuple[bytes, Limits]] = {
    "large_source": (b"input 10\n" + b"# more\n" * 20, Limits(source=100)),
    "many_words": (b"input 10\n" + b"dense 8 relu\n" * 20, Limits(tokens=30)),
    "many_layers": (b"input 10\n" + b"dense 8\n" * 30, Limits(layers=20)),
}


@pytest.mark.parametrize("name", BYTES)
def test_hostile_bytes_are_told_so(name: str, golden: Golden) -> None:
    golden(FOLDER / f"{name}.txt", rendered(BYTES[name], f"specs/{name}.net", Limits()))


@pytest.mark.parametrize("name", LIMITED)
def test_a_limit_is_told(name: str, golden: Golden) -> None:
    data, limits = LIMITED[name]
    golden(FOLDER / f"{name}.txt", rendered(data, f"specs/{name}.net", limits))


def test_every_expected_text_has_its_spec() -> None:
    texts = {path.stem for path in FOLDER.glob("*.txt")}
    assert texts == {path.stem for path in SPECS} | set(BYTES) | set(LIMITED)


def test_the_example_of_the_design() -> None:
    expected = """\
error[N203]: the kernel is larger than its input
  specs/deep.net:9:9
   9 | conv 64 3x3 valid
     |         ^^^ 3x3 does not fit in 1x1
  because  height = floor((1 + 0 - 3) / 1) + 1 = -1
  history  28x28x1 -3-> 26x26x16 -4-> 13x13x16 -5-> 11x11x32 -6-> 5x5x32 -7-> 3x3x64 -8-> 1x1x64
  try      `same` on line 9 (gives 1x1x64), or drop one `pool` (lines 4, 6, 8)
"""
    assert rendered((FOLDER / "deep.net").read_bytes(), "specs/deep.net", Limits()) == expected


def test_one_line_gives_one_complaint_and_what_follows_is_silent() -> None:
    text = "input 28x28x1\ncovn 8 3x3\nconv 64 99x99 valid\nlstm 3\nsoftmax 10 -> 11\n"
    with pytest.raises(SpecError) as refused:
        analyse(Source(text))
    assert [found.code for found in refused.value.diagnostics] == ["N101"]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_what_is_proposed_holds(path: Path) -> None:
    """Every change that is handed out takes its own complaint away, made by itself."""
    text = path.read_text("utf-8")
    before = [(one.code, one.message) for one in complaints(text)]
    for found in complaints(text):
        assert bool(found.fixes) == bool(found.tries)
        for fix in found.fixes:
            key = (found.code, found.message)
            after = [(one.code, one.message) for one in complaints(apply(text, fix.edits))]
            assert after.count(key) == before.count(key) - 1


def complaints(text: str) -> tuple[Diagnostic, ...]:
    try:
        analyse(Source(text, "a.net"))
    except SpecError as refused:
        return refused.diagnostics
    return ()


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "is a folder, not a spec"), (tmp_path / "no.net", "no such file")):
        with pytest.raises(SpecError) as refused:
            read_source(path)
        (found,) = refused.value.diagnostics
        assert found.code == "N008" and words in found.message
