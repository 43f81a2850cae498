"""`data balls`: a ball in a box, frame by frame, and where it will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from netspec.data.dataset import Dataset, Loaded, Request
from netspec.data.fitting import fit_targets
from netspec.data.lazy import Array
from netspec.data.made import agree, check_room, pixels, random_of
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.settings.made import Balls

RADIUS: Final = 0.1
"""Of the ball, in sides of the box."""
SPEED: Final = (0.02, 0.12)
"""Sides of the box that a ball moves in a frame, across as well as down."""
_SPAN: Final = 1 - 2 * RADIUS
"""What the middle of a ball has for itself."""
_AT_ONCE: Final = 256
"""Balls that are drawn together."""


@dataclass(frozen=True, slots=True)
class _Frames:
    """The frames of an example: how many, and their size; `channels`: they are those of one image."""

    count: int
    height: int
    width: int
    channels: bool

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape of one example."""
        size = self.height, self.width
        return (*size, self.count) if self.channels else (self.count, *size, 1)

    def painted(self, places: Array) -> Array:
        """Balls at places (n, k, 2) as bytes (n, k, H, W)."""
        whole = np.empty((*places.shape[:2], self.height, self.width), np.uint8)
        for start in range(0, len(places), _AT_ONCE):
            whole[start : start + _AT_ONCE] = self._painted(places[start : start + _AT_ONCE])
        return whole

    def _painted(self, places: Array) -> Array:
        """A pixel is as bright as the part of it that the ball covers, its edge taken for straight there."""
        across, down = ((np.arange(size) + 0.5) / size for size in (self.width, self.height))
        apart = np.square(across - places[..., 0, None])[..., None, :]
        apart = apart + np.square(down - places[..., 1, None])[..., :, None]
        covered = (RADIUS - np.sqrt(apart)) * min(self.height, self.width) + 0.5
        return np.rint(255 * np.clip(covered, 0, 1)).astype(np.uint8)


def load(reader: Balls, request: Request) -> Loaded:
    """Balls for a network; raises N404 where its input is no sequence of frames, or its output none of the targets."""
    (shape,) = request.only("balls", "frames", target="target")
    frames = _frames(shape)
    image = _is_image(request.target, frames)
    one = (frames.count + 1) * (frames.height * frames.width + 64)
    check_room(reader.written(), reader.count + reader.test, one, request)
    train = _Part.drawn(reader, frames, "train", reader.count)
    test = _Part.drawn(reader, frames, "test", reader.test)
    return Loaded(
        train.dataset(frames, image=image, wanted=request.target),
        test.dataset(frames, image=image, wanted=request.target),
        baseline=test.last_frame(frames) if image else test.constant_velocity(reader.ahead),
    )


def _frames(shape: Shape) -> _Frames:
    dims = shape.known if shape.is_known and shape.of is None else ()
    found = None
    if len(dims) == 4 and dims[3] == 1:
        found = _Frames(*dims[:3], channels=False)
    if len(dims) == 3:
        found = _Frames(dims[2], *dims[:2], channels=True)
    if found is None:
        message = f"`balls` gives frames, TxHxWx1 or HxWxT in numbers, and the input is {shape}"
        raise error("N404", message, tries=("`input 8x16x16x1`", "`input 16x16x8`"))
    if found.count < 2:
        message = (
            f"a single frame does not say where a ball is going, and the input {shape} has {found.count}"
        )
        raise error("N404", message)
    return found


def _is_image(wanted: Shape | None, frames: _Frames) -> bool:
    """The output is the next frame instead of a place."""
    if wanted is None or (wanted.of is None and agree(wanted.dims, (2,))):
        return False
    if wanted.of is None and agree(wanted.dims, (frames.height, frames.width, 1)):
        return True
    image = f"{frames.height}x{frames.width}x1"
    message = f"the target of `balls` is a place (x, y) or a frame {image}, and the output is {_said(wanted)}"
    raise error("N404", message, tries=("`dense 2`",))


def _said(wanted: Shape) -> str:
    return f"one of {wanted.of} classes" if wanted.of is not None else str(wanted)


@dataclass(frozen=True, slots=True)
class _Part:
    """The balls of one part of the data."""

    places: Array
    """(n, T + 1, 2): x and y in each frame, the target's last."""
    bounced: Array
    """(n,): a wall was met after the last frame but one."""

    @classmethod
    def drawn(cls, reader: Balls, frames: _Frames, part: str, count: int) -> _Part:
        """Balls as a seed draws them; raises N404 where none is left of those that bounce."""
        random = random_of("balls", part, reader.seed)
        times = np.append(np.arange(frames.count), frames.count - 1 + reader.ahead)
        start = random.uniform(0, _SPAN, (count, 1, 2))
        speed = random.uniform(*SPEED, (count, 1, 2)) * random.choice([-1.0, 1.0], (count, 1, 2))
        without_walls = start + speed * times[:, None]
        into = np.mod(without_walls, 2 * _SPAN)
        places = RADIUS + np.minimum(into, 2 * _SPAN - into)
        walls = np.floor(without_walls / _SPAN)
        bounced = (walls[:, -3] != walls[:, -1]).any(axis=1)
        if not reader.bounces:
            return cls(places, bounced)
        if not bounced.any():
            message = f"none of {count:,} balls of the {part} part meets a wall at the end; more would"
            raise error("N404", message, tries=("`count=1000 test=1000`",))
        return cls(places[bounced], bounced[bounced])

    def dataset(self, frames: _Frames, *, image: bool, wanted: Shape | None) -> Dataset:
        """The frames and what is to be predicted."""
        seen = frames.painted(self.places[:, :-1])
        if frames.channels:
            seen = np.moveaxis(seen, 1, -1)
        inputs = pixels(seen, frames.dims, "balls")
        if image:
            last = frames.painted(self.places[:, -1:])
            return Dataset(inputs, pixels(last, (frames.height, frames.width, 1), "balls"))
        return Dataset(inputs, fit_targets(self.places[:, -1].astype(np.float32), wanted))

    def constant_velocity(self, ahead: int) -> str:
        """What it comes to to say that a ball goes on as it did from the last frame but one to the last."""
        before, last, target = (self.places[:, place] for place in (-3, -2, -1))
        squares = np.square(last + ahead * (last - before) - target)
        hit = int(self.bounced.sum())
        some = 0 < hit < len(self.bounced)
        of_these = f", of the {hit:,} that bounce then {_root(squares[self.bounced])}" if some else ""
        return f"going straight on from the true places: rmse {_root(squares)}{of_these}"

    def last_frame(self, frames: _Frames) -> str:
        """What it comes to to give the last frame again."""
        squares = 0.0
        for start in range(0, len(self.places), _AT_ONCE):
            pair = frames.painted(self.places[start : start + _AT_ONCE, -2:]) / 255
            squares += float(np.square(pair[:, 0] - pair[:, 1]).sum())
        mean = squares / (len(self.places) * frames.height * frames.width)
        return f"the last frame again: mse {mean:.5f}, psnr {-10 * np.log10(mean):.2f}"


def _root(squares: Array) -> str:
    return f"{np.sqrt(squares.mean()):.4f}"
