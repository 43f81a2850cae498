"""Digits with captions: the words say which digits an image shows and how they lie."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Loaded, load, scenes
from netspec.data.lazy import Array
from netspec.data.made import random_of
from netspec.data.scenes import DIGITS, LAYOUTS, TOKENS, caption
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape, Symbol
from netspec.passes.fields import Wishes
from netspec.settings.made import Scenes

IMAGE, T = Shape((60, 64, 1)), Symbol("T")
WORDS = Shape((T,), of=19)


def digits(brightness: int) -> tuple[Array, Array]:
    """Ten squares that tell themselves apart by how bright they are, with a rim of nothing."""
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = brightness + np.arange(10)[:, None, None]
    return images, np.arange(10, dtype=np.uint8)


@pytest.fixture(autouse=True)
def mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bright digits to train on, dark ones to test on."""
    monkeypatch.setattr(scenes, "read_digits", lambda most_bytes: (digits(200), digits(100)))


def read(
    *inputs: Shape,
    wanted: Shape | None = WORDS,
    names: tuple[str, ...] = ("image", "caption"),
    **options: object,
) -> Loaded:
    reader = Scenes(**{"count": 60, "test": 40} | options)  # type: ignore[arg-type]
    shapes, most = inputs or (IMAGE, WORDS), 1 << 30
    return load(reader, None, shapes, wanted, Wishes(names), folder=Path(), most_bytes=most)


def seen(image: Array, brightness: int) -> list[list[int]]:
    """The digits of an image, row by row, by what can be seen."""
    pixels = np.rint(255 * image[..., 0]).astype(int)
    rows = []
    for top in _starts((pixels > 0).any(axis=1)):
        band = pixels[top]
        rows.append([int(band[left]) - brightness for left in _starts(band > 0)])
    return rows


def _starts(there: Array) -> list[int]:
    """Where runs begin; runs that touch are told apart by their length, 20 each."""
    edges = np.flatnonzero(np.diff(np.pad(there.astype(int), 1)))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [place for start, end in runs for place in range(int(start), int(end) - 10, 20)]


def test_captions() -> None:
    assert " ".join(caption([[8]])) == "an eight"
    assert " ".join(caption([[3, 7]])) == "a three left of a seven"
    assert " ".join(caption([[2], [5]])) == "a two above a five"
    assert " ".join(caption([[0, 8], [1, 9]])) == "a zero left of an eight above a one left of a nine"
    assert set(TOKENS[4:]) == {"a", "an", "above", "left", "of", *DIGITS} and len(TOKENS) == 19


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_caption_says_what_is_there(part: str) -> None:
    data = getattr(read(), part)
    images, said = data.inputs
    brightness = {"train": 200, "test": 100}[part]
    found = set()
    for image, words, following, length in zip(images, said, data.targets, data.lengths["T"], strict=True):
        rows = seen(image, brightness)
        wanted = " ".join(caption(rows))
        assert " ".join(TOKENS[number] for number in following[: length - 1]) == wanted
        assert following[length - 1] == 2 and (following[length:] == -1).all()
        assert words[0] == 1 and (words[1:length] == following[: length - 1]).all()
        assert (words[length:] == 0).all()
        found.add(tuple(map(len, rows)))
    assert found == set(LAYOUTS)


def test_what_it_gives() -> None:
    loaded = read()
    images, said = loaded.train.inputs
    assert images.shape == (60, 60, 64, 1) and images.dtype == np.float32
    assert said.shape == loaded.train.targets.shape == (60, 14)  # type: ignore[union-attr]
    assert said.dtype == loaded.train.targets.dtype == np.int64  # type: ignore[union-attr]
    assert loaded.train.lengths["T"].max() == 14 and loaded.classes == TOKENS
    # the inputs in the network's order
    turned = read(WORDS, IMAGE, names=("caption", "image")).train.inputs
    assert np.array_equal(turned[0], said) and np.array_equal(turned[1], images)


def test_a_number_of_steps_is_filled_up() -> None:
    loaded = read(IMAGE, Shape((16,), of=19), wanted=Shape((16,), of=19))
    assert loaded.train.inputs[1].shape == (60, 16) and not loaded.train.lengths
    assert (np.asarray(loaded.train.targets)[:, 14:] == -1).all()


def test_the_same_seed_draws_the_same() -> None:
    loaded = read()
    images = np.rint(255 * np.asarray(loaded.train.inputs[0])).astype(np.uint8)
    assert sha256(images.tobytes()).hexdigest()[:16] == "937c65f31c4b1d04"
    assert sha256(np.asarray(loaded.test.targets).tobytes()).hexdigest()[:16] == "143ed3314087778b"
    assert not np.array_equal(read(seed=1).test.targets, loaded.test.targets)
    assert np.array_equal(read(count=7).test.targets, loaded.test.targets)


def test_digits_lie_within_the_image() -> None:
    random = random_of("scenes", "places", 0)
    for count in (1, 2):
        for room in (56, 57, 100):
            places = [scenes._places(room, count, random) for _ in range(2000)]
            assert min(map(min, places)) == 0 and max(map(max, places)) == room - 28
            assert all(np.diff(each).min(initial=24) >= 24 for each in places)


REFUSED = {
    "N404: an image of `scenes` is 56x56x1 or larger, and the input is 28x28x1": (
        (Shape((28, 28, 1)), WORDS),
        WORDS,
    ),
    "N404: an image of `scenes` is 56x56x1 or larger, and the input is TxTx1": (
        (Shape((T, T, 1)), WORDS),
        WORDS,
    ),
    "N404: a caption of `scenes` is words of 19 at each step, and the input is T of 18": (
        (IMAGE, Shape((T,), of=18)),
        WORDS,
    ),
    "N404: a caption of `scenes` is words of 19 at each step, and the output is 10": (
        (IMAGE, WORDS),
        Shape((10,)),
    ),
    "N404: the longest caption of `scenes` is 14 tokens, and the input takes 13": (
        (IMAGE, Shape((13,), of=19)),
        Shape((13,), of=19),
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused(message: str) -> None:
    inputs, wanted = REFUSED[message]
    with pytest.raises(SpecError, match=message):
        read(*inputs, wanted=wanted)


def test_an_image_alone_is_refused() -> None:
    with pytest.raises(
        SpecError, match=r"N404: `scenes` gives two inputs \(`image`, `caption`\), and the network"
    ):
        read(IMAGE, names=("image",))


def test_too_many_are_refused() -> None:
    message = (
        r"N404: 1,000,040 examples of `scenes .*` take 4,064,162,560 bytes, and 1,073,741,824 are the limit"
    )
    with pytest.raises(SpecError, match=message):
        read(count=1_000_000)
