"""Metrics against figures worked out by hand, against scikit-learn and torchmetrics, over batches and processes."""

from collections import Counter
from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn

import netspec
from netspec.backends import compile_net
from netspec.data import Dataset
from netspec.diagnostics import SpecError
from netspec.ir.catalog import find
from netspec.ir.training import Aim, Metric
from netspec.passes.objective import aims_of
from netspec.train import metrics as formulas
from netspec.train.evaluate import Prepared, evaluate
from netspec.train.metrics import Tally

RANDOM = np.random.default_rng(3)


def aim_of(output: str, loss: str = "") -> Aim:
    """The aim of a network that ends in a line."""
    net = netspec.parse(f"{output}\ntrain:\n    batch 2\n    {loss}")
    (aim,) = aims_of(net, net.training)
    return aim


SOFTMAX3, SOFTMAX7 = aim_of("input 4\nsoftmax 3"), aim_of("input 4\nsoftmax 7")
STEPS = aim_of("input 5x4\nsoftmax 7")
ANSWER, ANSWERS = aim_of("input 4\nsigmoid 1"), aim_of("input 4\nsigmoid 3")
NUMBER, NUMBERS = aim_of("input 4\ndense 1"), aim_of("input 4\ndense 3")
IMAGES = aim_of("input 16x13x2\nconv 2 1x1")
SCORE, SCORES = aim_of("input 4\ndense 1", "loss hinge"), aim_of("input 4\ndense 3", "loss hinge")
DISTRIBUTION = aim_of("input 4\nsoftmax 3", "loss kl")


def figures(aim: Aim, output: Any, target: Any, *words: str, batch: int = 2) -> dict[str, float]:
    made = [find("metric", word) for word in words]
    tally = Tally([each() for each in made if each is not None and issubclass(each, Metric)], [aim])
    outputs, targets = np.asarray(output), np.asarray(target)
    for start in range(0, len(outputs), batch):
        tally.add([outputs[start : start + batch]], [targets[start : start + batch]])
    return tally.result()


def probabilities(*shape: int) -> np.ndarray:
    drawn = RANDOM.random(shape) + 0.05
    return np.asarray(drawn / drawn.sum(axis=-1, keepdims=True))


# --- by hand


def test_classes() -> None:
    output = np.float32([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.4, 0.5, 0.1]])
    assert figures(SOFTMAX3, output, [0, 2, 0], "accuracy") == {"accuracy": pytest.approx(2 / 3)}
    errors = (0.3 + 0.2 + 0.1) + (0.1 + 0.3 + 0.4) + (0.6 + 0.5 + 0.1)
    assert figures(SOFTMAX3, output, [0, 2, 0], "mae") == {"mae": pytest.approx(errors / 9)}
    perplexity = (0.7 * 0.6 * 0.4) ** (-1 / 3)
    assert figures(SOFTMAX3, output, [0, 2, 0], "perplexity") == {"perplexity": pytest.approx(perplexity)}


def test_yes_and_no() -> None:
    found = figures(ANSWER, [[0.5], [0.49], [0.9]], [[1.0], [0.0], [0.0]], "accuracy", "f1")
    assert found == {"accuracy": pytest.approx(2 / 3), "f1": pytest.approx(2 / 3)}


def test_scores_say_yes_from_0_on() -> None:
    assert figures(SCORE, [[0.1], [-3.0], [0.4]], [[1.0], [0.0], [0.0]], "accuracy") == {
        "accuracy": pytest.approx(2 / 3)
    }
    assert figures(SCORES, [[-1.0, -2.0, -0.5], [5.0, 6.0, 1.0]], [2, 0], "accuracy") == {"accuracy": 0.5}


def test_numbers() -> None:
    found = figures(NUMBER, [[1.0], [2.0], [5.0]], [[1.0], [4.0], [4.0]], "mae", "rmse")
    assert found == {"mae": pytest.approx(1.0), "rmse": pytest.approx((5 / 3) ** 0.5)}


def test_a_class_at_each_step() -> None:
    output = [[[0.9, 0.1], [0.2, 0.8]], [[0.4, 0.6], [0.3, 0.7]]]
    assert figures(STEPS, output, [[0, 0], [1, 1]], "accuracy") == {"accuracy": 0.75}


def test_probabilities_as_targets_count_as_their_largest() -> None:
    output, target = [[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]], [[0.5, 0.4, 0.1], [0.5, 0.2, 0.3]]
    assert figures(DISTRIBUTION, output, target, "accuracy") == {"accuracy": 0.5}


def test_what_has_no_answer_is_not_a_number_and_no_failure() -> None:
    assert np.isnan(figures(ANSWER, [[0.5], [0.4]], [[1.0], [1.0]], "auroc")["auroc"])
    assert np.isnan(figures(NUMBER, [[0.5], [0.4]], [[1.0], [1.0]], "r2")["r2"])
    assert figures(NUMBER, [[0.5]], [[0.5]], "psnr") == {"psnr": np.inf}
    assert figures(ANSWER, [[0.1]], [[0.0]], "f1") == {"f1": 0.0}


def test_a_probability_that_was_rounded_to_0_is_no_infinity() -> None:
    found = figures(SOFTMAX3, np.float32([[0, 0, 1]]), [0], "perplexity")["perplexity"]
    assert found == pytest.approx(1 / np.finfo("float32").tiny)


# --- against others


def macro_auroc(targets: np.ndarray, outputs: np.ndarray) -> float:
    return float(sklearn.roc_auc_score(targets, outputs, multi_class="ovr", average="macro"))


CLASSES = RANDOM.integers(0, 7, 61)
CLASSES[:7] = range(7)
WORDS = RANDOM.integers(0, 7, (23, 5))
YES = RANDOM.integers(0, 2, (61, 3)).astype("float32")
TARGETS = RANDOM.normal(1000, 0.5, (61, 3)).astype("float32")
GUESSES = np.asarray(TARGETS + RANDOM.normal(0, 0.3, TARGETS.shape), "float32")
TIED = np.round(RANDOM.random((61, 3)), 1).astype("float32")
PROBABILITIES, WORD_PROBABILITIES = probabilities(61, 7), probabilities(23, 5, 7)

Wanted = Callable[[np.ndarray, np.ndarray], float]
AGAINST: dict[str, tuple[str, Aim, np.ndarray, np.ndarray, Wanted]] = {
    "accuracy": (
        "accuracy",
        SOFTMAX7,
        PROBABILITIES,
        CLASSES,
        lambda y, p: sklearn.accuracy_score(y, p.argmax(-1)),
    ),
    "top5": (
        "top5",
        SOFTMAX7,
        PROBABILITIES,
        CLASSES,
        lambda y, p: sklearn.top_k_accuracy_score(y, p, k=5, labels=range(7)),
    ),
    "top5 of words": (
        "top5",
        STEPS,
        WORD_PROBABILITIES,
        WORDS,
        lambda y, p: sklearn.top_k_accuracy_score(y.ravel(), p.reshape(-1, 7), k=5, labels=range(7)),
    ),
    "f1 of classes": (
        "f1",
        SOFTMAX7,
        PROBABILITIES,
        CLASSES,
        lambda y, p: sklearn.f1_score(y, p.argmax(-1), average="macro"),
    ),
    "f1 with a class that is nowhere": (
        "f1",
        SOFTMAX7,
        np.insert(np.delete(PROBABILITIES, 4, axis=1), 4, 0, axis=1),
        np.where(CLASSES == 4, 2, CLASSES),
        lambda y, p: sklearn.f1_score(y, p.argmax(-1), average="macro"),
    ),
    "f1 of an answer": (
        "f1",
        ANSWER,
        TIED[:, :1],
        YES[:, :1],
        lambda y, p: sklearn.f1_score(y.ravel(), p.ravel() >= 0.5),
    ),
    "f1 of answers": (
        "f1",
        ANSWERS,
        TIED,
        YES,
        lambda y, p: sklearn.f1_score(y, p >= 0.5, average="macro"),
    ),
    "auroc with ties": (
        "auroc",
        ANSWER,
        TIED[:, :1],
        YES[:, :1],
        lambda y, p: sklearn.roc_auc_score(y.ravel(), p.ravel()),
    ),
    "auroc of answers": (
        "auroc",
        ANSWERS,
        TIED,
        YES,
        lambda y, p: sklearn.roc_auc_score(y, p, average="macro"),
    ),
    "auroc of classes": ("auroc", SOFTMAX7, PROBABILITIES, CLASSES, macro_auroc),
    "r2": (
        "r2",
        NUMBERS,
        GUESSES,
        TARGETS,
        lambda y, p: sklearn.r2_score(y, p),
    ),
    "mae": ("mae", NUMBERS, GUESSES, TARGETS, sklearn.mean_absolute_error),
    "rmse": (
        "rmse",
        NUMBERS,
        GUESSES,
        TARGETS,
        lambda y, p: sklearn.root_mean_squared_error(y.ravel(), p.ravel()),
    ),
    "perplexity": (
        "perplexity",
        SOFTMAX7,
        PROBABILITIES,
        CLASSES,
        lambda y, p: np.exp(sklearn.log_loss(y, p, labels=range(7))),
    ),
}


@pytest.mark.parametrize("batch", [1, 7, 100])
@pytest.mark.parametrize("name", AGAINST)
def test_figures_are_those_of_scikit_learn(name: str, batch: int) -> None:
    word, aim, output, target, wanted = AGAINST[name]
    (found,) = figures(aim, output, target, word, batch=batch).values()
    assert found == pytest.approx(
        float(wanted(target.astype("float64"), output.astype("float64"))), rel=1e-12
    )


def test_images_against_torchmetrics() -> None:
    import torch
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    output, target = RANDOM.random((2, 5, 16, 13, 2)).astype("float32")
    found = figures(IMAGES, output, target, "psnr", "ssim")
    made, wanted = (torch.tensor(np.moveaxis(array, -1, 1).astype("float64")) for array in (output, target))
    assert found["psnr"] == pytest.approx(float(peak_signal_noise_ratio(made, wanted, (0.0, 1.0))), rel=1e-6)
    similar = structural_similarity_index_measure(made, wanted, data_range=1.0)
    assert found["ssim"] == pytest.approx(float(similar), abs=1e-5)
    alone = [
        figures(IMAGES, output[place, None], target[place, None], "ssim")["ssim"]
        for place in range(len(output))
    ]
    assert found["ssim"] == pytest.approx(np.mean(alone), abs=1e-15)
    assert figures(IMAGES, target, target, "ssim")["ssim"] == pytest.approx(1)


def runs(words: Sequence[int], length: int) -> Counter[tuple[int, ...]]:
    return Counter(tuple(words[start : start + length]) for start in range(len(words) - length + 1))


def test_bleu_of_all_sentences_together() -> None:
    """Against the formula; all sentences are as long as their targets, so that none is too short."""
    words = RANDOM.integers(0, 7, (9, 6))
    said = words.copy()
    said[::2, 3] = (said[::2, 3] + 1) % 7
    found = figures(STEPS, np.eye(7)[said], words, "bleu")["bleu"]
    product = 1.0
    for length in range(1, 5):
        pairs = [
            (runs(one, length), runs(other, length))
            for one, other in zip(said.tolist(), words.tolist(), strict=True)
        ]
        product *= sum((one & other).total() for one, other in pairs) / sum(one.total() for one, _ in pairs)
    assert found == pytest.approx(100 * product**0.25)
    assert figures(STEPS, np.eye(7)[words], words, "bleu")["bleu"] == pytest.approx(100)


def test_a_package_that_is_missing_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.train.options import resolve

    net = netspec.parse("input 16x16x1\nconv 1 3x3\ntrain:\n    metric ssim")
    assert [metric.word for metric in resolve(net).metrics] == ["ssim"]
    monkeypatch.setattr(formulas, "find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"N604: the metric `ssim` needs torchmetrics: .*netspec\[metrics\]"):
        resolve(net)


# --- over processes


class Party:
    """A group of threads that stand for processes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.barrier = Barrier(size)
        self.given: list[np.ndarray] = [np.zeros(0)] * size

    def member(self, rank: int) -> "Member":
        return Member(self, rank)


class Member:
    def __init__(self, party: Party, rank: int) -> None:
        self.party, self.rank, self.size = party, rank, party.size

    def gather(self, array: np.ndarray) -> list[np.ndarray]:
        self.party.given[self.rank] = array
        self.party.barrier.wait(10)
        found = list(self.party.given)
        self.party.barrier.wait(10)
        return found

    def total(self, numbers: np.ndarray) -> np.ndarray:
        return np.sum(self.gather(numbers), axis=0)

    def wait(self) -> None:
        self.party.barrier.wait(10)


SEVERAL = """input 6
dense 5 tanh as trunk
dense 2 as numbers
softmax 7 from trunk
output numbers
train:
    loss crossentropy weight=2
    loss mse on numbers
    metric accuracy; metric top5; metric f1; metric auroc; metric perplexity
    metric r2 on numbers; metric mae on numbers
"""


@pytest.mark.parametrize("count", [2, 3, 20, 31])
def test_the_shares_of_processes_make_the_figures_of_one(count: int) -> None:
    """Also where the shares differ, and where one of them is empty."""
    net = netspec.parse(SEVERAL)
    assert net.training is not None
    inputs = RANDOM.normal(size=(count, 6)).astype("float32")
    targets = (RANDOM.normal(size=(count, 2)).astype("float32"), RANDOM.integers(0, 7, count))
    data = Prepared.of(Dataset(inputs, targets))
    metrics = net.training.metrics

    def program() -> Any:
        made = compile_net(net, "numpy", dtype="float64")
        made.begin(net.training)
        return made

    alone = evaluate(program(), data, metrics, 4)
    assert list(alone.losses) == ["numbers", "softmax1"] and alone.examples == count
    assert alone.loss == pytest.approx(2 * alone.losses["softmax1"] + alone.losses["numbers"])
    party, found = Party(3), {}

    def work(rank: int) -> None:
        mine = program()
        mine.group = party.member(rank)
        found[rank] = evaluate(mine, data, metrics, 4)

    threads = [Thread(target=work, args=(rank,)) for rank in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for rank in range(3):
        assert found[rank].named() == pytest.approx(alone.named(), rel=1e-12, nan_ok=True)
    assert found[0].named() == pytest.approx(found[1].named(), rel=0, abs=0, nan_ok=True)
    assert {"accuracy", "auroc", "r2.numbers", "loss.numbers"} <= alone.named().keys()


def test_examples_are_turned_once_in_memory_and_batch_by_batch_from_a_file(tmp_path: Any) -> None:
    images, classes = RANDOM.random((6, 4, 3, 2)).astype("float32"), RANDOM.integers(0, 3, 6)
    path = tmp_path / "images.npy"
    np.save(path, images)
    chosen = np.array([4, 1])
    for given in (images, np.load(path, mmap_mode="r")):
        inputs, targets = Prepared.of(Dataset(given, classes)).batch(chosen)
        np.testing.assert_array_equal(inputs, np.moveaxis(images[chosen], -1, 1))
        np.testing.assert_array_equal(targets, classes[chosen])
    masks = RANDOM.integers(0, 3, (6, 4, 3, 2))
    _, targets = Prepared.of(Dataset(images, (images, masks))).batch(slice(1, 3))
    np.testing.assert_array_equal(targets[0], np.moveaxis(images[1:3], -1, 1))
    np.testing.assert_array_equal(targets[1], masks[1:3])
