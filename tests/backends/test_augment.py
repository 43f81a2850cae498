"""Augmentation: each operation against plain arithmetic on small images, and the backends against each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

import netspec
from netspec.backends import Piece
from netspec.backends.augmentation import Augmentation, Draws, augmentation_of, centred, spline
from netspec.backends.numpy.augment import AugmentRule, resampled
from netspec.backends.numpy.kernel import rules as numpy_rules
from netspec.backends.torch.augment import resampled as resampled_by_torch
from netspec.backends.torch.code import rules as torch_rules
from netspec.settings.augment import Augment

Array = np.ndarray[Any, np.dtype[Any]]
EVERYTHING = (
    "shift=2 rotate=20 scale=0.2 shear=0.2 elastic=2 spacing=4 flip vflip crop=1 noise=0.1 cutout=3 mixup=0.4"
)


def network(line: str, shape: str = "9x12x2", output: str = "softmax 3", seed: int = 5) -> netspec.Net:
    return netspec.parse(
        f"input {shape}\n{output}\ntrain:\n    augment {line}\n    seed {seed}\n", name="a.net"
    )


def augmentation(line: str, backend: str = "numpy", **options: Any) -> Augmentation[Any]:
    net = network(line, **options)
    assert net.training is not None
    made = augmentation_of(net, net.training, numpy_rules if backend == "numpy" else torch_rules)
    assert made is not None
    return made


def images(n: int = 7, channels: int = 2, dtype: str = "float64") -> Array:
    return np.random.default_rng(1).random((n, channels, 9, 12)).astype(dtype)


def changed(line: str, x: Array, step: int = 1, piece: Piece | None = None, **options: Any) -> Array:
    (found,), _ = augmentation(line, **options).batch((x,), np.zeros(len(x), int), step, piece)
    return found


def drawn(line: str, n: int = 2000) -> Draws[Array]:
    return augmentation(line).draw(1, n, [(2, 9, 12)])[0]


def moved(moves: Array, x: Array, elastic: Array | None = None, spacing: int = 7) -> Array:
    """Images (n, C, H, W) after given moves."""
    rule = AugmentRule(Augment(spacing=spacing))
    return resampled(x, rule.displacements(moves, elastic, x))


def shifted(x: Array, down: int, right: int) -> Array:
    """By slicing, zeros where nothing comes from."""
    height, width = x.shape[-2:]
    padded = np.pad(x, ((0, 0), (0, 0), (height, height), (width, width)))
    return padded[..., height - down : 2 * height - down, width - right : 2 * width - right]


# --- what is drawn


def test_draws_keep_within_their_bounds_and_reach_them() -> None:
    shift = -drawn("shift=2.5").moves[:, :, 2]  # type: ignore[index]
    assert 2.4 < np.abs(shift).max() <= 2.5
    assert abs(shift.mean()) < 0.1
    crop = -drawn("crop=3").moves[:, :, 2]  # type: ignore[index]
    assert set(np.unique(crop)) == {-3, -2, -1, 0, 1, 2, 3}
    turned = drawn("rotate=30").moves[:, :, :2] + np.eye(2)  # type: ignore[index]
    angles = np.degrees(np.arctan2(turned[:, 0, 1], turned[:, 0, 0]))
    assert 29 < np.abs(angles).max() <= 30 and abs(angles.mean()) < 1
    np.testing.assert_allclose(
        turned @ turned.transpose(0, 2, 1), np.tile(np.eye(2), (2000, 1, 1)), atol=1e-12
    )
    factors = 1 / (drawn("scale=0.3").moves[:, 0, 0] + 1)  # type: ignore[index]
    assert 0.7 <= factors.min() < 0.71 and 1.29 < factors.max() <= 1.3
    slant = drawn("shear=0.5").moves  # type: ignore[index]
    assert slant is not None and 0.49 < np.abs(slant[:, 1, 0]).max() <= 0.5
    slant[:, 1, 0] = 0
    assert not slant.any()


@pytest.mark.parametrize(("word", "axis"), [("vflip", 0), ("flip", 1)])
def test_half_of_the_examples_are_mirrored(word: str, axis: int) -> None:
    moves = drawn(word).moves
    assert moves is not None
    assert set(np.unique(moves[:, axis, axis])) == {-2, 0}
    assert 900 < (moves[:, axis, axis] == -2).sum() < 1100
    moves[:, axis, axis] = 0
    assert not moves.any()


def test_elastic_displacements_never_exceed_theirs() -> None:
    draws = drawn("elastic=2 spacing=4", 300)
    assert draws.moves is not None and draws.elastic is not None
    assert np.abs(draws.elastic).max() <= 2
    found = AugmentRule(Augment(spacing=4)).displacements(
        draws.moves, draws.elastic, np.zeros((300, 1, 9, 12))
    )
    assert 1 < np.abs(found).max() <= 2
    assert np.abs(found - np.roll(found, 1, axis=3))[..., 1:].max() < 1, "neighbours move alike"


def test_noise_cutout_and_mixtures_are_distributed_as_said() -> None:
    draws = drawn("noise=0.2 cutout=4 mixup=0.5", 4000)
    assert draws.noise is not None and draws.corners is not None and draws.shares is not None
    assert draws.noise.dtype == np.float32
    assert draws.noise.std() == pytest.approx(0.2, rel=0.01) and abs(draws.noise.mean()) < 1e-3
    assert [(low, high) for low, high in zip(draws.corners.min(0), draws.corners.max(0), strict=True)] == [
        (-2, 6),
        (-2, 9),
    ]
    assert (draws.shares.min() >= 0) and (draws.shares.max() <= 1)
    assert draws.shares.mean() == pytest.approx(0.5, abs=0.02)
    assert draws.shares.var() == pytest.approx(0.25 / 2, abs=0.01), (
        "1 / (4 (2 alpha + 1)) of Beta(alpha, alpha)"
    )


def test_seed_and_step_decide_and_nothing_else() -> None:
    x = images()
    np.testing.assert_array_equal(changed(EVERYTHING, x), changed(EVERYTHING, x))
    assert np.abs(changed(EVERYTHING, x) - changed(EVERYTHING, x, step=2)).max() > 0.1
    assert np.abs(changed(EVERYTHING, x) - changed(EVERYTHING, x, seed=6)).max() > 0.1


def test_pieces_are_slices_of_the_whole() -> None:
    x = images(11)
    whole = changed(EVERYTHING, x)
    for start, stop in ((0, 4), (4, 10), (10, 11), (4, 11)):
        np.testing.assert_array_equal(
            changed(EVERYTHING, x[start:stop], piece=Piece(start, 11)), whole[start:stop]
        )


@pytest.mark.parametrize(("start", "stop"), [(1, 4), (0, 3)])
def test_a_piece_does_not_part_what_is_mixed(start: int, stop: int) -> None:
    x = images(11)
    with pytest.raises(ValueError, match=f"examples {start} to {stop - 1} of a batch of 11"):
        changed("mixup=0.3", x[start:stop], piece=Piece(start, 11))
    assert len(changed("noise=0.3", x[start:stop], piece=Piece(start, 11))) == stop - start


# --- what is done


def test_nothing_moves_by_nothing() -> None:
    x = images()
    np.testing.assert_array_equal(moved(np.zeros((7, 2, 3)), x), x)
    single = torch.from_numpy(x).float()
    np.testing.assert_array_equal(resampled_by_torch(single, torch.zeros(7, 2, 9, 12)), single)


def test_whole_pixels_are_a_slice() -> None:
    x = images(1)
    for down, right in ((0, 1), (-1, 0), (2, -3), (8, 11), (9, 0)):
        moves = np.zeros((1, 2, 3))
        moves[0, :, 2] = -down, -right
        np.testing.assert_array_equal(moved(moves, x), shifted(x, down, right))
    assert not moved(np.full((1, 2, 3), -1e4), x).any()


def test_crops_are_shifts_by_whole_pixels() -> None:
    x = images()
    moves = augmentation("crop=2").draw(1, 7, [(2, 9, 12)])[0].moves
    assert moves is not None
    offsets = (-moves[:, :, 2]).astype(int)
    expected = np.concatenate(
        [shifted(x[[i]], down, right) for i, (down, right) in enumerate(offsets.tolist())]
    )
    np.testing.assert_array_equal(changed("crop=2", x), expected)


@pytest.mark.parametrize(("word", "axis"), [("vflip", 2), ("flip", 3)])
def test_mirrored_is_read_backwards(word: str, axis: int) -> None:
    x = images()
    found, backwards = changed(word, x), np.flip(x, axis)
    is_mirrored = [np.array_equal(mine, theirs) for mine, theirs in zip(found, backwards, strict=True)]
    is_kept = [np.array_equal(mine, theirs) for mine, theirs in zip(found, x, strict=True)]
    assert all(np.logical_xor(is_mirrored, is_kept)) and any(is_mirrored) and any(is_kept)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_rot90(turns: int) -> None:
    x = np.random.default_rng(0).random((1, 3, 8, 8))
    angle = turns * np.pi / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moves = np.concatenate([turn - np.eye(2), np.zeros((2, 1))], axis=1)[None]
    found = moved(moves, x)
    assert min(np.abs(found - np.rot90(x, times, axes=(2, 3))).max() for times in (turns, -turns)) < 1e-12


def test_a_scaled_image_keeps_its_middle() -> None:
    x = np.zeros((1, 1, 9, 9))
    x[0, 0, 3:6, 3:6] = 1
    moves = np.zeros((1, 2, 3))
    moves[0, [0, 1], [0, 1]] = 1 / 2 - 1  # twice as large
    found = moved(moves, x)[0, 0]
    assert found[4, 4] == 1
    np.testing.assert_array_equal(found, found[::-1, ::-1])
    assert found.sum() == pytest.approx(4 * 9, rel=0.15)


def test_moves_are_those_of_scipy() -> None:
    """The whole resampling against another's, at places worked out with matrices one image at a time."""
    x = images(20)
    line = "shift=3 rotate=40 scale=0.3 shear=0.3 elastic=2 spacing=4 flip vflip crop=2"
    draws = augmentation(line).draw(1, 20, [(2, 9, 12)])[0]
    assert draws.moves is not None and draws.elastic is not None
    grid = np.stack(np.meshgrid(np.arange(9.0), np.arange(12.0), indexing="ij"))
    middle = np.array([4.0, 5.5])
    found = changed(line, x)
    for i in range(20):
        from_middle = np.vstack([grid.reshape(2, -1) - middle[:, None], np.ones(9 * 12)])
        away = (draws.moves[i] @ from_middle).reshape(2, 9, 12)
        away += spline(9, 4) @ draws.elastic[i] @ spline(12, 4).T
        for channel in range(2):
            padded = np.pad(x[i, channel], 1)  # beyond its border scipy does not interpolate
            expected = map_coordinates(padded, grid + away + 1, order=1, mode="constant")
            np.testing.assert_allclose(found[i, channel], expected, atol=1e-12)


def test_the_spline_is_smooth_and_adds_up_to_one() -> None:
    shares = spline(29, 7)
    assert shares.shape == (29, 8)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-15)
    np.testing.assert_allclose(shares[[0, 7, 28]].max(axis=1), 2 / 3)
    assert (shares >= 0).all()
    straight = shares @ np.arange(8)
    np.testing.assert_allclose(np.diff(straight), 1 / 7, atol=1e-14)
    np.testing.assert_array_equal(centred(4), [-1.5, -0.5, 0.5, 1.5])


def test_a_square_is_cut_out_after_the_noise() -> None:
    x = images() + 1
    found = changed("cutout=4 noise=0.01", x)
    corners = augmentation("cutout=4 noise=0.01").draw(1, 7, [(2, 9, 12)])[0].corners
    assert corners is not None
    for i, (top, left) in enumerate(corners.tolist()):
        inside = np.zeros((9, 12), bool)
        inside[max(top, 0) : top + 4, max(left, 0) : left + 4] = True
        assert (found[i][:, inside] == 0).all() and inside.any()
        np.testing.assert_allclose(found[i][:, ~inside], x[i][:, ~inside], atol=0.1)
        assert (found[i][:, ~inside] != x[i][:, ~inside]).all()


def test_neighbours_are_mixed_and_a_last_one_stays() -> None:
    x = images()
    shares = augmentation("mixup=0.4").draw(1, 7, [(2, 9, 12)])[0].shares
    assert shares is not None
    labels = np.array([0, 1, 2, 2, 1, 0, 2])
    (found,), targets = augmentation("mixup=0.4").batch((x,), labels, 1)
    hot = np.eye(3)[labels]
    for i, partner in enumerate([1, 0, 3, 2, 5, 4]):
        for mine, given in ((found, x), (targets, hot)):
            expected = shares[i] * given[i] + (1 - shares[i]) * given[partner]
            np.testing.assert_allclose(mine[i], expected, atol=1e-15)
    np.testing.assert_array_equal(found[6], x[6])
    np.testing.assert_array_equal(targets[6], hot[6])


def test_nothing_is_written_into_what_is_given() -> None:
    x = images()
    for backend, given in (("numpy", x), ("torch", torch.from_numpy(x))):
        labels = np.arange(7) % 3
        copies = x.copy(), labels.copy()
        targets = labels if backend == "numpy" else torch.from_numpy(labels)
        augmentation(EVERYTHING, backend).batch((given,), targets, 1)
        np.testing.assert_array_equal(x, copies[0])
        np.testing.assert_array_equal(labels, copies[1])


# --- both backends


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize(
    ("shape", "output"),
    [
        ("9x12x2", "softmax 3"),
        ("4x9x12x2", "flatten; softmax 3"),
        ("9x12x2", "sigmoid 1"),
        ("9x12x2", "dense 4"),
    ],
)
def test_backends_agree(shape: str, output: str, dtype: str, tolerance: float) -> None:
    random = np.random.default_rng(0)
    sizes = [int(size) for size in shape.split("x")]
    x = random.random((7, *sizes[:-3], 2, 9, 12)).astype(dtype)
    y = random.integers(0, 3, 7) if "softmax" in output else random.random((7, int(output[-1]))).astype(dtype)
    options = {"shape": shape, "output": output}
    (mine,), my_targets = augmentation(EVERYTHING, **options).batch((x,), y, 3)
    (theirs,), their_targets = augmentation(EVERYTHING, "torch", **options).batch(
        (torch.from_numpy(x),), torch.from_numpy(y), 3
    )
    assert (mine.shape, mine.dtype.name, my_targets.dtype.name) == (x.shape, dtype, dtype)
    assert (theirs.dtype, their_targets.dtype) == (getattr(torch, dtype),) * 2
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance)
    np.testing.assert_allclose(my_targets, their_targets, rtol=0, atol=tolerance)
    assert np.abs(mine - x).max() > 0.3


def test_vectors_take_noise_and_mixtures() -> None:
    x = np.random.default_rng(0).random((6, 5))
    y = np.arange(6) % 3
    (mine,), _ = augmentation("noise=0.1 mixup=0.4", shape="5").batch((x,), y, 1)
    (theirs,), _ = augmentation("noise=0.1 mixup=0.4", "torch", shape="5").batch(
        (torch.from_numpy(x),), torch.from_numpy(y), 1
    )
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("output", ["softmax 3", "conv 3 1x1; softmax", "dense 3; sigmoid", "dense 3"])
def test_mixed_targets_have_the_gradient_of_mixed_losses(output: str) -> None:
    """l * loss(own target) + (1 - l) * loss(neighbour's), from losses of one example each; on both backends."""
    random = np.random.default_rng(0)
    net = netspec.parse(f"input 4x4x2\n{output}\ntrain:\n    augment mixup=0.4\n", name="a.net")
    assert net.training is not None
    x = random.random((4, 2, 4, 4))
    places = (4, 4) if "conv" in output else ()
    y = random.integers(0, 3, (4, *places)) if "softmax" in output else random.integers(0, 2, (4, 3)) * 1.0
    programs = [netspec.compile(net, name, dtype="float64", device="cpu") for name in ("numpy", "torch")]
    for program in programs:
        program.begin(net.training)
    augment = augmentation_of(net, net.training, numpy_rules)
    assert augment is not None
    shares = augment.draw(1, 4, [(2, 4, 4)])[0].shares
    assert shares is not None
    (mixed,), targets = augment.batch((x,), y, 1)
    found = [program.loss_and_gradients(mixed, targets) for program in programs]
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=0, atol=1e-9)
    expected, value = dict.fromkeys(found[0][1], 0.0), 0.0
    for i in range(4):
        for which, share in ((i, shares[i]), (i ^ 1, 1 - shares[i])):
            loss, gradients = programs[0].loss_and_gradients(mixed[[i]], y[[which]])
            value += share * loss / 4
            expected = {name: expected[name] + share * gradients[name] / 4 for name in expected}
    for _, gradients in found:
        for name, gradient in gradients.items():
            np.testing.assert_allclose(gradient, expected[name], rtol=0, atol=1e-9)
    if output != "dense 3":  # a squared error is smaller by a constant that no weight changes
        assert found[0][0] == pytest.approx(value, abs=1e-9)


# --- in a program


def stepped(backend: str, act: Callable[[Any], None], steps: int = 4) -> tuple[list[float], Any]:
    """The losses of some steps on the same batch, `act` done in between."""
    net = network(EVERYTHING)
    assert net.training is not None
    program = netspec.compile(net, backend, dtype="float64", device="cpu")
    program.begin(net.training)
    losses = []
    for _ in range(steps):
        losses.append(float(program.train_step(images(), np.arange(7) % 3, 0.01)))
        act(program)
    return losses, program


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_only_steps_augment(backend: str) -> None:
    def look(program: Any) -> None:
        x, y = images(), np.arange(7) % 3
        losses = {program.loss_and_gradients(x, y)[0] for _ in range(2)} | set(program.evaluate(x, y)[0])
        assert max(losses) - min(losses) < 1e-12
        program.predict(np.moveaxis(x, 1, -1))

    losses, _ = stepped(backend, look)
    assert losses == stepped(backend, lambda _: None)[0]
    assert len(set(losses)) == len(losses)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_program_goes_on_where_its_memory_says(backend: str) -> None:
    losses, _ = stepped(backend, lambda _: None, 6)
    _, half = stepped(backend, lambda _: None, 3)
    memory, weights = half.memory(), half.parameters()
    assert memory["steps"].shape == () and memory["steps"].dtype == np.int64 and memory["steps"] == 3
    fresh = netspec.compile(half.net, backend, dtype="float64", device="cpu", parameters=weights)
    fresh.begin(half.net.training)
    fresh.recall(memory)
    later = [float(fresh.train_step(images(), np.arange(7) % 3, 0.01)) for _ in range(3)]
    assert later == losses[3:]
    fresh.begin(half.net.training)
    assert fresh.memory()["steps"] == 0
