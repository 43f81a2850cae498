"""How much memory is free on this machine, for messages about what does not fit.  Knows no device but the processor."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

SAYS_SO: Final = ("out of memory", "can't allocate memory", "cannot allocate memory", "unable to allocate")
"""What the messages of PyTorch and NumPy say, in lower case."""
_CGROUP: Final = Path("/sys/fs/cgroup")


def is_out_of_memory(problem: BaseException) -> bool:
    """A backend failed because something did not fit into memory."""
    return isinstance(problem, MemoryError) or any(words in str(problem).lower() for words in SAYS_SO)


def free_memory() -> int | None:
    """Bytes that this process can still take: of the machine, of its control group, of its own limit.

    None where the system does not say (Linux does).
    """
    found = [_of_machine(), _of_group(), _of_process()]
    return min((each for each in found if each is not None), default=None)


def _of_machine() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return None


def _of_group() -> int | None:
    with suppress(OSError, ValueError):  # "max" where there is no limit
        used, most = (int((_CGROUP / f"memory.{name}").read_text("ascii")) for name in ("current", "max"))
        return max(most - used, 0)
    return None


def _of_process() -> int | None:
    with suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
            return max(most - pages * resource.getpagesize(), 0)
    return None
