"""`netspec augment`: the picture shows what training sees, and says why where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

import netspec as library
from netspec.backends.augmentation import Augmentation
from netspec.train import gallery as module
from netspec.train.evaluate import load_data
from netspec.train.gallery import Gallery, arranged, gallery, picture
from netspec.train.loop import train
from netspec.train.options import resolve

Array = np.ndarray[Any, np.dtype[Any]]
Run = Callable[..., int]
SPEC = """
input 6x5x3
softmax 2
train:
    data npz "colours.npz"
    batch 8
    steps 2
    {}
"""


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """A spec with augmentation beside 40 + 10 colour images."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (50, 6, 5, 3), np.uint8)
    labels = np.arange(50) % 2
    np.savez(
        tmp_path / "colours.npz",
        x_train=images[:40],
        y_train=labels[:40],
        x_test=images[40:],
        y_test=labels[40:],
    )
    path = tmp_path / "colours.net"
    path.write_text(SPEC.format("augment shift=1 flip noise=0.1 mixup=0.3"), "utf-8")
    return path


def shown(path: Path, line: str, rows: int = 4, columns: int = 3) -> Gallery:
    net = library.parse(SPEC.format(line), name="colours.net")
    options = resolve(net)
    return gallery(net, options, load_data(net, options, path.parent), rows, columns)


@pytest.mark.parametrize("stop", ["", "\n    stop patience=3"], ids=["", "stop"])
def test_the_first_column_is_what_training_sees_in_its_first_step(
    colours: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    line = f"augment rotate=20 noise=0.1 cutout=2 mixup=0.3{stop}"
    found = shown(colours, line, rows=3)
    assert found.images.shape == (3, 4, 6, 5, 3)
    net = library.parse(SPEC.format(line), name="colours.net")
    options = resolve(net)
    seen: list[tuple[Array, Array]] = []
    batch = Augmentation.batch

    def noted(self: Augmentation[Array], inputs: tuple[Array], *rest: Any) -> Any:
        answer = batch(self, inputs, *rest)
        seen.append((inputs[0], answer[0][0]))
        return answer

    monkeypatch.setattr(Augmentation, "batch", noted)
    train(net, library.compile(net, "numpy"), load_data(net, options, colours.parent), options)
    before, after = (np.moveaxis(array[:3], 1, -1) for array in seen[0])
    np.testing.assert_array_equal(found.images[:, 0], before)
    np.testing.assert_array_equal(found.images[:, 1], after)
    assert found.title == "colours: augment rotate=20 cutout=2 noise=0.1 mixup=0.3"
    assert set(found.names) <= {"0", "1"}


def test_more_rows_than_a_batch_or_than_there_are(colours: Path) -> None:
    assert shown(colours, "augment mixup=0.3", 13).images.shape[:2] == (13, 4)
    assert shown(colours, "augment flip", 41, 1).images.shape[:2] == (40, 2)


def test_images_lie_on_one_sheet_in_rows_and_columns() -> None:
    images = np.random.default_rng(0).random((2, 3, 4, 5, 1))
    sheet, tops, lefts = arranged(images)
    assert sheet.shape == (9, 19) and sheet.max() == 1
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            np.testing.assert_array_equal(sheet[top : top + 4, left : left + 5], images[row, column, :, :, 0])
    assert lefts[1] - lefts[0] > lefts[2] - lefts[1], "the examples stand apart"


def test_shades_go_from_the_smallest_to_the_largest_example() -> None:
    images = np.array([[-2.0, 2.0], [1.0, 9.0]]).reshape(2, 2, 1, 1, 1) * np.ones((1, 1, 4, 4, 2))
    sheet, tops, lefts = arranged(images)
    assert sheet.ndim == 2, "two channels are shown by their mean"
    assert sheet[tops[0], lefts[0]] == 0 and sheet[tops[1], lefts[0]] == 1
    assert sheet[tops[0], lefts[1]] == 1 and sheet[tops[1], lefts[1]] == 1
    grey, *_ = arranged(np.full((1, 1, 4, 4, 1), 7.0))
    assert (grey == 0).all()


def test_the_command_writes_a_picture(
    colours: Path, netspec: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert netspec("augment", colours, "--out", "a.png", "--examples", 3, "--columns", 2) == 0
    assert netspec("augment", colours, "--out", "b.png", "--examples", 3, "--columns", 2) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    with Image.open("a.png") as image:
        assert image.format == "PNG" and image.width > image.height
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 100, "in colour"
    assert netspec("augment", colours, "--out", "c.png", "--examples", 3, "--columns", 2, "--seed", 1) == 0
    assert Path("a.png").read_bytes() != Path("c.png").read_bytes()
    assert capsys.readouterr().out == ""
    assert netspec("augment", colours, "--examples", 2, "--columns", 1, "--set", "train.augment=vflip") == 0
    text = capsys.readouterr().out
    assert text.startswith("<?xml") and "colours: augment vflip" in text and "step 1" in text


def test_it_says_why_there_is_no_picture(
    colours: Path, netspec: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*words: object) -> str:
        assert netspec("augment", *words) != 0
        return capsys.readouterr().err

    with pytest.raises(click.BadParameter, match=r"none of \.png, \.svg"):
        netspec("augment", colours, "--out", "a.gif")
    with pytest.raises(click.BadParameter, match="there is no folder nowhere"):
        netspec("augment", colours, "--out", "nowhere/a.png")
    monkeypatch.setattr("netspec.cli.augment.MOST_NUMBERS", 3 * 3 * 90)
    assert netspec("augment", colours, "--out", "a.png", "--examples", 3, "--columns", 2) == 0
    with pytest.raises(click.UsageError, match="too large"):
        netspec("augment", colours, "--out", "a.png", "--examples", 3, "--columns", 3)
    vector = colours.with_name("vector.net")
    vector.write_text(SPEC.format("augment noise=0.1").replace("6x5x3", "90"), "utf-8")
    assert "N407" in (text := refused(vector)) and "a vector 90" in text
    colours.write_text(SPEC.format(""), "utf-8")
    assert "N405" in (text := refused(colours)) and "augment shift=2" in text
    colours.write_text(SPEC.format("augment flip").replace('    data npz "colours.npz"\n', ""), "utf-8")
    assert "N405" in (text := refused(colours)) and "data mnist" in text
    monkeypatch.setattr(module, "can_draw", lambda: False)
    assert "N602" in (text := refused(colours)) and 'pip install "netspec[plot]"' in text


def test_numbers_name_rows_where_there_are_no_classes() -> None:
    assert module._names(np.array([[0.5], [2.0]]), ()) == ("0.5", "2")
    assert module._names(np.array([1, 0]), ("cat", "dog")) == ("dog", "cat")
    assert module._names(np.zeros((2, 3)), ()) == ("", "")


def test_the_same_picture_is_the_same_file(colours: Path) -> None:
    one = shown(colours, "augment flip", 2, 1)
    for kind in ("svg", "png"):
        assert picture(one, kind) == picture(one, kind)
