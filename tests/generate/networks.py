"""Networks that go on with what they said, small ones of every kind, and what they say worked out in the plain way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import netspec
from netspec.backends import Program, as_given
from netspec.ir.net import Net

Array = np.ndarray[Any, np.dtype[Any]]

STEPS = 8


@dataclass(frozen=True)
class Spec:
    """A network with the sizes of its other inputs; the fed one is `text` (or `rows`), of 7 tokens (or 3 numbers)."""

    text: str
    others: tuple[tuple[int, ...], ...] = ()
    aligned: bool = False
    """The others have a row for each step."""

    @property
    def net(self) -> Net:
        """The network."""
        return netspec.parse(self.text)

    @property
    def fed(self) -> str:
        """The name of the fed input."""
        return "rows" if "input rows" in self.text else "text"


TEXT = "input text T of 7\n"
ENCODER = "input source S of 9\nembed 6\nposition\nattention 6 heads=2\nlayernorm as memory\n"

SPECS = {
    "rnn": Spec(TEXT + "embed 4\nrnn 5\nsoftmax 7"),
    "lstm, three of them": Spec(TEXT + "embed 4\nlstm 5; dropout 0.3; lstm 6; lstm 5\nsoftmax 7"),
    "gru, both resets": Spec(TEXT + "embed 4\ngru 5; batchnorm; gru 6 reset=before\nsoftmax 7"),
    "lstm from an encoder": Spec(
        "input source S of 9\nembed 4\nlstm 5 reverse state as memory\n"
        + TEXT
        + "embed 3\nlstm 5 init=memory\nlstm 5 init=memory\nsoftmax 7",
        ((6,),),
    ),
    "gru from an input": Spec(
        "input start 5\n" + TEXT + "embed 3\ngru 5 init=start\nadd start\nsoftmax 7", ((5,),)
    ),
    "lstm from a picture": Spec(
        "input picture 6x6x2\nconv 4 3x3 relu\nglobal avg\ndense 10 as memory\n"
        + TEXT
        + "embed 3\nlstm 5 init=memory\nsoftmax 7",
        ((6, 6, 2),),
    ),
    "attention with sines": Spec(
        TEXT
        + "embed 6 as words\nposition\n"
        + "repeat 3:\n    add:\n        identity\n        layernorm; attention 6 heads=2 causal\n"
        + "    add:\n        identity\n        layernorm; dense 9 gelu; dense 6; dropout 0.1\n"
        + "layernorm\ndense 7 tied=words\nsoftmax"
    ),
    "attention with learned positions": Spec(
        TEXT
        + "embed 6\nposition learned 11\n"
        + "attention 6 heads=3 key=2 value=5 causal nobias\nattention 4 causal\nsoftmax 7"
    ),
    "attention, as many steps as there are": Spec(
        "input text 8 of 7\nembed 6\nposition learned\nattention 6 causal\nsoftmax 7"
    ),
    "convolutions": Spec(
        TEXT
        + "embed 6\nconv1d 4 3 causal relu\nconv1d 6 2 dilation=2 causal groups=2 nobias relu\n"
        + "conv1d 5 3 dilation=3 causal\nconv1d 4 2 pad=1,0\nconv1d 4 1 valid relu\nsoftmax 7"
    ),
    "encoder and decoder": Spec(
        ENCODER
        + TEXT
        + "embed 6 as words\nposition\nattention 6 causal as own\nattention 6 heads=2 key=2 over memory as seen\n"
        + "attention 4 over memory causal as past\nconcat words own seen past\n"
        + "attention 5 over words causal\nsoftmax 7",
        ((5,),),
    ),
    "steps of what is given": Spec(
        "input source T of 9\nembed 6 as beside\nlstm 4 bidirectional as both\ninput notes Tx2\n"
        + TEXT
        + "embed 6\nadd beside\nconcat notes\nlstm 4\nconcat both\nattention 4 over beside causal\nsoftmax 7",
        ((STEPS,), (STEPS, 2)),
        aligned=True,
    ),
    "queries of what is given": Spec(
        "input source T of 9\nembed 6 as beside\n"
        + TEXT
        + "embed 6 as words\nattention 4 over words causal from beside\nsoftmax 7",
        ((STEPS,),),
        aligned=True,
    ),
    "one network twice": Spec(
        "network tower:\n    embed 4; lstm 4\ninput source S of 7\ntower\nlast as memory\n"
        + TEXT
        + "tower from text\nadd memory\nsoftmax 7",
        ((5,),),
    ),
    "one network twice, the fed one first": Spec(
        "network tower:\n    embed 4 as table; gru 4\ninput source S of 7\n"
        + TEXT
        + "tower from text as said\ntower from source\nlast as memory\nadd said memory\nsoftmax 7",
        ((5,),),
    ),
    "one attention twice": Spec(
        "input source S of 9\nembed 4 as memory\n"
        + "network look:\n    attention 4 heads=2 causal\n"
        + TEXT
        + "embed 4\nposition\nlook\nlook as seen\nlook from memory\nlast as end\nadd seen end\nsoftmax 7",
        ((5,),),
    ),
    "one attention before the steps and in them": Spec(
        "input source S of 9\nembed 4 as memory\nattention 4 heads=2 over memory as first\nlast as end\n"
        + TEXT
        + "embed 4\nattention 4 heads=2 over memory weights=first\nadd end\nsoftmax 7",
        ((5,),),
    ),
    "one attention in the steps and before them": Spec(
        "input source S of 9\nembed 4 as memory\n"
        + TEXT
        + "embed 4\nattention 4 heads=2 over memory as first\n"
        + "attention 4 heads=2 over memory weights=first from memory\nlast\nadd first\nsoftmax 7",
        ((5,),),
    ),
    "one network twice on the way": Spec(
        "network layer:\n    dense 5 tanh; rnn 5\n" + TEXT + "embed 5\nlayer\nlayer\nsoftmax 7"
    ),
    "any length of what is made of a source": Spec(
        "input source S of 9\nembed 6\nconv1d 6 3 valid stride2 as memory\n"
        + TEXT
        + "embed 6\nattention 6 over memory\nlstm 4\nsoftmax 7",
        ((9,),),
    ),
    "another output beside": Spec(
        TEXT + "embed 4\nlstm 5 as memory\nlast; dense 2 as beside\nsoftmax 7 from memory\noutput beside"
    ),
    "rows": Spec("input rows Tx3\nlstm 5\ndense 3 as change\nadd rows change"),
    "rows of a recurrence alone": Spec("input rows Tx3\nconv1d 4 3 causal relu\nrnn 3"),
}


def compiled(spec: Spec, backend: str, dtype: str = "float64", scale: float = 2) -> Program:
    """Its program: the initial parameters times a number, and running statistics that are none to begin with."""
    program = netspec.compile(spec.net, backend, seed=3, dtype=dtype, device="cpu")
    random = np.random.default_rng(5)
    values = program.parameters()
    program.load(
        {
            name: random.uniform(0.5, 1.5, value.shape).astype(dtype) if "running" in name else scale * value
            for name, value in values.items()
        }
    )
    return program


def others(spec: Spec, examples: int, seed: int = 1) -> dict[str, Array]:
    """The inputs but the fed one, by name."""
    random = np.random.default_rng(seed)
    given = [layer for layer in spec.net.inputs if layer.name != spec.fed]
    return {
        layer.name: random.normal(size=(examples, *dims))
        if layer.shape.of is None
        else random.integers(0, layer.shape.of, (examples, *dims))
        for layer, dims in zip(given, spec.others, strict=True)
    }


def fed(spec: Spec, examples: int, steps: int = STEPS, seed: int = 2) -> Array:
    """Tokens or rows to feed."""
    random = np.random.default_rng(seed)
    return (
        random.normal(size=(examples, steps, 3))
        if spec.fed == "rows"
        else random.integers(0, 7, (examples, steps))
    )


def whole(spec: Spec, program: Program, given: dict[str, Array], prefix: Array) -> Array:
    """What the whole network says after a prefix: the last step of its main output."""
    steps = prefix.shape[1]
    source = spec.net.by_name[spec.fed].shape.dims[0]
    if isinstance(source, int) or spec.aligned:  # as much as is read is there, and nothing looks ahead in it
        prefix = np.concatenate([prefix, np.ones((len(prefix), STEPS - steps), prefix.dtype)], axis=1)
    arrays = given | {spec.fed: prefix}
    found: Any = program.predict(as_given([arrays[layer.name] for layer in program.net.inputs]))
    output: Array = (found[-1] if isinstance(found, tuple) else found)[:, steps - 1]
    return output
