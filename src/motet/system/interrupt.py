"""Ctrl-C in two steps: the first asks to stop at the next good place, the second stops at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def first_asks(said: str) -> Iterator[Callable[[], bool]]:
    """While the block runs, the first Ctrl-C is only noted; the second raises KeyboardInterrupt.

    Outside the main thread, or where Ctrl-C is ignored, nothing changes, and nobody ever asks.

    Args:
        said: What to tell the person who asks.

    Yields:
        Whether somebody asked to stop.
    """
    asked = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        _tell(said)

    if threading.current_thread() is not threading.main_thread() or not callable(_handler()):
        yield asked.is_set
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _handler() -> object:
    """What answers Ctrl-C now; not callable where it is ignored or belongs to other than Python code."""
    found = signal.getsignal(signal.SIGINT)
    return None if found is signal.SIG_IGN or found is signal.SIG_DFL else found


def _tell(text: str) -> None:
    """Write past Python's buffers: they may be in use at the moment that the signal comes."""
    with suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
