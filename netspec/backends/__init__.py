"""Backends: what turns a network into something that runs.

A backend is a module with a `compile` function that returns a `Program`.  Built-in ones stand in a table, others come
through the entry-point group `netspec.backends`.  Backends never import one another.

Arrays cross this border in two layouts.  `predict` takes and gives examples as the spec writes them (N, H, W, C);
everything that trains works on *prepared* arrays, channels first (N, C, H, W), made once by `channels_first`.

Where a network has several inputs, a tuple of arrays stands for the one, in the order of `Net.inputs`; where it has
several outputs, likewise in that of `Net.outputs`.  Targets are one array for all outputs that are trained
(`Program.aims`), or a tuple with one for each of them, in their order.

A step works on one batch, of which a program may be given a *piece*: several processes take one each, and what they
find adds up to what one process finds on the whole.  `Group` is how they add up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol, SupportsFloat, TypeAlias, TypeVar

import numpy as np

from netspec.backends.manner import PLAIN, Manner, check_manner
from netspec.diagnostics import SpecError, did_you_mean, error
from netspec.init import initial
from netspec.ir.net import Net
from netspec.ir.training import Aim, Training

Array = np.ndarray[Any, np.dtype[Any]]
Arrays: TypeAlias = Array | tuple[Array, ...]
"""One array, or several where a network has several inputs or outputs."""

BUILT_IN: Final = {"numpy": "netspec.backends.numpy", "torch": "netspec.backends.torch"}
NEEDS: Final = {"torch": "torch"}
"""The extra of netspec that a backend needs, where it needs one."""


class Piece(NamedTuple):
    """Where some examples stand in the batch of a step: from `start` on, of `whole` examples in all.

    `places` says of how many places the whole batch's loss is the mean, for each trained output, where the targets
    leave some out (`LEFT_OUT`); empty where it is that of as many in each example.
    `augment mixup` mixes neighbours, so that a piece then starts at an even number, and ends at one or with the batch.
    """

    start: int
    whole: int
    places: tuple[int, ...] = ()


class Lost(SpecError):
    """Another process of the group has gone, so that this one cannot go on (N704)."""


class Group(Protocol):
    """The processes that work on one run, each on its own pieces; `rank` counts them from 0 to `size` - 1."""

    rank: int
    size: int

    def total(self, numbers: Array) -> Array:
        """The sum over all processes of an array of float64, the same on each of them."""

    def gather(self, array: Array) -> list[Array]:
        """The arrays of all processes, in the order of their ranks; they may differ in length."""

    def wait(self) -> None:
        """Go on when all processes have come here."""

    def tells(self, failure: SpecError) -> bool:
        """Whether this process is the one that says aloud why the run failed; each that failed asks once."""


class Alone:
    """The group of one process."""

    rank, size = 0, 1

    def total(self, numbers: Array) -> Array:
        """See `Group.total`."""
        return numbers

    def gather(self, array: Array) -> list[Array]:
        """See `Group.gather`."""
        return [array]

    def wait(self) -> None:
        """See `Group.wait`."""

    def tells(self, failure: SpecError) -> bool:
        """See `Group.tells`."""
        return True


class Program(Protocol):
    """A compiled network: parameters and the functions on them."""

    net: Net
    device: str
    group: Group
    aims: tuple[Aim, ...]
    """The outputs that are trained with their losses, by the settings of the last `begin`."""

    def predict(self, inputs: Arrays) -> Any:
        """Outputs for a batch, both as the spec writes shapes, the example axis first; probabilities, not logits."""

    def begin(self, training: Training, steps: int = 0) -> None:
        """Take what says how a step is made (losses, optimiser, augmentation, seed, ...) from the settings.

        All starts afresh: the optimiser, the average, the count of steps.  `steps` is how many there will be, 0 where
        that is not known: `average last=` then is of all.
        """

    def train_step(
        self, inputs: Arrays, targets: Arrays, rate: float, piece: Piece | None = None
    ) -> SupportsFloat:
        """One step of the optimiser on a prepared batch; the loss before it, which a device may still be computing.

        The loss is the sum of those of all trained outputs, each times its weight, with the penalty.
        Of a piece, the loss is its share in that of the whole batch: the sum of its examples' losses over `whole`, or
        that of its places over their number in the batch.
        Where the settings `augment` the examples, that happens here, and nowhere else.
        """

    def loss_and_gradients(self, inputs: Arrays, targets: Arrays) -> tuple[float, dict[str, Array]]:
        """The loss of a prepared batch in training mode, and its gradients by parameter; nothing changes."""

    def evaluate(self, inputs: Arrays, targets: Arrays) -> tuple[tuple[float, ...], Any]:
        """The loss of each trained output on a prepared batch in prediction mode, without its weight; the outputs.

        These are as `predict` gives them.
        """

    def gradient_norms(self) -> dict[str, float]:
        """Euclidean norm of the last step's gradient for each layer with parameters."""

    def parameters(self) -> dict[str, Array]:
        """Copies of all parameters and states under their full names, in PyTorch's layout."""

    def load(self, values: Mapping[str, Array]) -> None:
        """Replace parameters and states; raises `SpecError` N703 where names or shapes do not fit."""

    def borrow(self, lender: Program, names: Collection[str]) -> None:
        """Work on another program's own storage of these parameters and states, which have the same names there.

        Both are programs of one backend, device and type.  What is borrowed is not trained here, not penalised and
        not averaged, and its states stay as they are while this program learns; `parameters` and `load` still have
        all of it.  Before `begin`.
        """

    def use_average(self, on: bool) -> None:
        """Put the averaged weights and states in the place of those that are trained, and back.

        Nothing happens where none are averaged, or not yet.  While they are there, nothing is trained or remembered.
        """

    def memory(self) -> dict[str, Array]:
        """Copies of what decides the steps to come beside the parameters.

        That is what the optimiser, the average and the random generators hold, and under `steps` how many steps were
        done: a whole number, 0-d int64.
        """

    def recall(self, memory: Mapping[str, Array]) -> None:
        """Go on from such a memory, after `begin` with the same settings; raises N703 where it does not fit."""

    def circumstances(self) -> dict[str, str]:
        """What the numbers depend on to the last bit beside versions: the device, the type, the threads."""

    def free_memory(self) -> int | None:
        """Bytes that can still be taken on the device; None where it does not say."""


def compile_net(
    net: Net,
    backend: str = "torch",
    *,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "auto",
    parameters: Mapping[str, Array] | None = None,
    manner: Manner = PLAIN,
) -> Program:
    """Compile a network, with the given parameters or those that follow from the seed.

    Raises `SpecError` N602 where the backend is unknown, not installed or lacks what `manner` asks for, N601 where it
    lacks a rule.
    """
    module = load_backend(backend)
    check_manner(backend, module, manner)
    asked = {} if manner == PLAIN else {"manner": manner}
    program: Program = module.compile(net, dtype=dtype, device=device, **asked)
    program.load(initial(net, seed, dtype) if parameters is None else parameters)
    return program


def load_backend(name: str) -> Any:
    """The module of a backend."""
    if name in BUILT_IN:
        try:
            return import_module(BUILT_IN[name])
        except ModuleNotFoundError as missing:
            if missing.name and missing.name.startswith("netspec"):
                raise
            extra = NEEDS.get(name, name)
            message = f'the backend `{name}` needs {missing.name}: pip install "netspec[{extra}]"'
            raise error("N602", message) from None
    found = {point.name: point for point in _entry_points()}
    if name in found:
        try:
            return found[name].load()
        except Exception as problem:  # whatever the module of a stranger may do
            reason = f"{type(problem).__name__}: {problem}"
            message = f"the backend `{name}` comes from a plug-in that cannot be imported: {reason}"
            raise error("N602", message) from problem
    near = did_you_mean(name, [*BUILT_IN, *found])
    hint = f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join([*BUILT_IN, *found])}"
    raise error("N602", f"there is no backend called `{name}`{hint}")


def _entry_points() -> Any:
    from importlib.metadata import entry_points

    return entry_points(group="netspec.backends")


def available() -> list[str]:
    """Names of the backends that can be used here, `numpy` first."""
    from importlib.util import find_spec

    built_in = [name for name in BUILT_IN if name not in NEEDS or find_spec(NEEDS[name]) is not None]
    return [*built_in, *(point.name for point in _entry_points() if point.name not in BUILT_IN)]


def as_tuple(arrays: Arrays) -> tuple[Array, ...]:
    """The arrays, also where it is only one."""
    return arrays if isinstance(arrays, tuple) else (arrays,)


def as_given(arrays: Sequence[Array]) -> Arrays:
    """The array itself where it is only one, else the tuple: the inverse of `as_tuple`."""
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def on_each(function: Callable[[Array], Array], arrays: Arrays) -> Arrays:
    """A function of one array, for one array or for each of several."""
    return as_given([function(array) for array in as_tuple(arrays)])


def for_each(aims: Sequence[Aim], targets: Arrays) -> tuple[Array, ...]:
    """The target of each trained output: its own, or the one that all read."""
    given = as_tuple(targets)
    return given * len(aims) if len(given) == 1 else given


def channels_first(array: Array) -> Array:
    """A batch as the spec writes it (N, H, W, C) as backends hold it (N, C, H, W), contiguous; others unchanged."""
    return np.ascontiguousarray(array.swapaxes(-1, -2).swapaxes(-2, -3) if array.ndim >= 4 else array)


def channels_last(array: Array) -> Array:
    """The inverse of `channels_first`."""
    return array.swapaxes(-3, -2).swapaxes(-2, -1) if array.ndim >= 4 else array


V = TypeVar("V")


def under(prefix: str, values: Mapping[str, V]) -> dict[str, V]:
    """Values by name, the name of what holds them in front: `optimizer.count`."""
    return {f"{prefix}.{name}": value for name, value in values.items()}


def inside(prefix: str, values: Mapping[str, V]) -> dict[str, V]:
    """The inverse of `under`: those of one holder by their own names."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}


def check_memory(have: Mapping[str, Array], wanted: Mapping[str, Array]) -> None:
    """Raise `SpecError` N703 where a saved memory is not of the arrays that this program's memory is made of."""
    for name in [*wanted, *have]:
        ours, theirs = (found.get(name) for found in (wanted, have))
        if ours is None or theirs is None:
            problem = f"{'has no' if theirs is None else 'has a'} `{name}`"
        elif (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            problem = f"has a `{name}` of {theirs.shape} {theirs.dtype}, not {ours.shape} {ours.dtype}"
        else:
            continue
        raise error(
            "N703", f"the saved state does not belong to this network and these settings: it {problem}"
        )


def check_values(net: Net, values: Mapping[str, Array]) -> None:
    """Raise `SpecError` N703 where names or shapes of parameters are not the network's."""
    missing = [name for name in net.parameters if name not in values]
    surplus = [name for name in values if name not in net.parameters]
    if missing or surplus:
        parts = [f"lacks {', '.join(missing[:4])}"] * bool(missing) + [
            f"has {', '.join(surplus[:4])}"
        ] * bool(surplus)
        raise error("N703", f"the weights do not belong to this network: the file {' and '.join(parts)}")
    for name, param in net.parameters.items():
        if values[name].shape != param.shape:
            have, want = ("x".join(map(str, shape)) for shape in (values[name].shape, param.shape))
            raise error("N703", f"the weights do not belong to this network: `{name}` is {have}, not {want}")
