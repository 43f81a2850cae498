"""A whole run: data, program, folder, training, and what is written at its end, however it ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from netspec.backends import Alone, Group, Lost, Program, available, compile_net, load_backend
from netspec.backends.manner import PLAIN, Manner, check_manner
from netspec.backends.processes import LAUNCHED, RUN, leave_word
from netspec.data import Loaded
from netspec.diagnostics import SpecError, error
from netspec.ir.net import Net
from netspec.passes.ragged import symbols
from netspec.train.checkpoint import metadata_of
from netspec.train.ends import network_for
from netspec.train.environment import environment
from netspec.train.evaluate import Prepared, load_from
from netspec.train.events import Observer, Result
from netspec.train.interrupt import Interrupt
from netspec.train.learner import Learner, learner_for
from netspec.train.loop import Saving, train
from netspec.train.options import Options
from netspec.train.processes import Bystander, going_on
from netspec.train.progress import duration
from netspec.train.record import Record, new_folder
from netspec.train.resume import Resumed, compare, notes_of
from netspec.train.said import figures_of_texts
from netspec.train.samples import Samples
from netspec.train.targets import balanced
from netspec.train.watch import check_log, watched


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run needs to know beside the network and its settings."""

    backend: str
    device: str = "auto"
    dtype: str = "float32"
    out: Path = Path("runs")
    spec: Path | None = None
    """Where the spec lies, None where it came from standard input; its data files lie beside it."""
    save_every: int | None = None
    """Steps between two snapshots, beside the ends of the epochs; some minutes where none is said."""
    folders: tuple[Path, ...] = (Path(),)
    """Where relative paths in the spec may start, in this order."""
    log: str | None = None
    """What else the run is written for, a name of `watch.LOGS`."""
    manner: Manner = PLAIN


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over."""

    result: Result
    folder: Path
    weights: Path
    used: str
    note: str
    exit_code: int
    """0, or that of the signal that ended it."""
    baseline: str = ""
    """What the figures are to be compared with (`Loaded.baseline`)."""


def default_backend() -> tuple[str, str]:
    """The backend that is used unless the user names one, and what is to be said about that."""
    if "torch" in available():
        return "torch", ""
    return "numpy", 'training with NumPy; PyTorch is faster on large networks: pip install "netspec[torch]"'


def compile_for(net: Net, setup: Setup, seed: int, parameters: Any = None) -> Program:
    """The program of a run; raises N602 where the backend does not run on the device that is asked for."""
    program = compile_net(
        net,
        setup.backend,
        seed=seed,
        dtype=setup.dtype,
        device=setup.device,
        parameters=parameters,
        manner=setup.manner,
    )
    check_device(program, setup.backend, setup.device)
    return program


def check_device(program: Program, backend: str, device: str) -> None:
    """Raise N602 where a program is not on the device that was asked for."""
    if device != "auto" and program.device.partition(":")[0] != device.partition(":")[0]:
        raise error("N602", f"the backend `{backend}` runs on {program.device}, not on `{device}`")


def run(
    net: Net,
    options: Options,
    setup: Setup,
    shown: Observer,
    tell: Callable[[str], None],
    resumed: Resumed | None = None,
    group: Group | None = None,
) -> Finished:
    """Train a network and leave a run's folder; `shown` sees the run, `tell` takes what must be said aloud.

    With `resumed`, that run goes on in its own folder.  SIGINT and SIGTERM end it after the step, with a snapshot
    saved.  Raises `SpecError`; after N704 the folder is left with what was reached.  Of the processes of a `group`,
    which this one has joined, only the first writes, shows and tells.
    """
    check_log(setup.log)
    group = group or Alone()
    # a backend that is not there is told before any data are fetched
    check_manner(setup.backend, load_backend(setup.backend), setup.manner, together=group.size > 1)
    group.wait()  # all of them have read what there was before the first one writes
    if group.rank:
        shown, tell = Observer(), _silent
    loaded = load_from(net, options, setup.folders)
    options = balanced(options, loaded.train.targets)
    if loaded.note:
        tell(f"warning: {loaded.note}")
    program = _learner(net, options, setup, loaded)
    notes = notes_of(setup.backend, setup.dtype, program, loaded)
    if resumed:
        compare(resumed, notes, tell)
    if group.rank:
        return _follow(net, loaded, options, setup, program, resumed)
    folder = resumed.folder if resumed else new_folder(setup.out, net.name)
    differing = symbols(net) if len(program.net.inputs) > len(net.inputs) else ()
    metadata = metadata_of(
        net, loaded.classes, loaded.preprocessing, options.overrides, differing, data=loaded.used
    )
    record = Record(folder, net, program, metadata, notes)
    leave_word(RUN, str(folder))
    try:
        with record:
            if resumed:
                record.go_on(resumed.snapshot)
            else:
                record.write_spec()
                record.write_json("settings.json", settings(net, options, setup, loaded, program))
                record.write_json("environment.json", environment(program.device, folder=setup.folders[0]))
            return _train(loaded, options, setup, shown, tell, record, resumed)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise error("N704", f"{problem.filename or folder}: the run cannot be written: {reason}") from problem


def _learner(net: Net, options: Options, setup: Setup, loaded: Loaded) -> Learner:
    """What learns in a run, of the network that works on the data."""
    made = network_for(net, options.training, loaded)
    if setup.manner.graphed and made is not net:
        because = "a graph is of one size, and batches have as many as there are lengths"
        message = "--graph cannot be used on examples of different lengths"
        raise error("N602", message, because=because, notes=("the same without --graph",))
    return learner_for(net, made, partial(compile_for, setup=setup, seed=options.seed))


def _train(
    loaded: Loaded,
    options: Options,
    setup: Setup,
    shown: Observer,
    tell: Callable[[str], None],
    record: Record,
    resumed: Resumed | None,
) -> Finished:
    """The training itself, in a folder that is ours."""
    interrupt = Interrupt(with_parent=LAUNCHED in os.environ)
    program = record.program
    shown = watched(shown, record, setup.log)
    samples = Samples(record.folder, program, Prepared.of(loaded.test), tell)
    try:
        with interrupt:
            try:
                result = train(
                    record.net,
                    program,
                    loaded,
                    options,
                    observers=(record, samples, shown),
                    should_stop=interrupt,
                    saving=Saving(record.save, setup.save_every),
                    start=resumed.snapshot.moment if resumed else None,
                )
            finally:
                shown.close()
            result = _with_texts(result, loaded, options, setup, record, tell)
            weights = record.finish(result)
            record.draw(tell)
            if setup.manner.compiled:
                programs: list[Any] = [turn.program for turn in program.turns]
                seconds = sum(each.compiled.seconds for each in programs)
                tell(f"PyTorch compiled for {duration(seconds)}")
    except SpecError as failed:
        found = [_with_place(each, record) for each in failed.diagnostics]
        with suppress(OSError):
            record.fail(failed)
        if isinstance(failed, Lost):  # whoever started this process is about to end it
            on = (going_on(record.folder),) if record.last else ()
            raise Lost(*(replace(each, notes=(*each.notes, *on)) for each in found)) from failed.__cause__
        with suppress(OSError):
            record.draw(tell)
        raise SpecError(*found) from failed.__cause__
    code = _exit_code(interrupt, result, program.group)
    return Finished(result, record.folder, weights, loaded.used, loaded.note, code, loaded.baseline)


def _with_texts(
    result: Result,
    loaded: Loaded,
    options: Options,
    setup: Setup,
    record: Record,
    tell: Callable[[str], None],
) -> Result:
    """The result with the figures of the texts that the network generates of the test data, unless it was stopped."""
    program = record.program
    if result.test is None or not options.texts:
        return result
    if program.group.size > 1:
        names = " and ".join(metric.name for metric in options.texts)
        tell(
            f"{names} of what is generated: one process measures that, `netspec eval {record.folder}/best.safetensors`"
        )
        return result
    found = figures_of_texts(
        record.net,
        options,
        loaded.test,
        loaded.preprocessing,
        program.parameters(),
        backend=setup.backend,
        device=setup.device,
        dtype=setup.dtype,
    )
    return replace(result, test=result.test.with_metrics(found))


def _follow(
    net: Net, loaded: Loaded, options: Options, setup: Setup, program: Learner, resumed: Resumed | None
) -> Finished:
    """The training in a process that is not the first of its group: as there, without a folder and without a word."""
    interrupt = Interrupt(with_parent=LAUNCHED in os.environ)
    bystander = Bystander(program)
    with interrupt:
        result = train(
            net,
            program,
            loaded,
            options,
            observers=(bystander,),
            should_stop=interrupt,
            saving=Saving(every=setup.save_every),
            start=resumed.snapshot.moment if resumed else None,
        )
        bystander.finish(result)
    code = _exit_code(interrupt, result, program.group)
    return Finished(result, Path(), Path(), loaded.used, loaded.note, code)


def _exit_code(interrupt: Interrupt, result: Result, group: Group) -> int:
    """0, or that of the signal that one of the processes was stopped by."""
    if result.ended != "interrupted":
        return 0
    return max(int(code) for code in group.gather(np.array(interrupt.exit_code)))


def _silent(_line: str) -> None:
    """What a process does with words that the first one says."""


def _with_place(found: Any, record: Record) -> Any:
    """A failure with the place of the last good weights."""
    if found.code != "N704":
        return found
    if record.last is None:
        return replace(found, notes=(*found.notes, "no epoch was finished, so that no weights were saved"))
    note = f"the last good weights are those after epoch {len(record.rows)}: {record.last}"
    return replace(found, notes=(*found.notes, note))


def settings(net: Net, options: Options, setup: Setup, loaded: Loaded, program: Learner) -> dict[str, Any]:
    """The resolved settings of a run and the data that were really used, as a document."""
    validation = None
    if loaded.validation is not None:
        validation = {"examples": len(loaded.validation), "from": "the data"}
    elif options.validation is not None:
        validation = {"fraction": options.validation, "from": "held out from the training data"}
    new = "validation" if validation else "test"
    return {
        "schema": "netspec.settings/1",
        "net": net.name,
        "parameters": net.parameter_count,
        "spec": str(setup.spec.resolve()) if setup.spec else None,
        "backend": setup.backend,
        "device": program.device,
        "dtype": setup.dtype,
        **setup.manner.to_json(),
        "processes": program.group.size,
        "values": dict(net.values),
        "sizes": dict(net.sizes),
        **options.to_json(),
        "data": {
            "used": loaded.used,
            "note": loaded.note,
            "train": len(loaded.train),
            "validation": validation,
            "test": len(loaded.test),
            "classes": list(loaded.classes),
        },
        "curves": f"the {new} data",
        "best": f"best {options.stop.on if options.stop else 'val.loss'}"
        if validation
        else "the last weights",
    }
