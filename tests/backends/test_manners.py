"""Programs that compute in another precision or compiled: the same numbers within it, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch.amp import GradScaler

import netspec
from netspec.backends import compile_net
from netspec.backends.manner import PLAIN, Manner
from netspec.backends.torch.program import TorchProgram
from netspec.backends.torch.shard import check_shard
from netspec.diagnostics import SpecError
from netspec.ir.training import Training
from netspec.settings.optimizer import Adam
from netspec.settings.plain import Clip

NET = netspec.parse("input 6x6x2; conv 8 3x3 relu; pool 2; dense 16 tanh; softmax 3")
RECURRENT = netspec.parse("input 5x3; lstm 4 last; softmax 3")
RATE = 0.01


def program(net: netspec.Net = NET, manner: Manner = PLAIN, **more: Any) -> TorchProgram:
    found = compile_net(net, "torch", seed=1, device="cpu", manner=manner, **more)
    assert isinstance(found, TorchProgram)
    found.begin(Training({"optimizer": Adam(RATE), "clip": Clip(1.0)}))
    return found


def batch(size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(size, 2, 6, 6)).astype(np.float32), random.integers(0, 3, size)


def losses(found: TorchProgram, sizes: tuple[int, ...] = (8, 8, 8)) -> list[float]:
    return [float(found.train_step(*batch(size, seed), RATE)) for seed, size in enumerate(sizes)]


# --- precision


def test_bf16_rounds_products_and_nothing_else() -> None:
    plain, mixed = program(), program(manner=Manner("bf16"))
    ours, theirs = losses(mixed), losses(plain)
    assert ours != theirs
    np.testing.assert_allclose(ours, theirs, rtol=0.02)
    assert all(value.dtype == np.float32 for value in mixed.parameters().values())
    loss, output = mixed.evaluate(*batch(8))
    assert (
        output.dtype == np.float32 and mixed.predict(np.zeros((2, 6, 6, 2), np.float32)).dtype == np.float32
    )
    assert loss == pytest.approx(plain.evaluate(*batch(8))[0], rel=0.02)
    assert mixed.circumstances()["precision"] == "bf16" and "precision" not in plain.circumstances()


def test_float32_is_what_it_was() -> None:
    assert losses(program(manner=Manner("fp32"))) == losses(program())


@pytest.mark.parametrize(
    ("manner", "more", "said"),
    [
        (Manner("fp16"), {}, "the precision fp16 cannot be used on cpu"),
        (Manner("tf32"), {}, "the precision tf32 cannot be used on cpu"),
        (Manner("bf16"), {"dtype": "float64"}, "is for parameters in float32, and these are in float64"),
        (Manner("fp16", sharded=True), {}, "cpu"),
    ],
)
def test_precisions_that_are_refused(manner: Manner, more: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=f"N602: .*{said}"):
        program(manner=manner, **more)


@pytest.mark.parametrize("manner", [Manner("bf16"), Manner(compiled=True), Manner(sharded=True)])
def test_numpy_has_one_manner(manner: Manner) -> None:
    with pytest.raises(SpecError, match="N602: the backend `numpy` cannot"):
        compile_net(NET, "numpy", manner=manner)


@pytest.mark.parametrize("manner", [Manner("fp16", sharded=True), Manner(compiled=True, sharded=True)])
def test_manners_that_do_not_go_with_divided_parameters(manner: Manner) -> None:
    with pytest.raises(SpecError, match=r"N602: .* cannot be used with --shard"):
        check_shard(manner)


def scaled(first: float) -> TorchProgram:
    """A program whose gradients are scaled, as in fp16 on a GPU."""
    found = program()
    found.precision.scaler = GradScaler("cpu", init_scale=first, growth_interval=2)
    return found


def test_scaled_gradients_are_brought_back_to_their_size() -> None:
    """A power of two in float32 changes no bit."""
    plain, ours = program(), scaled(2.0**10)
    assert losses(ours) == losses(plain)
    assert ours.gradient_norms() == plain.gradient_norms()


def test_a_step_whose_gradients_overflow_is_left_out_and_the_scale_remembered() -> None:
    ours = scaled(2.0**127)
    before = ours.parameters()
    inputs, targets = batch(8)
    inputs[0] = np.nan
    ours.train_step(inputs, targets, RATE)
    for name, value in ours.parameters().items():
        np.testing.assert_array_equal(value, before[name])
    memory = ours.memory()
    np.testing.assert_array_equal(memory["scaler"], [2.0**126, 0])
    other = scaled(4.0)
    losses(other, (8,))  # the optimizer has something to remember
    kept = other.memory()
    assert kept["scaler"].tolist() == [4.0, 1]
    third = scaled(16.0)
    third.recall(kept)
    assert third.memory()["scaler"].tolist() == [4.0, 1]


# --- compiled


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """The graphs that are made, each run as it is: without the C++ compiler."""
    graphs: list[object] = []

    def count(graph: torch.fx.GraphModule, given: object) -> Any:
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function: real(function, backend=count, fullgraph=True))
    yield graphs
    torch._dynamo.reset()


def test_one_graph_for_the_batch_and_one_for_all_other_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = (8, 8, 5, 3, 8, 7)
    with counted(monkeypatch) as graphs:
        ours = program(manner=Manner(compiled=True))
        np.testing.assert_allclose(losses(ours, sizes), losses(program(), sizes), rtol=1e-6)
        assert len(graphs) == 2
        assert ours.compiled is not None
        before = ours.compiled.seconds
        assert before > 0
        losses(ours, sizes)
        assert ours.compiled.seconds == before and len(graphs) == 2


def test_recurrent_layers_are_not_compiled_on_a_processor() -> None:
    with pytest.raises(SpecError, match="N602: PyTorch cannot compile recurrent layers"):
        compile_net(RECURRENT, "torch", device="cpu", manner=Manner(compiled=True))


def test_a_missing_compiler_is_told() -> None:
    from torch._inductor import config, cpp_builder

    cpp_builder.cpp_compiler_search.cache_clear()
    try:
        with (
            config.patch({"cpp.cxx": ("there-is-no-such-compiler",)}),
            pytest.raises(SpecError, match=r"N602: .*there is no C\+\+ compiler here"),
        ):
            program(manner=Manner(compiled=True))
    finally:
        cpp_builder.cpp_compiler_search.cache_clear()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own
def test_what_the_compiler_makes_learns_the_same() -> None:
    torch._dynamo.reset()
    sizes = (8, 8, 5)
    ours = program(netspec.load("specs/lecture_cnn.net"), Manner(compiled=True))
    theirs = program(netspec.load("specs/lecture_cnn.net"))
    random = np.random.default_rng(0)
    for size in sizes:
        inputs, targets = (
            random.normal(size=(size, 1, 28, 28)).astype(np.float32),
            random.integers(0, 10, size),
        )
        found, wanted = (float(each.train_step(inputs, targets, RATE)) for each in (ours, theirs))
        assert found == pytest.approx(wanted, rel=1e-5)
