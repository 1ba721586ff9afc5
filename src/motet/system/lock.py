"""A lock that one process holds at a time; the system frees it when the process ends, however it ends."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from motet.errors import ArtifactError
from motet.system.log import warn

_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


@contextmanager
def only_one(path: Path, busy: Callable[[str], str]) -> Iterator[None]:
    """Hold the lock of a file while the block runs; the file may be removed in the block.

    Args:
        path: The lock file; it is made where there is none, and left behind. Its text is who holds it.
        busy: Who holds it (in words) -> what a second one is told.

    Raises:
        ArtifactError: Another process (or another thread) holds it.
    """
    handle = _taken(path, busy)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()}".encode())
        yield
    finally:
        os.close(handle)  # which gives the lock free


def _taken(path: Path, busy: Callable[[str], str]) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _HELD:
                warn(f"{path}: this file system has no locks ({error.strerror}); start nothing twice here")
                return handle
            who = os.read(handle, 100).decode(errors="replace") or "another process"
            os.close(handle)
            raise ArtifactError(busy(who)) from None
        if _still_there(path, handle):
            return handle
        os.close(handle)  # the one before removed the file with its folder in the meantime: try the new one


def _still_there(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return False
