import gzip
import struct
import time
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from netspec.data import Loaded, load, mnist
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.settings.data import Digits, Mnist

TEN = Shape((), of=10)
NAMES = list(mnist.FILES)


def contents(train: int = 12, test: int = 4) -> dict[str, bytes]:
    """The four files in small, unpacked."""
    made = {}
    for count, (images, labels) in zip((train, test), (NAMES[:2], NAMES[2:]), strict=True):
        pixels = (np.arange(count * 784) % 256).astype("u1")
        made[images] = struct.pack(">4I", 0x0803, count, 28, 28) + pixels.tobytes()
        made[labels] = struct.pack(">2I", 0x0801, count) + bytes(n % 10 for n in range(count))
    return made


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(gzip.compress(content, 1))
    return folder


def read(shape: Shape = Shape((28, 28, 1)), fallback: Digits | None = None) -> Loaded:
    return load(Mnist(), fallback, shape, TEN, folder=Path())


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETSPEC_DATA", str(tmp_path / "shared"))
    return tmp_path / "shared" / "mnist"


def test_files_of_netspec_data_are_used(shared: Path) -> None:
    write(shared, contents())
    loaded = read()
    assert (loaded.used, loaded.note, loaded.classes[3]) == ("mnist", "", "3")
    assert loaded.train.inputs.shape == (12, 28, 28, 1)
    assert loaded.train.inputs.dtype == np.float32
    assert loaded.train.inputs[0, 0, :3, 0] == pytest.approx([0, 1 / 255, 2 / 255])
    assert loaded.train.inputs.max() == 1
    assert loaded.test.targets.tolist() == [0, 1, 2, 3]
    assert loaded.test.targets.dtype == np.int64


def test_plain_files_are_used_too(shared: Path) -> None:
    shared.mkdir(parents=True)
    for name, content in contents().items():
        (shared / name.removesuffix(".gz")).write_bytes(content)
    assert len(read().train) == 12


def test_the_cache_comes_after_netspec_data(shared: Path, tmp_path: Path) -> None:
    write(tmp_path / "cache" / "mnist", contents(train=5))
    assert len(read().train) == 5
    write(shared, contents(train=6))
    assert len(read().train) == 6


@pytest.mark.parametrize(
    ("shape", "dims"), [((28, 28), (28, 28)), ((784,), (784,)), ((1, 28, 28, 1), (1, 28, 28, 1))]
)
def test_images_are_fitted_to_the_input(shared: Path, shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    write(shared, contents())
    assert read(Shape(shape)).train.inputs.shape == (12, *dims)


def test_an_input_of_another_size_is_refused(shared: Path) -> None:
    write(shared, contents())
    with pytest.raises(SpecError, match=r"N404: an example of the data is 28x28x1, and the input is 32x32x1"):
        read(Shape((32, 32, 1)))


def test_numbers_as_output_are_refused(shared: Path) -> None:
    write(shared, contents())
    with pytest.raises(SpecError, match=r"N404: the targets are 10 classes, and the output is 1"):
        load(Mnist(), None, Shape((784,)), Shape((1,)), folder=Path())


DAMAGED = {
    "labels as images": (
        {NAMES[0]: contents()[NAMES[1]]},
        r"holds 12 entries of type uint8; MNIST has n x 28 x 28",
    ),
    "images as labels": (
        {NAMES[3]: contents()[NAMES[2]]},
        r"holds 4 x 28 x 28 entries of type uint8; MNIST has n of",
    ),
    "other sides": (
        {NAMES[2]: struct.pack(">4I", 0x0803, 1, 2, 3) + bytes(6)},
        "holds 1 x 2 x 3 entries",
    ),
    "too few labels": (
        {NAMES[1]: contents(train=11)[NAMES[1]]},
        "holds 11 labels, and train-images.* 12 images",
    ),
    "label 10": ({NAMES[3]: struct.pack(">2I", 0x0801, 4) + b"\1\2\x0a\3"}, "label 10 at byte 10; 0 to 9"),
}


@pytest.mark.parametrize(("files", "message"), DAMAGED.values(), ids=DAMAGED)
def test_mislabelled_files_are_refused_and_no_fallback_hides_it(
    shared: Path, files: dict[str, bytes], message: str
) -> None:
    write(shared, contents() | files)
    with pytest.raises(SpecError, match=f"N702: .*{message}"):
        read(fallback=Digits())


def test_what_is_missing_is_named(shared: Path) -> None:
    write(shared, contents())
    (shared / NAMES[1]).unlink()
    with pytest.raises(
        SpecError, match=f"N701: mnist is not here .*which lacks {NAMES[1]}.*NETSPEC_OFFLINE"
    ) as refused:
        read()
    (found,) = refused.value.diagnostics
    assert "NETSPEC_DATA" in found.notes[0]


def test_the_fallback_is_loud(shared: Path) -> None:
    pytest.importorskip("sklearn")
    loaded = read(fallback=Digits())
    assert loaded.used == "digits"
    assert loaded.note.startswith(f"data: mnist is not here (looked in {shared}; ")
    assert loaded.note.endswith("NETSPEC_OFFLINE forbids the download), using digits instead")
    assert loaded.train.inputs.shape == (1437, 28, 28, 1)


def test_without_pooch_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETSPEC_OFFLINE")
    monkeypatch.setattr(mnist, "cache_folder", lambda: None)
    with pytest.raises(SpecError, match=r'N701: mnist is not here .*pip install "netspec\[data\]"'):
        read()


# --- downloads, from servers on this machine


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    pytest.importorskip("pooch")
    monkeypatch.delenv("NETSPEC_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(
        mnist, "FILES", {name: sha256(content).hexdigest() for name, content in contents().items()}
    )
    servers = []

    def start(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        Thread(target=partial(server.serve_forever, poll_interval=0.01), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


NOBODY = "http://127.0.0.1:9/"


def test_a_download_fills_the_cache(serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(mnist, "MIRRORS", (serve(write(tmp_path / "mirror", contents())),))
    monkeypatch.setattr(mnist.download, "__defaults__", (mnist.MIRRORS,))
    assert len(read().train) == 12
    assert sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir()) == sorted(NAMES)


def test_the_next_mirror_fills_in(serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    half = write(tmp_path / "half", contents())
    (half / NAMES[2]).write_bytes(gzip.compress(b"something else"))
    whole = write(tmp_path / "whole", contents())
    target = tmp_path / "cache"
    assert mnist.download(target, (NOBODY, serve(half), serve(whole))) == ""
    assert sorted(path.name for path in target.iterdir()) == sorted(NAMES)
    assert (target / NAMES[2]).read_bytes() == (whole / NAMES[2]).read_bytes()


def test_what_failed_is_told_and_nothing_is_left(serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    wrong = write(tmp_path / "wrong", dict.fromkeys(NAMES, b"wrong"))
    cut = write(tmp_path / "cut", contents())
    (cut / NAMES[0]).write_bytes((cut / NAMES[0]).read_bytes()[:-20])
    plain = write(tmp_path / "plain", contents())
    (plain / NAMES[0]).write_bytes(contents()[NAMES[0]])
    part = write(tmp_path / "part", contents())
    (part / NAMES[1]).unlink()
    target = tmp_path / "cache"
    said = mnist.download(target, [NOBODY, *(serve(folder) for folder in (tmp_path, wrong, cut, plain))])
    assert "no connection" in said
    assert "it does not have the files" in said
    assert f"{NAMES[0]}: SHA-256 of the content is {sha256(b'wrong').hexdigest()}" in said
    assert "Compressed file ended before" in said
    assert "Not a gzipped file" in said
    assert list(target.iterdir()) == []
    assert f"{NAMES[1]}: HTTP status 404" in mnist.download(target, [serve(part)])
    assert [path.name for path in target.iterdir()] == NAMES[:1]


def test_an_endless_file_is_cut_off(serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    server = serve(write(tmp_path / "mirror", contents()))
    monkeypatch.setattr(mnist, "_MOST_PACKED", 20)
    assert "longer than 20 bytes" in mnist.download(tmp_path / "one", [server])
    monkeypatch.setattr(mnist, "_MOST_PACKED", 1 << 20)
    monkeypatch.setattr(mnist, "_MOST_UNPACKED", 20)
    assert "content is longer than 20 bytes" in mnist.download(tmp_path / "two", [server])


def test_a_silent_mirror_costs_no_more_than_the_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "_PROBE", 0.1)
    monkeypatch.setattr(mnist, "_http", lambda: lambda *_args, **_options: time.sleep(1))
    start = time.monotonic()
    said = mnist.download(tmp_path, ("https://one/", "https://two/"))
    assert time.monotonic() - start < 0.6
    assert said.count("no answer within 0.1 s") == 2


def test_the_mirrors_are_several_and_encrypted() -> None:
    assert len({mirror.split("/")[2] for mirror in mnist.MIRRORS}) >= 2
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in mnist.MIRRORS)


# --- the real thing


def test_real_mnist(shared_data: Path) -> None:
    if not (shared_data / "mnist").is_dir():
        pytest.skip("NETSPEC_DATA holds no mnist")
    loaded = read(Shape((784,)))
    assert loaded.train.inputs.shape == (60_000, 784)
    assert loaded.test.inputs.shape == (10_000, 784)
    assert float(loaded.train.inputs.mean(dtype=np.float64)) == pytest.approx(0.1307, abs=1e-4)
    assert loaded.train.targets[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(loaded.test.targets).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    for name, digest in mnist.FILES.items():
        if name.startswith("t10k"):
            assert mnist._digest(shared_data / "mnist" / name) == digest
