"""Snapshots whose saving fails, wherever it fails: the run is in its old state or in its new one, never in a third."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netspec
from netspec.diagnostics import SpecError
from netspec.init import initial
from netspec.train import durable
from netspec.train.checkpoint import metadata_of
from netspec.train.durable import BESIDE
from netspec.train.position import Moment, Position
from netspec.train.snapshots import MANIFEST, STATE, WEIGHTS, Snapshots, read

NET = netspec.parse("input 3\ndense 4 relu\nsoftmax 2", name="small.net")
NOTES = {"backend": "numpy"}
CALLS = ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir")
"""What a save asks of the operating system."""
MOST_CALLS = 26
FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def moment(step: int) -> Moment:
    """A state that tells which one it is."""
    values = {name: np.full_like(value, step) for name, value in initial(NET).items()}
    memory = {"random": np.arange(step, step + 5000, dtype=np.uint64), "count": np.array(step)}
    return Moment(Position(step=step), values, memory, {"dense1.bias": np.full(4, step, np.float32)})


def save(folder: Path, step: int) -> Path:
    return Snapshots(folder).save(moment(step), metadata_of(NET), NOTES)


def loaded(folder: Path) -> int:
    """The step of the state that is there, found to be one state throughout."""
    found, problems = Snapshots(folder).load()
    assert found is not None and problems == [], problems
    expected = moment(found.moment.position.step)
    for mine, theirs in (
        (found.moment.parameters, expected.parameters),
        (found.moment.memory, expected.memory),
        (found.moment.best, expected.best),
    ):
        assert mine.keys() == theirs.keys()
        for name, value in theirs.items():
            np.testing.assert_array_equal(mine[name], value)
            assert mine[name].dtype == value.dtype
    return found.moment.position.step


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if BESIDE.fullmatch(path.name)]


def test_the_two_newest_are_kept(tmp_path: Path) -> None:
    assert Snapshots(tmp_path / "none").load() == (None, [])
    for step in range(1, 5):
        assert save(tmp_path, step).name == f"{step:06}"
        assert loaded(tmp_path) == step
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000003", "000004"]


# --- every call of every save fails once, in every way


class Failing:
    """The calls of `os`, of which one fails; counts all of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, fail: Callable[[str], Any]) -> None:
        self.count, self.at, self.fail = 0, at, fail
        for name in CALLS:
            monkeypatch.setattr(os, name, self.wrapped(name, getattr(os, name)))

    def wrapped(self, name: str, honest: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                instead = self.fail(name)
                if instead is not None:
                    return instead(honest, *arguments, **options)
            return honest(*arguments, **options)

        return call


def no_space(name: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def broken_disk(name: str) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def short_write(name: str) -> Callable[..., Any] | None:
    """Only the first byte is written, and then the disk is full."""
    if name != "write":
        return None

    def write(honest: Callable[..., Any], descriptor: int, content: memoryview) -> int:
        honest(descriptor, content[:1])
        no_space(name)
        return 1

    return write


def kill(name: str) -> None:
    os._exit(9)


def calls_of_a_save(folder: Path) -> int:
    with pytest.MonkeyPatch.context() as patched:
        counter = Failing(patched, -1, no_space)
        save(folder, 3)
    return counter.count


@pytest.fixture
def two_saves(tmp_path: Path) -> Iterator[Path]:
    """A folder with two snapshots, so that a third save has one to take away."""
    folder = tmp_path / "last"
    folder.mkdir()
    save(folder, 1)
    save(folder, 2)
    yield folder
    assert loaded(folder) in (2, 3)
    Snapshots(folder).clean()
    assert leftovers(folder) == []
    assert loaded(folder) in (2, 3)
    assert save(folder, 7) and loaded(folder) == 7
    assert len(list(folder.iterdir())) == 2


def test_all_calls_of_a_save_are_tried(two_saves: Path) -> None:
    assert 20 <= calls_of_a_save(two_saves) <= MOST_CALLS


@pytest.mark.parametrize("at", range(1, MOST_CALLS + 1))
@pytest.mark.parametrize("fail", [no_space, broken_disk, short_write])
def test_a_save_that_fails_leaves_the_old_state_or_the_new(
    two_saves: Path, monkeypatch: pytest.MonkeyPatch, at: int, fail: Callable[[str], Any]
) -> None:
    with monkeypatch.context() as patched:
        failing = Failing(patched, at, fail)
        try:
            save(two_saves, 3)
        except OSError as problem:
            assert problem.errno in (errno.ENOSPC, errno.EIO)
        else:
            # the first call makes a folder that is there already
            assert fail is short_write or failing.count < at or at == 1
            assert loaded(two_saves) == 3


@FORK
@pytest.mark.parametrize("at", range(1, MOST_CALLS + 1))
def test_a_process_killed_while_it_saves_leaves_the_old_state_or_the_new(two_saves: Path, at: int) -> None:
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as patched:
            Failing(patched, at, kill)
            save(two_saves, 3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)


def test_a_write_in_many_pieces_is_whole(two_saves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: honest(descriptor, content[:1000]))
    save(two_saves, 3)
    assert loaded(two_saves) == 3


@pytest.mark.parametrize("fail", [no_space, broken_disk])
@pytest.mark.parametrize("at", range(1, 9))
def test_a_file_is_replaced_or_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, fail: Callable[[str], Any]
) -> None:
    path = tmp_path / "result.json"
    durable.replace_file(path, "old")
    with monkeypatch.context() as patched:
        failing = Failing(patched, at, fail)
        try:
            durable.replace_file(path, "new")
        except OSError:
            pass
        else:
            assert failing.count < at and path.read_text() == "new"
    assert path.read_text() in ("old", "new")
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


def test_what_cannot_be_written_bears_the_name_that_was_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (folder, tmp_path / "none" / "result.json"):
        with pytest.raises(OSError) as failed:
            durable.replace_file(path, "new")
        assert (failed.value.filename, failed.value.filename2) == (str(path), None)
    with pytest.raises(FileNotFoundError) as failed:
        durable.make_folder(tmp_path / "none" / "last", {"a": b""})
    assert failed.value.filename == str(tmp_path / "none" / "last")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


# --- what is on the disk is not trusted


def edit_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        document = json.loads((folder / MANIFEST).read_text())
        change(document)
        (folder / MANIFEST).write_text(json.dumps(document))

    return edit


def flip(file: str, place: int) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        raw = bytearray((folder / file).read_bytes())
        raw[place] ^= 1
        (folder / file).write_bytes(bytes(raw))

    return edit


def cut(file: str) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / file, (folder / file).stat().st_size // 2)


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a weight": (flip(WEIGHTS, -1), "is not what was written: SHA-256 differs"),
    "the state": (flip(STATE, -1), "is not what was written: SHA-256 differs"),
    "weights cut": (cut(WEIGHTS), "cut short"),
    "state cut": (cut(STATE), "cut short"),
    "manifest cut": (cut(MANIFEST), "it is not JSON"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "no such file"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), "no such file"),
    "a number of the manifest": (
        edit_manifest(lambda found: found["content"].update(position=Position(step=9).to_json())),
        "its content is not what was written",
    ),
    "another schema": (edit_manifest(lambda found: found.update(schema="x")), "netspec.snapshot/1"),
    "a list": (lambda folder: (folder / MANIFEST).write_text("[]"), "netspec.snapshot/1"),
    "deep": (lambda folder: (folder / MANIFEST).write_text("[" * 100_000), "it is not JSON"),
    "a large manifest": (lambda folder: os.truncate(folder / MANIFEST, 1 << 27), "are the limit"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_snapshot_is_refused_for_the_one_before(two_saves: Path, kind: str) -> None:
    damage, says = DAMAGE[kind]
    newest = save(two_saves, 3)
    damage(newest)
    with pytest.raises(SpecError, match="N703") as caught:
        read(newest)
    (found,) = caught.value.diagnostics
    assert says in found.message and str(newest) in found.message
    snapshot, problems = Snapshots(two_saves).load()
    assert snapshot is not None and snapshot.moment.position.step == 2
    assert problems == [found.message]
    Snapshots(two_saves).drop_after(snapshot.folder)


def test_a_manifest_made_by_someone_else_is_no_traceback(two_saves: Path) -> None:
    from netspec.train.snapshots import SCHEMA, digest_of

    for content in (
        {},
        {"position": 3, "notes": [], "tensors": {}},
        {"position": "{}", "notes": {}, "tensors": 7},
    ):
        newest = save(two_saves, 3)
        document = {"schema": SCHEMA, "sha256": digest_of(content), "content": content}
        (newest / MANIFEST).write_text(json.dumps(document))
        with pytest.raises(SpecError, match="N703"):
            read(newest)
        save(two_saves, 3)
