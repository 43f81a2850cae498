"""`netspec export`: code and models that run without netspec."""

from __future__ import annotations

import re
from pathlib import Path

import click
import numpy as np
import onnxruntime
import pytest

import netspec
from netspec.backends.torch.export import export as as_pytorch
from netspec.cli import main
from netspec.init import initial
from netspec.train.checkpoint import metadata_of, save

TEXT = "input T of 9\nembed 4\nlstm 5 last\nsoftmax 3\n"


def test_a_model_has_the_weights_of_the_file(tmp_path: Path) -> None:
    net = netspec.parse(TEXT, name="words")
    weights, out = tmp_path / "best.safetensors", tmp_path / "words.onnx"
    values = initial(net, 7, "float32")
    save(weights, values, metadata_of(net))
    assert main(["export", "--to", "onnx", str(weights), "-o", str(out)], standalone_mode=False) is None
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    assert [each.shape for each in session.get_inputs()] == [["N", "T"]]
    tokens = np.array([[1, 8, 3, 0], [2, 2, 5, 7]])
    (found,) = session.run(None, {"input1": tokens})
    wanted = netspec.compile(net, "numpy", parameters=values).predict(tokens)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_spec_gives_initial_weights_and_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, out = tmp_path / "words.net", tmp_path / "words.py"
    spec.write_text(TEXT)
    assert main(["export", "--to", "pytorch", str(spec), "-o", str(out)], standalone_mode=False) is None
    assert out.read_text() == as_pytorch(netspec.load(spec))
    assert (
        main(
            ["export", "--to", "onnx", str(spec), "-o", str(tmp_path / "no" / "x.onnx")],
            standalone_mode=False,
        )
        == 1
    )
    assert capsys.readouterr().err == f"netspec: {tmp_path / 'no' / 'x.onnx'}: no such file or directory\n"


def test_a_folder_is_no_file_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, folder = tmp_path / "words.net", tmp_path / "folder.py"
    spec.write_text(TEXT)
    folder.mkdir()
    with pytest.raises(click.BadParameter, match=f"File '{re.escape(str(folder))}' is a directory"):
        main(["export", "--to", "pytorch", str(spec), "-o", str(folder)], standalone_mode=False)
    assert [*folder.iterdir()] == []


def test_what_has_no_meaning_in_onnx_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "any.net"
    spec.write_text("input HxWx2\npool max 3 stride2 ceil\n")
    assert (
        main(["export", "--to", "onnx", str(spec), "-o", str(tmp_path / "x.onnx")], standalone_mode=False)
        == 1
    )
    told = capsys.readouterr().err
    assert "error[N601]" in told and "any.net:2:1" in told
    assert not (tmp_path / "x.onnx").exists()
