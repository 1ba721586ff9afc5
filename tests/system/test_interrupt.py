"""Ctrl-C in two steps."""

import gc
import signal
import threading

import pytest

from motet.system.interrupt import first_asks


@pytest.fixture(autouse=True)
def _no_collection():
    """A KeyboardInterrupt that comes while garbage is collected is lost in callbacks of test tools."""
    gc.disable()
    yield
    gc.enable()


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_first_is_noted_and_told_and_the_second_stops(capfd):
    with first_asks("stopping soon") as asked:
        assert not asked()
        press()
        assert asked()
        assert capfd.readouterr().err == "\nstopping soon\n"
        with pytest.raises(KeyboardInterrupt):
            press()


def test_after_the_block_ctrl_c_is_what_it_was_before():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError), first_asks("soon"):
        raise RuntimeError
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        press()


def test_where_ctrl_c_is_ignored_it_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with first_asks("soon") as asked:
            press()
            assert not asked()
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_nobody_asks():
    answers = []

    def work() -> None:
        with first_asks("soon") as asked:
            answers.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False]
