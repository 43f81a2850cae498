"""Every fault that is planted into one backend is caught by its check, and nothing is found without it."""

from __future__ import annotations

from functools import cache

import faults
import numpy as np
import pytest
import torch
from faults import Plant, code, kernel, lines, member, misled, rule

from netspec.backends.numpy.loss import CrossentropyRule, MseRule
from netspec.backends.numpy.optimizer import MomentumRule
from netspec.backends.numpy.plan import Plan
from netspec.backends.numpy.program import NumpyProgram
from netspec.backends.numpy.store import Store
from netspec.backends.torch.gradients import Gradients
from netspec.ir.layer import Example
from netspec.layers.activation import Gelu, LeakyRelu, Relu, Tanh
from netspec.layers.attention import Attention
from netspec.layers.conv import Conv, Upconv, Upsample
from netspec.layers.dense import Dense
from netspec.layers.dropout import Dropout, Noise
from netspec.layers.embedding import Embed
from netspec.layers.join import Concat
from netspec.layers.norm import Batchnorm, Layernorm
from netspec.layers.output import Softmax
from netspec.layers.pool import Pool
from netspec.layers.recurrent import Lstm, Rnn
from netspec.layers.reshape import Flatten
from netspec.settings.optimizer import Adam, Momentum, Nesterov
from netspec.testing import conformance
from netspec.testing.cases import layer_cases

CENTRED = "({x} - {x}.mean(-1, keepdim=True))"
STRAIGHT_THROUGH = "{y} = {module}({x}.detach()) + {x} - {x}.detach()"

# fault: backend that gets it, case that meets it, check that must catch it, the fault
FAULTS: dict[str, tuple[str, str, str, Plant]] = {
    # gradients
    "gradient with the wrong sign": (
        "numpy",
        "tanh on 6x3, between layers",
        "gradients",
        kernel(Tanh, backward=lambda sound, self, dy: -sound.backward(self, dy)),
    ),
    "relu open on the wrong side": (
        "numpy",
        "relu on 6x3, between layers",
        "gradients",
        kernel(Relu, backward=lambda sound, self, dy: dy - sound.backward(self, dy)),
    ),
    "relu with slope 1 at 0": (
        "torch",
        "relu on 6x3, between layers",
        "gradients",
        lines(Relu, "{y} = torch.where({x} >= 0, {x}, 0 * {x})"),
    ),
    "leaky_relu with its slope squared going back": (
        "numpy",
        "leaky_relu 0.2 on 6x3, between layers",
        "gradients",
        kernel(LeakyRelu, backward=lambda sound, self, dy: sound.backward(self, sound.backward(self, dy))),
    ),
    "bias without a gradient": (
        "numpy",
        "dense 5 on 4x3x2",
        "gradients",
        kernel(Dense, backward=faults.without_bias_gradient),
    ),
    "gradients of repeated words overwritten": (
        "numpy",
        "embed 4 on 7 of 10, between layers",
        "gradients",
        kernel(Embed, forward=faults.remembering, backward=faults.overwriting),
    ),
    "gradients never cleared": (
        "torch",
        "optimizer sgd",
        "steps",
        member(Gradients, "clear", lambda _sound: lambda self: None),
    ),
    # convolutions
    "odd padding on the other side": (
        "numpy",
        "conv 3 4x3 stride2 on 7x6x2",
        "outputs",
        misled(Conv, padding=lambda right: lambda inputs: shifted(right.padding(inputs))),
    ),
    "dilation ignored": (
        "numpy",
        "conv 4 3x2 dilation2 valid on 9x8x2",
        "outputs",
        misled(Conv, dilation=lambda right: (1, 1)),
    ),
    "groups mixed": (
        "numpy",
        "conv 6 3x3 groups=2 nobias on 6x5x4",
        "outputs",
        kernel(Conv, forward=faults.mixed_groups),
    ),
    "stride with height and width swapped": (
        "torch",
        "conv 3 3x3 stride=2x1 pad=1,2,0,1 on 5x5x2",
        "shapes",
        code(Conv, "stride=(2, 1)", "stride=(1, 2)"),
    ),
    "transposed convolution with its kernel turned": (
        "numpy",
        "upconv 2 4x4 stride2 on 7x7x3",
        "outputs",
        kernel(Upconv, forward=faults.rearranged(faults.flipped)),
    ),
    "bilinear with aligned corners": (
        "torch",
        "upsample 2x3 bilinear on 3x2x2",
        "outputs",
        code(Upsample, "align_corners=False", "align_corners=True"),
    ),
    # pooling and shape
    "maximum over a padding of zeros": (
        "torch",
        "pool max 3x2 stride=2x1 pad=1,0,1,1 on 5x6x2",
        "outputs",
        code(Pool, ", value=-torch.inf", ""),
    ),
    "padding counted in a mean": (
        "torch",
        "pool avg 3x3 stride2 same on 7x7x2",
        "outputs",
        code(Pool, "count_include_pad=False", "count_include_pad=True"),
    ),
    "ceil rounded down": (
        "torch",
        "pool max 3 stride2 ceil on 7x6x2",
        "shapes",
        code(Pool, "ceil_mode=True", "ceil_mode=False"),
    ),
    "flattened as H, W, C": (
        "numpy",
        "flatten on 4x3x2",
        "outputs",
        kernel(Flatten, forward=faults.flattened_as_written),
    ),
    # normalisation
    "running variance biased": (
        "numpy",
        "batchnorm on 4x3x2",
        "steps",
        kernel(Batchnorm, forward=faults.biased_running_variance),
    ),
    "normalised by the unbiased variance": (
        "torch",
        "layernorm noaffine on 5x4",
        "outputs",
        lines(Layernorm, f"{{y}} = {CENTRED} / ({{x}}.var(-1, keepdim=True) + 1e-5).sqrt()"),
    ),
    "eps outside of the root": (
        "torch",
        "layernorm noaffine on 5x4",
        "outputs",
        lines(Layernorm, f"{{y}} = {CENTRED} / ({{x}}.var(-1, correction=0, keepdim=True).sqrt() + 1e-5)"),
    ),
    "share of a batch in the running means reversed": (
        "torch",
        "batchnorm eps=0.001 momentum=0.2 on 6",
        "steps",
        code(Batchnorm, "momentum=0.2", "momentum=0.8"),
    ),
    "the batch's own statistics at prediction": (
        "numpy",
        "batchnorm on 4x3x2",
        "repeatable",
        kernel(Batchnorm, forward=lambda sound, self, x, training: sound.forward(self, x, training=True)),
    ),
    # recurrent layers
    "gates i and f swapped": (
        "numpy",
        "lstm 4 on 5x3",
        "outputs",
        kernel(Lstm, forward=faults.rearranged(faults.swapped_gates)),
    ),
    "reset applied before the product": (
        "torch",
        "gru 4 on 5x3",
        "outputs",
        member(torch.nn, "GRU", lambda _sound: faults.ResetBeforeProduct),
    ),
    "last state of a reversed reading taken at the wrong end": (
        "torch",
        "rnn 3 reverse last on 5x3",
        "outputs",
        lines(Rnn, "h, _ = {module}({x}.flip(1))", "{y} = h[:, 0]"),
    ),
    "directions swapped": (
        "torch",
        "lstm 2 bidirectional last on 5x3",
        "outputs",
        code(Lstm, "(h[0], h[1])", "(h[1], h[0])"),
    ),
    "gradient of a state dropped": (
        "numpy",
        "lstm 4 state as memory; lstm 4 last init=memory on 5x3",
        "gradients",
        kernel(Lstm, backward=lambda sound, self, dy, dstate: sound.backward(self, dy, None)),
    ),
    # attention, joins and ties
    "scores not scaled": (
        "numpy",
        "attention 6 heads=2 on 5x4",
        "outputs",
        kernel(Attention, prepare=faults.unscaled),
    ),
    "a causal step sees the next": (
        "numpy",
        "attention 4 heads=2 causal nobias on 5x4",
        "outputs",
        kernel(Attention, prepare=faults.seeing_one_ahead),
    ),
    "concatenated in the other order": (
        "torch",
        "concat other on 6 and 3",
        "outputs",
        lines(Concat, "{y} = torch.cat(({x1}, {x}), dim=-1)"),
    ),
    "a tied weight with the gradient of one use": (
        "numpy",
        "embed 3 as words; dense 7 tied=words on 5 of 7",
        "gradients",
        member(
            Plan, "_gradients", lambda _sound: lambda self, store, weights: (store.gradients_of(weights), [])
        ),
    ),
    # outputs, losses and activations
    "softmax over the steps": (
        "torch",
        "softmax on 5x4",
        "outputs",
        code(Softmax, "dim=-1", "dim=1"),
    ),
    "softmax over the batch": (
        "torch",
        "softmax on 5x4",
        "repeatable",
        code(Softmax, "dim=-1", "dim=0"),
    ),
    "gelu by its approximation": (
        "torch",
        "gelu on 6x3",
        "outputs",
        lines(Gelu, '{y} = F.gelu({x}, approximate="tanh")'),
    ),
    "squares summed over the entries": (
        "numpy",
        "loss mse of 4x3",
        "gradients",
        member(MseRule, "value_and_gradient", faults.summed_over_steps),
    ),
    "cross-entropy summed over the steps": (
        "numpy",
        "loss crossentropy of 4x3",
        "evaluation",
        member(CrossentropyRule, "value_and_gradient", faults.summed_over_steps),
    ),
    # optimisers and settings
    "adam without bias correction": (
        "numpy",
        "optimizer adam",
        "steps",
        rule(Adam, faults.UncorrectedAdam),
    ),
    "nesterov as plain momentum": (
        "numpy",
        "optimizer nesterov",
        "steps",
        rule(Nesterov, MomentumRule),
    ),
    "momentum reversed": (
        "numpy",
        "optimizer momentum",
        "steps",
        rule(Momentum, faults.ReversedMomentum),
    ),
    "l2 on biases": (
        "numpy",
        "regularize l2=0.1 l1=0.05",
        "gradients",
        member(Store, "__init__", faults.penalising_everything),
    ),
    "optimiser not reset": (
        "torch",
        "optimizer adam",
        "starts_afresh",
        member(torch.optim, "Adam", faults.remembered),
    ),
    # random layers
    "dropout not rescaled": (
        "torch",
        "dropout 0.5 on 6x4",
        "randomness",
        lines(Dropout, "{y} = 0.5 * {module}({x}) if self.training else {x}"),
    ),
    "dropout keeps what it should drop": (
        "torch",
        "dropout 0.1 on 6x4",
        "randomness",
        lines(Dropout, "{y} = {x} * (torch.rand_like({x}) < 0.1) / 0.1 if self.training else {x}"),
    ),
    "dropout with one mask for the whole batch": (
        "torch",
        "dropout 0.5 on 6x4",
        "randomness",
        lines(Dropout, "{y} = {x} * {module}(torch.ones_like({x}[:1]))"),
    ),
    "dropout's gradient of another mask": (
        "torch",
        "dropout 0.5 on 6x4",
        "randomness",
        lines(Dropout, STRAIGHT_THROUGH),
    ),
    "dropout at prediction": (
        "torch",
        "dropout 0.5 on 6x4",
        "outputs",
        lines(Dropout, "{y} = F.dropout({x}, 0.5)"),
    ),
    "noise of the wrong strength": (
        "torch",
        "noise 0.1 on 6x4",
        "randomness",
        lines(Noise, "{y} = {x} + 0.1**0.5 * torch.randn_like({x}) if self.training else {x}"),
    ),
    # the program around the layers
    "a result that the next call overwrites": (
        "numpy",
        "conv 4 5x5 on 28x28x1",
        "repeatable",
        member(NumpyProgram, "_predict", faults.into_one_array),
    ),
    "square weights loaded the other way round": (
        "numpy",
        "rnn 4 on 5x3",
        "parameters",
        member(Store, "load", faults.transposing_squares),
    ),
    "the running means trained by looking at gradients": (
        "torch",
        "batchnorm on 4x3x2",
        "nothing_changes",
        member(torch.nn.Module, "named_buffers", lambda _sound: lambda self: iter(())),
    ),
}


def shifted(sides: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    top, bottom, left, right = sides
    return bottom, top, right, left


@cache
def every_case() -> dict[str, conformance.Case]:
    extra = layer_cases(Example("6x4", "dropout 0.1", "6x4"))
    return {case.name: case for case in (*conformance.cases(), *extra)}


@cache
def sound_findings(case: str, backend: str) -> tuple[conformance.Finding, ...]:
    return tuple(conformance.run(every_case()[case], backend, reference(backend)))


def reference(backend: str) -> str:
    return "torch" if backend == "numpy" else "numpy"


@pytest.mark.parametrize("name", FAULTS)
def test_planted_fault_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, case, check, plant = FAULTS[name]
    assert sound_findings(case, backend) == ()
    plant(monkeypatch)
    with np.errstate(all="ignore"):
        findings = conformance.run(every_case()[case], backend, reference(backend))
    assert check in {finding.check for finding in findings}, findings
    assert {(finding.case, finding.backend) for finding in findings} == {(case, backend)}
