"""What stands for a GPU's graphs where there is none."""

import sys
from collections.abc import Iterator

import pytest

from netspec.backends.torch import graphed
from tests.backends.tape import TapeRecorder


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tapes for graphs, and optimisers that may be in one on a processor, as they may on a GPU."""
    monkeypatch.setitem(graphed.RECORDERS, "cpu", TapeRecorder)
    for name, module in list(sys.modules.items()):
        if name.startswith("torch.optim.") and hasattr(module, "_get_capturable_supported_devices"):
            monkeypatch.setattr(module, "_get_capturable_supported_devices", lambda **_: ["cpu"])
    yield
