"""A lock of which there is one: refused to a second, free when its holder ends, however it ends."""

import os
import signal
import threading
from pathlib import Path

import pytest

from motet.errors import ArtifactError
from motet.system.lock import only_one


def busy(who: str) -> str:
    return f"{who} is at it"


def hold_and_die(path: Path) -> int:
    """A process that holds the lock is killed while it does; its number."""
    inside, ready = os.pipe()
    child = os.fork()
    if child == 0:
        with only_one(path, busy):
            os.write(ready, b"x")
            signal.pause()
        os._exit(0)
    os.read(inside, 1)
    with pytest.raises(ArtifactError, match=f"process {child} is at it"), only_one(path, busy):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return child


def test_another_process_is_refused_until_the_holder_is_killed(tmp_path):
    path = tmp_path / "lock"
    hold_and_die(path)
    with only_one(path, busy):
        assert path.read_text() == f"process {os.getpid()}"


def test_another_thread_is_refused_too(tmp_path):
    said: list[str] = []

    def second() -> None:
        try:
            with only_one(tmp_path / "lock", busy):
                pass
        except ArtifactError as error:
            said.append(str(error))

    with only_one(tmp_path / "lock", busy):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert said == [f"process {os.getpid()} is at it"]


def test_the_lock_is_free_after_the_block_even_when_it_fails(tmp_path):
    with pytest.raises(RuntimeError), only_one(tmp_path / "lock", busy):
        raise RuntimeError
    with only_one(tmp_path / "lock", busy):
        pass


def test_the_lock_of_a_folder_that_was_removed_is_not_the_lock_of_the_new_folder(tmp_path, monkeypatch):
    """Who opened the file before its folder went, and gets the lock after, must not share it with others."""
    import fcntl

    path, whole = tmp_path / "work" / "lock", fcntl.flock
    path.parent.mkdir()

    def meanwhile(handle: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", whole)
        path.unlink()
        path.parent.rmdir()
        whole(handle, how)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with only_one(path, busy), pytest.raises(ArtifactError), only_one(path, busy):
        pass


def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch, capsys):
    import fcntl

    def none(handle: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    with only_one(tmp_path / "lock", busy):
        pass
    assert "has no locks" in capsys.readouterr().err
