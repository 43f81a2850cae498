"""Metrics against figures worked out by hand."""

import numpy as np
import pytest

from netspec.settings.metric import Accuracy, Mae, Rmse
from netspec.train.metrics import Means


def figures(output: object, target: object, *metrics: object) -> dict[str, float]:
    means = Means(metrics)  # type: ignore[arg-type]
    outputs, targets = np.array(output, np.float32), np.array(target)
    for start in range(0, len(outputs), 2):
        means.add(outputs[start : start + 2], targets[start : start + 2])
    return means.result()


def test_classes() -> None:
    output = [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.4, 0.5, 0.1]]
    assert figures(output, [0, 2, 0], Accuracy()) == {"accuracy": pytest.approx(2 / 3)}
    errors = (0.3 + 0.2 + 0.1) + (0.1 + 0.3 + 0.4) + (0.6 + 0.5 + 0.1)
    assert figures(output, [0, 2, 0], Mae()) == {"mae": pytest.approx(errors / 9)}


def test_yes_and_no() -> None:
    assert figures([[0.5], [0.49], [0.9]], [[1.0], [0.0], [0.0]], Accuracy()) == {
        "accuracy": pytest.approx(2 / 3)
    }


def test_numbers() -> None:
    found = figures([[1.0], [2.0], [5.0]], [[1.0], [4.0], [4.0]], Mae(), Rmse())
    assert found == {"mae": pytest.approx(1.0), "rmse": pytest.approx((5 / 3) ** 0.5)}


def test_a_class_at_each_step() -> None:
    output = [[[0.9, 0.1], [0.2, 0.8]], [[0.4, 0.6], [0.3, 0.7]]]
    assert figures(output, [[0, 0], [1, 1]], Accuracy()) == {"accuracy": 0.75}
