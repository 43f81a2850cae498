"""Signals: the first asks a run to finish its step and save, the second ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """While entered, SIGINT and SIGTERM are noted in `number`; calling it tells whether one came.

    `with_parent`: the end of the process that started this one counts as a SIGTERM.
    """

    def __init__(self, *, with_parent: bool = False) -> None:
        self.number: int | None = None
        self.parent = os.getppid() if with_parent else None
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        if self.parent is not None and os.getppid() != self.parent:
            self.number = self.number or signal.SIGTERM
        return self.number is not None

    @property
    def exit_code(self) -> int:
        """The shell's code for the signal: 130 or 143."""
        return 128 + (self.number or 0)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        for each in self._before:  # the default ends the process without waiting for Python
            signal.signal(each, signal.SIG_DFL)

    def __enter__(self) -> Interrupt:
        # signals reach the main thread only, and a shell that starts us in the background has SIGINT ignored
        if threading.current_thread() is threading.main_thread():
            heard = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
            self._before = {each: signal.signal(each, self._note) for each in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
