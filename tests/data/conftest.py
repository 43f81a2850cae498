"""Tests of the data never touch the network, the user's cache or, unless they ask for it, NETSPEC_DATA."""

import os
from pathlib import Path

import pytest

from netspec.data import mnist
from tests.data.translations import ENGLISH, GERMAN, put

_SHARED = os.environ.get("NETSPEC_DATA")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NETSPEC_DATA", raising=False)
    monkeypatch.setenv("NETSPEC_OFFLINE", "1")
    monkeypatch.setattr(mnist, "cache_folder", lambda: tmp_path / "cache" / "mnist")


@pytest.fixture
def shared_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with real data."""
    if not _SHARED or not Path(_SHARED).is_dir():
        pytest.skip("NETSPEC_DATA names no folder with the real data")
    folder = Path(_SHARED).resolve()
    monkeypatch.setenv("NETSPEC_DATA", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a text in two languages."""
    put(tmp_path, "train.de", GERMAN)
    put(tmp_path, "train.en", ENGLISH)
    return tmp_path
