import numpy as np
import pytest

from netspec.data import Dataset, every, fit, split
from netspec.data.fitting import fit_targets
from netspec.diagnostics import SpecError
from netspec.ir.shape import Dim, Shape, Symbol
from netspec.train.evaluate import Prepared

T, S = Symbol("T"), Symbol("S")


def test_split_keeps_order_and_loses_nothing() -> None:
    data = Dataset(np.arange(103.0)[:, None], np.arange(103.0)[:, None])
    kept, held = split(data, 0.2, seed=3)
    assert (len(kept), len(held)) == (82, 21)
    assert sorted([*kept.targets[:, 0], *held.targets[:, 0]]) == list(range(103))
    assert np.all(np.diff(held.targets[:, 0]) > 0)
    assert np.array_equal(held.inputs, held.targets)
    assert np.array_equal(split(data, 0.2, seed=3)[1].inputs, held.inputs)
    assert not np.array_equal(split(data, 0.2, seed=4)[1].inputs, held.inputs)


@pytest.mark.parametrize("kind", ["classes", "yes/no"])
def test_split_keeps_the_proportion_of_classes(kind: str) -> None:
    labels = np.array([0] * 900 + [1] * 100)
    targets = labels if kind == "classes" else labels.astype(np.float32)[:, None]
    for seed in range(20):
        _, held = split(Dataset(np.zeros((1000, 1)), targets), 0.1, seed)
        assert len(held) == 100
        assert abs(int(held.targets.sum()) - 10) <= 1


def test_split_leaves_one_on_either_side() -> None:
    data = Dataset(np.zeros((2, 1)), np.array([0, 0]))
    assert [len(part) for part in split(data, 0.001)] == [1, 1]
    assert [len(part) for part in split(data, 0.999)] == [1, 1]
    with pytest.raises(SpecError, match=r"N404: 1 example cannot be divided"):
        split(data.take(np.array([0])), 0.5)


FITTING: list[tuple[tuple[int, ...], tuple[Dim, ...], tuple[int, ...]]] = [
    ((28, 28, 1), (28, 28, 1), (28, 28, 1)),
    ((28, 28, 1), (28, 28), (28, 28)),
    ((28, 28, 1), (784,), (784,)),
    ((28, 28, 1), (784, 1), (784, 1)),
    ((28, 28, 1), (T, 28), (28, 28)),
    ((28, 28, 1), (T, S, 1), (28, 28, 1)),
    ((784,), (28, 28, 1), (28, 28, 1)),
    ((6, 4), (T, 4), (6, 4)),
    ((6, 4), (6, 4, 1), (6, 4, 1)),
    ((4, 3, 2), (24,), (24,)),
    ((5, 4, 3, 2), (120,), (120,)),
    ((7,), (T,), (7,)),
    ((), (1,), (1,)),
]


@pytest.mark.parametrize(("have", "want", "result"), FITTING)
def test_fit_accepts_as_many_entries(
    have: tuple[int, ...], want: tuple[Dim, ...], result: tuple[int, ...]
) -> None:
    fitted = fit(np.zeros((3, *have), np.float32), Shape(want))
    assert fitted.shape == (3, *result)
    assert fitted.flags.c_contiguous


UNFIT: list[tuple[tuple[int, ...], tuple[Dim, ...]]] = [
    ((28, 28, 1), (32, 32, 1)),
    ((28, 28, 1), (14, 56)),
    ((28, 28, 1), (1, 28, 28)),
    ((28, 28, 1), (28, 1, 28)),
    ((28, 28, 1), (T, 14)),
    ((28, 28, 1), (T, 29)),
    ((28, 28), (T, T, 3)),
    ((28, 27), (T, T)),
    ((28, 28, 3), (28, 84)),
    ((5,), (T, S)),
    ((4, 6), (6, 4)),
]


@pytest.mark.parametrize(("have", "want"), UNFIT)
def test_fit_refuses_the_rest(have: tuple[int, ...], want: tuple[Dim, ...]) -> None:
    with pytest.raises(
        SpecError, match=f"N404: an example of the data is {Shape(have)}, and the input is {Shape(want)}"
    ):
        fit(np.zeros((3, *have), np.float32), Shape(want))


def test_fit_goes_channel_by_channel_and_back() -> None:
    images = np.arange(2 * 24, dtype=np.float32).reshape(2, 4, 3, 2)
    vectors = fit(images, Shape((24,)))
    assert np.array_equal(vectors[0], images[0].transpose(2, 0, 1).ravel())
    assert np.array_equal(fit(vectors, Shape((4, 3, 2))), images)
    sequences = np.arange(2 * 120, dtype=np.float32).reshape(2, 5, 4, 3, 2)
    assert np.array_equal(fit(sequences, Shape((120,)))[1], sequences[1].transpose(0, 3, 1, 2).ravel())


def test_fit_costs_nothing_where_nothing_changes() -> None:
    images = np.zeros((3, 28, 28, 1), np.float32)
    assert np.shares_memory(fit(images, Shape((784,))), images)


def test_fit_tells_integers_and_numbers_apart() -> None:
    words = np.array([[0, 3], [2, 1]])
    assert fit(words, Shape((2,), of=4)).dtype == np.int64
    assert fit(words, Shape((2,))).dtype == np.float32
    with pytest.raises(
        SpecError,
        match=r"N404: the input is integers from 0 to 2, and 3 stands at example 0, entry 1, of the data",
    ):
        fit(words, Shape((2,), of=3))
    with pytest.raises(
        SpecError, match=r"N404: the input is integers .2 of 4., and the numbers of the data have"
    ):
        fit(words.astype(float), Shape((2,), of=4))
    with pytest.raises(SpecError, match=r"N702: the input holds inf at example 1, entry 0"):
        fit(np.array([[1.0], [1e300]]), Shape((1,)))


def test_targets_become_what_the_output_wants() -> None:
    labels = np.array([0, 2, 1], np.uint8)
    assert fit_targets(labels, None).tolist() == [0, 2, 1]
    assert fit_targets(labels, None).dtype == np.int64
    assert fit_targets(labels[:, None], Shape((), of=3)).shape == (3,)
    assert fit_targets(labels, Shape((1,))).tolist() == [[0], [2], [1]]
    assert fit_targets(np.zeros((3, 5), int), Shape((T,), of=3)).shape == (3, 5)
    assert fit_targets(np.zeros(3), None).shape == (3, 1)
    assert fit_targets(np.zeros((3, 4)), Shape((4,))).dtype == np.float32


@pytest.mark.parametrize(
    ("targets", "wanted", "message"),
    [
        (np.array([0, 3]), Shape((), of=3), "classes 0 to 2 apart, and 3 stands at example 1 of the targets"),
        (np.array([-1, 1]), Shape((), of=3), "-1 stands at example 0"),
        (np.array([0.5, 1]), Shape((), of=3), "tells 3 classes apart, and the targets are numbers"),
        (np.zeros((2, 3)), Shape((2,)), "a target of the data is 3, and the output is 2"),
        (np.zeros((2, 3), int), Shape((), of=2), "a target of the data is 3, and the output is one number"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets: np.ndarray, wanted: Shape, message: str) -> None:
    with pytest.raises(SpecError, match=f"N404: .*{message}"):
        fit_targets(targets, wanted)


def test_several_inputs_and_lengths_are_taken_together() -> None:
    words = np.array([[5, 4, 0], [3, 0, 0], [6, 7, 8]])
    data = Dataset((words, words + 10), words, lengths={"T": np.array([2, 1, 3])})
    some = data.take(np.array([2, 0]))
    assert len(data) == 3 and len(some) == 2
    first, second = every(some.inputs)
    assert first.tolist() == [[6, 7, 8], [5, 4, 0]] and np.array_equal(second, first + 10)
    assert some.lengths["T"].tolist() == [3, 2]
    kept, held = split(data, 0.4, seed=1)
    assert len(kept) == 2 and [len(every(part.inputs)) for part in (kept, held)] == [2, 2]
    assert sorted([*kept.lengths["T"], *held.lengths["T"]]) == [1, 2, 3]


def test_a_batch_of_several_inputs_is_a_tuple() -> None:
    images = np.arange(24.0, dtype=np.float32).reshape(2, 2, 2, 3)
    words = np.array([[1, 2], [3, 4]])
    inputs, targets = Prepared.of(Dataset((images, words), words)).batch(np.array([1]))
    assert isinstance(inputs, tuple)
    assert inputs[0].shape == (1, 3, 2, 2) and inputs[0][0, 2, 0, 0] == images[1, 0, 0, 2]
    assert inputs[1].tolist() == [[3, 4]]
    assert np.array_equal(targets, [[3, 4]])
