"""Predictions from pictures, arrays and tables, and the refusal of files that are none."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netspec as library
from netspec.data import Preprocessing
from netspec.data.preprocessing import Column, Columns, Fields, Numbers, Windows
from netspec.data.vocabulary import Vocabulary
from netspec.diagnostics import SpecError
from netspec.init import initial
from netspec.train.checkpoint import metadata_of, save
from netspec.train.inputs import read_inputs
from netspec.train.measure import evaluate_file
from netspec.train.predict import Predictor

IMAGES = library.parse("input 4x6x1\nsoftmax 3", name="images.net")
COLOUR = library.parse("input 4x6x3\nsoftmax 3")
ROWS = library.parse("input 4x6\nlstm 5 last\nsoftmax 3")
VECTOR = library.parse("input 16\nsigmoid 1")


def weights(path: Path, net: library.Net, *classes: str, preprocessing: Preprocessing | None = None) -> Path:
    save(path, initial(net), metadata_of(net, classes, preprocessing))
    return path


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10).save(path)
    return path


def test_a_picture_of_the_right_size_is_taken_as_it_is(grey: Path) -> None:
    wanted = (np.arange(24, dtype=np.float32) * 10 / 255).reshape(1, 4, 6, 1)
    np.testing.assert_array_equal(read_inputs(grey, IMAGES), wanted)
    np.testing.assert_array_equal(read_inputs(grey, ROWS), wanted[..., 0])
    np.testing.assert_array_equal(read_inputs(grey, COLOUR), np.repeat(wanted, 3, axis=-1))


def test_pictures_are_converted_and_resized(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), (255, 255, 255)).save(tmp_path / "white.jpg", quality=95)
    np.testing.assert_allclose(read_inputs(tmp_path / "white.jpg", IMAGES), 1, atol=0.01)
    Image.new("RGBA", (9, 9), (255, 255, 255, 0)).save(tmp_path / "nothing.png")
    assert read_inputs(tmp_path / "nothing.png", VECTOR).tolist() == [[0.0] * 16]
    Image.fromarray(np.full((4, 6), 65535, np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_inputs(tmp_path / "deep.png", IMAGES), np.ones((1, 4, 6, 1)))


def test_arrays(tmp_path: Path) -> None:
    many = np.random.default_rng(0).random((5, 4, 6, 1), np.float32)
    np.savez_compressed(tmp_path / "many.npz", x=many)
    np.testing.assert_array_equal(read_inputs(tmp_path / "many.npz", IMAGES), many)
    np.savez(tmp_path / "named.npz", input1=many, x=many[:1])
    np.testing.assert_array_equal(read_inputs(tmp_path / "named.npz", IMAGES), many)
    np.save(tmp_path / "one.npy", (many[0] * 255).astype(np.uint8))
    np.testing.assert_allclose(read_inputs(tmp_path / "one.npy", IMAGES), many[:1], atol=1 / 255)


def header_bomb(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)


def png_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def npz(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{}], object), allow_pickle=True)
    return file.getvalue()


UNUSABLE = {
    "empty.png": (b"", "no PNG or JPEG"),
    "cut.jpg": (b"\xff\xd8\xff\xe0", "no PNG or JPEG"),
    "bomb.png": (png_bomb(), "too many"),
    "text.npz": (b"hello", "not an .npz file, or damaged"),
    "other.npz": (npz("y", b""), "it holds y; input1 is needed, or x"),
    "bomb.npz": (npz("x", header_bomb("(1000000000000,)")), "announces 1000000000000 entries of 8 bytes"),
    "bomb.npy": (header_bomb("(1000000000000,)"), "8,000,000,000,000 bytes, and 64 follow"),
    "negative.npy": (header_bomb("(-2, -4)"), "and 64 follow"),
    "tokens.npy": (header_bomb("(((("), "its header cannot be read"),
    "pickle.npy": (pickled(), "could run code"),
    "table.csv": (b"a,b\n1,2\n", "not trained on a table"),
    "what.xyz": (b"", "cannot be told from `.xyz`"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_files_are_refused(tmp_path: Path, name: str) -> None:
    content, says = UNUSABLE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpecError) as caught:
        read_inputs(tmp_path / name, IMAGES)
    (found,) = caught.value.diagnostics
    assert found.code == "N705" and says in found.message and name in found.message


@pytest.mark.parametrize(
    "array", [np.zeros((2, 5, 6, 1)), np.full((2, 4, 6, 1), np.nan), np.zeros((0, 4, 6, 1))]
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.savez(tmp_path / "x.npz", x=array)
    with pytest.raises(SpecError, match="N705"):
        read_inputs(tmp_path / "x.npz", IMAGES)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none.png", "no such file"), (tmp_path, "a folder")):
        with pytest.raises(SpecError, match=f"N705.*{says}"):
            read_inputs(path, IMAGES)


def test_class_and_probability(
    tmp_path: Path, grey: Path, netspec: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    file = weights(tmp_path / "w.safetensors", IMAGES, "a", "b", "c")
    assert netspec("predict", file, grey, grey, "--backend", "numpy", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "netspec.predict/1"
    first, second = document["predictions"]
    assert first == {**second, "index": 0}
    assert first["class"] == "abc"[int(np.argmax(first["output"]))]
    assert first["probability"] == max(first["output"]) and sum(first["output"]) == pytest.approx(1)
    assert netspec("predict", file, grey, "--backend", "numpy") == 0
    assert capsys.readouterr().out == f"{grey}: {first['class']} {first['probability']:.4f}\n"


def test_a_table_goes_through_the_saved_preparation(tmp_path: Path) -> None:
    net = library.parse("input 3\nsigmoid 1")
    columns = (Column("age", mean=10, deviation=2), Column("town", categories=("x", "y")))
    file = weights(tmp_path / "w.safetensors", net, "fail", "pass", preprocessing=Columns(columns))
    (tmp_path / "new.csv").write_text("town,age,more\ny,12,0\nz,10,0\n")
    predictor = Predictor.load(file, backend="numpy")
    np.testing.assert_array_equal(
        read_inputs(tmp_path / "new.csv", net, predictor.restored.preprocessing), [[1, 0, 1], [0, 0, 0]]
    )
    first, second = predictor.files([tmp_path / "new.csv"])
    assert first.classes in (("fail",), ("pass",)) and 0.5 <= first.probabilities[0] <= 1
    assert second.values == pytest.approx([0.5], abs=0.4) and second.index == 1


def test_numbers_are_given_as_they_are(tmp_path: Path) -> None:
    net = library.parse("input 2\ndense 2")
    (found,) = Predictor.load(weights(tmp_path / "w.safetensors", net), backend="numpy").examples(
        np.ones((1, 2))
    )
    assert found.classes == () and found.to_json() == {"file": "", "index": 0, "output": found.values}
    assert str(found) == " ".join(f"{value:.6g}" for value in found.values)


SERIES = Windows((Column("a", 10, 2), Column("b", 100, 50)), ("b",), window=3, horizon=2)


def test_a_series_is_predicted_in_the_units_of_its_column(tmp_path: Path) -> None:
    net = library.parse("input 3x2\ngru 4 last\ndense 2")
    file = weights(tmp_path / "w.safetensors", net, preprocessing=SERIES)
    (tmp_path / "new.csv").write_text("b,a\n0,0\n100,10\n150,12\n50,8\n")
    predictor = Predictor.load(file, backend="numpy")
    inputs = np.array([[[0, 0], [1, 1], [-1, -1]]], np.float32)
    np.testing.assert_array_equal(
        read_inputs(tmp_path / "new.csv", net, predictor.restored.preprocessing), inputs
    )
    (found,) = predictor.files([tmp_path / "new.csv"])
    np.testing.assert_allclose(found.values, predictor.program.predict(inputs)[0] * 50.0 + 100, rtol=1e-6)


def test_a_series_that_is_not_that_of_the_network_is_refused(tmp_path: Path) -> None:
    net = library.parse("input 3x2\ngru 4 last\ndense 5")
    file = weights(tmp_path / "w.safetensors", net, preprocessing=SERIES)
    with pytest.raises(
        SpecError, match=r"N703: .* 1 columns and 2 rows after the window, and the output is 5"
    ):
        list(Predictor.load(file, backend="numpy").examples(np.zeros((1, 3, 2), np.float32)))


def test_the_next_token_is_named(tmp_path: Path) -> None:
    net = library.parse("input T of 3\nembed 4\nsoftmax 3")
    vocabulary = Vocabulary(("a", "\n"), "char", 4)
    file = weights(tmp_path / "w.safetensors", net, *vocabulary.names, preprocessing=vocabulary)
    (tmp_path / "new.txt").write_text("a\na")
    (found,) = Predictor.load(file, backend="numpy").files([tmp_path / "new.txt"])
    assert len(found.classes) == 3 and set(found.classes) <= {"<unknown>", "a", r"'\n'"}


def test_weights_are_measured_as_they_were_trained(tmp_path: Path) -> None:
    """Data of another scale are not fitted anew: the saved mean and deviation hold."""
    net = library.parse('input 1\ndense 1\ntrain:\n    data npz "a.npz" standardize')
    parameters = {"dense1.weight": np.array([[2.0]]), "dense1.bias": np.array([1.0])}
    file = tmp_path / "w.safetensors"
    save(file, parameters, metadata_of(net, (), Numbers(None, (10.0,), (4.0,))))
    x = np.arange(40.0)[:, None]
    np.savez(tmp_path / "a.npz", x=x, y=2 * (x - 10) / 4 + 1)
    assert evaluate_file(file, backend="numpy").figures.loss == pytest.approx(0, abs=1e-8)
    with pytest.raises(
        SpecError, match=r"N404: .*trained on numbers that were scaled, and these data are the col"
    ):
        evaluate_file(file, data=f'csv "{table(tmp_path)}" target="y"', backend="numpy")


def table(folder: Path) -> Path:
    path = folder / "a.csv"
    path.write_text("x,y\n" + "".join(f"{n},{n}\n" for n in range(10)))
    return path


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("output", ["gru 4 bidirectional\nsoftmax 5", "lstm 4 last\nsoftmax 5"])
def test_texts_of_different_lengths_are_each_as_alone(output: str, backend: str, tmp_path: Path) -> None:
    """Where the weights were trained on such texts; a class for each token, and none for what fills up."""
    net = library.parse(f"input T of 5\nembed 4\n{output}", name="net")
    vocabulary = Vocabulary(("a", "b", "c"), "word", 6, padded=True)
    values = initial(net)
    save(tmp_path / "told.safetensors", values, metadata_of(net, (), vocabulary, differing=("T",)))
    save(tmp_path / "other.safetensors", values, metadata_of(net, (), vocabulary))
    texts = ["a b", "c", "b c a b a c c", "who knows"]
    (tmp_path / "new.txt").write_text("\n".join(texts))
    predictor = Predictor.load(tmp_path / "told.safetensors", backend=backend)
    found = list(predictor.files([tmp_path / "new.txt"]))
    alone = library.compile(net, backend, parameters=values)
    for text, each in zip(texts, found, strict=True):
        tokens = vocabulary.encode(text.split())[:6]
        np.testing.assert_allclose(each.values, alone.predict(tokens[None])[0], rtol=1e-5)
        assert len(each.classes) == (len(tokens) if "bidirectional" in output else 1)
    filled = list(
        Predictor.load(tmp_path / "other.safetensors", backend=backend).files([tmp_path / "new.txt"])
    )
    assert np.shape(filled[0].values) != np.shape(found[0].values) or filled[0].values != found[0].values


def test_several_inputs_are_read_from_the_arrays_of_their_names(tmp_path: Path) -> None:
    net = library.parse(
        "input left 2\ninput words 3 of 9\nembed 4 from words\nflatten\nconcat left\ndense 5 as deep\nsoftmax 2\n"
        'train:\n    data npz "a.npz" standardize'
    )
    prepared = Fields({"left": Numbers(None, (1.0, 2.0), (2.0, 4.0))})
    file = weights(tmp_path / "w.safetensors", net, "no", "yes", preprocessing=prepared)
    left, words = np.arange(10.0).reshape(5, 2), np.arange(15).reshape(5, 3) % 9
    np.savez(tmp_path / "new.npz", left=left, words=words)
    np.savez(tmp_path / "numbered.npz", x1=left, x2=words)
    predictor = Predictor.load(file, backend="numpy")
    found, same = (list(predictor.files([tmp_path / f"{name}.npz"])) for name in ("new", "numbered"))
    assert len(found) == 5 and [each.values for each in found] == [each.values for each in same]
    standard = ((left - [1, 2]) / [2, 4]).astype(np.float32)
    expected = predictor.program.predict((standard, words))
    np.testing.assert_allclose([each.values for each in found], expected, rtol=1e-5)
    np.savez(tmp_path / "few.npz", left=left, words=words[:2])
    with pytest.raises(SpecError, match=r"N705: .*its arrays hold 5 for `left`, 2 for `words`"):
        list(predictor.files([tmp_path / "few.npz"]))
    np.savez(tmp_path / "one.npz", left=left)
    with pytest.raises(SpecError, match=r"N705: .*it holds left; left, words are needed, or x1, x2"):
        list(predictor.files([tmp_path / "one.npz"]))
    with pytest.raises(SpecError, match=r"N705: .*the network reads `left` and `words`, which an .npz file"):
        list(predictor.files([table(tmp_path)]))
    with pytest.raises(SpecError, match=r"N705: .*there is no such file"):
        list(predictor.files([tmp_path / "missing.npz"]))


# --- pictures

CLEARER = "input seen HxWx3\nconv 4 4x4 stride2 relu\nupconv 3 4x4 stride2 as change\nadd seen change"


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_an_image_of_every_size_is_made_into_one_as_large(tmp_path: Path, backend: str) -> None:
    """Where the network needs even sizes: as of the image with its last row and column twice, cut."""
    net = library.parse(CLEARER, name="clearer")
    predictor = Predictor.load(weights(tmp_path / "w.safetensors", net), backend=backend)
    pixels = np.random.default_rng(0).random((1, 5, 7, 3), np.float32)
    (found,) = predictor.examples(pixels)
    wide = np.pad(pixels, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    wanted = library.compile(net, backend, parameters=initial(net)).predict(wide)[0, :5, :7]
    np.testing.assert_allclose(found.values, wanted, atol=1e-6)
    assert str(found).startswith("5x7x3, from ")
    (even,) = predictor.examples(pixels[:, :4, :6])
    assert np.shape(even.values) == (4, 6, 3)


def test_pictures_are_left_pixel_for_pixel(
    tmp_path: Path, netspec: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    net = library.parse("input HxWx3\nconv 3 1x1")
    values = {"conv1.weight": np.eye(3)[:, :, None, None], "conv1.bias": np.zeros(3)}
    save(tmp_path / "w.safetensors", values, metadata_of(net))
    pixels = np.random.default_rng(0).integers(0, 256, (70, 9, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    assert netspec("predict", "w.safetensors", "in.png", "--to", "out.png", "--backend", "numpy") == 0
    with Image.open(tmp_path / "out.png") as made:
        np.testing.assert_array_equal(np.asarray(made), pixels)
    assert capsys.readouterr().out.startswith("in.png: 70x9x3, from 0.")
    words = "predict", "w.safetensors", "in.png", "--beside", "--backend", "numpy", "--to"
    assert netspec(*words, "both.png") == netspec(*words, "out.npz") == 0
    with Image.open(tmp_path / "both.png") as made:
        assert made.height == 70 and made.width > 18
        np.testing.assert_array_equal(np.asarray(made)[:, :9], np.asarray(made)[:, -9:])
    with np.load(tmp_path / "out.npz") as made:
        np.testing.assert_allclose(made["x"][0], pixels / 255, atol=1e-6)


def test_the_pixels_of_an_autoencoder_are_no_answers(tmp_path: Path) -> None:
    net = library.parse("input 49\ndense 4\nsigmoid 49\ntrain:\n    data mnist\n    target image")
    file = weights(tmp_path / "w.safetensors", net)
    (found,) = Predictor.load(file, backend="numpy").examples(np.ones((1, 49), np.float32))
    assert found.classes == () and str(found).startswith("49, from 0.")


def test_rows_stand_in_lines(tmp_path: Path) -> None:
    file = weights(tmp_path / "w.safetensors", library.parse("input 3x2\ndense 2"))
    (found,) = Predictor.load(file, backend="numpy").examples(np.ones((1, 3, 2), np.float32))
    assert [len(line.split()) for line in str(found).split("\n")] == [0, 2, 2, 2]


def test_what_is_to_be_answered_is_for_generate(tmp_path: Path) -> None:
    net = library.parse(
        "input a 2\ninput b T of 5\ndense 3 from a as start\nembed 4 from b\ngru 3 init=start\nsoftmax 5\n"
        "generate:\n    feed b from output start=1 stop=2"
    )
    predictor = Predictor.load(weights(tmp_path / "w.safetensors", net), backend="numpy")
    with pytest.raises(
        SpecError, match=r"N705: .*reads `a` and `b`, of which one is what it has said"
    ) as seen:
        list(predictor.files([tmp_path / "new.txt"]))
    assert "netspec generate WEIGHTS" in seen.value.diagnostics[0].notes[0]
