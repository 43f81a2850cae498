"""Every spec that ships, in small: it is trained, its loss falls, its weights are measured, and generate if they can.

The data are small ones that look like the real ones and lie where these would: scikit-learn's digits, texts of a few
words, waves, colours.  What the specs reach on the real data is in `docs/results.md`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netspec.data import scenes

SPECS = Path(__file__).resolve().parents[2] / "specs"


@dataclass(frozen=True)
class Small:
    """How a spec is made small: its data where they are other ones, its epochs, its batch, further words."""

    data: str = ""
    epochs: int = 2
    batch: int = 32
    more: tuple[str, ...] = ()
    baseline: str = ""
    """How what is to be beaten begins, where the data know of it."""
    given: str = ""
    """What `netspec generate` is given, a file of the folder."""


DIGITS = Small("digits", batch=64)
FLAT = ("--set", "train.schedule=constant")
"""A step size that needs not be warmed up for longer than the whole run."""
COLUMNS = "HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"
SMALL = {
    "autoencoder": Small("digits", epochs=3, batch=64),
    "autoencoder_tied": Small("digits", epochs=3, batch=64),
    "ball": Small(
        "balls count=600 test=100", epochs=3, baseline="going straight on from the true places: rmse 0."
    ),
    "caption": Small("scenes count=96 test=16", epochs=3, given="image.png"),
    "char_gpt": Small(batch=8, more=FLAT),
    "char_lm": Small(batch=8),
    "derain": Small(
        'rain "photos" patch=32 count=48 crop=32',
        epochs=3,
        batch=8,
        baseline="the rainy photographs as they are: psnr ",
    ),
    "digit_rows_lstm": DIGITS,
    "dna": Small("dna count=600 test=100", epochs=3, batch=64),
    "forecast": Small(
        f'series "etth1/ETTh1.csv" target="{COLUMNS}" drop="date" horizon=24 test=450,600 validation=300,450',
    ),
    "lecture_cnn": DIGITS,
    "lenet": DIGITS,
    "logistic": Small(),
    "mlp_batchnorm": DIGITS,
    "mlp_relu": DIGITS,
    "mlp_sigmoid": DIGITS,
    "mlp_sigmoid_deep": DIGITS,
    "next_word": Small(batch=8),
    "rnn_temperature": Small(),
    "sentiment": Small(batch=8),
    "sentiment_cnn": Small(batch=8),
    "small": DIGITS,
    "softmax": DIGITS,
    "translate": Small(batch=8, given="german.txt"),
    "translate_transformer": Small(batch=8, more=FLAT, given="german.txt"),
    "tricks": DIGITS,
    "vae": Small("digits", epochs=3, batch=64),
}
WORDS = (
    ("ein", "a"),
    ("hund", "dog"),
    ("mann", "man"),
    ("sieht", "sees"),
    ("und", "and"),
    ("der", "the"),
    ("rote", "red"),
    ("große", "large"),
)
"""A language of which each word has one in another."""


def write(folder: Path, name: str, lines: Sequence[str]) -> None:
    """A file of lines, packed where its name says so."""
    content = ("\n".join(lines) + "\n").encode()
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the data sets."""
    made = tmp_path / "data"
    random = np.random.default_rng(0)
    texts(made, random)
    tables(made, random)
    photographs(made)
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = 25 * np.arange(1, 11)[:, None, None]
    digits = images, np.arange(10, dtype=np.uint8)
    monkeypatch.setattr(scenes, "read_digits", lambda most_bytes: (digits, digits))
    monkeypatch.setenv("NETSPEC_DATA", str(made))
    return made


def texts(folder: Path, random: np.random.Generator) -> None:
    """Sentences in two languages, films that are praised or not, and a play."""
    for part, count in (("train", 80), ("val", 16), ("test_2016_flickr", 16)):
        chosen = [random.integers(0, len(WORDS), random.integers(3, 7)) for _ in range(count)]
        for side, language in enumerate(("de", "en")):
            said = [" ".join(WORDS[each][side] for each in words) for words in chosen]
            write(folder, f"multi30k/{part}.{language}.gz", said)
    write(folder, "german.txt", ["ein mann sieht der große hund", "der hund"])
    for kind, word in (("pos", "wonderful"), ("neg", "boring")):
        films = [" ".join(["a", *["very"] * each, word, "film"]) for each in random.integers(0, 4, 60)]
        write(folder, f"rt-polarity/rt-polarity.{kind}", films)
    write(folder, "shakespeare/input.txt", ["To be, or not to be, that is the question."] * 80)


def tables(folder: Path, random: np.random.Generator) -> None:
    """Pupils, and two waves: seven columns that are one, and another by itself."""
    grades = random.integers(0, 20, 120)
    names = [*(f"x{number}" for number in range(56)), "G1", "G2", "G3"]
    pupils = [
        ",".join(map(str, [*random.integers(0, 5, 56), grade, grade, max(grade - 1, 0)])) for grade in grades
    ]
    write(folder, "student/student-mat.csv", [",".join(names), *pupils])
    hours = np.sin(np.arange(600) / 24 * 2 * np.pi) + random.normal(0, 0.1, 600)
    rows = [",".join(["now", *[f"{hour:.3f}"] * 7]) for hour in hours]
    write(folder, "etth1/ETTh1.csv", [f"date,{COLUMNS}", *rows])
    days = [f"day,{hour:.3f}" for hour in hours]
    write(folder, "temperatures/daily-min-temperatures.csv", ["Date,Temp", *days])


def photographs(folder: Path) -> None:
    """Colours that run into one another, and a picture of two digits."""
    down, across = np.meshgrid(*[np.linspace(40, 200, 40)] * 2, indexing="ij")
    for part in ("train", "test"):
        (folder / "photos" / part).mkdir(parents=True)
        for number in range(2):
            pixels = np.stack([down + 20 * number, across, down], axis=-1)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "photos" / part / f"{number}.png")
    Image.fromarray(np.full((56, 56), 100, np.uint8)).save(folder / "image.png")


def test_every_spec_has_a_small_version() -> None:
    assert {*SMALL, "gan"} == {path.stem for path in SPECS.glob("*.net")}


@pytest.mark.parametrize("name", SMALL)
def test_it_learns(
    name: str, folder: Path, netspec: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    small = SMALL[name]
    words = ["--epochs", small.epochs, "--batch", small.batch, "--backend", "torch", *small.more]
    words += ["--set", f"train.data={small.data}"] if small.data else []
    assert netspec("train", SPECS / f"{name}.net", *words, "--json") == 0
    *rows, end = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert end["data"]["baseline"].startswith(small.baseline)
    losses = [row["train.loss"] for row in rows if row["event"] == "epoch"]
    assert len(losses) == small.epochs and losses[-1] < losses[0]

    weights = Path(end["folder"], "best.safetensors")
    assert netspec("eval", weights, "--json") == 0
    measured = json.loads(capsys.readouterr().out)["test"]
    assert measured == pytest.approx(end["test"], rel=1e-4, abs=1e-6)

    if "    feed " in (SPECS / f"{name}.net").read_text("utf-8"):
        given = [folder / small.given] if small.given else []
        assert netspec("generate", weights, *given, "--max", 12, "--json") == 0
        said = json.loads(capsys.readouterr().out)["generated"]
        assert len(said) == (2 if small.given == "german.txt" else 1)
        assert all(len(each["tokens"]) <= 12 for each in said)


def test_a_gan_trains_and_shows_what_it_makes(tmp_path: Path, netspec: Callable[..., int]) -> None:
    words = "--set", "train.data=digits", "--batch", "64", "--backend", "torch", "--set", "train.steps=6"
    assert netspec("train", SPECS / "gan.net", "--set", "width=8", *words) == 0
    made = tmp_path / "runs/gan-001"
    (row,) = [json.loads(line) for line in (made / "metrics.jsonl").read_text().splitlines()]
    assert row["train.loss.discriminator"] > 0 and row["train.loss.generator"] > 0
    assert (made / "samples.png").read_bytes().startswith(b"\x89PNG")
