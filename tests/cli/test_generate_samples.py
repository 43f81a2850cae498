"""`netspec generate`: samples of what a spec says it makes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

import netspec
from netspec.init import initial
from netspec.train.checkpoint import metadata_of, save
from netspec.train.maker import Maker
from tests.cli.generating import run

DIGITS = """
network generator:
    input 6
    dense 9 batchnorm relu
    dense 16
    sigmoid

network discriminator:
    input 16
    sigmoid 1

train:
    data mnist as real
    let fake = generator(normal 6)
    update discriminator: bce(discriminator(real), 1) + bce(discriminator(stop fake), 0)
    update generator: bce(discriminator(fake), 1)

generate:
    make generator(normal 6)
"""


def maker(folder: Path, text: str = DIGITS) -> str:
    path, net = folder / "best.safetensors", netspec.parse(text, name="digits")
    random = np.random.default_rng(2)
    values = {name: random.uniform(0.5, 1.5, size=value.shape) for name, value in initial(net).items()}
    save(path, values, metadata_of(net))
    return str(path)


def test_samples_are_a_sheet_of_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, file = maker(tmp_path), tmp_path / "made.png"
    assert run(path, "--to", str(file)) == 0
    said, named = capsys.readouterr().out.splitlines()
    assert said.startswith("64 samples of 16, from 0.") and named == str(file)
    with Image.open(file) as picture:
        assert picture.size == (2 * (8 * 4 + 7), 2 * (8 * 4 + 7)) and picture.mode == "L"
    first = file.read_bytes()
    assert run(path, "--to", str(file)) == 0 and file.read_bytes() == first
    assert run(path, "--to", str(file), "--seed", "1") == 0 and file.read_bytes() != first


def test_a_sample_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    path, few, many = maker(tmp_path), tmp_path / "few.npy", tmp_path / "many.npz"
    assert run(path, "--count", "3", "--to", str(few)) == run(path, "--count", "70", "--to", str(many)) == 0
    with np.load(many) as found:
        assert found["x"].shape == (70, 16)
        np.testing.assert_allclose(np.load(few), found["x"][:3], rtol=1e-6)


def test_both_backends_make_the_same_of_the_same_noise(tmp_path: Path) -> None:
    path = Path(maker(tmp_path))
    one, other = (
        Maker.load(path, backend=backend, dtype="float64").make(5, seed=3) for backend in ("numpy", "torch")
    )
    assert one.samples.dtype == np.float64 and one.samples.std() > 0
    np.testing.assert_allclose(other.samples, one.samples, rtol=0, atol=1e-12)


def test_samples_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = maker(tmp_path)
    assert run(path, "--count", "2", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "netspec.generate/1" and document["net"] == "digits"
    assert document["made"]["count"] == 2 and np.shape(document["made"]["samples"]) == (2, 16)
    assert run(path, "--count", "2") == 0
    printed = [list(map(float, line.split())) for line in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose(printed, document["made"]["samples"], rtol=1e-4)


REPAINTS = """
network painter:
    input 4x4x1
    conv 1 3x3

train:
    data idx "images" labels="labels"
    update painter: mse(painter(image), image)

generate:
    make painter(image)
"""


BOTH = """
network painter:
    input picture 4x4x1
    input kind of 10
    embed 16 from kind
    reshape 4x4x1
    add picture
    conv 1 3x3

train:
    data idx "images" labels="labels"
    update painter: mse(painter(image, label), image)

generate:
    make painter(image, label)
"""


def test_samples_of_examples_lie_beside_these(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, given, file = maker(tmp_path, REPAINTS), tmp_path / "given.npy", tmp_path / "made.png"
    np.save(given, np.random.default_rng(0).random((2, 4, 4, 1)))
    assert run(path, str(given), "--to", str(file)) == 0
    assert capsys.readouterr().out.startswith("2 samples of 4x4x1, ")
    with Image.open(file) as picture:
        assert picture.size == (2 * (2 * 4 + 1), 2 * (2 * 4 + 1))
    with pytest.raises(click.UsageError, match=r"The network reads `image`: GIVEN names a file with that"):
        run(path)


def test_examples_are_not_repeated_before_there_is_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, given, file = maker(tmp_path, REPAINTS), tmp_path / "given.npy", tmp_path / "made.npy"
    np.save(given, np.random.default_rng(0).random((2, 4, 4, 1)).astype(np.float32))
    assert run(path, str(given), "--count", "50", "--to", str(file)) == 0
    found = np.load(file)
    assert (
        found.shape == (100, 4, 4, 1)
        and (found[:50] == found[:1]).all()
        and (found[50:] == found[50:51]).all()
    )
    capsys.readouterr()
    monkeypatch.setattr("netspec.train.maker.free_memory", lambda: 1 << 30)
    monkeypatch.setattr("numpy.repeat", None)
    assert run(path, str(given), "--count", "9" * 25, "--to", str(file)) == 1
    assert re.search(r"error\[N507\]: 19,9+.* samples take 192 bytes each", capsys.readouterr().err)


@pytest.mark.parametrize("text", [REPAINTS, BOTH], ids=["one field", "two"])
def test_a_field_may_have_the_name_that_the_spec_gives_it(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    called = text.replace('labels="labels"', 'labels="labels" as real').replace("(image", "(real")
    path, file = maker(tmp_path, called), tmp_path / "given.npz"
    images, found = np.random.default_rng(0).random((2, 4, 4, 1)), []
    for names in (("real", "label"), ("image", "label"), ("x1", "x2") if text is BOTH else ("x", "label")):
        np.savez(file, **dict(zip(names, (images, [3, 1]), strict=True)))
        assert run(path, str(file), "--json") == 0
        found.append(json.loads(capsys.readouterr().out)["made"]["samples"])
    assert found[0] == found[1] == found[2]
    np.savez(file, foo=images)
    assert run(path, str(file), "--json") == 1
    wanted = (
        "real, label are needed, or image, label, or x1, x2"
        if text is BOTH
        else "real is needed, or image, or x"
    )
    assert f"it holds foo; {wanted}" in json.loads(capsys.readouterr().out)["errors"][0]["message"]
    needed = "`real` and `label`" if text is BOTH else "`real`"
    with pytest.raises(click.UsageError, match=f"The network reads {needed}: GIVEN names a file with that"):
        run(path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--prompt", "x"], "--prompt is about texts"),
        (["--max", "3"], "--max is about texts"),
        (["rows.csv"], "draws from noise, and reads no file"),
        (["--to", "made.jpg"], "ends in none of .png, .npy, .npz"),
    ],
)
def test_words_about_texts_are_refused(tmp_path: Path, words: list[str], says: str) -> None:
    with pytest.raises(click.UsageError, match=re.escape(says)):
        run(maker(tmp_path), *words)


def test_what_is_no_picture_and_what_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = DIGITS.replace("dense 16\n", "dense 23\n").replace("input 16", "input 23")
    path, file = maker(tmp_path, large), tmp_path / "made.png"
    with pytest.raises(click.UsageError, match="gives no pictures, but 23"):
        run(path, "--to", str(file))
    with pytest.raises(click.UsageError, match=r"A sample is 23: --to FILE\.png shows"):
        run(path)
    monkeypatch.setattr("netspec.train.maker.free_memory", lambda: 1000)
    assert run(path, "--count", "99", "--to", str(file)) == 1
    assert "error[N507]" in capsys.readouterr().err and not file.exists()
