"""Imports: inside the folder of the spec, in no circle, within limits, and errors in the file that they are in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import netspec
from netspec.limits import Limits
from netspec.render import full

MAIN = 'import wide from "blocks/wide.net"\ninput 28x28x1\nwide 8\nsoftmax 10\n'
WIDE = "block wide(width):\n    conv width 3x3 relu\n    narrow width\nblock narrow(width): conv width 1x1\n"


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return folder / "main.net"


def refused(folder: Path, files: dict[str, str], limits: Limits | None = None) -> str:
    with pytest.raises(netspec.SpecError) as problem:
        netspec.load(written(folder, files), limits=limits or Limits())
    return full(problem.value.diagnostics).replace(f"{folder}/", "")


def test_blocks_of_another_file_and_what_they_use(tmp_path: Path) -> None:
    net = netspec.load(written(tmp_path, {"main.net": MAIN, "blocks/wide.net": WIDE}))
    assert [layer.name for layer in net][1:4] == ["wide1_conv1", "wide1_relu1", "wide1_narrow1_conv1"]
    assert net.files == {"blocks/wide.net": WIDE}
    assert net.parameter_count == 80 + 72 + 62_730


def test_a_text_from_anywhere_opens_nothing_unless_a_root_is_given(tmp_path: Path) -> None:
    written(tmp_path, {"main.net": MAIN, "blocks/wide.net": WIDE})
    with pytest.raises(netspec.SpecError) as problem:
        netspec.parse(MAIN)
    assert [found.code for found in problem.value.diagnostics] == ["N306"]
    assert netspec.parse(MAIN, root=tmp_path, name="main") == netspec.load(tmp_path / "main.net")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.net",
        "/etc/passwd",
        "blocks/../../secret.net",
        "..",
        "blocks\\\\..\\\\secret.net",
        "link.net",
    ],
)
def test_paths_stay_inside(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.net").write_text("block wide(width): conv width 3x3\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.net").symlink_to(tmp_path / "secret.net")
    text = refused(inside, {"main.net": MAIN.replace("blocks/wide.net", path)})
    assert text.startswith("error[N306]: ") and "leads out of the folder" in text
    assert text.count("error[") == 1


def test_parameters_of_an_imported_file_are_its_own(tmp_path: Path) -> None:
    wide = "param width = 2\nparam twice = (2*width)\nblock wide(n): conv (n*twice) 3x3\n"
    main = "param width = 5\n" + MAIN.replace("wide 8", "wide width")
    place = written(tmp_path, {"main.net": main, "blocks/wide.net": wide})
    assert netspec.load(place).layers[1].shape.dims == (28, 28, 20)
    assert netspec.load(place, values={"width": "3"}).layers[1].shape.dims == (28, 28, 12)


def test_a_circle(tmp_path: Path) -> None:
    files = {
        "main.net": MAIN.replace("blocks/wide.net", "a.net"),
        "a.net": 'import other from "b.net"\nblock wide(width): other width\n',
        "b.net": 'import wide from "a.net"\nblock other(width): conv width 3x3\n',
    }
    text = refused(tmp_path, files)
    assert text.startswith("error[N306]: files import one another in a circle\n  b.net:1:18\n")
    assert "a.net -> a.net" not in text


def test_limits_on_depth_and_number(tmp_path: Path) -> None:
    chain = {f"{n}.net": f'import b{n + 1} from "{n + 1}.net"\nblock b{n}(w): b{n + 1} w\n' for n in range(9)}
    chain["9.net"] = "block b9(w): conv w 3x3\n"
    main = 'import b{0} from "{0}.net"\ninput 8x8x1\nb{0} 4\nsoftmax 2\n'
    assert "error[N508]: files import one another more than 8 deep" in refused(
        tmp_path, {"main.net": main.format(0), **chain}
    )
    assert netspec.load(written(tmp_path, {"main.net": main.format(2)})).parameter_count == 40 + 514
    many = "".join(f'import b{n} from "many/{n}.net"\n' for n in range(65))
    files = {f"many/{n}.net": f"block b{n}: relu\n" for n in range(65)}
    assert "error[N508]: more than 64 files are imported" in refused(
        tmp_path, {"main.net": many + "input 8\nb1\nsoftmax 2\n", **files}
    )


def test_a_missing_file_and_a_missing_name(tmp_path: Path) -> None:
    text = refused(tmp_path, {"main.net": MAIN})
    assert text.count("error[") == 1 and text.startswith("error[N008]")
    text = refused(tmp_path, {"main.net": MAIN.replace("import wide", "import wid"), "blocks/wide.net": WIDE})
    assert "`blocks/wide.net` defines no `wid`" in text


def test_a_mistake_in_an_imported_file_is_told_there_with_a_fix_that_was_tried(tmp_path: Path) -> None:
    files = {"main.net": MAIN, "blocks/wide.net": WIDE.replace("3x3 relu", "3x3 rellu")}
    assert refused(tmp_path, files) == (
        "error[N102]: `conv` has no argument `rellu`\n"
        "  blocks/wide.net:2:20\n"
        "   2 |     conv width 3x3 rellu\n"
        "     |                    ^^^^^ no such argument\n"
        "  note     it is written  conv CHANNELS KERNEL [stride=] [dilation=] [groups=] [same|valid|pad=] [nobias]"
        " [pytorch|glorot|he]\n"
        "  used     on line 3 of main.net: `wide 8`, in = 28x28x1, width = 8\n"
        "  try      `relu`\n"
    )


def test_a_mistake_in_two_files_is_shown_in_both(tmp_path: Path) -> None:
    files = {"main.net": MAIN.replace("28x28x1", "784"), "blocks/wide.net": WIDE}
    assert refused(tmp_path, files) == (
        "error[N202]: `conv` reads an image (HxWxC), not a vector 784\n"
        "  blocks/wide.net:2:5\n"
        "   2 |     conv width 3x3 relu\n"
        "     |     ^^^^ wants an image (HxWxC)\n"
        "  main.net:2:1\n"
        "   2 | input 784\n"
        "     | ^^^^^^^^^ gives a vector 784\n"
        "  used     on line 3 of main.net: `wide 8`, in = 784, width = 8\n"
        "  try      `reshape 28x28x1` before it (gives 28x28x8)\n"
    )


def test_weights_carry_what_was_imported(tmp_path: Path) -> None:
    from netspec.backends import compile_net
    from netspec.train import checkpoint
    from netspec.train.checkpoint import metadata_of

    main = MAIN.replace("wide 8", "wide width\nresidual width").replace("input", "param width = 8\ninput")
    net = netspec.load(written(tmp_path, {"main.net": main, "blocks/wide.net": WIDE}), values={"width": "4"})
    place = tmp_path / "weights.safetensors"
    program = compile_net(net, "numpy")
    checkpoint.save(place, program.parameters(), metadata_of(net))
    (tmp_path / "blocks" / "wide.net").unlink()
    restored = checkpoint.restore(place).net
    assert restored == net
    assert restored.by_name["wide1_conv1"].shape.dims == (28, 28, 4)
    assert set(json.loads(metadata_of(net)["files"])) == {
        "blocks/wide.net",
        "netspec/blocks/residual.net",
        "netspec/blocks/shortcut.net",
    }
