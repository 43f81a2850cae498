"""NumPy's layers of sequences against PyTorch's and against formulas: recurrent ones, embeddings, attention."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.backends.one_layer import BATCH, Layer, close

# --- recurrent layers


@pytest.mark.parametrize("word", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("last", ["", " last"])
@pytest.mark.parametrize("reading", ["", " reverse", " bidirectional", " bidirectional reverse"])
def test_recurrent(word: str, last: str, reading: str) -> None:
    layer = Layer(f"input 5x3\n{word} 4{last}{reading}")
    both, reverse = "bidirectional" in reading, "reverse" in reading
    module = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[word]
    peer = module(3, 4, batch_first=True, bidirectional=both, dtype=torch.float64)

    def expected(x: Tensor, **parameters: Tensor) -> Tensor:
        x = x.flip(1) if reverse else x
        states, final = torch.func.functional_call(peer, parameters, (x,))
        if last:
            hidden = final[0] if word == "lstm" else final
            return torch.cat(list(hidden), dim=1)
        return states.flip(1) if reverse else states

    layer.agrees(expected)


def test_first_and_last() -> None:
    Layer("input 5x3\nfirst").agrees(lambda x: x[:, 0])
    Layer("input 5x3\nlast").agrees(lambda x: x[:, 4])


# --- embeddings


def test_embedding_adds_up_repeated_words() -> None:
    layer = Layer("input 9 of 4\nembed 5")
    layer.agrees(lambda x, weight: F.embedding(x, weight))


@pytest.mark.parametrize(
    ("dims", "order"), [("3x4", (0, 3, 1, 2)), ("3x4x2", (0, 2, 4, 3, 1)), ("6x3x4x2", (0, 1, 3, 5, 4, 2))]
)
def test_embedded_grids_have_their_features_as_channels(dims: str, order: tuple[int, ...]) -> None:
    layer = Layer(f"input {dims} of 7\nembed 5")
    layer.agrees(lambda x, weight: F.embedding(x, weight).permute(order))


# --- states, attention


def test_lstm_starts_from_a_state_and_gives_its_own() -> None:
    layer = Layer("input start 16\ninput given 5x3\nlstm 4 bidirectional init=start state as memory")
    module = nn.LSTM(3, 4, batch_first=True, bidirectional=True, dtype=torch.float64)

    def expected(start: Tensor, x: Tensor, **parameters: Tensor) -> Tensor:
        h, c = start.view(BATCH, 4, 4).movedim(1, 0).chunk(2)
        y, (h, c) = torch.func.functional_call(module, parameters, (x, (h.contiguous(), c.contiguous())))
        state = torch.cat([h[0], h[1], c[0], c[1]], dim=1)
        close(layer.plan.values["lstm1.state"], state)
        return torch.as_tensor(y)

    layer.plan.forward(layer.xs, training=True)
    layer.agrees(expected)


def test_gru_that_resets_before_the_product() -> None:
    """Cho et al. 2014, equations 5 to 8, with PyTorch's names and its z (theirs is 1 - z)."""
    layer = Layer("input start 4\ninput given 5x3\ngru 4 reset=before init=start")

    def expected(h: Tensor, x: Tensor, **p: Tensor) -> Tensor:
        states = []
        for step in x.unbind(1):
            wr, wz, wn = (p["weight_ih_l0"] @ step.mT + p["bias_ih_l0"][:, None]).mT.chunk(3, dim=1)
            ur, uz, un = p["weight_hh_l0"].chunk(3)
            cr, cz, cn = p["bias_hh_l0"].chunk(3)
            r, z = torch.sigmoid(wr + h @ ur.mT + cr), torch.sigmoid(wz + h @ uz.mT + cz)
            h = z * h + (1 - z) * torch.tanh(wn + (r * h) @ un.mT + cn)
            states.append(h)
        return torch.stack(states, dim=1)

    layer.agrees(expected)


@pytest.mark.parametrize("causal", ["", "causal"])
@pytest.mark.parametrize("size", ["", "key=5 value=3"])
def test_attention(causal: str, size: str) -> None:
    """Head by head, entry by entry of the paper's formula."""
    heads, key = 2, 5 if size else 3
    layer = Layer(f"input memory 7x3\ninput given 5x4\nattention 6 heads=2 over memory {causal} {size}")

    def expected(memory: Tensor, x: Tensor, **p: Tensor) -> Tensor:
        query, keys, values = (
            (given @ p[f"{name}.weight"].mT + p[f"{name}.bias"]).chunk(heads, dim=2)
            for name, given in (("query", x), ("key", memory), ("value", memory))
        )
        mixed = []
        for q, k, v in zip(query, keys, values, strict=True):
            scores = q @ k.mT / math.sqrt(key)
            if causal:
                scores = scores + torch.full((5, 7), -math.inf, dtype=x.dtype).triu(1)
            mixed.append(scores.softmax(dim=2) @ v)
        return torch.cat(mixed, dim=2) @ p["out.weight"].mT + p["out.bias"]

    layer.agrees(expected)


def test_attention_is_that_of_pytorch() -> None:
    layer = Layer("input 5x6\nattention 6 heads=3")
    module = nn.MultiheadAttention(6, 3, batch_first=True, dtype=torch.float64)

    def expected(x: Tensor, **p: Tensor) -> Tensor:
        parts = ("query", "key", "value")
        values = {
            "in_proj_weight": torch.cat([p[f"{part}.weight"] for part in parts]),
            "in_proj_bias": torch.cat([p[f"{part}.bias"] for part in parts]),
            "out_proj.weight": p["out.weight"],
            "out_proj.bias": p["out.bias"],
        }
        return torch.as_tensor(torch.func.functional_call(module, values, (x, x, x))[0])

    layer.agrees(expected)
