"""Several trained outputs, class weights and metrics by output: from the text to the figures of a run."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netspec as library
from netspec.data import Dataset, Loaded
from netspec.diagnostics import SpecError
from netspec.ir.training import Training
from netspec.passes.objective import aims_of, figures_of
from netspec.settings.loss import Crossentropy
from netspec.train.checkpoint import metadata_of, save
from netspec.train.events import Start
from netspec.train.loop import train
from netspec.train.measure import evaluate_file
from netspec.train.options import Options, resolve
from netspec.train.position import Position
from netspec.train.predict import Predictor
from netspec.train.progress import heading
from netspec.train.targets import balanced, check_targets

BODY = "input 4\ndense 8 relu as trunk\nsoftmax 3 as aux\nsoftmax 3 from trunk as main\noutput aux\n"
BLOCK = (
    "input 4\nblock side(n):\n    dense 5 relu\n    softmax n\n"
    "dense 8 relu as trunk\nside 3 as aux\nsoftmax 3 from trunk as main\noutput aux\n"
)


def net_of(*settings: str, body: str = BODY) -> library.Net:
    lines = "".join(f"    {line}\n" for line in settings)
    return library.parse(f"{body}train:\n{lines}", name="points.net")


def names(net: library.Net) -> list[tuple[str, str, float]]:
    return [(aim.output.name, aim.loss.word, aim.loss.weight) for aim in aims_of(net, net.training)]


# --- which outputs are trained


def test_without_a_line_only_the_last_output_is_trained() -> None:
    assert names(net_of("batch 4")) == [("main", "crossentropy", 1.0)]
    assert names(library.parse(BODY)) == [("main", "crossentropy", 1.0)]


def test_lines_say_which_outputs_are_trained() -> None:
    assert names(net_of("loss crossentropy on aux")) == [("aux", "crossentropy", 1.0)]
    both = [("aux", "kl", 0.3), ("main", "crossentropy", 1.0)]
    assert names(net_of("loss crossentropy", "loss kl on aux weight=0.3")) == both
    assert names(net_of("loss crossentropy on main", "loss kl weight=0.3 on aux")) == both
    inside = [("side1_softmax1", "crossentropy", 0.3)]
    assert names(net_of("loss crossentropy on aux weight=0.3", body=BLOCK)) == inside


def test_train_may_stand_before_what_it_names() -> None:
    assert names(library.parse("train:\n    loss crossentropy on aux\n" + BODY)) == [
        ("aux", "crossentropy", 1.0)
    ]


@pytest.mark.parametrize("body", [BODY, BLOCK])
def test_documents_and_texts_keep_them(body: str) -> None:
    net = net_of(
        "loss crossentropy smoothing=0.1 weights=1,2.5,1",
        "loss crossentropy on aux weight=0.3 weights=balanced",
        "metric accuracy",
        "metric f1 on aux",
        "metric f1",
        "stop patience=3 on val.f1.aux",
        body=body,
    )
    document = json.loads(json.dumps(net.to_json()))
    assert [len(document["training"][kind]) for kind in ("loss", "metric")] == [2, 3]
    assert document["training"]["loss"][0]["arguments"] == {"smoothing": 0.1, "weights": [1.0, 2.5, 1.0]}
    assert library.from_json(document) == net
    assert library.parse(net.to_text(), name="points.net") == net
    document["training"]["loss"].append(document["training"]["loss"][1])
    with pytest.raises(SpecError, match=r"N402: `loss on .*` is set twice"):
        library.from_json(document)
    document["training"]["loss"][2] = {"word": "mse", "arguments": {"on": "nowhere"}}
    with pytest.raises(SpecError, match="N108: there is no output called `nowhere`"):
        library.from_json(document)


def test_one_loss_stands_in_a_document_as_ever() -> None:
    assert net_of("loss crossentropy").to_json()["training"]["loss"] == {
        "word": "crossentropy",
        "arguments": {},
    }


def test_the_trained_outputs_are_named_at_the_start() -> None:
    def said(*settings: str) -> str:
        net = net_of(*settings)
        return heading(Start(net, "cpu", 9, 3, "test", 2, 6, 3, aims_of(net, net.training)))

    first = "points: 94 parameters, 9 examples, 2 epochs of 3 steps, on cpu"
    shared = "only shared layers are trained"
    assert said("batch 4") == f"{first}\nthe loss is that of `main`; of `aux` {shared}"
    assert said("loss crossentropy on aux") == f"{first}\nthe loss is that of `aux`; of `main` {shared}"
    two = said("loss crossentropy", "loss crossentropy on aux weight=0.3")
    assert two == f"{first}\nthe loss is that of 0.3 * `aux` + `main`"


# --- settings on the command line


def test_the_main_loss_is_changed_and_others_stay() -> None:
    net = net_of(
        "loss crossentropy", "loss crossentropy on aux weight=0.3", "metric top5 on aux", body=wide()
    )
    changed = resolve(net, ["train.loss.smoothing=0.2"])
    assert [aim.loss for aim in changed.aims] == [
        Crossentropy(on="aux", weight=0.3),
        Crossentropy(smoothing=0.2),
    ]
    assert [aim.loss.word for aim in resolve(net, ["train.loss=kl"]).aims] == ["crossentropy", "kl"]
    assert [aim.loss.weight for aim in resolve(net, ["train.loss=kl on aux weight=2"]).aims] == [2, 1]
    assert [metric.name for metric in resolve(net, ["train.metric=f1"]).metrics] == ["top5.aux", "f1"]
    assert [metric.name for metric in resolve(net, ["train.metric=f1 on aux"]).metrics] == ["f1.aux"]
    assert resolve(net, ["train.stop=patience=2 on val.top5.aux"]).stop is not None
    described = changed.to_json()["settings"]
    assert described["loss on aux"]["line"] == "loss crossentropy on aux weight=0.3"
    assert described["metric"]["words"] == ["top5.aux"]
    for change, code in (
        ("train.loss=mse on nowhere", "N108"),
        ("train.metric=r2", "N408"),
        ("train.stop=patience=2 on val.top5", "N108"),
        ("train.loss.weights=1,2", "N403"),
    ):
        with pytest.raises(SpecError, match=code):
            resolve(net, [change])


def wide() -> str:
    return BODY.replace("softmax 3", "softmax 7")


def test_plateau_watches_a_figure_by_the_name_of_its_output() -> None:
    losses = ("loss crossentropy", "loss crossentropy on aux", "metric f1 on aux")
    net = net_of(*losses, "schedule plateau patience=0 on val.f1.aux", body=BLOCK)
    assert net.training is not None
    schedule = resolve(net).schedule
    assert schedule.watches == "val.f1.side1_softmax1"
    assert [schedule.after(1.0, 9, 99, history) for history in ((0.5, 0.6), (0.6, 0.5))] == [1.0, 0.1]
    with pytest.raises(SpecError, match=r"N108: there is no figure `val\.auroc\.aux` to watch"):
        net_of(*losses, "schedule plateau on val.auroc.aux")


def test_what_stop_may_watch() -> None:
    net = net_of("loss crossentropy", "loss crossentropy on aux", "metric f1 on aux", "metric mae")
    assert figures_of(net, net.training) == {
        "val.loss": False,
        "val.loss.aux": False,
        "val.loss.main": False,
        "val.f1.aux": True,
        "val.mae": False,
        "train.loss": False,
    }
    implied = net_of("loss crossentropy on aux")
    assert list(figures_of(implied, implied.training)) == ["val.loss", "val.accuracy.aux", "train.loss"]


# --- a run


def trained(
    loaded: Loaded, *settings: str, backend: str = "numpy"
) -> tuple[library.Net, Options, list[dict[str, float]]]:
    net = net_of("batch 16", "epochs 3", *settings)
    options = resolve(net)
    program = library.compile(net, backend, dtype="float64", device="cpu")
    result = train(net, program, loaded, options)
    return net, options, [row.figures() for row in result.rows]


def test_rows_have_the_total_and_each_loss(points: Loaded) -> None:
    settings = (
        "loss crossentropy",
        "loss crossentropy on aux weight=0.3",
        "metric accuracy",
        "metric accuracy on aux",
        "stop patience=3 on val.accuracy.aux",
    )
    _, _, rows = trained(points, *settings)
    assert list(rows[0]) == [
        "train.loss",
        "val.loss",
        "val.loss.aux",
        "val.loss.main",
        "val.accuracy",
        "val.accuracy.aux",
    ]
    for row in rows:
        assert row["val.loss"] == pytest.approx(row["val.loss.main"] + 0.3 * row["val.loss.aux"])
    _, _, others = trained(points, *settings, backend="torch")
    for mine, theirs in zip(rows, others, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9)
    _, _, alone = trained(points, "loss crossentropy")
    assert list(alone[0]) == ["train.loss", "test.loss", "test.accuracy"]


def test_a_run_that_goes_on_has_had_its_rows(points: Loaded) -> None:
    net = net_of(
        "loss crossentropy", "loss crossentropy on aux", "metric auroc", "metric f1 on aux", "epochs 1"
    )
    result = train(net, library.compile(net, "numpy"), points, resolve(net))
    at = Position(rows=result.rows)
    assert Position.from_json(at.to_json()) == at


def test_a_run_with_two_targets(points: Loaded) -> None:
    def with_two(part: Dataset) -> Dataset:
        assert isinstance(part.targets, np.ndarray)
        return Dataset(part.inputs, (part.inputs[:, :2].copy(), part.targets))

    loaded = replace(points, train=with_two(points.train), test=with_two(points.test))
    body = BODY.replace("softmax 3 as aux", "dense 2 as aux")
    settings = ("loss crossentropy", "loss mse on aux", "metric r2 on aux", "stop patience=9")
    net = net_of(*settings, "optimizer adam 0.02", "epochs 20", "batch 8", body=body)
    result = train(net, library.compile(net, "numpy"), loaded, resolve(net))
    assert result.rows[-1].new.losses["aux"] < result.rows[0].new.losses["aux"]
    assert result.test is not None and result.test.metrics["r2.aux"] > 0


def test_balanced_weights_are_those_of_the_training_part(points: Loaded) -> None:
    assert isinstance(points.train.targets, np.ndarray)
    rare = np.concatenate(
        [np.flatnonzero(points.train.targets != 1), np.flatnonzero(points.train.targets == 1)[:5]]
    )
    loaded = replace(points, train=points.train.take(rare))
    options = resolve(net_of("loss crossentropy weights=balanced"))
    found = balanced(options, loaded.train.targets)
    assert isinstance(found.loss, Crossentropy) and isinstance(loaded.train.targets, np.ndarray)
    counts = np.bincount(loaded.train.targets)
    assert found.loss.weights == pytest.approx(tuple(len(rare) / (3 * counts)))
    assert found.training.get("loss") == found.loss
    assert balanced(found, loaded.train.targets) == found
    weighted = sum(weight * count for weight, count in zip(found.loss.weights, counts, strict=True))  # type: ignore[arg-type]
    assert weighted == pytest.approx(len(rare))
    with pytest.raises(SpecError, match=r"N404: .*there are none of class 1$"):
        balanced(options, np.array([0, 2, 2]))
    _, _, rows = trained(loaded, "loss crossentropy weights=balanced")
    _, _, others = trained(loaded, f"loss {found.loss.written()}")
    assert rows == others


# --- targets that losses cannot take


def loaded_with(targets: np.ndarray | tuple[np.ndarray, ...]) -> Loaded:
    part = Dataset(np.zeros((2, 4), np.float32), targets)
    return Loaded(part, part)


@pytest.mark.parametrize(
    ("settings", "targets", "says"),
    [
        (
            ["loss kl"],
            np.array([[0.5, 0.5, 0], [0.5, 0.2, 0]]),
            "add up to 1, and to 0.7 in example 1 of the training",
        ),
        (["loss kl"], np.array([[1, 0, 0], [1.5, -0.5, 0]]), "from 0 to 1, and there is 1.5 in example 1"),
        (
            ["loss crossentropy", "loss kl on aux"],
            np.array([0, 1]),
            "one target: `kl` on `aux` wants numbers 3",
        ),
        (
            ["loss crossentropy", "loss crossentropy on aux"],
            (np.array([0, 1]),) * 3,
            "have 3 targets for each example, and 2 outputs are trained",
        ),
    ],
)
def test_targets_that_do_not_fit(settings: list[str], targets: np.ndarray, says: str) -> None:
    net = net_of(*settings)
    with pytest.raises(SpecError, match=f"N404: .*{says}"):
        check_targets(loaded_with(targets), aims_of(net, net.training))


def test_answers_are_from_no_to_yes() -> None:
    net = library.parse("input 4\nsigmoid 1")
    check_targets(loaded_with(np.array([[0.0], [0.9]])), aims_of(net, None))
    with pytest.raises(
        SpecError, match=r"N404: an answer is a number from 0 \(no\) to 1 \(yes\), and there is 2"
    ):
        check_targets(loaded_with(np.array([[0.0], [2.0]])), aims_of(net, None))


# --- what is left of a run


Run = Callable[..., int]


@pytest.fixture
def several(spec: Path) -> Path:
    """A spec with two outputs beside its data."""
    lines = ['data npz "points.npz"', "batch 16", "epochs 2", "loss crossentropy weights=balanced"]
    lines += ["loss hinge on aux weight=0.5", "metric f1; metric f1 on aux"]
    body = BODY.replace("softmax 3 as aux", "dense 3 as aux")
    spec.write_text(f"{body}train:\n" + "".join(f"    {line}\n" for line in lines))
    return spec


def test_eval_and_predict_serve_several_outputs(
    several: Path, netspec: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert netspec("train", several, "--backend", "numpy", "--quiet") == 0
    folder = Path("runs/plane-001")
    result = json.loads((folder / "result.json").read_text())
    settings = json.loads((folder / "settings.json").read_text())["settings"]
    assert len(settings["loss"]["weights"]) == 3
    assert list(result["test"]) == ["loss", "loss.aux", "loss.main", "f1", "f1.aux", "examples"]
    assert re.match(
        r"test f1 0\.\d+, f1\.aux 0\.\d+, loss \d\.\d+, loss\.aux .*\(30 examples\)\n",
        capsys.readouterr().out,
    )
    assert netspec("eval", folder / "best.safetensors", "--backend", "numpy", "--json") == 0
    found = json.loads(capsys.readouterr().out)["test"]
    assert found == pytest.approx(result["test"], rel=1e-6)
    np.save(tmp_path / "new.npy", np.zeros((2, 4), np.float32))
    assert (
        netspec("predict", folder / "best.safetensors", tmp_path / "new.npy", "--backend", "numpy", "--json")
        == 0
    )
    first, _ = json.loads(capsys.readouterr().out)["predictions"]
    assert list(first) == ["file", "index", "class", "probability", "output", "outputs"]
    assert first["outputs"]["main"] == first["output"] and len(first["outputs"]["aux"]) == 3
    assert netspec("predict", folder / "best.safetensors", tmp_path / "new.npy", "--backend", "numpy") == 0
    assert capsys.readouterr().out.count("\n") == 2


def test_scores_have_a_class_and_no_probability(tmp_path: Path) -> None:
    net = library.parse("input 4\ndense 1\ntrain:\n    loss hinge")
    save(
        tmp_path / "w.safetensors",
        {"dense1.weight": np.ones((1, 4)), "dense1.bias": np.zeros(1)},
        metadata_of(net),
    )
    predictor = Predictor.load(tmp_path / "w.safetensors", backend="numpy")
    yes, no = predictor.examples(np.float32([[1, 0, 0, 0], [-0.4, 0, 0, 0]]))
    assert (str(yes), str(no)) == ("yes", "no")
    assert yes.to_json() == {"file": "", "index": 0, "class": "yes", "output": [1.0]}


def test_weights_of_a_run_on_a_side_output_are_measured_on_it(several: Path, netspec: Run) -> None:
    several.write_text(
        f'{BODY}train:\n    data npz "points.npz"\n    loss crossentropy on aux\n    epochs 1\n'
    )
    assert netspec("train", several, "--backend", "numpy", "--quiet") == 0
    figures = evaluate_file(Path("runs/plane-001/best.safetensors"), backend="numpy").figures
    assert list(figures.named()) == ["loss", "accuracy.aux"]


def test_settings_made_by_hand_name_outputs_that_there_are() -> None:
    with pytest.raises(SpecError, match="N108: there is no output called `nowhere`"):
        aims_of(library.parse(BODY), Training({"loss on nowhere": Crossentropy(on="nowhere")}))
