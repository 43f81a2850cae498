"""Settings: defaults, changes on the command line, and how a wrong change is refused."""

import pytest

import netspec
from netspec.diagnostics import SpecError
from netspec.settings.optimizer import Adam, Sgd
from netspec.train.options import resolve

SPEC = """input 8x8x1
dense 16 relu
softmax 10
train:
    data mnist else digits
    optimizer adam 0.003 beta1=0.8
    epochs 4
    stop patience=2 on val.accuracy
"""


@pytest.fixture
def net() -> netspec.Net:
    return netspec.parse(SPEC)


def test_a_silent_spec_gets_the_defaults() -> None:
    options = resolve(netspec.parse("input 3\nsoftmax 2"))
    assert (options.optimizer, options.batch, options.epochs, options.seed) == (Adam(0.001), 32, 10, 0)
    assert [metric.word for metric in options.metrics] == ["accuracy"]
    assert set(options.defaults) == {"optimizer", "schedule", "batch", "epochs", "seed", "loss", "metric"}
    assert [metric.word for metric in resolve(netspec.parse("input 3\ndense 2")).metrics] == ["mae", "rmse"]
    with pytest.raises(SpecError, match=r"N405: training needs `data`"):
        _ = options.reader


def test_one_argument_is_changed_and_the_others_stay(net: netspec.Net) -> None:
    options = resolve(net, ["train.optimizer.rate=0.01", "train.batch=64", "train.stop.patience=7"])
    assert options.optimizer == Adam(0.01, beta1=0.8)
    assert options.batch == 64
    assert options.stop is not None and (options.stop.patience, options.stop.on) == (7, "val.accuracy")
    assert options.training.fallback is not None
    assert resolve(net, ["train.stop.on=val.loss"]).stop != options.stop


def test_a_whole_setting_is_changed(net: netspec.Net) -> None:
    options = resolve(
        net, ["train.optimizer=sgd 0.1", "train.steps=7", "train.data=digits", "train.clip=norm=1"]
    )
    assert options.optimizer == Sgd(0.1)
    assert (options.steps, options.epochs) == (7, None)
    assert options.reader.word == "digits" and options.training.fallback is None
    assert options.to_json()["settings"]["clip"] == {
        "line": "clip norm=1",
        "norm": 1.0,
        "value": None,
    }


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ("train.optimizer.raet=1", "N401", "`train.optimizer.rate`"),
        ("optimizer.rate=1", "N401", "`train.optimizer.rate`"),
        ("train.bacth=3", "N401", "`train.batch`"),
        ("train.optimizer=agam 1", "N101", "`adam`"),
        ("train.optimizer.rate=-1", "N105", "a number above 0"),
        ("train.batch=0", "N105", "1 or more"),
        ("train.batch", "N105", "NAME=VALUE"),
        ("train.batch=5; epochs 3", "N105", "one setting"),
        ("train.batch=5\nepochs 3", "N105", "NAME=VALUE"),
        ("train.stop=patience=2 on val.los", "N108", "`on val.loss`"),
        ("train.stop=patience=2 on test.loss", "N108", "the test data decide nothing"),
        ("train.loss=bce", "N403", "`sigmoid`"),
        ("train.clip.norm=0", "N105", "a number above 0"),
        ("lr=1", "N401", "train.optimizer"),
    ],
)
def test_a_wrong_change_is_refused(net: netspec.Net, change: str, code: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        resolve(net, [change])
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert any(says in text for text in (found.message, *found.tries, *found.notes))
