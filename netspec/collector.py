"""The garbage collector stands still while a text is read: what that makes is kept, and looking for garbage in it takes
as long as making it.  Nested pauses end with the outermost.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Collect nothing inside; a collector that was off before stays off."""
    ran = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ran:
            gc.enable()
