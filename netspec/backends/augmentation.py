"""What chance decides in `augment`: drawn here, once for all backends, and applied by the rule of each.

The numbers follow from the seed and the number of the step alone, and are drawn for the whole batch of the step: a run
that was resumed, another backend, and several processes with a piece each change every example alike.  Knows no
backend; what it hands out are small arrays (noise apart) that a rule applies to a whole batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from netspec.backends import Array, Piece
from netspec.backends.rules import Rules
from netspec.init import generator
from netspec.ir.net import Net
from netspec.ir.training import Aim, Training
from netspec.passes.objective import aims_of
from netspec.settings.augment import Augment
from netspec.settings.plain import Seed


class _Shaped(Protocol):
    """An array or a tensor."""

    @property
    def shape(self) -> Sequence[int]: ...


T = TypeVar("T", bound=_Shaped)
U = TypeVar("U", bound=_Shaped)


@dataclass(frozen=True, slots=True, eq=False)
class Draws(Generic[T]):
    """What happens to each of n examples of one input; None where the setting does not ask for it."""

    moves: T | None = None
    """(n, 2, 3): the pixel at (y, x), counted from the middle of the image, shows what lies moves @ (y, x, 1) away
    from it, in pixels down and to the right."""
    elastic: T | None = None
    """(n, 2, nodes down, nodes across): how much further away, at each node of a grid; see `spline`."""
    noise: T | None = None
    """float32, of the input's own shape: what is added."""
    corners: T | None = None
    """(n, 2): the first row and column of the square that is set to 0; they may lie outside."""
    shares: T | None = None
    """(n,): how much of each example stays in its mixture with its neighbour."""

    def each(self, change: Callable[[T], U]) -> Draws[U]:
        """The same with every array changed."""
        arrays = (getattr(self, each.name) for each in fields(self))
        return Draws(*(None if array is None else change(array) for array in arrays))

    def part(self, start: int, stop: int) -> Draws[T]:
        """The draws of some of the examples."""
        cut: Callable[[Any], Any] = itemgetter(slice(start, stop))
        return self.each(cut)


class AugmentRule(Protocol[T]):
    """The rule of a backend for `Augment`, made with the setting; arrays are prepared, and are not written into."""

    def own(self, draws: Draws[Array]) -> Draws[T]:
        """What was drawn as arrays of the backend, of the same types; the other methods bring them to a batch."""

    def changed(self, x: T, draws: Draws[T]) -> T:
        """A batch of one input as its draws have it."""

    def probabilities(self, targets: T, classes: int, axis: int, like: T) -> T:
        """Classes as probabilities 0 and 1 along a new axis, of the type of `like`; numbers with fractions stay."""

    def mixed(self, x: T, shares: T) -> T:
        """Each example with its neighbour, 0 with 1, 2 with 3; a last one without a neighbour stays."""


class Augmentation(Generic[T]):
    """The setting `augment` at work in a program of some backend."""

    def __init__(
        self, net: Net, augment: Augment, seed: int, aims: Sequence[Aim], rule: AugmentRule[T]
    ) -> None:
        self.net, self.augment, self.seed = net, augment, seed
        self.aims = aims
        self.rule = rule

    def batch(
        self, inputs: tuple[T, ...], targets: T | tuple[T, ...], step: int, piece: Piece | None = None
    ) -> tuple[tuple[T, ...], T | tuple[T, ...]]:
        """The prepared batch of a step (counted from 1), or a piece of it, as the network is to see it.

        `targets` are one for all outputs that are trained, or a tuple with one for each.
        Raises ValueError where the piece parts two neighbours that `mixup` mixes.
        """
        return self.applied(inputs, targets, self.drawn([each.shape for each in inputs], step, piece))

    def drawn(
        self, shapes: Sequence[Sequence[int]], step: int, piece: Piece | None = None
    ) -> tuple[Draws[T], ...]:
        """The first half of `batch`, which reads no example: what happens to each input of these shapes."""
        count = shapes[0][0]
        start, whole, _ = piece or Piece(0, count)
        stop = start + count
        if self.augment.mixup and (start % 2 or (stop % 2 and stop != whole)):
            raise ValueError(
                f"examples {start} to {stop - 1} of a batch of {whole} are no piece that `mixup` can work on: "
                "it mixes 0 with 1, 2 with 3, and so on"
            )
        drawn = self.draw(step, whole, [tuple(shape[1:]) for shape in shapes])
        return tuple(self.rule.own(each.part(start, stop)) for each in drawn)

    def applied(
        self, inputs: tuple[T, ...], targets: T | tuple[T, ...], drawn: Sequence[Draws[T]]
    ) -> tuple[tuple[T, ...], T | tuple[T, ...]]:
        """The second half of `batch`, which draws nothing."""
        changed = tuple(map(self.rule.changed, inputs, drawn))
        shares = drawn[0].shares
        if shares is None:
            return changed, targets
        if not isinstance(targets, tuple):
            return changed, self._mixed(targets, self.aims[0], shares, changed[0])
        pairs = zip(targets, self.aims, strict=True)
        return changed, tuple(self._mixed(target, aim, shares, changed[0]) for target, aim in pairs)

    def _mixed(self, target: T, aim: Aim, shares: T, like: T) -> T:
        """The targets of an output, mixed as the examples are; classes become probabilities."""
        if aim.targets == "classes":
            shape = aim.output.shape
            rank = len(shape.dims)
            axis = rank - 2 if rank > 2 else rank  # where backends hold the channels of a batch
            target = self.rule.probabilities(target, shape.features, axis, like)
        return self.rule.mixed(target, shares)

    def draw(self, step: int, whole: int, shapes: list[tuple[int, ...]]) -> list[Draws[Array]]:
        """What happens to the `whole` examples of a step, for each input of these channels-first shapes.

        Integers are left as they are.
        """
        augment = self.augment
        random = generator(self.seed, f"augment/{step}")
        shares = random.beta(augment.mixup, augment.mixup, whole) if augment.mixup else None
        return [
            Draws() if layer.shape.of is not None else _draws(augment, random, whole, shape, shares)
            for layer, shape in zip(self.net.inputs, shapes, strict=True)
        ]


def augmentation_of(net: Net, training: Training, rules: Rules[Any]) -> Augmentation[Any] | None:
    """The augmentation that the settings ask for, with a backend's rule for it."""
    augment, seed = training.get("augment"), training.get("seed")
    if not isinstance(augment, Augment):
        return None
    number = seed.value if isinstance(seed, Seed) else 0
    return Augmentation(net, augment, number, aims_of(net, training), rules.find(type(augment))(augment))


def _draws(
    augment: Augment, random: np.random.Generator, n: int, shape: tuple[int, ...], shares: Array | None
) -> Draws[Array]:
    moves = elastic = corners = None
    if len(shape) >= 3:
        size = shape[-2:]
        if augment.moves:
            moves = _moves(augment, random, n)
        if augment.elastic:
            nodes = [nodes_along(side, augment.spacing) for side in size]
            elastic = random.uniform(-augment.elastic, augment.elastic, (n, 2, *nodes))
        if augment.cutout:
            corners = random.integers(0, size, (n, 2)) - augment.cutout // 2
    noise = None
    if augment.noise:
        noise = random.standard_normal((n, *shape), np.float32)
        noise *= np.float32(augment.noise)
    return Draws(moves, elastic, noise, corners, shares)


def _moves(augment: Augment, random: np.random.Generator, n: int) -> Array:
    """The displacements of `Draws.moves`.

    An image that is mirrored, scaled, slanted, turned and then shifted by t shows at p what was at B (p - t), where B
    undoes these in turn: its displacement is (B - 1) p - B t.
    """
    shift = np.zeros((n, 2))
    undone = np.broadcast_to(np.eye(2), (n, 2, 2))
    if augment.shift:
        shift += random.uniform(-augment.shift, augment.shift, (n, 2))
    if augment.crop:
        shift += random.integers(-augment.crop, augment.crop, (n, 2), endpoint=True)
    if augment.rotate:
        angle = np.radians(random.uniform(-augment.rotate, augment.rotate, n))
        sine, cosine = np.sin(angle), np.cos(angle)
        undone = np.stack([cosine, sine, -sine, cosine], axis=1).reshape(n, 2, 2)
    if augment.shear:
        slant = np.tile(np.eye(2), (n, 1, 1))
        slant[:, 1, 0] = random.uniform(-augment.shear, augment.shear, n)
        undone = slant @ undone
    if augment.scale:
        undone = undone / random.uniform(1 - augment.scale, 1 + augment.scale, (n, 1, 1))
    for axis, flips in enumerate((augment.vflip, augment.flip)):
        if flips:
            signs = np.ones((n, 2, 1))
            signs[:, axis, 0] -= 2 * random.integers(0, 2, n)
            undone = signs * undone
    return np.concatenate([undone - np.eye(2), -undone @ shift[:, :, None]], axis=2)


def nodes_along(side: int, spacing: int) -> int:
    """Nodes of the elastic grid along a side: one before it, those on it, two behind."""
    return (side - 1) // spacing + 4


@lru_cache(maxsize=64)
def spline(side: int, spacing: int) -> Array:
    """The share of each node in the displacement at each pixel of a side: (side, nodes), each row adds up to 1.

    The uniform cubic B-spline, with the second node on the first pixel.
    """
    at = np.arange(side) / spacing
    first = np.floor(at).astype(int)
    t = at - first
    shares = np.zeros((side, nodes_along(side, spacing)))
    pieces = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    for offset, piece in enumerate(pieces):
        shares[np.arange(side), first + offset] = piece / 6
    shares.setflags(write=False)
    return shares


@lru_cache(maxsize=64)
def centred(side: int) -> Array:
    """The places of a side's pixels, counted from its middle."""
    places = np.arange(side) - (side - 1) / 2
    places.setflags(write=False)
    return places
