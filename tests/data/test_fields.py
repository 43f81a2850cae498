"""Which field of the data feeds which input, and which is the target."""

from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.data import Loaded, every, load, preprocessing_from
from netspec.data.preprocessing import Column, Columns, Fields
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.passes.fields import Roles, Unfit, Wishes, roles_of, wishes_of
from netspec.settings.data import Csv, Digits, Idx, Images, Mnist, Npz, Series
from netspec.settings.text import Pairs, Text

IMAGE, VECTOR = Shape((8, 8, 1)), Shape((64,))


def test_fields_have_their_roles_by_order_name_and_settings() -> None:
    one = ("input1",)
    assert roles_of(Mnist(), Wishes(one)) == Roles(("image",), "label", ("image", "label"))
    assert roles_of(Mnist(), Wishes(one, target="image")) == Roles(("image",), "image", ("image", "label"))
    swapped = roles_of(Digits(), Wishes(one, ("label",), "image"))
    assert (swapped.inputs, swapped.target) == (("label",), "image")
    two = roles_of(Digits(), Wishes(("a", "b"), ("label", "image")))
    assert (two.inputs, two.target) == (("label", "image"), "label")
    assert roles_of(Text("t.txt"), Wishes(one)) == Roles(("text",), "text", ("text",))
    assert roles_of(Npz("a.npz"), Wishes(("left", "right"))).inputs == ("left", "right")
    assert roles_of(Npz("a.npz"), Wishes(one)).fields == ("x", "y")
    others = [Csv("a.csv", "y"), Idx("x", "y"), Images("a"), Series("a.csv", ("y",)), Pairs("a.tsv")]
    assert [roles_of(reader, Wishes(one)).target for reader in others] == [
        "y",
        "label",
        "label",
        "target",
        "label",
    ]


@pytest.mark.parametrize(
    ("wishes", "setting", "code", "message"),
    [
        (Wishes(("x",), target="picture"), "target", "N412", "`mnist` has no field `picture`"),
        (Wishes(("x",), ("lable",)), "inputs", "N412", "`mnist` has no field `lable`"),
        (
            Wishes(("x",), ("image", "label")),
            "inputs",
            "N404",
            "`inputs` names 2 fields, and the network reads one: `x`",
        ),
        (
            Wishes(("a", "b"), ("image",)),
            "inputs",
            "N404",
            "`inputs` names 1 field, and the network reads 2: `a` and `b`",
        ),
        (
            Wishes(("a", "b")),
            "data",
            "N404",
            "`mnist` gives one input (`image`), and the network reads 2: `a` and `b`",
        ),
    ],
)
def test_what_does_not_fit_names_the_setting(wishes: Wishes, setting: str, code: str, message: str) -> None:
    with pytest.raises(Unfit) as refused:
        roles_of(Mnist(), wishes)
    assert (refused.value.setting, refused.value.code, refused.value.message) == (setting, code, message)


def test_the_settings_stand_in_the_text_and_survive_it() -> None:
    train = "train:\n    data digits\n    inputs image\n    target image\n"
    net = netspec.parse(f"input 8x8x1\nflatten\ndense 4 relu\nsigmoid 64\n{train}")
    assert wishes_of(net, net.training) == Wishes(("input1",), ("image",), "image")
    assert netspec.parse(net.to_text()) == net == netspec.from_json(net.to_json())


def test_a_net_without_training_asks_for_nothing() -> None:
    net = netspec.parse("input 3\ndense 2")
    assert wishes_of(net, None) == Wishes(("input1",))


def test_an_autoencoder_has_its_input_as_target() -> None:
    loaded = load(Digits(), None, IMAGE, VECTOR, Wishes(("x",), target="image"), folder=Path())
    assert loaded.train.targets.shape == (1437, 64) and loaded.classes == ()  # type: ignore[union-attr]
    np.testing.assert_array_equal(loaded.train.targets, np.reshape(loaded.train.inputs, (-1, 64)))
    with pytest.raises(SpecError, match=r"N404: an example of `digits` is 8x8x1, and the output is 10"):
        load(Digits(), None, IMAGE, Shape((10,)), Wishes(("x",), target="image"), folder=Path())


def test_a_class_feeds_an_input() -> None:
    label = Shape((), of=10)
    wishes = Wishes(("x", "y"), ("label", "image"), "image")
    loaded = load(Digits(), None, (label, VECTOR), IMAGE, wishes, folder=Path())
    labels, images = every(loaded.train.inputs)
    assert labels.dtype == np.int64 and set(labels[:]) == set(range(10))
    np.testing.assert_array_equal(loaded.train.targets, np.reshape(images[:], (-1, 8, 8, 1)))


def arrays(folder: Path, **more: np.ndarray) -> None:
    np.savez(folder / "a.npz", **more)


def several(folder: Path, names: tuple[str, ...] = ("left", "right"), **options: object) -> Loaded:
    shapes = Shape((2,)), Shape((3,), of=9)
    reader = Npz("a.npz", **options)  # type: ignore[arg-type]
    return load(reader, None, shapes, Shape((), of=2), Wishes(names), folder=folder)


LEFT = np.arange(20.0).reshape(10, 2)
RIGHT = np.arange(30).reshape(10, 3) % 9
Y = np.arange(10) % 2


@pytest.mark.parametrize("names", [("left", "right", "y"), ("x1", "x2", "y")])
def test_npz_feeds_several_inputs(tmp_path: Path, names: tuple[str, ...]) -> None:
    arrays(tmp_path, **dict(zip(names, (LEFT, RIGHT, Y), strict=True)))
    loaded = several(tmp_path)
    left, right = every(loaded.train.inputs)
    assert left.shape == (8, 2) and left.dtype == np.float32
    assert right.shape == (8, 3) and right.dtype == np.int64
    rows = (left[:, 0] / 2).astype(int)
    np.testing.assert_array_equal(right, RIGHT[rows])
    np.testing.assert_array_equal(loaded.train.targets, Y[rows])


def test_npz_of_several_inputs_may_have_parts(tmp_path: Path) -> None:
    parts = {f"{name}_train": array for name, array in (("left", LEFT), ("right", RIGHT), ("y", Y))}
    arrays(tmp_path, **parts, left_test=LEFT[:3], right_test=RIGHT[:3], y_test=Y[:3])
    loaded = several(tmp_path)
    assert (len(loaded.train), len(loaded.test)) == (10, 3)
    arrays(tmp_path, **parts, left_test=LEFT[:3], right_test=RIGHT[:2], y_test=Y[:3])
    with pytest.raises(SpecError, match=r"N702: .*left_test holds 3 examples, and right_test 2"):
        several(tmp_path)


def test_npz_without_an_array_for_an_input_says_which_are_needed(tmp_path: Path) -> None:
    arrays(tmp_path, left=LEFT, y=Y)
    with pytest.raises(SpecError, match=r"N702: .*it holds left, y; .*or left, right, y, or .*or x1, x2, y"):
        several(tmp_path)
    np.save(tmp_path / "x.npy", LEFT)
    with pytest.raises(
        SpecError, match=r"N404: x.npy is an .npy file and holds one array, and the network reads 2"
    ):
        load(Npz("x.npy", targets="x.npy"), None, (VECTOR, VECTOR), None, folder=tmp_path)


def test_an_autoencoder_needs_no_targets_in_its_file(tmp_path: Path) -> None:
    arrays(tmp_path, x=LEFT)
    wishes = Wishes(("input1",), target="x")
    loaded = load(Npz("a.npz", standardize=True), None, Shape((2,)), Shape((2,)), wishes, folder=tmp_path)
    np.testing.assert_array_equal(loaded.train.inputs, loaded.train.targets)
    assert abs(float(np.mean(loaded.train.targets[:]))) < 1e-6  # type: ignore[index]
    np.save(tmp_path / "x.npy", LEFT)
    assert len(load(Npz("x.npy"), None, Shape((2,)), Shape((2,)), wishes, folder=tmp_path).train) == 8


def test_each_field_is_prepared_by_itself(tmp_path: Path) -> None:
    arrays(tmp_path, left=LEFT, right=RIGHT * 100.0, y=Y)
    shapes = Shape((2,)), Shape((3,))
    reader, wishes = Npz("a.npz", standardize=True), Wishes(("left", "right"))
    loaded = load(reader, None, shapes, Shape((), of=2), wishes, folder=tmp_path)
    prepared = loaded.preprocessing
    assert isinstance(prepared, Fields) and list(prepared.fields) == ["left", "right"]
    assert preprocessing_from(prepared.to_json()) == prepared
    for each in every(loaded.train.inputs):
        np.testing.assert_allclose(np.mean(each[:], axis=0), 0, atol=1e-5)
    again = load(reader, None, shapes, Shape((), of=2), wishes, folder=tmp_path, fitted=prepared)
    np.testing.assert_array_equal(every(again.test.inputs)[1], every(loaded.test.inputs)[1])
    other = Fields({"left": Columns((Column("a"),))})
    with pytest.raises(SpecError, match=r"N404: the network was trained on several fields"):
        load(reader, None, shapes, Shape((), of=2), wishes, folder=tmp_path, fitted=other)


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "fields"},
        {"kind": "fields", "fields": {}},
        {"kind": "fields", "fields": [1]},
        {"kind": "fields", "fields": {"a": 1}},
        {"kind": "fields", "fields": {"a": {"kind": "unknown"}}},
        {"kind": "fields", "fields": {"a": {"kind": "numbers", "mean": [1.0], "deviation": [0.0]}}},
        {"kind": "fields", "fields": {"a": {"kind": "fields", "fields": {"a": {"kind": "numbers"}}}}},
    ],
)
def test_fields_that_are_none_are_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        preprocessing_from(document)


def test_a_table_feeds_itself_to_an_autoencoder(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},{n * 2},{n % 2}" for n in range(10))
    (tmp_path / "t.csv").write_text(f"a,b,y\n{rows}\n", encoding="utf-8")
    wishes = Wishes(("input1",), target="x")
    loaded = load(Csv("t.csv", "y"), None, Shape((2,)), Shape((2,)), wishes, folder=tmp_path)
    np.testing.assert_array_equal(loaded.train.inputs, loaded.train.targets)
    with pytest.raises(SpecError, match=r"N404: a row of .* is 2 entries, and the output is 3") as refused:
        load(Csv("t.csv", "y"), None, Shape((2,)), Shape((3,)), wishes, folder=tmp_path)
    assert refused.value.diagnostics[0].tries == ("`dense 2`",)


def test_a_series_has_fixed_roles(tmp_path: Path) -> None:
    wishes = Wishes(("input1",), target="window")
    with pytest.raises(
        SpecError, match=r"N404: `series` can feed `window` and have `target` predicted, and nothing else"
    ):
        load(Series("a.csv", ("y",)), None, Shape((5, 1)), None, wishes, folder=tmp_path)
