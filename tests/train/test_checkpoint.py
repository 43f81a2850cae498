"""Weight files: written whole, and refused with place and numbers where they are damaged or hostile."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.diagnostics import SpecError
from netspec.init import initial
from netspec.train.checkpoint import load, metadata_of, restore, save
from netspec.train.durable import replace_file

NET = netspec.parse("input 3\ndense 4 relu\nsoftmax 2", name="small.net")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    save(path, initial(NET), metadata_of(NET, ("no", "yes"), overrides=["train.batch=2"]))
    return path


def test_what_is_saved_comes_back(weights: Path) -> None:
    found = restore(weights)
    assert found.net == NET and found.net.name == "small"
    assert (found.classes, found.overrides, found.preprocessing) == (("no", "yes"), ("train.batch=2",), None)
    for name, value in initial(NET).items():
        np.testing.assert_array_equal(found.arrays[name], value)
    assert [path.name for path in weights.parent.iterdir()] == ["w.safetensors"]


def test_sizes_of_symbols_come_back(tmp_path: Path) -> None:
    net = netspec.parse("input HxWx3\nflatten\ndense 4", sizes={"H": 2, "W": 3})
    path = tmp_path / "w.safetensors"
    save(path, initial(net), metadata_of(net))
    found = restore(path)
    assert (found.net, found.net.sizes) == (net, {"H": 2, "W": 3})
    save(path, initial(net), metadata_of(netspec.from_json(net.to_json())))
    assert restore(path).net.layers == net.layers


def test_an_interrupted_write_leaves_the_old_file(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = weights.read_bytes()

    def fail(_number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        replace_file(weights, b"new")
    assert weights.read_bytes() == before
    assert [path.name for path in weights.parent.iterdir()] == ["w.safetensors"]


def with_header(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def changed(raw: bytes) -> bytes:
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        change(header)
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + raw[8 + length :]

    return changed


def entry(header: dict[str, dict[str, object]], **values: object) -> None:
    header["dense1.weight"].update(values)


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda raw: b"", "it is 0 bytes long"),
    "five bytes": (lambda raw: raw[:5], "it is 5 bytes long"),
    "cut in the header": (lambda raw: raw[:40], "and 32 follow"),
    "cut in the data": (lambda raw: raw[:-7], "announces 104 bytes of arrays, and 97 follow"),
    "something after": (lambda raw: raw + b"x", "announces 104 bytes of arrays, and 105 follow"),
    "header too large": (lambda raw: b"\xff" * 8 + raw[8:], "18,446,744,073,709,551,615 bytes"),
    "zip": (lambda raw: b"PK\x03\x04" + raw, "it is a zip file"),
    "not JSON": (lambda raw: (4).to_bytes(8, "little") + b"oops", "is not JSON"),
    "deep JSON": (lambda raw: (200_000).to_bytes(8, "little") + b"[" * 200_000, "is not JSON"),
    "a list": (lambda raw: (2).to_bytes(8, "little") + b"[]", "not a JSON object"),
    "no spec": (with_header(lambda header: header.pop("__metadata__")), "there is no spec inside"),
    "huge shape": (with_header(lambda header: entry(header, shape=[1 << 40, 1 << 20])), "its place has 48"),  # type: ignore[arg-type]
    "negative": (with_header(lambda header: entry(header, shape=[-4, -3])), "whole numbers of 0 or more"),  # type: ignore[arg-type]
    "overlap": (with_header(lambda header: entry(header, data_offsets=[0, 48])), "begins at byte"),  # type: ignore[arg-type]
    "other type": (with_header(lambda header: entry(header, dtype="BOOL")), "is of type BOOL"),  # type: ignore[arg-type]
    "no offsets": (with_header(lambda header: entry(header, data_offsets=7)), "has no dtype"),  # type: ignore[arg-type]
    "metadata": (with_header(lambda header: header.update(__metadata__={"netspec": 3})), "not texts"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_damaged_file_is_refused(weights: Path, kind: str) -> None:
    change, says = HOSTILE[kind]
    weights.write_bytes(change(weights.read_bytes()))
    with pytest.raises(SpecError) as caught:
        load(weights)
    (found,) = caught.value.diagnostics
    assert found.code == "N703" and says in found.message and str(weights) in found.message


@pytest.mark.parametrize("key", ["classes", "overrides", "preprocessing", "sizes"])
@pytest.mark.parametrize("text", ["{", "3", "[3]", "[" * 100_000])
def test_damaged_metadata_are_refused(weights: Path, key: str, text: str) -> None:
    save(weights, initial(NET), metadata_of(NET) | {key: text})
    with pytest.raises(SpecError, match="N703"):
        restore(weights)


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    other = netspec.parse("input 3\ndense 5 relu\nsoftmax 2", name="small.net")
    save(weights, initial(NET), metadata_of(other))
    with pytest.raises(SpecError, match=r"N703.*`dense1\.weight` is 4x3, not 5x3"):
        restore(weights)


@pytest.mark.parametrize("name", ["none.safetensors", "."])
def test_a_file_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match="N703"):
        load(tmp_path / name)


@pytest.mark.parametrize("text", ["input 28x28x1\nsoftmax 10\n", "input"])
def test_a_spec_holds_no_weights(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lenet.net"
    path.write_text(text)
    with pytest.raises(
        SpecError, match=r"N703: .*lenet\.net: it is a spec, and a network has weights"
    ) as refused:
        restore(path)
    (found,) = refused.value.diagnostics
    assert f"`netspec train {path}`" in found.notes[0]


def test_weights_that_are_no_numbers_are_refused(weights: Path) -> None:
    broken = {name: value.copy() for name, value in initial(NET).items()}
    broken["dense2.bias"][1] = np.nan
    save(weights, broken, metadata_of(NET))
    with pytest.raises(SpecError, match=r"N703: .*`dense2\.bias` holds numbers that are not finite"):
        restore(weights)
