"""What is simpler than a trained network, by its definition, and the commands that print both on small data; the graphs
that `torch.compile` makes, and networks by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import netspec
from benchmarks import baselines, interpreter, torch_module
from netspec.cli import main
from netspec.data import Dataset, Loaded
from netspec.init import initial
from netspec.settings.text import START, STOP
from netspec.train.checkpoint import metadata_of, restore, save

POINTS = 'train:\n    data npz "points.npz"{more}\n    batch 20\n    epochs 1\n'
GAN = """network maker:
    input 3
    dense 4
network judge:
    input 4
    sigmoid 1
train:
    data npz "points.npz" as real
    update judge: bce(judge(real), 1) + bce(judge(stop maker(normal 3)), 0)
    update maker: bce(judge(maker(normal 3)), 1)
    batch 20
    epochs 1
generate:
    make maker(normal 3)
"""
LINES = ["a b", "a b", "a c", "b"] * 5


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with points of three kinds and with texts, in which the commands run."""
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 60), ("test", 21)):
        arrays |= {f"x_{part}": random.random((count, 4)), f"y_{part}": np.arange(count) % 3}
    np.savez(tmp_path / "points.npz", **arrays)
    for part in ("train", "val", "test"):
        (tmp_path / f"{part}.txt").write_text("\n".join(LINES), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(folder: Path, name: str, text: str) -> str:
    """The weights of a spec after it was trained in the folder."""
    (folder / f"{name}.net").write_text(text, "utf-8")
    words = "train", f"{name}.net", "--backend", "torch", "--quiet"
    assert not main([*words], standalone_mode=False)
    return str(folder / f"runs/{name}-001/best.safetensors")


def printed(*words: str) -> list[str]:
    """What a command of the benchmark prints, line by line."""
    found = CliRunner().invoke(baselines.main, list(words), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output.splitlines()


# --- images through a code


def test_components_are_the_best_plane_there_is() -> None:
    random = np.random.default_rng(0)
    flat = random.normal(size=(40, 2)) @ random.normal(size=(2, 6)) + random.normal(size=6)
    assert baselines.squared(baselines.components(flat[:30], flat[30:], 2), flat[30:]) < 1e-20
    cloud = random.normal(size=(40, 6))
    around = cloud - cloud.mean(axis=0)
    variances = np.linalg.svd(around, compute_uv=False) ** 2
    for width in (1, 3, 6):
        found = baselines.squared(baselines.components(cloud, cloud, width), cloud)
        assert found == pytest.approx(variances[width:].sum() / cloud.size, abs=1e-12)


def test_an_autoencoder_beside_as_many_components(folder: Path) -> None:
    text = "input 4\ndense 2\nsigmoid 4\n" + POINTS.format(more="") + "    target x\n"
    own, other = printed("rebuild", trained(folder, "through", text))
    assert own.startswith("through, through 2 numbers: mean squared error 0.")
    assert other.startswith("2 principal components: mean squared error 0.") and other.endswith(" dB")


# --- images made of noise


def test_what_images_are_taken_for() -> None:
    chances = np.array([[0.95, 0.05], [0.6, 0.4], [0.1, 0.9], [0.02, 0.98]])
    told = "75.00% are something with 0.9 or more; cat 50.0%, dog 50.0%"
    assert baselines.taken(chances, ("cat", "dog")) == told


def test_what_is_made_beside_what_there_is(folder: Path) -> None:
    judge = trained(folder, "kinds", "input 4\nsoftmax 3\n" + POINTS.format(more=""))
    gan = trained(folder, "gan", GAN)
    made, there = printed("make", gan, judge, "--count", "70")
    assert made.startswith("70 of gan: ") and there.startswith("21 of the test set: ")
    assert made.count("%") == there.count("%") == 4
    restored = restore(Path(gan))
    every = np.concatenate(list(baselines.images_of(restored, 70)))
    assert every.shape == (70, 4) and len(np.unique(every, axis=0)) == 70
    refused = CliRunner().invoke(baselines.main, ["make", judge, judge])
    assert refused.exit_code == 2 and "kinds does not say how it makes something of noise" in refused.output


# --- the next word


def test_counted_words_by_hand() -> None:
    """Two tokens, 4 and 5, and the stop: 3 tokens in all, of which 4 stands three times, 5 once, the stop twice."""
    learnt = [[4, 4, STOP], [4, 5, STOP]]
    (kind, one, (k,)), (_, two, (same, m)), _ = baselines.counted(learnt, [[4, STOP]], [[4, 5, STOP]], 3)
    assert kind == "one word" and same == k
    single = {4: (3 + k / 3) / (6 + k), 5: (1 + k / 3) / (6 + k), STOP: (2 + k / 3) / (6 + k)}
    assert one == pytest.approx(np.exp(-np.mean([np.log(single[each]) for each in (4, 5, STOP)])))
    double = [
        (2 + m * single[4]) / (2 + m),  # both texts begin with 4
        (1 + m * single[5]) / (3 + m),
        (1 + m * single[STOP]) / (1 + m),
    ]
    assert two == pytest.approx(np.exp(-np.mean(np.log(double))))


def test_probabilities_of_all_tokens_make_one() -> None:
    learnt = [[4, 4, STOP], [4, 5, STOP]]
    for begun in ([], [4], [5], [4, 4], [6]):
        chances = []
        for token in (STOP, 4, 5, 6):
            texts = [[*begun, token]]
            *_, (_, perplexity, _) = baselines.counted(learnt, [[4, 5, STOP]], texts, 4)
            *_, (_, before, _) = baselines.counted(learnt, [[4, 5, STOP]], [begun or [STOP]], 4)
            whole = perplexity ** -len(texts[0])
            chances.append(whole / before ** -len(begun) if begun else whole)
        assert sum(chances) == pytest.approx(1)


def test_a_constant_is_chosen_by_what_is_held_out() -> None:
    learnt = [[4, 5, STOP]] * 20
    alike = [chosen for *_, chosen in baselines.counted(learnt, learnt, learnt, 10)][-1]
    other = [chosen for *_, chosen in baselines.counted(learnt, [[9, 8, 7]], learnt, 10)][-1]
    assert alike == (baselines.CONSTANTS[0],) * 3
    assert other[0] == baselines.CONSTANTS[-1]


def test_a_language_model_beside_counted_words(folder: Path) -> None:
    text = (
        "input words T of 9\nembed 4\nlstm 4\nsoftmax 9\ntrain:\n"
        '    data text "train.txt" word lines test="test.txt" validation="val.txt"\n    batch 4\n    epochs 1\n'
        "    metric perplexity\n"
    )
    own, *others = printed("words", trained(folder, "model", text))
    assert own.startswith("model: perplexity ")
    figures = [float(line.split("perplexity ")[1].split(",")[0]) for line in others]
    assert [line.split(":")[0] for line in others] == list(baselines.KINDS)
    # a, b, c and the stop; two words tell that nothing follows b and c
    assert 3 < figures[0] < 4 and figures[1] < 2 and figures[2] <= figures[1] + 0.01


# --- captions

SAYS = """input picture 3
input text T of 7
embed 4 from text as said
dense 10 from picture as start
lstm 5 init=start from said
softmax 7

generate:
    feed text from output start=1 stop=2 max=6 beam=3
"""


def test_captions_are_right_as_a_whole_or_not_at_all(folder: Path) -> None:
    net = netspec.parse(SAYS, name="says")
    path = folder / "says.safetensors"
    save(path, {name: 6 * each for name, each in initial(net, 9, "float32").items()}, metadata_of(net))
    restored = restore(path)
    pictures = np.random.default_rng(0).normal(size=(70, 3)).astype(np.float32)

    def right(texts: Sequence[Sequence[int]]) -> np.ndarray:
        length = max(map(len, texts))
        targets = np.array([[*text, *[-1] * (length - len(text))] for text in texts])
        data = Dataset((pictures, np.full_like(targets, START)), targets)
        found, lengths = baselines.compared(restored, Loaded(data, data))
        assert lengths.tolist() == [len(text) - 1 for text in texts]
        return found

    steps = netspec.compile(net, "numpy", parameters=restored.arrays)
    texts: list[list[int]] = []
    for picture in pictures:  # greedy, in the plain way
        text = [START]
        while text[-1] != STOP and len(text) <= 6:
            text.append(int(steps.predict((picture[None], np.array([text])))[0, -1].argmax()))
        texts.append(text[1:])
    ended = np.array([text[-1] == STOP for text in texts])
    assert 5 < ended.sum() < 65
    assert np.array_equal(right(texts), ended)
    texts[int(ended.argmax())] = [3, STOP]
    changed = right(texts)
    assert changed.sum() == ended.sum() - 1


# --- graphs and networks by hand

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = "lecture_cnn char_gpt caption gan vae rnn_temperature sentiment_cnn networks/resnet18".split()
"""Convolutions, attention, recurrence, several inputs and networks, noise: `benchmarks.torch_module graphs` has all."""


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_compiles_to_one_graph(name: str) -> None:
    found = torch_module.graphs_of(netspec.load(ROOT / "specs" / f"{name}.net"))
    assert found == dict.fromkeys(("predicting", "training"), torch_module.Traced(1, ()))


def test_a_break_is_seen() -> None:
    def broken(x: torch.Tensor) -> torch.Tensor:
        x = x + 1
        torch._dynamo.graph_break()
        return x + 1

    found = torch_module.traced(broken, [torch.zeros(2)], training=False)
    assert found.graphs == 2 and len(found.breaks) == 1


@pytest.mark.parametrize("name", interpreter.NETS)
def test_by_hand_is_the_same_network(name: str) -> None:
    net = interpreter.named(name)
    for row in torch_module.ROWS:
        torch_module.compare(torch_module.eager_works(net, torch_module.Row(row.what, 2, row.required)))
