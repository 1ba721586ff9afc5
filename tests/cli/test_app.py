"""The exit status and the messages of the command line."""

import errno
import types

import pytest
import typer

from motet.cli import app
from motet.errors import DataError


@pytest.fixture
def command(monkeypatch):
    """Puts a function in the place of `motet check`."""

    def put(function):
        room = types.ModuleType("motet.cli.check")
        room.check = function
        monkeypatch.setitem(__import__("sys").modules, "motet.cli.check", room)

    return put


def raises(error):
    def check() -> None:
        """Fail."""
        raise error

    return check


def test_a_command_that_ends_well_gives_0(command, capsys):
    def check(path: str, strict: bool = False) -> None:
        """Check a file."""
        print(path, strict)

    command(check)
    assert app.main(["check", "a.yaml", "--strict"]) == 0
    assert capsys.readouterr().out == "a.yaml True\n"


def test_a_mistake_of_the_user_gives_2_and_one_message(command, capsys):
    command(raises(DataError("events.csv: column 'user' is missing.")))
    assert app.main(["check"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Error: events.csv: column 'user' is missing.\n")


def test_a_mistake_of_ours_gives_1_and_a_traceback(command, capsys):
    command(raises(KeyError("state")))
    assert app.main(["check"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("Error: this is our mistake")


def test_ctrl_c_gives_130_and_one_line(command, capsys):
    command(raises(KeyboardInterrupt()))
    assert app.main(["check"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_a_full_disk_is_not_called_our_mistake(command, capsys):
    command(raises(OSError(errno.ENOSPC, "No space left on device", "runs/demo")))
    assert app.main(["check"]) == 2
    err = capsys.readouterr().err
    assert "No space left on device: 'runs/demo'" in err
    assert "Traceback" not in err


def test_a_command_may_choose_its_status(command):
    command(raises(typer.Exit(2)))
    assert app.main(["check"]) == 2


def test_an_unknown_command_names_the_nearest(capsys):
    assert app.main(["trian"]) == 2
    assert "Did you mean 'train'?" in capsys.readouterr().err


def test_an_unknown_option_names_the_nearest(command, capsys):
    def check(strict: bool = False) -> None:
        """Check."""

    command(check)
    assert app.main(["check", "--stirct"]) == 2
    assert "--strict" in capsys.readouterr().err


def test_a_missing_argument_is_named(command, capsys):
    def check(path: str) -> None:
        """Check."""

    command(check)
    assert app.main(["check"]) == 2
    assert "Missing argument 'path'" in capsys.readouterr().err


def test_no_command_at_all_shows_the_help(capsys):
    assert app.main([]) == 2
    assert "recommend" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    from importlib.metadata import version

    assert app.main(["--version"]) == 0
    assert capsys.readouterr().out == f"{version('motet')}\n"
