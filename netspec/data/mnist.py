"""`data mnist`: the four files of MNIST from NETSPEC_DATA, from the user's cache, or from a mirror."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Thread
from time import monotonic
from typing import IO, Any, Final

import numpy as np

from netspec.data import idx
from netspec.data.dataset import Dataset, Loaded, Request, label_of
from netspec.data.files import data_folder, unreadable
from netspec.data.fitting import fit
from netspec.data.lazy import Array
from netspec.data.preprocessing import Numbers
from netspec.diagnostics import error
from netspec.settings.data import Mnist

FILES: Final = {
    "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""The files in the order of `load`, and SHA-256 of their unpacked content (gzip headers differ between mirrors)."""

MIRRORS: Final = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

CLASSES: Final = tuple("0123456789")

_CONNECT, _ANSWER, _PROBE = 3.0, 10.0, 5.0
"""Seconds to wait for a connection, for the next bytes, and for the first sign of life of all mirrors together."""

_MOST_PACKED, _MOST_UNPACKED = 1 << 25, 1 << 26


def load(reader: Mnist, request: Request) -> Loaded:
    """MNIST for a network; raises N701 where it is not to be had, N702 where a file is damaged."""
    train, test = (_dataset(*pair, request) for pair in read_digits(request.most_bytes))
    return Loaded(train, test, classes=CLASSES if request.roles.target == "label" else ())


def _dataset(images: Array, labels: Array, request: Request) -> Dataset:
    pixels = Numbers().scaled(images[..., None])
    return request.made({"image": partial(fit, pixels), "label": label_of(labels, CLASSES)})


def read_digits(most_bytes: int) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The images (n, 28, 28) and labels (n,) to train on, and those to test on, in bytes; raises N701 and N702."""
    images, labels, test_images, test_labels = _find()
    return _pair(images, labels, most_bytes), _pair(test_images, test_labels, most_bytes)


def _pair(images_path: Path, labels_path: Path, most_bytes: int) -> tuple[Array, Array]:
    images, labels = (idx.read(path, most_bytes) for path in (images_path, labels_path))
    for path, array, shape in ((images_path, images, (28, 28)), (labels_path, labels, ())):
        if array.dtype != np.uint8 or array.shape[1:] != shape:
            wanted = " x ".join(map(str, ("n", *shape)))
            found = " x ".join(map(str, array.shape))
            raise unreadable(
                path, f"it holds {found} entries of type {array.dtype}; MNIST has {wanted} of type uint8 here"
            )
    if len(images) != len(labels):
        raise unreadable(
            labels_path, f"it holds {len(labels):,} labels, and {images_path.name} {len(images):,} images"
        )
    if labels.max() > 9:
        place = int(np.argmax(labels > 9))
        raise unreadable(labels_path, f"label {labels[place]} at byte {8 + place:,}; 0 to 9 are possible")
    return images, labels


def cache_folder() -> Path | None:
    """Where downloads are kept, None where pooch is not installed."""
    if find_spec("pooch") is None:
        return None
    import pooch

    return Path(pooch.os_cache("netspec")) / "mnist"


def _find() -> list[Path]:
    """The paths of `FILES`, downloaded if need be."""
    shared, cache = data_folder(), cache_folder()
    looked = []
    for folder in ([shared / "mnist"] if shared else []) + ([cache] if cache else []):
        found = {name: _present(folder, name) for name in FILES}
        paths = [path for path in found.values() if path]
        if len(paths) == len(FILES):
            return paths
        lacking = ", ".join(name for name, path in found.items() if not path)
        looked.append(f"{folder}, which lacks {lacking}" if paths else str(folder))
    problem = _why_no_download(cache)
    if not problem:
        assert cache is not None
        problem = download(cache)
        if not problem:
            return [cache / name for name in FILES]
    where = f"looked in {'; '.join(looked)}; " if looked else ""
    raise error(
        "N701",
        f"mnist is not here ({where}{problem})",
        notes=(
            "NETSPEC_DATA names a folder with these files in its folder mnist: " + ", ".join(FILES),
            "`data mnist else digits` goes on with other data",
        ),
    )


def _present(folder: Path, name: str) -> Path | None:
    """The file, gzipped or plain."""
    candidates = (folder / name, folder / name.removesuffix(".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _why_no_download(cache: Path | None) -> str:
    if os.environ.get("NETSPEC_OFFLINE", "0") not in ("", "0"):
        return "NETSPEC_OFFLINE forbids the download"
    return "" if cache else 'the download needs pooch: pip install "netspec[data]"'


def download(folder: Path, mirrors: Sequence[str] = MIRRORS) -> str:
    """Bring the missing files into `folder`, each complete and verified or not at all; what went wrong, or nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        return f"{folder} cannot be made: {problem.strerror}"
    failures = []
    for mirror, silence in _probe(mirrors).items():
        failure = silence or _from_mirror(mirror, folder)
        if not failure:
            return ""
        failures.append(f"{mirror}: {failure}")
    return "download failed: " + "; ".join(failures)


def _from_mirror(mirror: str, folder: Path) -> str:
    for name, digest in FILES.items():
        if (folder / name).exists():
            continue
        try:
            _fetch(mirror + name, folder / name, digest)
        except (OSError, EOFError, ValueError, zlib.error) as problem:
            return f"{name}: {_reason(problem)}"
    return ""


def _probe(mirrors: Sequence[str]) -> dict[str, str]:
    """Ask all mirrors at once: what is wrong with each, or nothing.

    Without a network, a name that is never resolved would else hold each attempt up for longer than any timeout says.
    """
    answers = dict.fromkeys(mirrors, f"no answer within {_PROBE:g} s")

    def ask(mirror: str) -> None:
        try:
            there = _http()(mirror + next(iter(FILES)), os.devnull, None, check_only=True)
            answers[mirror] = "" if there else "it does not have the files"
        except Exception as problem:  # whatever a thread lets through would be printed
            answers[mirror] = _reason(problem)

    threads = [Thread(target=ask, args=(mirror,), daemon=True) for mirror in mirrors]
    end = monotonic() + _PROBE
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - monotonic()))
    return dict(answers)


def _http() -> Any:
    import pooch

    # no transfer encoding: a server must not unpack the file on its way
    return pooch.HTTPDownloader(
        timeout=(_CONNECT, _ANSWER), chunk_size=1 << 16, headers={"Accept-Encoding": "identity"}
    )


def _fetch(url: str, path: Path, digest: str) -> None:
    """Download beside `path`, verify, rename; raises OSError, EOFError, ValueError or zlib.error."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        part = Path(stream.name)
        try:
            _http()(url, _Bounded(stream), None)
            stream.close()
            found = _digest(part)
            if found != digest:
                raise ValueError(f"SHA-256 of the content is {found}, and {digest} is right")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


class _Bounded:
    """A file that refuses to become larger than any file of MNIST is."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.write_through = stream
        self.room = _MOST_PACKED

    def write(self, piece: bytes) -> int:
        self.room -= len(piece)
        if self.room < 0:
            raise ValueError(f"it is longer than {_MOST_PACKED:,} bytes")
        return self.write_through.write(piece)

    def flush(self) -> None:
        """Nothing is read before the end."""


def _digest(path: Path) -> str:
    """SHA-256 of the unpacked content."""
    digest, size = sha256(), 0
    with gzip.open(path) as stream:
        while piece := stream.read(1 << 20):
            size += len(piece)
            if size > _MOST_UNPACKED:
                raise ValueError(f"its content is longer than {_MOST_UNPACKED:,} bytes")
            digest.update(piece)
    return digest.hexdigest()


def _reason(problem: Exception) -> str:
    """A failed request in a few words; its own text quotes every layer of the network library."""
    response = getattr(problem, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    name = type(problem).__name__
    if "Timeout" in name:
        return "no answer in time"
    if "ConnectionError" in name or "ProxyError" in name or "SSLError" in name:
        return f"no connection ({name})"
    return str(problem)[:200] or name
